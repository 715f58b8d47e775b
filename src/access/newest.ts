/** Reading the access log from its end, each bundle proven by the head. */
import { ArchiverError } from '../errors.ts';
import { inclusionPath, inclusionRoot } from '../proof/inclusion.ts';
import { type EntryBytes, type PublishedLog, readEntryBytes } from '../proof/published.ts';
import { TILE_WIDTH } from '../proof/tiles.ts';
import { entryHash } from '../proof/tree.ts';
import { ACCESS_LOG } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { type AccessEntry, parseAccessEntry } from './entry.ts';

/** An entry of the access log in its place. */
export interface PlacedAccess {
  readonly index: number;
  readonly entry: AccessEntry;
}

/** The entries below `before`, newest first, each proven. Fails with `proof-invalid` and `sink-*`. */
export async function* newestFirst(
  sink: SinkReader,
  log: PublishedLog,
  before: number,
): AsyncGenerator<PlacedAccess> {
  const end = Math.min(before, log.checkpoint.size);
  for (let number = Math.ceil(end / TILE_WIDTH) - 1; number >= 0; number -= 1) {
    const entries = await provenBundle(sink, log, number);
    for (const { index, bytes } of [...entries].reverse())
      if (index < end) yield { index, entry: parseAccessEntry(bytes) };
  }
}

/**
 * The entries of a bundle, in order, proven by the head of `log`. Fails with `proof-invalid` when they are not those that
 * were signed, and with `sink-*`.
 */
export async function provenBundle(
  sink: SinkReader,
  { checkpoint, readSubtree }: PublishedLog,
  number: number,
): Promise<readonly EntryBytes[]> {
  const from = number * TILE_WIDTH;
  const to = Math.min(from + TILE_WIDTH, checkpoint.size);
  const entries: EntryBytes[] = [];
  const hashes: Uint8Array[] = [];
  for await (const entry of readEntryBytes(sink, from, to, ACCESS_LOG)) {
    entries.push(entry);
    hashes.push(entryHash(entry.bytes));
  }
  // The path of the first one goes by all others of its tile, so the path to the root proves them too.
  const first = hashes[0];
  const same = await Promise.all(
    hashes.map(async (hash, place) => Buffer.compare(hash, await readSubtree(0, from + place)) === 0),
  );
  const path = await inclusionPath(readSubtree, from, checkpoint.size);
  if (first !== undefined && same.every(Boolean)) {
    const root = inclusionRoot(first, from, checkpoint.size, path);
    if (Buffer.compare(root, checkpoint.root) === 0) return entries;
  }
  throw new ArchiverError('proof-invalid', 'entries of the access log are not those of its head', {
    detail: ACCESS_LOG.bundleKey({ number, width: to - from }),
  });
}
