/**
 * The emulated account's clock. It starts where it is told and runs with the machine's monotonic time, so a correction
 * of the machine's own clock in the middle of a test changes nothing; a frozen one moves by control only.
 */
export class EmulatedClock {
  readonly #frozen: boolean;
  readonly #startedAt = performance.now();
  #base: number;

  /** @param start milliseconds since 1970 at which the clock begins. */
  constructor(start: number, frozen: boolean) {
    this.#base = start;
    this.#frozen = frozen;
  }

  /** Milliseconds since 1970, whole. */
  now(): number {
    return Math.floor(this.#base + (this.#frozen ? 0 : performance.now() - this.#startedAt));
  }

  /** Moves the clock by so many milliseconds; backwards when negative. */
  move(byMs: number): void {
    this.#base += byMs;
  }
}
