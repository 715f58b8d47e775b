/** RFC 6962 section 2.1 as it is written there, on lists of leaves: what the tree's own code is compared with. */
import { createHash } from 'node:crypto';

type Leaves = readonly Uint8Array[];

export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Largest power of two smaller than n. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** MTH(D). */
export function naiveRoot(leaves: Leaves): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha256();
  if (leaves.length === 1) return sha256(Buffer.of(0), only);
  const k = split(leaves.length);
  return sha256(Buffer.of(1), naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)));
}

/** PATH(m, D), section 2.1.1. */
export function naivePath(m: number, leaves: Leaves): Buffer[] {
  if (leaves.length === 1) return [];
  const k = split(leaves.length);
  return m < k
    ? [...naivePath(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

/** PROOF(m, D), section 2.1.2. */
export function naiveProof(m: number, leaves: Leaves): Buffer[] {
  return naiveSubproof(m, leaves, true);
}

function naiveSubproof(m: number, leaves: Leaves, whole: boolean): Buffer[] {
  if (m === leaves.length) return whole ? [] : [naiveRoot(leaves)];
  const k = split(leaves.length);
  return m <= k
    ? [...naiveSubproof(m, leaves.slice(0, k), whole), naiveRoot(leaves.slice(k))]
    : [...naiveSubproof(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))];
}

/** Reads the root of any perfect subtree of these leaves. */
export function naiveSubtrees(leaves: Leaves) {
  return async (level: number, index: number): Promise<Buffer> => {
    const [from, to] = [index * 2 ** level, (index + 1) * 2 ** level];
    if (to > leaves.length) throw new Error(`asked for leaves ${from} to ${to} of ${leaves.length}`);
    return naiveRoot(leaves.slice(from, to));
  };
}

export function someLeaves(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`));
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const hexes = (list: readonly Uint8Array[]): string[] => list.map(hex);

/** Leaves in the tests of certificate-transparency. */
export const CT_LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((leaf) => Buffer.from(leaf, 'hex'));
