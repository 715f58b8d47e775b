/**
 * The emulator's only source of chance: small, fast and repeatable. The same seed gives the same account on every
 * machine, which is what lets a failing test be run again.
 */

const HEX = Buffer.from('0123456789abcdef', 'latin1');
/** Scratch for `uuid` and `hex`: writing into one buffer gives flat strings, where concatenation would keep ropes. */
const SCRATCH = Buffer.alloc(256);

/** A stream of random numbers (mulberry32: 32 bits of state, ample for test data, never for secrets). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The next whole number, 0 to 2^32 - 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A number from 0 up to, not including, 1. */
  fraction(): number {
    return this.next() / 4294967296;
  }

  /** A whole number from 0 up to, not including, `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True with the given probability (0 to 1). */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One element of a list that must not be empty. */
  pick<T>(list: readonly T[]): T {
    const chosen = list[this.below(list.length)];
    if (chosen === undefined) throw new Error('pick from an empty list');
    return chosen;
  }

  /** Puts a list into random order, in place. */
  shuffle(list: unknown[]): void {
    for (let last = list.length - 1; last > 0; last -= 1) {
      const other = this.below(last + 1);
      [list[last], list[other]] = [list[other], list[last]];
    }
  }

  /** `length` lower-case hex digits. */
  hex(length: number): string {
    for (let at = 0; at < length; at += 1) SCRATCH[at] = HEX[this.next() & 15] ?? 0;
    return SCRATCH.toString('latin1', 0, length);
  }

  /** A version 4 UUID, lower case, without braces. */
  uuid(): string {
    let at = 0;
    for (let word = 0; word < 4; word += 1) {
      let bits = this.next();
      for (let digit = 0; digit < 8; digit += 1) {
        if (at === 8 || at === 13 || at === 18 || at === 23) SCRATCH[at++] = 0x2d;
        SCRATCH[at++] = HEX[bits & 15] ?? 0;
        bits >>>= 4;
      }
    }
    SCRATCH[14] = 0x34;
    return SCRATCH.toString('latin1', 0, 36);
  }
}

/** 32-bit FNV-1a of a text; `basis` lets two independent hashes be taken of the same text. */
export function hashText(text: string, basis = 0x811c9dc5): number {
  let hash = basis | 0;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
