/**
 * A response body put together piece by piece in UTF-8. Encoding each short piece on its own is several times faster
 * than joining strings first: one emoji in a page would turn all of it into a slow two-byte string.
 */
let scratch = Buffer.allocUnsafeSlow(1 << 20);

/** One body under construction. They share their memory: finish one before starting the next. */
export class PageBytes {
  #length = 0;

  write(text: string): void {
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    const needed = this.#length + text.length * 3;
    if (needed > scratch.length) {
      const larger = Buffer.allocUnsafeSlow(needed * 2);
      scratch.copy(larger, 0, 0, this.#length);
      scratch = larger;
    }
    this.#length += scratch.write(text, this.#length);
  }

  /** Writes `,"name":[…]` with these rows. */
  writeArray(name: string, rows: readonly string[]): void {
    this.write(`,"${name}":[`);
    for (const [index, row] of rows.entries()) {
      if (index > 0) this.write(',');
      this.write(row);
    }
    this.write(']');
  }

  /** The finished body, in memory of its own. */
  finish(): Buffer {
    return Buffer.from(scratch.subarray(0, this.#length));
  }
}
