/** That what is asked is on record before it is answered. */
import type { Checkpoint } from '../proof/checkpoint.ts';
import type { OpenArchive } from '../query/archive.ts';
import type { AuditContext, Reader } from '../query/reader.ts';
import { requireAllowed } from './rights.ts';

/** Writes down what is asked; what cannot be written down fails with `access-unrecorded`. */
export interface Recording {
  /** With which a verb works, for one question of one reader. */
  readonly contextFor: (archive: OpenArchive, reader: Reader, signal: AbortSignal) => AuditContext;
  /** The same for what is answered without a verb. @param asked the head that answers */
  readonly recordFor: (reader: Reader, asked: Checkpoint) => AuditContext['record'];
}

/** The role is asked here too, also where nothing is written down. */
export function contextFor(
  recording: Recording,
  archive: OpenArchive,
  reader: Reader,
  signal: AbortSignal,
): AuditContext {
  const ctx = recording.contextFor(archive, reader, signal);
  return {
    ...ctx,
    record: async (access) => {
      requireAllowed(reader, access.action);
      await ctx.record(access);
    },
  };
}
