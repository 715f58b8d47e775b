/** The right edge of the access log: all that it takes to go on writing, whatever its length. */
import { ArchiverError } from '../errors.ts';
import type { TreeHead } from '../proof/consistency.ts';
import { encodeBundle } from '../proof/entry-bundle.ts';
import { EMPTY_FRONTIER, type Frontier, frontierRoot, grow } from '../proof/frontier.ts';
import { readEntryBytes, readTile } from '../proof/published.ts';
import { bundlesBetween, TILE_WIDTH } from '../proof/tiles.ts';
import { entryHash, HASH_BYTES } from '../proof/tree.ts';
import { ACCESS_LOG } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';

export interface Edge extends TreeHead {
  readonly frontier: Frontier;
  /** Entries of the bundle that is not full. */
  readonly tail: readonly Uint8Array[];
}

export const EMPTY_EDGE: Edge = {
  size: 0,
  root: frontierRoot(EMPTY_FRONTIER),
  frontier: EMPTY_FRONTIER,
  tail: [],
};

/** A tile or bundle. */
export interface LogPart {
  readonly key: string;
  /** Never changes and never goes. */
  readonly full: boolean;
  readonly bytes: Uint8Array;
}

/** The edge with `entries` behind it, and what has to be written so that the tree of its size can be read. */
export function extend(
  { frontier: from, tail }: Edge,
  entries: readonly Uint8Array[],
): { readonly edge: Edge; readonly parts: readonly LogPart[] } {
  const { frontier, tiles } = grow(from, entries.map(entryHash));
  const first = from.size - tail.length;
  const all = [...tail, ...entries];
  const bundles = [...bundlesBetween(from.size, frontier.size)].map((bundle) => ({
    key: ACCESS_LOG.bundleKey(bundle),
    full: bundle.width === TILE_WIDTH,
    bytes: encodeBundle(all.slice(bundle.from - first, bundle.to - first)),
  }));
  const hashes = tiles.map(({ bytes, ...tile }) => ({
    key: ACCESS_LOG.tileKey(tile),
    full: tile.width === TILE_WIDTH,
    bytes,
  }));
  const { size } = frontier;
  const edge = {
    size,
    root: frontierRoot(frontier),
    frontier,
    tail: all.slice(bundleStart(size) - first),
  };
  return { edge, parts: [...bundles, ...hashes] };
}

function bundleStart(size: number): number {
  return Math.floor(size / TILE_WIDTH) * TILE_WIDTH;
}

/** The edge at a head, from the tiles there. Fails with `proof-invalid` when they are not that head's, and with `sink-*`. */
export async function readEdge(sink: SinkReader, { size, root }: TreeHead): Promise<Edge> {
  const edges: Uint8Array[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
    const tile = { level, number: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH };
    const bytes = tile.width === 0 ? new Uint8Array() : await readTile(sink, tile, ACCESS_LOG);
    edges.push(bytes.subarray(0, tile.width * HASH_BYTES));
  }
  const frontier = { size, edges };
  const tail: Uint8Array[] = [];
  for await (const { bytes } of readEntryBytes(sink, bundleStart(size), size, ACCESS_LOG)) tail.push(bytes);
  const leaves = Buffer.concat(tail.map(entryHash));
  if (
    Buffer.compare(frontierRoot(frontier), root) !== 0 ||
    Buffer.compare(leaves, edges[0] ?? leaves) !== 0
  ) {
    throw new ArchiverError('proof-invalid', 'the access log is not that of its head', {
      detail: `size ${size}`,
    });
  }
  return { size, root, frontier, tail };
}
