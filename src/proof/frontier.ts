import { ArchiverError } from '../errors.ts';
import type { Tile } from '../segments/layout.ts';
import { rootOfHashes, TILE_WIDTH } from './tiles.ts';
import { HASH_BYTES, RootBuilder } from './tree.ts';

/**
 * The right edge of a log's tree: all that appending needs to know of it, at most 255 hashes a level, whatever the
 * log's length.
 */
export interface Frontier {
  /** Leaves of the tree. */
  readonly size: number;
  /** Bytes of the partial tile of each level from 0 up, empty where the last tile is full. */
  readonly edges: readonly Uint8Array[];
}

export const EMPTY_FRONTIER: Frontier = { size: 0, edges: [] };

interface TileBytes extends Tile {
  /** 32 bytes a hash. */
  readonly bytes: Uint8Array;
}

interface Growth {
  readonly frontier: Frontier;
  /** What has to be written so that the tree of the new size can be read: `tilesBetween` both sizes. */
  readonly tiles: readonly TileBytes[];
}

/** A level of the tree while leaves are appended. */
interface Edge {
  /** Number of the tile that is being filled. */
  number: number;
  hashes: Buffer;
  width: number;
  changed: boolean;
}

/**
 * Appends leaf hashes. The frontier given stays as it is, so tiles since any earlier frontier come from growing that
 * one by the leaf hashes since. Time and memory follow the number of leaves appended, not the log's length.
 * @param leafHashes 32 bytes each
 */
export function grow(frontier: Frontier, leafHashes: Iterable<Uint8Array>): Growth {
  const tiles: TileBytes[] = [];
  const edges = frontier.edges.map((edge, level) => edgeOf(frontier.size, level, edge));
  let size = frontier.size;

  const push = (level: number, hash: Uint8Array): void => {
    let edge = edges[level];
    if (edge === undefined) {
      edge = edgeOf(0, level, new Uint8Array());
      edges.push(edge);
    }
    edge.hashes.set(hash, edge.width * HASH_BYTES);
    edge.width += 1;
    edge.changed = true;
    if (edge.width < TILE_WIDTH) return;
    const { number, hashes: bytes } = edge;
    tiles.push({ level, number, width: TILE_WIDTH, bytes });
    edges[level] = {
      number: number + 1,
      hashes: Buffer.alloc(TILE_WIDTH * HASH_BYTES),
      width: 0,
      changed: false,
    };
    push(level + 1, rootOfHashes(bytes));
  };

  for (const hash of leafHashes) {
    push(0, hash);
    size += 1;
  }
  const partial = edges.map(({ hashes, width }) => hashes.subarray(0, width * HASH_BYTES));
  for (const [level, { number, width, changed }] of edges.entries()) {
    const bytes = partial[level];
    if (changed && bytes !== undefined) tiles.push({ level, number, width, bytes });
  }
  return { frontier: { size, edges: partial }, tiles };
}

function edgeOf(size: number, level: number, bytes: Uint8Array): Edge {
  const hashes = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
  hashes.set(bytes);
  const number = Math.floor(size / TILE_WIDTH ** (level + 1));
  return { number, hashes, width: bytes.length / HASH_BYTES, changed: false };
}

/** Root of the tree, 32 bytes. */
export function frontierRoot({ edges }: Frontier): Uint8Array {
  const builder = new RootBuilder();
  for (const [level, hashes] of [...edges.entries()].reverse()) {
    for (let at = 0; at < hashes.length; at += HASH_BYTES) {
      builder.add(hashes.subarray(at, at + HASH_BYTES), level * Math.log2(TILE_WIDTH));
    }
  }
  return builder.root();
}

/** The frontier for a database to keep: the size as 8 bytes, big endian, then the edges from level 0 up. */
export function frontierBytes({ size, edges }: Frontier): Buffer {
  const head = Buffer.alloc(8);
  head.writeBigUInt64BE(BigInt(size));
  return Buffer.concat([head, ...edges]);
}

/** Reads {@link frontierBytes}. Fails with `proof-invalid` when the bytes are not those of a frontier. */
export function parseFrontier(bytes: Uint8Array): Frontier {
  const all = Buffer.from(bytes);
  const size = all.length < 8 ? Number.NaN : Number(all.readBigUInt64BE());
  const edges: Uint8Array[] = [];
  let at = 8;
  for (let left = size; left > 0 && Number.isSafeInteger(size); left = Math.floor(left / TILE_WIDTH)) {
    const end = at + (left % TILE_WIDTH) * HASH_BYTES;
    edges.push(all.subarray(at, end));
    at = end;
  }
  if (!Number.isSafeInteger(size) || at !== all.length) {
    throw new ArchiverError('proof-invalid', 'frontier is not readable', { detail: `${all.length} bytes` });
  }
  return { size, edges };
}
