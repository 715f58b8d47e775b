import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { AuditContext } from './reader.ts';

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

/** People of the archive, within the sessions that the reader may see. */
export async function people(_ctx: AuditContext, _input: PeopleInput): Promise<People> {
  throw new ArchiverError('internal', 'not built yet');
}
