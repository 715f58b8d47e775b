/** Role and scope as a users file and the claims of a provider give them. */
import { z } from 'zod';
import { type ReaderScope, ROLES, WHOLE_ARCHIVE } from '../query/reader.ts';

const names = z.array(z.string().min(1)).default([]);
const day = z.iso.date().nullable().default(null);

/**
 * `all`, or the parts of a {@link ReaderScope}. Neither is a default: whoever forgets the scope grants nothing.
 */
export const grantedScope = z.union([
  z.literal('all'),
  z
    .strictObject({ matters: names, custodians: names, channels: names, from: day, to: day })
    .refine(
      ({ matters, custodians, channels, from, to }) =>
        matters.length + custodians.length + channels.length > 0 || from !== null || to !== null,
      'names nothing; write `all` for the whole archive',
    ),
]);
export type GrantedScope = z.output<typeof grantedScope>;

export const grantedRole = z.enum(ROLES);

export function scopeOf(granted: GrantedScope): ReaderScope {
  return granted === 'all' ? WHOLE_ARCHIVE : granted;
}

/** Whether all that one scope shows is shown by another, as far as that is plain: the same, or the whole archive. */
export function covers(scope: ReaderScope, other: ReaderScope): boolean {
  return isWhole(scope) || JSON.stringify(canonical(scope)) === JSON.stringify(canonical(other));
}

function isWhole({ matters, custodians, channels, from, to }: ReaderScope): boolean {
  return matters.length + custodians.length + channels.length === 0 && from === null && to === null;
}

function canonical({ matters, custodians, channels, from, to }: ReaderScope): readonly unknown[] {
  return [matters, custodians, channels].map((list): unknown => list.toSorted()).concat(from, to);
}

/** A claim or a name that the access log can hold on a line: no control characters, and not endless. */
export function isPlainName(name: string): boolean {
  return (
    name.length > 0 && name.length <= 200 && name === name.trim() && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(name)
  );
}
