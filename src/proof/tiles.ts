/** Tiles of the log's tree, C2SP tlog-tiles: 256 hashes an object, so that a full one never changes. */
import { ArchiverError } from '../errors.ts';
import type { EntryBundle, Tile } from '../segments/layout.ts';
import type { ReadSubtree } from './subtree.ts';
import { HASH_BYTES, RootBuilder } from './tree.ts';

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256;
/** Levels of the tree that one tile spans: 2^8 hashes. */
const TILE_LEVELS = 8;

/**
 * Tiles that a tree of `to` leaves has and one of `from` has not, level by level: those that became full, and the
 * partial one of a level whose width changed. From 0 these are all tiles of the tree. Lower numbers first.
 */
export function* tilesBetween(from: number, to: number): Generator<Tile> {
  for (let level = 0, old = from, now = to; now > old; level += 1) {
    for (const bundle of widths(old, now)) yield { level, ...bundle };
    [old, now] = [Math.floor(old / TILE_WIDTH), Math.floor(now / TILE_WIDTH)];
  }
}

/** An entry bundle and the entries it needs. */
interface BundleEntries extends EntryBundle {
  /** Index of its first entry. */
  readonly from: number;
  /** Index after its last entry. */
  readonly to: number;
}

/** Entry bundles that a log of `to` entries has and one of `from` has not, as {@link tilesBetween} at level 0. */
export function* bundlesBetween(from: number, to: number): Generator<BundleEntries> {
  for (const { number, width } of widths(from, to)) {
    yield { number, width, from: number * TILE_WIDTH, to: number * TILE_WIDTH + width };
  }
}

function* widths(from: number, to: number): Generator<EntryBundle> {
  if (to <= from) return;
  for (let number = Math.floor(from / TILE_WIDTH); number * TILE_WIDTH < to; number += 1) {
    yield { number, width: Math.min(TILE_WIDTH, to - number * TILE_WIDTH) };
  }
}

/**
 * Gives a tile's bytes: `width` hashes of 32 bytes. It may give more of them, from a fuller tile of the same number,
 * for partial tiles may go once the full one exists.
 */
export type ReadTile = (tile: Tile) => Promise<Uint8Array>;

/** Tiles kept by {@link subtreesOf}, 8 KiB each: enough for many proofs of neighbours on every level. */
const TILES_KEPT = 64;

/**
 * Reader of subtree roots of a tree of `size` leaves, over its tiles. Keeps the 64 tiles used last. Nothing here is
 * proven: whoever reads compares what comes out at the end with a root.
 *
 * The reader fails with `proof-invalid` when a tile has another length, with `internal` for a subtree that is not
 * within the tree, and as `readTile` does.
 */
export function subtreesOf(size: number, readTile: ReadTile): ReadSubtree {
  const kept = new Map<string, Promise<Uint8Array>>();

  const hashesOf = (tile: Tile): Promise<Uint8Array> => {
    const id = `${tile.level}/${tile.number}`;
    const hashes = kept.get(id) ?? readTile(tile).then((bytes) => checkedTile(tile, bytes));
    // A Map keeps the order of insertion, so the first is the one unused for longest.
    kept.delete(id);
    kept.set(id, hashes);
    for (const oldest of kept.keys()) {
      if (kept.size <= TILES_KEPT) break;
      kept.delete(oldest);
    }
    return hashes;
  };

  return async (level, index) => {
    if (!(index >= 0 && (index + 1) * 2 ** level <= size)) {
      throw new ArchiverError('internal', 'subtree is not within the tree', {
        detail: `level ${level}, index ${index}, size ${size}`,
      });
    }
    const tileLevel = Math.floor(level / TILE_LEVELS);
    const count = 2 ** (level % TILE_LEVELS);
    const first = index * count;
    const number = Math.floor(first / TILE_WIDTH);
    const width = Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** tileLevel) - number * TILE_WIDTH);
    const hashes = await hashesOf({ level: tileLevel, number, width });
    const start = (first % TILE_WIDTH) * HASH_BYTES;
    return rootOfHashes(hashes.subarray(start, start + count * HASH_BYTES));
  };
}

function checkedTile({ level, number, width }: Tile, bytes: Uint8Array): Uint8Array {
  const hashes = bytes.length / HASH_BYTES;
  if (Number.isInteger(hashes) && hashes >= width && hashes <= TILE_WIDTH) return bytes;
  throw new ArchiverError('proof-invalid', 'tile has another length', {
    detail: `level ${level}, number ${number}, width ${width}: ${bytes.length} bytes`,
  });
}

/** Root over the hashes of a tile or a part of it. @param hashes 32 bytes each */
export function rootOfHashes(hashes: Uint8Array): Uint8Array {
  const builder = new RootBuilder();
  for (let at = 0; at < hashes.length; at += HASH_BYTES) builder.add(hashes.subarray(at, at + HASH_BYTES));
  return builder.root();
}
