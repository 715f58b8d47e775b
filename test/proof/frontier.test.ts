import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  EMPTY_FRONTIER,
  type Frontier,
  frontierBytes,
  frontierRoot,
  grow,
  parseFrontier,
} from '../../src/proof/frontier.ts';
import { rangeRoot } from '../../src/proof/subtree.ts';
import { subtreesOf, tilesBetween } from '../../src/proof/tiles.ts';
import { entryHash } from '../../src/proof/tree.ts';
import { tileKey } from '../../src/segments/layout.ts';
import { hex, naiveRoot, sha256, someLeaves } from './naive-tree.ts';

const leaves = someLeaves(1100);
const hashes = leaves.map(entryHash);

/** Tiles by key, each later one over an earlier one, as a store would hold them. */
function tilesOf(growth: ReturnType<typeof grow>): [string, string][] {
  return growth.tiles.map((tile) => [tileKey(tile), hex(tile.bytes)]);
}

test('every size up to 1,100 has the root of the recursive definition', () => {
  let frontier: Frontier = EMPTY_FRONTIER;
  for (let size = 0; size <= 1100; size += 1) {
    const edge = [0, 1, 255, 256, 257, 511, 512, 513, 767, 768, 1023, 1024, 1025, 1100].includes(size);
    if (edge || size % 97 === 0) {
      expect(hex(frontierRoot(frontier))).toBe(hex(naiveRoot(leaves.slice(0, size))));
    }
    expect(frontier.size).toBe(size);
    frontier = grow(frontier, hashes.slice(size, size + 1)).frontier;
  }
});

test('in any batches it writes the tiles that all leaves at once write, byte for byte', () => {
  const batches = fc.array(fc.oneof(fc.nat(3), fc.nat(300), fc.constant(256)), { maxLength: 8 });
  fc.assert(
    fc.property(batches, (sizes) => {
      const written = new Map<string, string>();
      let frontier = EMPTY_FRONTIER;
      for (const size of sizes) {
        const from = frontier.size;
        const growth = grow(frontier, hashes.slice(from, from + size));
        frontier = parseFrontier(frontierBytes(growth.frontier));
        expect(growth.tiles.map(tileKey).sort()).toEqual(
          [...tilesBetween(from, frontier.size)].map(tileKey).sort(),
        );
        for (const [key, bytes] of tilesOf(growth)) {
          expect(written.has(key)).toBe(false);
          written.set(key, bytes);
        }
      }
      const once = grow(EMPTY_FRONTIER, hashes.slice(0, frontier.size));
      for (const [key, bytes] of tilesOf(once)) expect(written.get(key)).toBe(bytes);
      expect(hex(frontierRoot(frontier))).toBe(hex(frontierRoot(once.frontier)));
      expect(hex(frontierBytes(frontier))).toBe(hex(frontierBytes(once.frontier)));
    }),
    { numRuns: 60 },
  );
});

test('growing leaves the frontier before as it was, so that it can grow again', () => {
  const before = grow(EMPTY_FRONTIER, hashes.slice(0, 200)).frontier;
  const kept = hex(frontierBytes(before));
  const first = grow(before, hashes.slice(200, 700));
  expect(hex(frontierBytes(before))).toBe(kept);
  expect(tilesOf(grow(before, hashes.slice(200, 700)))).toEqual(tilesOf(first));
});

test('a log across three levels reads back through the tiles it wrote', async () => {
  const size = 70_000;
  const many = Array.from({ length: size }, (_, index) => sha256(Buffer.from(String(index))));
  const growth = grow(EMPTY_FRONTIER, many);
  const store = new Map(growth.tiles.map((tile) => [tileKey(tile), tile.bytes]));
  expect([...store.keys()].sort()).toEqual([...tilesBetween(0, size)].map(tileKey).sort());
  const read = subtreesOf(size, async (tile) => store.get(tileKey(tile)) ?? Buffer.of());
  expect(hex(await rangeRoot(read, 0, size))).toBe(hex(frontierRoot(growth.frontier)));
  expect(growth.frontier.edges.map(({ length }) => length / 32)).toEqual([112, 17, 1]);
});

test('its bytes are the size and the edges, and nothing else is read', () => {
  const bytes = frontierBytes(grow(EMPTY_FRONTIER, hashes.slice(0, 258)).frontier);
  expect(bytes).toHaveLength(8 + 3 * 32);
  expect(bytes.readBigUInt64BE()).toBe(258n);
  expect(parseFrontier(frontierBytes(EMPTY_FRONTIER))).toEqual(EMPTY_FRONTIER);
  const wrongSize = Buffer.concat([Buffer.alloc(8, 0xff), bytes.subarray(8)]);
  for (const wrong of [
    Buffer.of(),
    bytes.subarray(0, 7),
    bytes.subarray(0, -1),
    wrongSize,
    Buffer.alloc(40),
  ]) {
    expect(() => parseFrontier(wrong)).toThrow(expect.objectContaining({ code: 'proof-invalid' }));
  }
});
