/** What a lost ledger had put and not logged yet: named in the log, so that nobody has to wonder about it. */
import { createHash } from 'node:crypto';
import type { Database } from '../ledger/database.ts';
import { restoredAmong } from '../ledger/rebuild.ts';
import type { Checkpoint } from '../proof/checkpoint.ts';
import { entryBytes } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import { replay } from '../proof/replay.ts';
import { objectsPrefix, parseObjectKey, parseSegmentKey, segmentsPrefix } from '../segments/layout.ts';
import type { ListedObject, SinkReader } from '../sinks/sink.ts';

const KEYS_AT_A_TIME = 1000;

/**
 * Entries of type `abandoned` for every segment and object at the sink that no entry of the log names. To be called when
 * the ledger has all that the log names, and nobody else writes. What is no segment or object by its key and bytes is
 * nothing that an archiver put, and gets none. Fails with `proof-invalid`, `sink-*`, `ledger-unreachable`.
 * @param at milliseconds
 */
export async function abandonedEntries(
  { db, account, sink, stop }: { db: Database; account: string; sink: SinkReader; stop: AbortSignal },
  checkpoint: Checkpoint,
  at: number,
): Promise<readonly string[]> {
  const left = new Map<string, ListedObject>();
  for (const prefix of [segmentsPrefix(), objectsPrefix()]) {
    let listed: ListedObject[] = [];
    const sift = async (): Promise<void> => {
      stop.throwIfAborted();
      const keys = listed.map(({ key }) => key);
      const restored = await restoredAmong(db, account, keys);
      for (const one of listed) if (!restored.has(one.key)) left.set(nameOf(one), one);
      listed = [];
    };
    for await (const one of sink.list(prefix)) {
      // What is no object at all has no version.
      if (one.version !== '' && listed.push(one) === KEYS_AT_A_TIME) await sift();
    }
    await sift();
  }
  if (left.size === 0) return [];
  for await (const { entry } of replay(sink, checkpoint, EMPTY_FRONTIER))
    if (entry.type === 'abandoned') left.delete(nameOf(entry));
  const entries: string[] = [];
  for (const { key, version } of left.values()) {
    stop.throwIfAborted();
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of await sink.read(key, version)) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
    const sha256 = hash.digest('hex');
    if (parseSegmentKey(key) === undefined && parseObjectKey(key) !== sha256) continue;
    const reason = 'put by a ledger that was lost before it was logged';
    const named = { key, version, sha256, bytes, reason };
    entries.push(entryBytes({ type: 'abandoned', at: new Date(at).toISOString(), ...named }).toString());
  }
  return entries;
}

function nameOf({ key, version }: { readonly key: string; readonly version: string }): string {
  return `${key} ${version}`;
}
