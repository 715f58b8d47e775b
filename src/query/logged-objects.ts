import type { LogEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import type { PublishedLog } from '../proof/published.ts';
import { replay } from '../proof/replay.ts';
import type { SinkReader } from '../sinks/sink.ts';

export type ObjectEntry = Extract<LogEntry, { type: 'object' }>;

/**
 * What the log says of the objects at these keys, newest entry of a key last. Fails as `loggedSegments` does. Reads the
 * whole log: an archive has too many objects to keep all of their entries.
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
