/**
 * What an archive holds, by its log at a published checkpoint: from a sink's read half and the public key alone. A file
 * without an entry is not part of the archive, whatever lies in the store.
 */
import { type Disposal, ObjectChanges } from '../proof/changes.ts';
import type { LogEntry, SegmentEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import type { PlacedEntry, PublishedLog } from '../proof/published.ts';
import { replay } from '../proof/replay.ts';
import type { Stream } from '../record.ts';
import type { SinkReader } from '../sinks/sink.ts';

/** Which segments are meant; what is undefined leaves nothing out. */
export interface Slice {
  readonly streams?: readonly Stream[] | undefined;
  /** Classes by which segments were sealed, which their keys name. */
  readonly classes?: readonly string[] | undefined;
  /** First and last UTC day of the records' own time, `yyyy-mm-dd`, both included. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export function isInSlice(
  { stream, class: className, date }: Pick<SegmentEntry, 'stream' | 'class' | 'date'>,
  { streams, classes, from, to }: Slice,
): boolean {
  return (
    (streams?.includes(stream) ?? true) &&
    (classes?.includes(className) ?? true) &&
    (from === undefined || date >= from) &&
    (to === undefined || date <= to)
  );
}

/** A segment that need not be there any more. */
export interface DisposedSegment {
  readonly entry: SegmentEntry;
  readonly disposal: Disposal;
}

export interface LoggedSegments {
  /** In the log's order. */
  readonly segments: readonly PlacedEntry<SegmentEntry>[];
  readonly disposed: readonly DisposedSegment[];
  /** SHA-256 of everything in the archive that was ever disposed of, in the slice or not: no copy should be left. */
  readonly destroyed: ReadonlySet<string>;
}

/**
 * The segments of a slice that the log names, and no others; nothing of them is fetched. Fails with `proof-invalid` when
 * the entries are not exactly those of the newest checkpoint, and with `sink-*`.
 * @param newest the published log, where `log` is an earlier state of it: a disposal counts wherever it stands
 */
export async function loggedSegments(
  sink: SinkReader,
  log: PublishedLog,
  slice: Slice,
  newest: PublishedLog = log,
): Promise<LoggedSegments> {
  const named: PlacedEntry<SegmentEntry>[] = [];
  const changes = new ObjectChanges();
  const destroyed = new Set<string>();
  for await (const { index, bytes, entry } of replay(sink, newest.checkpoint, EMPTY_FRONTIER)) {
    changes.note(index, entry);
    if (entry.type === 'disposal') destroyed.add(entry.sha256);
    if (entry.type !== 'segment' || index >= log.checkpoint.size || !isInSlice(entry, slice)) continue;
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
  return { segments, disposed, destroyed };
}

export type ObjectEntry = Extract<LogEntry, { type: 'object' }>;

/**
 * What the log says of the objects at these keys, newest entry of a key last. Fails as {@link loggedSegments} does.
 * Reads the whole log: an archive has too many objects to keep all of their entries.
 */
export async function loggedObjects(
  sink: SinkReader,
  { checkpoint }: PublishedLog,
  keys: ReadonlySet<string>,
): Promise<readonly ObjectEntry[]> {
  const objects: ObjectEntry[] = [];
  if (keys.size === 0) return objects;
  for await (const { entry } of replay(sink, checkpoint, EMPTY_FRONTIER)) {
    if (entry.type === 'object' && keys.has(entry.key)) objects.push(entry);
  }
  return objects;
}
