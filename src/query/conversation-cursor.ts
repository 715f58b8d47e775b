/** Places between the events of a conversation, as pages hand them on. Pure. */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';

/** The place of an event: by time, changes of membership before messages, then by name. */
export interface EventKey {
  /** Milliseconds. */
  readonly at: number;
  readonly rank: 0 | 1;
  /** Of a message its id; of a change where its record stands. */
  readonly name: string;
}

export interface Cursor {
  readonly direction: 'after' | 'before';
  readonly key: EventKey;
}

const schema = z.tuple([z.enum(['after', 'before']), z.number(), z.literal([0, 1]), z.string()]);

export function formatCursor({ direction, key: { at, rank, name } }: Cursor): string {
  return Buffer.from(JSON.stringify([direction, at, rank, name])).toString('base64url');
}

/** Fails with `usage` for what is no cursor. */
export function parseCursor(text: string): Cursor {
  const parsed = schema.safeParse(json(Buffer.from(text, 'base64url').toString()));
  if (!parsed.success)
    throw new ArchiverError('usage', 'not the place of a page; give `next` or `previous` of one');
  const [direction, at, rank, name] = parsed.data;
  return { direction, key: { at, rank, name } };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where a change of membership stands, so that names compare as places do. */
export function changeName({ entry, row }: { readonly entry: number; readonly row: number }): string {
  return `${String(entry).padStart(12, '0')}.${String(row).padStart(9, '0')}`;
}

/** Within one rank the names of messages are left in the order in which they come. */
export function compareKeys(one: EventKey, other: EventKey): number {
  if (one.at !== other.at) return one.at - other.at;
  if (one.rank !== other.rank) return one.rank - other.rank;
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
}
