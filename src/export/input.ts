import { z } from 'zod';
import { searchInput } from '../query/search.ts';

export const FORMATS = ['rsmf', 'eml', 'csv', 'ndjson', 'html', 'dat'] as const;
export type Format = (typeof FORMATS)[number];

const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);
const window = { from: moment.optional(), to: moment.optional() };
const names = z.array(z.string().min(1)).min(1);

/** What is exported: each is a slice of messages, and comes with what belongs to them. */
const exported = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('search'), query: searchInput }),
  z.strictObject({ kind: z.literal('conversations'), sessions: names, ...window }),
  z.strictObject({ kind: z.literal('custodians'), custodians: names, ...window }),
  z.strictObject({ kind: z.literal('matter'), matter: z.string().min(1) }),
]);

export const exportInput = z.strictObject({
  of: exported,
  zone: z.string().default('UTC').describe('IANA time zone of days, and of times for people.'),
  formats: z.array(z.enum(FORMATS)).min(1).default(['rsmf']),
  proofs: z.boolean().default(true).describe('A `.tlog-proof` for each message.'),
  reason: z.string().min(1).describe('Why, as the manifest and the access log say it.'),
});

export type ExportInput = z.input<typeof exportInput>;
export type ExportQuestion = z.output<typeof exportInput>;
