import type { SegmentEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import type { PlacedEntry, PublishedLog } from '../proof/published.ts';
import { replay } from '../proof/replay.ts';
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
  for await (const { index, bytes, entry } of replay(sink, checkpoint, EMPTY_FRONTIER)) {
    if (entry.type === 'segment' && streams.includes(entry.stream)) segments.push({ index, bytes, entry });
  }
  return segments;
}
