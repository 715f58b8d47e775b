import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inclusionPath, inclusionRoot } from '../../src/proof/inclusion.ts';
import { entryHash } from '../../src/proof/tree.ts';
import { CT_LEAVES, hex, hexes, naivePath, naiveRoot, naiveSubtrees, someLeaves } from './naive-tree.ts';

/** Of the tests of certificate-transparency: leaf, from 0, size and path. */
const PUBLISHED: readonly [number, number, readonly string[]][] = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [
    1,
    5,
    [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
];

test.each(PUBLISHED)('published path of leaf %i of %i', async (index, size, path) => {
  expect(hexes(await inclusionPath(naiveSubtrees(CT_LEAVES), index, size))).toEqual(path);
});

const invalid = expect.objectContaining({ code: 'proof-invalid' });
const leaves = someLeaves(1100);
/** Sizes around those at which tiles fill, besides any. */
const size = fc.oneof(fc.integer({ min: 1, max: 1100 }), fc.constantFrom(255, 256, 257, 511, 512, 513, 1024));
const leafOf = size.chain((n) => fc.tuple(fc.nat(n - 1), fc.constant(n)));
const leafOfSmall = fc.integer({ min: 3, max: 80 }).chain((n) => fc.tuple(fc.nat(n - 1), fc.constant(n)));

test('every leaf of every small tree has the path of the recursive definition, and it leads to the root', async () => {
  for (let n = 1; n <= 40; n += 1) {
    const tree = leaves.slice(0, n);
    const root = hex(naiveRoot(tree));
    for (const [index, leaf] of tree.entries()) {
      const path = await inclusionPath(naiveSubtrees(tree), index, n);
      expect(hexes(path)).toEqual(hexes(naivePath(index, tree)));
      expect(hex(inclusionRoot(entryHash(leaf), index, n, path))).toBe(root);
    }
  }
});

test('so have leaves of large trees', async () => {
  await fc.assert(
    fc.asyncProperty(leafOf, async ([index, n]) => {
      const tree = leaves.slice(0, n);
      const path = await inclusionPath(naiveSubtrees(tree), index, n);
      expect(hexes(path)).toEqual(hexes(naivePath(index, tree)));
      const leaf = entryHash(leaves[index] ?? Buffer.of());
      expect(hex(inclusionRoot(leaf, index, n, path))).toBe(hex(naiveRoot(tree)));
    }),
    { numRuns: 40 },
  );
});

test('no other leaf, place or changed hash leads to the root', () => {
  const wrong = fc.oneof(
    fc.record({ what: fc.constant('leaf' as const) }),
    fc.record({ what: fc.constant('index' as const), by: fc.integer({ min: 1, max: 1200 }) }),
    fc.record({ what: fc.constant('hash' as const), at: fc.nat(), bit: fc.nat(255) }),
    fc.record({ what: fc.constant('swap' as const) }),
    fc.record({ what: fc.constant('longer' as const) }),
    fc.record({ what: fc.constant('shorter' as const), first: fc.boolean() }),
  );
  fc.assert(
    fc.property(leafOfSmall, wrong, ([index, n], change) => {
      const tree = leaves.slice(0, n);
      let leaf = entryHash(leaves[index] ?? Buffer.of());
      let place = index;
      let path = naivePath(index, tree);
      if (change.what === 'leaf') leaf = entryHash(Buffer.from('another'));
      else if (change.what === 'index') place = (index + change.by) % (n + 1);
      else if (change.what === 'swap') path = [...path.slice(1), ...path.slice(0, 1)];
      else if (change.what === 'longer') path = [...path, leaf];
      else if (change.what === 'shorter') path = change.first ? path.slice(1) : path.slice(0, -1);
      else {
        const hash = path[change.at % path.length];
        const byte = hash?.[change.bit >> 3] ?? 0;
        hash?.writeUInt8(byte ^ (1 << (change.bit & 7)), change.bit >> 3);
      }
      fc.pre(change.what !== 'index' || place !== index);
      fc.pre(change.what !== 'swap' || path.length > 1);
      let root: Uint8Array | undefined;
      try {
        root = inclusionRoot(leaf, place, n, path);
      } catch (error) {
        expect(error).toEqual(invalid);
      }
      expect(root === undefined ? 'refused' : hex(root)).not.toBe(hex(naiveRoot(tree)));
    }),
    { numRuns: 400 },
  );
});

const hash = Buffer.alloc(32, 7);

test.each<[string, number, number, Buffer[]]>([
  ['of an empty tree', 0, 0, []],
  ['of a leaf after the last', 8, 8, [hash, hash, hash]],
  ['of a negative leaf', -1, 8, [hash, hash, hash]],
  ['of half a leaf', 0.5, 8, [hash, hash, hash]],
  ['of a size that no number holds', 0, 2 ** 53, []],
  ['too short', 5, 8, [hash, hash]],
  ['too long', 5, 8, [hash, hash, hash, hash]],
  ['of a single leaf that is not empty', 0, 1, [hash]],
  ['missing for two leaves', 0, 2, []],
  ['too long at the right edge', 6, 7, [hash, hash, hash]],
  ['with a short hash', 5, 8, [hash, hash.subarray(1), hash]],
  ['with an empty hash', 5, 8, [hash, hash, Buffer.of()]],
])('a path is refused: %s', (_why, index, n, path) => {
  expect(() => inclusionRoot(hash, index, n, path)).toThrow(invalid);
});

test('a leaf hash of another length is refused', () => {
  expect(() => inclusionRoot(hash.subarray(1), 0, 2, [hash])).toThrow(invalid);
});

test.each([
  [1, 1],
  [0, 0],
  [-1, 3],
])('a path of leaf %i of %i cannot be asked for', async (index, n) => {
  const asked = inclusionPath(naiveSubtrees(leaves), index, n);
  await expect(asked).rejects.toMatchObject({ code: 'internal' });
});

test('places beyond 32 bits are computed exactly', async () => {
  const n = 2 ** 49 + 1;
  const constant = async (level: number): Promise<Buffer> => Buffer.alloc(32, level);
  const path = await inclusionPath(constant, n - 1, n);
  expect(hexes(path)).toEqual([hex(Buffer.alloc(32, 49))]);
  const first = await inclusionPath(constant, 0, n);
  expect(first).toHaveLength(50);
  expect(() => inclusionRoot(hash, 0, n, first)).not.toThrow();
  expect(() => inclusionRoot(hash, 0, n - 1, first)).toThrow(invalid);
});
