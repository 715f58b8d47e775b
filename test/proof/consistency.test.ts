import fc from 'fast-check';
import { expect, test } from 'vitest';
import { consistencyProof, verifyConsistency } from '../../src/proof/consistency.ts';
import { CT_LEAVES, hexes, naiveProof, naiveRoot, naiveSubtrees, someLeaves } from './naive-tree.ts';

/** Of the tests of certificate-transparency: sizes and proof. */
const PUBLISHED: readonly [number, number, readonly string[]][] = [
  [1, 1, []],
  [
    1,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    6,
    8,
    [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [
    2,
    5,
    [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
];

test.each(PUBLISHED)('published proof between %i and %i leaves', async (older, newer, proof) => {
  expect(hexes(await consistencyProof(naiveSubtrees(CT_LEAVES), older, newer))).toEqual(proof);
});

const invalid = expect.objectContaining({ code: 'proof-invalid' });
const leaves = someLeaves(1100);
const head = (size: number) => ({ size, root: naiveRoot(leaves.slice(0, size)) });
const someSize = fc.oneof(fc.integer({ min: 1, max: 1100 }), fc.constantFrom(255, 256, 257, 512, 1024));
const sizes = fc.tuple(someSize, someSize).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

const small = fc.integer({ min: 1, max: 80 });
const smallSizes = fc.tuple(small, small).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

test('between all sizes of small trees the proof is that of the recursive definition, and it holds', async () => {
  for (let newer = 1; newer <= 34; newer += 1) {
    const tree = leaves.slice(0, newer);
    for (let older = 1; older <= newer; older += 1) {
      const proof = await consistencyProof(naiveSubtrees(tree), older, newer);
      expect(hexes(proof)).toEqual(hexes(naiveProof(older, tree)));
      expect(() => verifyConsistency(head(older), head(newer), proof)).not.toThrow();
    }
  }
});

test('so it is between sizes of large trees', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, async ([older, newer]) => {
      const tree = leaves.slice(0, newer);
      const proof = await consistencyProof(naiveSubtrees(tree), older, newer);
      expect(hexes(proof)).toEqual(hexes(naiveProof(older, tree)));
      expect(() => verifyConsistency(head(older), head(newer), proof)).not.toThrow();
    }),
    { numRuns: 30 },
  );
});

test('no changed root, size or hash holds', () => {
  const wrong = fc.constantFrom(
    'older root',
    'newer root',
    'older size',
    'newer size',
    'hash',
    'longer',
    'shorter',
  );
  fc.assert(
    fc.property(smallSizes, wrong, fc.nat(), ([older, newer], what, at) => {
      fc.pre(older < newer);
      const heads = { older: head(older), newer: head(newer) };
      let proof = naiveProof(older, leaves.slice(0, newer));
      const flip = (hash: Buffer | undefined): void => {
        hash?.writeUInt8((hash[at % 32] ?? 0) ^ (1 << (at % 8)), at % 32);
      };
      if (what === 'older root') flip(heads.older.root);
      else if (what === 'newer root') flip(heads.newer.root);
      else if (what === 'older size') heads.older.size = 1 + ((older + (at % (newer - 1))) % newer);
      else if (what === 'newer size') heads.newer.size = older;
      else if (what === 'hash') flip(proof[at % proof.length]);
      else proof = what === 'longer' ? [...proof, heads.newer.root] : proof.slice(0, -1);
      fc.pre(what !== 'older size' || heads.older.size !== older);
      expect(() => verifyConsistency(heads.older, heads.newer, proof)).toThrow(invalid);
    }),
    { numRuns: 400 },
  );
});

test('a tree that was rewritten is consistent with no proof of either', async () => {
  const other = leaves.with(3, Buffer.from('another'));
  const rewritten = { size: 20, root: naiveRoot(other.slice(0, 20)) };
  for (const tree of [leaves, other]) {
    const proof = await consistencyProof(naiveSubtrees(tree.slice(0, 20)), 8, 20);
    expect(() => verifyConsistency(head(8), rewritten, proof)).toThrow(invalid);
  }
});

const hash = Buffer.alloc(32, 7);

test.each<[string, number, number, Buffer[]]>([
  ['from an empty tree', 0, 8, []],
  ['to a smaller tree', 8, 7, [hash]],
  ['of a size that is no integer', 1.5, 8, [hash, hash, hash]],
  ['of a size that no number holds', 1, 2 ** 53, [hash]],
  ['equal sizes with a proof', 8, 8, [hash]],
  ['without a proof', 3, 8, []],
  ['without a proof from a power of two', 4, 8, []],
  ['too short', 6, 8, [hash, hash]],
  ['too long', 6, 8, [hash, hash, hash, hash]],
  ['with a short hash', 6, 8, [hash, hash, hash.subarray(1)]],
])('a proof is refused: %s', (_why, older, newer, proof) => {
  expect(() => verifyConsistency({ size: older, root: hash }, { size: newer, root: hash }, proof)).toThrow(
    invalid,
  );
});

test('equal sizes have equal roots', () => {
  expect(() => verifyConsistency(head(9), head(9), [])).not.toThrow();
  expect(() => verifyConsistency(head(9), { size: 9, root: hash }, [])).toThrow(invalid);
});

test.each([
  [0, 3],
  [4, 3],
])('a proof between %i and %i leaves cannot be asked for', async (older, newer) => {
  const asked = consistencyProof(naiveSubtrees(leaves), older, newer);
  await expect(asked).rejects.toMatchObject({ code: 'internal' });
});
