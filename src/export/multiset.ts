/**
 * Counts records by their hashes, in any order and constant memory: how many, and the sums of the hashes' eight words.
 * Two multisets of SHA-256 hashes that differ by mistake do not agree in it.
 */

const WORDS = 8;
/** Sums stay below it, so that they are exact as doubles and DuckDB's are the same. */
const MODULUS = 2 ** 52;

export interface MultisetDigest {
  readonly count: number;
  /** Of the words of 32 bits, from the first, modulo 2^52. */
  readonly sums: readonly number[];
}

export class HashMultiset {
  #count = 0;
  readonly #sums = new Array<number>(WORDS).fill(0);

  /** @param hash 64 hex digits */
  add(hash: string): void {
    this.#count += 1;
    for (let word = 0; word < WORDS; word += 1) {
      const value = Number.parseInt(hash.slice(word * 8, word * 8 + 8), 16);
      this.#sums[word] = ((this.#sums[word] ?? 0) + value) % MODULUS;
    }
  }

  get count(): number {
    return this.#count;
  }

  digest(): MultisetDigest {
    return { count: this.#count, sums: [...this.#sums] };
  }
}

/** SQL of the same over the column `record_hash`: the count, then the sums. */
export function multisetColumns(): string {
  const sums = Array.from({ length: WORDS }, (_one, word) => {
    const value = `('0x' || hex(record_hash)[${word * 8 + 1}:${word * 8 + 8}])::uinteger`;
    return `(coalesce(sum(${value}), 0) % ${MODULUS})::double`;
  });
  return ['count(*)::double', ...sums].join(', ');
}

/** @param row of {@link multisetColumns} */
export function multisetOf(row: readonly unknown[]): MultisetDigest {
  const [count = 0, ...sums] = row.map(Number);
  return { count, sums };
}

export function isSameMultiset(one: MultisetDigest, other: MultisetDigest): boolean {
  return one.count === other.count && one.sums.every((sum, word) => sum === other.sums[word]);
}
