import fc from 'fast-check';
import { expect, test } from 'vitest';
import { entryHash, nodeHash, RootBuilder, rootOver } from '../../src/proof/tree.ts';
import { CT_LEAVES, hex, naiveRoot, sha256 } from './naive-tree.ts';

function builderOf(leaves: readonly Uint8Array[]): RootBuilder {
  const builder = new RootBuilder();
  for (const leaf of leaves) builder.add(entryHash(leaf));
  return builder;
}

/** Roots of the trees of 0 to 8 leaves in the tests of certificate-transparency. */
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

test.each(ROOTS.map((root, size) => [size, root] as const))('published root of %i leaves', (size, root) => {
  const builder = builderOf(CT_LEAVES.slice(0, size));
  expect(hex(builder.root())).toBe(root);
  expect(builder.size).toBe(size);
});

test('an inner node is hashed with its own prefix, so that no leaf can pass for one', () => {
  const [left, right] = [sha256(Buffer.of(1)), sha256(Buffer.of(2))];
  expect(hex(nodeHash(left, right))).toBe(hex(sha256(Buffer.of(1), left, right)));
  expect(hex(nodeHash(left, right))).not.toBe(hex(nodeHash(right, left)));
});

test('agrees with the recursive definition for any leaves', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 }), (leaves) => {
      expect(hex(builderOf(leaves).root())).toBe(hex(naiveRoot(leaves)));
      expect(hex(rootOver(Buffer.concat(leaves.map(entryHash))))).toBe(hex(naiveRoot(leaves)));
    }),
    { numRuns: 300 },
  );
});

test('asking for the root changes nothing: every size on the way has its own', () => {
  const leaves = Array.from({ length: 200 }, (_, index) => Buffer.from(`leaf ${index}`));
  const builder = new RootBuilder();
  for (const [index, leaf] of leaves.entries()) {
    builder.add(sha256(Buffer.of(0), leaf));
    expect(hex(builder.root())).toBe(hex(naiveRoot(leaves.slice(0, index + 1))));
    expect(hex(builder.root())).toBe(hex(builder.root()));
  }
});
