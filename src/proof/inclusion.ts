import { ArchiverError } from '../errors.ts';
import { checkHashes, type ReadSubtree, rangeRoot, splitPoint } from './subtree.ts';
import { nodeHash } from './tree.ts';

/**
 * The path from a leaf's sibling up to the root's child, PATH(index, D[size]) of RFC 6962 section 2.1.1; 32 bytes
 * each. Fails with `internal` when the leaf is not in the tree, and as `read` does.
 */
export async function inclusionPath(
  read: ReadSubtree,
  index: number,
  size: number,
): Promise<readonly Uint8Array[]> {
  if (!isLeafOf(index, size)) {
    throw new ArchiverError('internal', 'no such leaf in the tree', { detail: `${index} of ${size}` });
  }
  const path: Uint8Array[] = [];
  for (let from = 0, to = size; to - from > 1; ) {
    const middle = from + splitPoint(to - from);
    const left = index < middle;
    path.unshift(await (left ? rangeRoot(read, middle, to) : rangeRoot(read, from, middle)));
    if (left) to = middle;
    else from = middle;
  }
  return path;
}

/**
 * The root that a path leads to, by the algorithm of RFC 9162 section 2.1.3.2; the caller compares it with the root
 * it trusts. Fails with `proof-invalid` when the path cannot be one of this leaf and size: too long, too short,
 * `index` not below `size`.
 *
 * @param leaf the leaf's hash, 32 bytes
 */
export function inclusionRoot(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Uint8Array {
  if (!isLeafOf(index, size)) {
    throw new ArchiverError('proof-invalid', 'no such leaf in the tree', { detail: `${index} of ${size}` });
  }
  checkHashes([leaf, ...path]);
  // The leaf's place and the last one's, level by level. Numbers go beyond 32 bits, so no bit operators.
  let place = index;
  let last = size - 1;
  let root = leaf;
  for (const sibling of path) {
    if (last === 0) throw new ArchiverError('proof-invalid', 'inclusion path is too long');
    if (place % 2 === 1 || place === last) {
      root = nodeHash(sibling, root);
      // The right edge has no sibling on the levels where it is alone.
      while (place % 2 === 0 && place !== 0) [place, last] = [place / 2, Math.floor(last / 2)];
    } else {
      root = nodeHash(root, sibling);
    }
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new ArchiverError('proof-invalid', 'inclusion path is too short');
  return root;
}

function isLeafOf(index: number, size: number): boolean {
  return Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size;
}
