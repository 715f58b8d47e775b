import { ArchiverError } from '../errors.ts';
import { HASH_BYTES, nodeHash } from './tree.ts';

/**
 * Gives the root of the perfect subtree over the leaves [index * 2^level, (index + 1) * 2^level), 32 bytes; level 0
 * is a leaf hash. It is only asked for subtrees that lie within the tree.
 */
export type ReadSubtree = (level: number, index: number) => Promise<Uint8Array>;

/** Where RFC 6962 section 2.1 splits a tree of `size` > 1 leaves: the largest power of two below it. */
export function splitPoint(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}

/** Height of the perfect tree of `size` leaves; undefined when `size` is no power of two. */
export function perfectLevel(size: number): number | undefined {
  // Counted, because a logarithm of 2^49 + 1 is rounded to 49.
  let level = 0;
  while (2 ** level < size) level += 1;
  return 2 ** level === size ? level : undefined;
}

/**
 * Root over the leaves [from, to), as RFC 6962 section 2.1 defines MTH(D[from:to]), 32 bytes; with `from` 0 the root
 * of the tree of `to` leaves. `to` > `from`, and `from` is one that the definition meets: a multiple of every split
 * point within. Fails as `read` does.
 */
export async function rangeRoot(read: ReadSubtree, from: number, to: number): Promise<Uint8Array> {
  const size = to - from;
  const level = perfectLevel(size);
  if (level !== undefined) return read(level, from / size);
  const middle = from + splitPoint(size);
  return nodeHash(await rangeRoot(read, from, middle), await rangeRoot(read, middle, to));
}

/** Fails with `proof-invalid` unless every hash of a proof has 32 bytes: a shorter one would move what is hashed. */
export function checkHashes(hashes: readonly Uint8Array[]): void {
  const wrong = hashes.find(({ length }) => length !== HASH_BYTES);
  if (wrong !== undefined) {
    throw new ArchiverError('proof-invalid', 'hash of a proof has another length', {
      detail: `${wrong.length} bytes`,
    });
  }
}
