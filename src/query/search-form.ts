/** A question to `search`, and its answer. */
import { z } from 'zod';
import type { ReadAt, Revision } from './revision.ts';

/** A UTC instant or one with an offset, or a day in the question's zone. */
const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

/** A question to `search`. Conditions that are left out leave nothing out; several hold together. */
export const searchInput = z.strictObject({
  text: z.string().min(1).max(1000).optional().describe('What to look for, see `match`.'),
  match: z
    .enum(['words', 'phrase', 'substring', 'regex'])
    .default('words')
    .describe('All of the words, in any order; the words in their order; any part; RE2.'),
  person: z
    .string()
    .min(1)
    .optional()
    .describe('Sender: e-mail address, member id, or any name he ever had.'),
  participant: z
    .string()
    .min(1)
    .optional()
    .describe('Somebody who took part in the session, named as `person`.'),
  session: z.string().min(1).optional().describe('Id of a session, or a part of a name that it ever had.'),
  channel: z.string().min(1).optional().describe('Id of a channel, or a glob of a name that it ever had.'),
  from: moment.optional().describe('Sent at or after: an instant, or a day in `zone`.'),
  to: moment.optional().describe('Sent before: an instant; or on this day or before, in `zone`.'),
  zone: z.string().default('UTC').describe('IANA time zone of days.'),
  kind: z.enum(['sent', 'edited', 'deleted']).optional().describe('Only versions of this kind.'),
  hasFiles: z.boolean().optional(),
  external: z
    .boolean()
    .optional()
    .describe('The sender is not of the account, or others in the session are not.'),
  edited: z.boolean().optional().describe('Messages that were edited ever.'),
  deleted: z.boolean().optional().describe('Messages that were deleted ever.'),
  matter: z.string().min(1).optional().describe('What the holds of this matter cover.'),
  custodian: z.string().min(1).optional().describe('E-mail address: sessions in which he took part.'),
  order: z.enum(['oldest', 'newest']).default('oldest'),
  limit: z.int().min(1).max(1000).default(50),
  after: z.string().optional().describe('`next` of the page before.'),
});

export type SearchQuestion = z.output<typeof searchInput>;
export type SearchInput = z.input<typeof searchInput>;

/** Where a hit has what was looked for. */
export interface Found {
  readonly in: 'text' | 'file' | 'bot';
  /** The text in which it was found: of the message, the file's name, the card. */
  readonly text: string;
  /** UTF-16 offsets, half-open, in order, without overlap. */
  readonly ranges: readonly (readonly [number, number])[];
}

export interface Hit {
  readonly revision: Revision;
  /** Empty where no text was looked for. */
  readonly found: readonly Found[];
}

export interface SearchResult {
  readonly at: ReadAt;
  readonly hits: readonly Hit[];
  /** For the next page; null on the last one. */
  readonly next: string | null;
  /** Of all pages: revisions, and messages that they are of. */
  readonly total: { readonly revisions: number; readonly messages: number };
  /** Segments that were looked at, of those of messages. */
  readonly segments: { readonly read: number; readonly of: number };
}
