import { type Disposal, ObjectChanges } from '../proof/changes.ts';
import type { SegmentEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import type { PlacedEntry, PublishedLog } from '../proof/published.ts';
import { replay } from '../proof/replay.ts';
import type { Stream } from '../record.ts';
import type { SinkReader } from '../sinks/sink.ts';

/** A segment that need not be there any more. */
export interface DisposedSegment {
  readonly entry: SegmentEntry;
  readonly disposal: Disposal;
}

export interface LoggedSegments {
  /** In the log's order. */
  readonly segments: readonly PlacedEntry<SegmentEntry>[];
  readonly disposed: readonly DisposedSegment[];
}

/**
 * The segments of these streams that the log names, and no others: an object without an entry is not part of the
 * archive. Fails with `proof-invalid` when the entries are not exactly those of the newest checkpoint, and with `sink-*`.
 * @param newest the published log, where `log` is an earlier state of it: a disposal counts wherever it stands
 */
export async function loggedSegments(
  sink: SinkReader,
  log: PublishedLog,
  streams: readonly Stream[],
  newest: PublishedLog = log,
): Promise<LoggedSegments> {
  const named: PlacedEntry<SegmentEntry>[] = [];
  const changes = new ObjectChanges();
  for await (const { index, bytes, entry } of replay(sink, newest.checkpoint, EMPTY_FRONTIER)) {
    changes.note(index, entry);
    if (entry.type !== 'segment' || index >= log.checkpoint.size || !streams.includes(entry.stream)) continue;
    named.push({ index, bytes, entry });
  }
  const segments: PlacedEntry<SegmentEntry>[] = [];
  const disposed: DisposedSegment[] = [];
  for (const placed of named) {
    const { index, entry } = placed;
    const { disposal } = changes.fateOf(index, entry);
    if (disposal === undefined) segments.push(placed);
    else disposed.push({ entry, disposal });
  }
  return { segments, disposed };
}
