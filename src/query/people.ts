import { z } from 'zod';
import { asked } from './asked.ts';
import { fold } from './fold.ts';
import { knownTo } from './known-to.ts';
import type { AuditContext } from './reader.ts';
import { requireMay, seesSession, visible } from './visibility.ts';

export const peopleInput = z.strictObject({
  text: z.string().min(1).describe('A part of an e-mail address, member id or name.'),
  limit: z.int().min(1).max(1000).default(20),
});

export type PeopleInput = z.input<typeof peopleInput>;

/** Somebody as the archive knows him over all his names. */
export interface KnownPerson {
  /** Empty where no record says it. */
  readonly email: string;
  readonly memberId: string;
  /** Every name he ever had, the newest first. */
  readonly names: readonly string[];
}

export interface People {
  readonly people: readonly KnownPerson[];
}

/**
 * People of the sessions that the reader may see, by the names and addresses that they have there, in order of their
 * newest name. Of several addresses or ids the newest is shown. Fails as `search` does.
 */
export async function people(ctx: AuditContext, input: PeopleInput): Promise<People> {
  requireMay(ctx.reader, 'search');
  const question = asked(peopleInput, input);
  await ctx.record({ action: 'search', input: { people: question } });
  const visibility = await visible(ctx);
  const known = await knownTo(ctx);
  const wanted = fold(question.text);
  const found = known.people
    .filter(({ sessions }) => visibility.all || [...sessions].some((id) => seesSession(visibility, id)))
    .filter(({ emails, memberIds, userIds, names }) =>
      [...emails, ...memberIds, ...userIds, ...names].some((called) => fold(called).includes(wanted)),
    )
    .map(({ emails: [email = ''], memberIds: [memberId = ''], names }) => ({ email, memberId, names }))
    .sort((one, other) => compareTexts(keyOf(one), keyOf(other)));
  return { people: found.slice(0, question.limit) };
}

function keyOf({ email, memberId, names }: KnownPerson): string {
  return JSON.stringify([fold(names[0] ?? email), email, memberId]);
}

function compareTexts(one: string, other: string): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
