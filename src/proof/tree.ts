import { hash } from 'node:crypto';

/** Merkle tree of RFC 6962 section 2.1 over SHA-256. */

/** Bytes of a hash. */
export const HASH_BYTES = 32;

/** RFC 6962 leaf hash of a log entry: SHA-256 of 0x00 and its bytes. */
export function entryHash(entry: Uint8Array): Buffer {
  const leaf = Buffer.allocUnsafe(1 + entry.length);
  leaf[0] = 0x00;
  leaf.set(entry, 1);
  return hash('sha256', leaf, 'buffer');
}

/** SHA-256 of 0x01 and both children, 32 bytes each. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const node = Buffer.allocUnsafe(65);
  node[0] = 0x01;
  node.set(left, 1);
  node.set(right, 33);
  return hash('sha256', node, 'buffer');
}

/**
 * Root over leaf hashes fed in order, in memory that grows with the tree's height only: `peaks` holds the roots
 * of the perfect subtrees that cover what was added, largest first.
 */
export class RootBuilder {
  readonly #peaks: { hash: Uint8Array; level: number }[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Adds a leaf, or at a higher level the 2^level leaves below a node. Levels may only be mixed so that the size
   * before is a multiple of 2^level.
   * @param subtree 32 bytes: at level 0 SHA-256 of 0x00 and the leaf's bytes, else {@link nodeHash}
   */
  add(subtree: Uint8Array, level = 0): void {
    let peak = { hash: subtree, level };
    for (let last = this.#peaks.at(-1); last?.level === peak.level; last = this.#peaks.at(-1)) {
      this.#peaks.pop();
      peak = { hash: nodeHash(last.hash, peak.hash), level: peak.level + 1 };
    }
    this.#peaks.push(peak);
    this.#size += 2 ** level;
  }

  /** 32 bytes; of an empty tree the SHA-256 of nothing. */
  root(): Uint8Array {
    const last = this.#peaks.at(-1);
    if (last === undefined) return hash('sha256', '', 'buffer');
    let root = last.hash;
    for (const peak of this.#peaks.slice(0, -1).reverse()) root = nodeHash(peak.hash, root);
    return root;
  }
}

/**
 * Root over leaf hashes that stand one after another, 32 bytes each: that of a {@link RootBuilder}, in a third of its
 * time, because no node becomes an object. Level by level, and what has no sibling moves up.
 * @param hashes is overwritten
 */
export function rootOver(hashes: Buffer): Uint8Array {
  if (hashes.length === 0) return new RootBuilder().root();
  const node = Buffer.alloc(1 + 2 * HASH_BYTES);
  node[0] = 0x01;
  for (let count = hashes.length / HASH_BYTES; count > 1; count = Math.ceil(count / 2)) {
    for (let pair = 0; pair < Math.floor(count / 2); pair += 1) {
      hashes.copy(node, 1, 2 * pair * HASH_BYTES, 2 * (pair + 1) * HASH_BYTES);
      writeHash(node, hashes, pair);
    }
    if (count % 2 === 1)
      hashes.copyWithin(((count - 1) / 2) * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES);
  }
  return hashes.subarray(0, HASH_BYTES);
}

/** Writes the SHA-256 of `bytes` to place `index` of `hashes`. As text it is handed over twice as fast as in a Buffer. */
export function writeHash(bytes: Uint8Array, hashes: Buffer, index: number): void {
  hashes.write(hash('sha256', bytes, 'binary'), index * HASH_BYTES, 'binary');
}
