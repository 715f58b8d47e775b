/** Logs and segments of tests of record proofs, in memory and by the definitions alone. */
import { formatCheckpoint } from '../../src/proof/checkpoint.ts';
import type { SegmentEntry } from '../../src/proof/entry.ts';
import { type LogEntry, parseEntry } from '../../src/proof/entry.ts';
import { noteKeyOf, parseSignerKey, type SignerKey } from '../../src/proof/key.ts';
import { formatNote, type Note, signText } from '../../src/proof/note.ts';
import type { PlacedEntry, PublishedLog } from '../../src/proof/published.ts';
import { canonicalJson } from '../../src/record.ts';
import { type Fact, factText } from '../../src/segments/format.ts';
import { SIGNING_KEY } from '../support/log.ts';
import { hex, naiveRoot, naiveSubtrees, sha256 } from './naive-tree.ts';

export const SIGNER = parseSignerKey(SIGNING_KEY);
export const KEY = noteKeyOf(SIGNER);

export const FACT: Fact = {
  account: 'account-1',
  kind: 'edited',
  observed_at: 1_795_162_880_000,
  session_id: 'session-1',
  stream: 'messages',
};

/** The bytes that are hashed for a record. */
export function recordBytes(fact: Fact, record: string): Buffer {
  return Buffer.from(`${factText(fact)}\n${record}`);
}

/** Different records of one segment. */
export function someRecords(count: number): Buffer[] {
  return Array.from({ length: count }, (_, row) =>
    recordBytes(FACT, canonicalJson({ id: `{ABC-${row}}`, message: `text ${row}: “ü” 🙂 \n` })),
  );
}

export const recordHashes = (records: readonly Uint8Array[]): Buffer[] =>
  records.map((record) => sha256(Buffer.of(0), record));

/** The entry of a segment of these records. */
export function segmentEntry(
  records: readonly Uint8Array[],
  changes: Partial<SegmentEntry> = {},
): SegmentEntry {
  const root = changes.root ?? hex(naiveRoot(records));
  const stream = changes.stream ?? 'messages';
  return {
    type: 'segment',
    at: '2026-11-20T00:00:00.000Z',
    key: `segments/stream=${stream}/class=default/date=2026-11-19/${root}.parquet`,
    version: 'v1',
    sha256: '5'.repeat(64),
    bytes: 4711,
    count: records.length,
    root,
    stream,
    class: 'default',
    date: '2026-11-19',
    lock: null,
    ...changes,
  };
}

const config = (index: number): LogEntry => ({
  type: 'config',
  at: '2026-11-20T00:00:00.000Z',
  sha256: '6'.repeat(64),
  what: `setting ${index}`,
});

export interface TestLog {
  readonly entries: readonly Buffer[];
  readonly log: PublishedLog;
  readonly placed: PlacedEntry<SegmentEntry>;
}

/** A signed log of `size` entries with this one at `index`; the others are of no account. */
export function logWith(entry: LogEntry, index: number, size: number, signer: SignerKey = SIGNER): TestLog {
  const entries = Array.from({ length: size }, (_, at) =>
    Buffer.from(canonicalJson(at === index ? entry : config(at))),
  );
  const checkpoint = { origin: signer.name, size, root: naiveRoot(entries), extensions: [] };
  const text = formatCheckpoint(checkpoint);
  const note: Note = { text, signatures: [signText(text, signer)] };
  const bytes = entries[index] ?? Buffer.of();
  return {
    entries,
    log: {
      key: noteKeyOf(signer),
      checkpoint,
      note,
      text: formatNote(note),
      readSubtree: naiveSubtrees(entries),
    },
    placed: { index, bytes, entry: parseEntry(bytes) as SegmentEntry },
  };
}
