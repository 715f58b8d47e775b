import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { AuditContext } from './reader.ts';

export const archivedFileInput = z.strictObject({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  session: z.string().min(1).describe('Id of the session in which a message names it.'),
  message: z.string().min(1).describe('Id of that message.'),
});

export type ArchivedFileInput = z.input<typeof archivedFileInput>;

/** The bytes of a file, compared with the log. */
export interface ArchivedFile {
  /** On local disk, until `release`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** As the message calls it; may hold anything. */
  readonly name: string;
  release(): Promise<void>;
}

/** A file that a message names. Fails with `record-not-found`, also where the message lies beyond the reader's scope. */
export async function archivedFile(_ctx: AuditContext, _input: ArchivedFileInput): Promise<ArchivedFile> {
  throw new ArchiverError('internal', 'not built yet');
}
