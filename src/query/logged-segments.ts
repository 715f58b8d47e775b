import { ArchiverError } from '../errors.ts';
import { type PlacedEntry, type PublishedLog, readEntries } from '../proof/published.ts';
import type { SegmentEntry } from '../proof/record-proof.ts';
import { entryHash, RootBuilder } from '../proof/tree.ts';
import type { Stream } from '../record.ts';
import type { SinkReader } from '../sinks/sink.ts';

/**
 * The segments of these streams that the log names, in its order, and no others: an object without an entry is not part
 * of the archive. Fails with `proof-invalid` when the entries are not exactly those of the checkpoint, and with `sink-*`.
 */
export async function loggedSegments(
  sink: SinkReader,
  { checkpoint }: PublishedLog,
  streams: readonly Stream[],
): Promise<readonly PlacedEntry<SegmentEntry>[]> {
  const segments: PlacedEntry<SegmentEntry>[] = [];
  const tree = new RootBuilder();
  for await (const { index, bytes, entry } of readEntries(sink, 0, checkpoint.size)) {
    tree.add(entryHash(bytes));
    if (entry.type === 'segment' && streams.includes(entry.stream)) segments.push({ index, bytes, entry });
  }
  if (Buffer.compare(tree.root(), checkpoint.root) === 0) return segments;
  throw new ArchiverError('proof-invalid', 'the log has other entries than its checkpoint says', {
    detail: `size ${checkpoint.size}`,
  });
}
