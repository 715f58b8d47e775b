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
