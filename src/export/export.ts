import type { Writable } from 'node:stream';
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { AuditContext } from '../query/reader.ts';
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

export interface ExportProgress {
  readonly phase: 'reading' | 'rendering' | 'proving' | 'checking';
  readonly done: number;
  /** Revisions; 0 while it is not known. */
  readonly of: number;
}

export interface ExportOptions {
  /** Gets the ZIP; is ended, or destroyed with the error. */
  readonly out: Writable;
  /** For temporary files; made when missing. */
  readonly spool: string;
  /** Milliseconds. */
  readonly now: () => number;
  readonly onProgress?: (progress: ExportProgress) => void;
}

export interface ExportSummary {
  /** Of the ZIP. */
  readonly sha256: string;
  readonly bytes: number;
  readonly revisions: number;
  readonly messages: number;
  readonly conversations: number;
  readonly files: number;
  /** Holes in the coverage of the slice; each is named in the manifest. */
  readonly holes: number;
}

/**
 * Writes a ZIP of a slice in the formats asked for. Fails with `export-differs`, and leaves an incomplete ZIP, where the
 * archived revisions of the slice are not exactly those that were rendered.
 */
export async function exportSlice(
  _ctx: AuditContext,
  _input: ExportInput,
  _options: ExportOptions,
): Promise<ExportSummary> {
  throw new ArchiverError('internal', 'not built yet');
}
