/** What it takes to check records of a message without the archive: their bytes, and proofs of them. */
import type { SegmentEntry } from '../proof/entry.ts';
import type { PlacedEntry, PublishedLog } from '../proof/published.ts';
import { proverOf } from '../proof/record-proof.ts';
import type { MessageId } from '../record.ts';
import { factText } from '../segments/format.ts';
import type { FoundRecord, SegmentRows } from './message-records.ts';

export interface ProvenRecord {
  readonly found: FoundRecord;
  /** Name of a file without extension: safe whatever Zoom sent, and the same for the same record. */
  readonly name: string;
  /** The bytes that were hashed, as text. */
  readonly record: string;
  /** C2SP tlog-proof. */
  readonly proof: string;
}

/**
 * Proofs of records of one segment, by this state of the log. Fails with `proof-invalid` where the segment's rows are
 * not those of its entry, or the entry is not in the log.
 */
export async function provenRecords(
  log: PublishedLog,
  placed: PlacedEntry<SegmentEntry>,
  { leaves, found }: SegmentRows,
  message: MessageId,
): Promise<readonly ProvenRecord[]> {
  const prove = await proverOf(log, placed, leaves);
  return Promise.all(
    found.map(async (one): Promise<ProvenRecord> => {
      const record = `${factText(one.fact)}\n${one.record}`;
      return { found: one, name: nameOf(message, one), record, proof: await prove(one.row) };
    }),
  );
}

/** Id, kind and first digits of the record's hash; what Zoom sent must not choose a folder. */
function nameOf(message: MessageId, { fact: { kind, stream }, hash }: FoundRecord): string {
  const words = [message, stream, kind].map((word) => word.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64));
  return [...words, hash.slice(0, 16)].join('.');
}
