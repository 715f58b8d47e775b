import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { consistencyProof, verifyConsistency } from '../../src/proof/consistency.ts';
import { inclusionPath, inclusionRoot } from '../../src/proof/inclusion.ts';
import { rangeRoot } from '../../src/proof/subtree.ts';
import { bundlesBetween, type ReadTile, subtreesOf, tilesBetween } from '../../src/proof/tiles.ts';
import { entryHash } from '../../src/proof/tree.ts';
import { type Tile, tileKey } from '../../src/segments/layout.ts';
import { hex, hexes, naivePath, naiveProof, naiveRoot, someLeaves } from './naive-tree.ts';

const leaves = someLeaves(1100);

/** A tile by the rule of C2SP tlog-tiles: hash i is the root over the 256^level leaves from (number * 256 + i). */
function naiveTile({ level, number, width }: Tile): Buffer {
  const span = 256 ** level;
  const hashes = Array.from({ length: width }, (_, i) => {
    const from = (number * 256 + i) * span;
    return naiveRoot(leaves.slice(from, from + span));
  });
  return Buffer.concat(hashes);
}

const readNaive: ReadTile = async (tile) => naiveTile(tile);
const keysBetween = (from: number, to: number): string[] => [...tilesBetween(from, to)].map(tileKey).sort();

/** By their definition: for each level the full tiles, and what is left over. */
function naiveKeys(size: number): string[] {
  const keys: string[] = [];
  for (let level = 0; 256 ** level <= size; level += 1) {
    const hashes = Math.floor(size / 256 ** level);
    for (let number = 0; number < Math.floor(hashes / 256); number += 1) {
      keys.push(tileKey({ level, number, width: 256 }));
    }
    if (hashes % 256 > 0)
      keys.push(tileKey({ level, number: Math.floor(hashes / 256), width: hashes % 256 }));
  }
  return keys.sort();
}

describe('the tiles of a tree', () => {
  test('of 70,000 leaves are those of the specification', () => {
    const counts: Record<string, number> = {};
    for (const { level, width } of tilesBetween(0, 70_000)) {
      const name = `level ${level} width ${width}`;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    expect(counts).toEqual({
      'level 0 width 256': 273,
      'level 0 width 112': 1,
      'level 1 width 256': 1,
      'level 1 width 17': 1,
      'level 2 width 1': 1,
    });
  });

  test.each([
    [0, []],
    [1, ['log/tile/0/000.p/1']],
    [255, ['log/tile/0/000.p/255']],
    [256, ['log/tile/0/000', 'log/tile/1/000.p/1']],
    [257, ['log/tile/0/000', 'log/tile/0/001.p/1', 'log/tile/1/000.p/1']],
  ])('of %i leaves', (size, keys) => {
    expect(keysBetween(0, size)).toEqual(keys);
  });

  test('are for any size the full ones and one partial one a level', () => {
    fc.assert(
      fc.property(fc.nat(200_000), (size) => {
        expect(keysBetween(0, size)).toEqual(naiveKeys(size));
      }),
    );
  });

  test('to write after growth are those that were not there before', () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(2000), (from, by) => {
        const had = new Set(naiveKeys(from));
        expect(keysBetween(from, from + by)).toEqual(naiveKeys(from + by).filter((key) => !had.has(key)));
      }),
    );
    expect(keysBetween(300, 300)).toEqual([]);
  });
});

test('an entry bundle needs the entries of its tile', () => {
  expect([...bundlesBetween(300, 600)]).toEqual([
    { number: 1, width: 256, from: 256, to: 512 },
    { number: 2, width: 88, from: 512, to: 600 },
  ]);
  expect([...bundlesBetween(256, 256)]).toEqual([]);
  expect([...bundlesBetween(512, 513)]).toEqual([{ number: 2, width: 1, from: 512, to: 513 }]);
});

describe('a tree read through its tiles', () => {
  const size = fc.oneof(fc.integer({ min: 1, max: 1100 }), fc.constantFrom(255, 256, 257, 512, 1024));

  test('has the root, the paths and the proofs of the recursive definition', async () => {
    await fc.assert(
      fc.asyncProperty(size, fc.nat(), fc.nat(), async (n, a, b) => {
        const tree = leaves.slice(0, n);
        const read = subtreesOf(n, readNaive);
        const [index, older] = [a % n, 1 + (b % n)];
        const root = naiveRoot(tree);
        expect(hex(await rangeRoot(read, 0, n))).toBe(hex(root));
        const path = await inclusionPath(read, index, n);
        expect(hexes(path)).toEqual(hexes(naivePath(index, tree)));
        expect(hex(inclusionRoot(entryHash(leaves[index] ?? Buffer.of()), index, n, path))).toBe(hex(root));
        const proof = await consistencyProof(read, older, n);
        expect(hexes(proof)).toEqual(hexes(naiveProof(older, tree)));
        const head = { size: older, root: naiveRoot(tree.slice(0, older)) };
        expect(() => verifyConsistency(head, { size: n, root }, proof)).not.toThrow();
      }),
      { numRuns: 40 },
    );
  });

  test('asks only for tiles that it has, each once', async () => {
    const asked: string[] = [];
    const read = subtreesOf(1000, (tile) => {
      asked.push(tileKey(tile));
      return readNaive(tile);
    });
    for (const index of [0, 1, 500, 999]) await inclusionPath(read, index, 1000);
    expect(new Set(asked).size).toBe(asked.length);
    const has = naiveKeys(1000);
    expect(asked.filter((key) => !has.includes(key))).toEqual([]);
  });

  test('keeps only some tiles, those used last', async () => {
    const asked: number[] = [];
    const read = subtreesOf(256 * 100, async ({ number }) => {
      asked.push(number);
      return Buffer.alloc(8192);
    });
    for (let number = 0; number < 64; number += 1) await read(0, number * 256);
    await read(0, 0);
    expect(asked).toHaveLength(64);
    await read(0, 64 * 256);
    await read(0, 0);
    await read(0, 2 * 256);
    expect(asked).toHaveLength(65);
    await read(0, 256);
    expect(asked).toHaveLength(66);
  });

  test('does with a fuller tile, for a partial one may have gone', async () => {
    const read = subtreesOf(300, (tile) => readNaive({ ...tile, width: 256 }));
    expect(hex(await rangeRoot(read, 0, 300))).toBe(hex(naiveRoot(leaves.slice(0, 300))));
  });

  test.each([0, 31, 33, 32 * 43, 32 * 257])('refuses a tile of %i bytes', async (length) => {
    const read = subtreesOf(300, async () => Buffer.alloc(length));
    await expect(read(0, 299)).rejects.toMatchObject({ code: 'proof-invalid' });
  });

  test.each([
    [0, 300],
    [1, 150],
    [8, 1],
    [0, -1],
  ])('has no subtree at level %i with index %i when it has 300 leaves', async (level, index) => {
    await expect(subtreesOf(300, readNaive)(level, index)).rejects.toMatchObject({ code: 'internal' });
  });
});
