/** A published log from its entries to its head: what a checkpoint proves of each of them. */
import { ArchiverError } from '../errors.ts';
import type { SinkReader } from '../sinks/sink.ts';
import type { Checkpoint } from './checkpoint.ts';
import { EMPTY_FRONTIER, type Frontier, frontierRoot, grow } from './frontier.ts';
import { type PlacedEntry, readEntries } from './published.ts';
import { TILE_WIDTH } from './tiles.ts';
import { entryHash } from './tree.ts';

/**
 * The right edge of the tree over the first `size` entries of a checkpoint. Not proven by itself: {@link replay} goes on
 * from it, and its end proves these entries too. Fails with `proof-invalid`, `sink-*`.
 */
export async function frontierAt(sink: SinkReader, checkpoint: Checkpoint, size: number): Promise<Frontier> {
  let frontier = EMPTY_FRONTIER;
  const hashes: Uint8Array[] = [];
  // Bundles of other sizes than the checkpoint's may be gone.
  for await (const { index, bytes } of readEntries(sink, 0, checkpoint.size)) {
    if (index >= size) break;
    if (hashes.push(entryHash(bytes)) < TILE_WIDTH) continue;
    frontier = grow(frontier, hashes.splice(0)).frontier;
  }
  return grow(frontier, hashes).frontier;
}

/**
 * Entries of a checkpoint from a frontier on, in order. What was given counts as proven only once the end is reached
 * without `proof-invalid`, which says that these entries, and those below `from`, are the ones that were signed.
 * @returns the right edge of the checkpoint's tree
 */
export async function* replay(
  sink: SinkReader,
  checkpoint: Checkpoint,
  from: Frontier,
): AsyncGenerator<PlacedEntry, Frontier> {
  let frontier = from;
  const hashes: Uint8Array[] = [];
  for await (const placed of readEntries(sink, from.size, checkpoint.size)) {
    if (hashes.push(entryHash(placed.bytes)) === TILE_WIDTH)
      frontier = grow(frontier, hashes.splice(0)).frontier;
    yield placed;
  }
  frontier = grow(frontier, hashes).frontier;
  if (frontier.size === checkpoint.size && Buffer.compare(frontierRoot(frontier), checkpoint.root) === 0)
    return frontier;
  throw new ArchiverError('proof-invalid', 'the entries of the log are not those of its checkpoint', {
    detail: `size ${checkpoint.size}`,
  });
}

/**
 * The right edge of the tree over the first `size` entries of a checkpoint, and the entries from there on, both proven.
 * Fails with `proof-invalid`, `sink-*`.
 */
export async function tailFrom(
  sink: SinkReader,
  checkpoint: Checkpoint,
  size: number,
): Promise<{ readonly frontier: Frontier; readonly entries: readonly Uint8Array[] }> {
  const frontier = await frontierAt(sink, checkpoint, size);
  const entries: Uint8Array[] = [];
  for await (const { bytes } of replay(sink, checkpoint, frontier)) entries.push(bytes);
  return { frontier, entries };
}
