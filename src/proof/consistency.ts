import { ArchiverError } from '../errors.ts';
import { checkHashes, perfectLevel, type ReadSubtree, rangeRoot, splitPoint } from './subtree.ts';
import { nodeHash } from './tree.ts';

/** A tree's head. */
export interface TreeHead {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/**
 * What shows that the first `older` leaves of a tree of `newer` leaves are the tree of that size: PROOF(older,
 * D[newer]) of RFC 6962 section 2.1.2; 32 bytes each, none between equal sizes. Fails with `internal` unless
 * 0 < older <= newer, and as `read` does.
 */
export async function consistencyProof(
  read: ReadSubtree,
  older: number,
  newer: number,
): Promise<readonly Uint8Array[]> {
  if (!areSizes(older, newer)) {
    throw new ArchiverError('internal', 'no consistency proof between these sizes', {
      detail: `${older} and ${newer}`,
    });
  }
  const proof: Uint8Array[] = [];
  let [from, to] = [0, newer];
  while (to !== older) {
    const middle = from + splitPoint(to - from);
    const left = older <= middle;
    proof.unshift(await (left ? rangeRoot(read, middle, to) : rangeRoot(read, from, middle)));
    if (left) to = middle;
    else from = middle;
  }
  // From 0 it is the older root itself, which the verifier has.
  if (from !== 0) proof.unshift(await rangeRoot(read, from, to));
  return proof;
}

/**
 * Returns when `proof` shows that the newer tree begins with the older one, by the algorithm of RFC 9162 section
 * 2.1.4.2; equal sizes need equal roots and no proof. Fails with `proof-invalid` otherwise, also for an older size of
 * 0, with which everything is consistent and nothing shown.
 */
export function verifyConsistency(older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): void {
  if (!areSizes(older.size, newer.size)) {
    throw new ArchiverError('proof-invalid', 'no consistency proof between these sizes', {
      detail: `${older.size} and ${newer.size}`,
    });
  }
  checkHashes([older.root, newer.root, ...proof]);
  const roots = older.size === newer.size ? equalSizeRoots(older, proof) : provenRoots(older, newer, proof);
  if (Buffer.compare(roots.older, older.root) !== 0 || Buffer.compare(roots.newer, newer.root) !== 0) {
    throw new ArchiverError('proof-invalid', 'trees are not consistent', {
      detail: `${older.size} and ${newer.size}`,
    });
  }
}

interface Roots {
  readonly older: Uint8Array;
  readonly newer: Uint8Array;
}

function equalSizeRoots({ root }: TreeHead, proof: readonly Uint8Array[]): Roots {
  if (proof.length > 0) throw new ArchiverError('proof-invalid', 'consistency proof is too long');
  return { older: root, newer: root };
}

/** The roots that the proof leads to. */
function provenRoots(older: TreeHead, newer: TreeHead, proof: readonly Uint8Array[]): Roots {
  const [start, ...rest] = perfectLevel(older.size) !== undefined ? [older.root, ...proof] : proof;
  if (start === undefined || proof.length === 0) {
    throw new ArchiverError('proof-invalid', 'consistency proof is too short');
  }
  // The last leaf of either tree, level by level. Numbers go beyond 32 bits, so no bit operators.
  let [place, last] = [older.size - 1, newer.size - 1];
  const up = (): void => {
    [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
  };
  while (place % 2 === 1) up();
  const roots = { older: start, newer: start };
  for (const hash of rest) {
    if (last === 0) throw new ArchiverError('proof-invalid', 'consistency proof is too long');
    if (place % 2 === 1 || place === last) {
      roots.older = nodeHash(hash, roots.older);
      roots.newer = nodeHash(hash, roots.newer);
      while (place % 2 === 0 && place !== 0) up();
    } else {
      roots.newer = nodeHash(roots.newer, hash);
    }
    up();
  }
  if (last !== 0) throw new ArchiverError('proof-invalid', 'consistency proof is too short');
  return roots;
}

function areSizes(older: number, newer: number): boolean {
  return Number.isSafeInteger(older) && Number.isSafeInteger(newer) && 0 < older && older <= newer;
}
