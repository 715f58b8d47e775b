import { hash } from 'node:crypto';

/** Merkle tree of RFC 6962 section 2.1 over SHA-256. */

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

  /** @param leafHash 32 bytes: SHA-256 of 0x00 and the leaf's bytes */
  add(leafHash: Uint8Array): void {
    let peak = { hash: leafHash, level: 0 };
    for (let last = this.#peaks.at(-1); last?.level === peak.level; last = this.#peaks.at(-1)) {
      this.#peaks.pop();
      peak = { hash: nodeHash(last.hash, peak.hash), level: peak.level + 1 };
    }
    this.#peaks.push(peak);
    this.#size += 1;
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
