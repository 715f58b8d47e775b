import type { Endpoint } from './faults.ts';

/** What the emulator has served so far. */
export interface Stats {
  /** Requests by endpoint and outcome, such as `messages 200` or `token reset`. */
  readonly requests: Readonly<Record<string, number>>;
  /** The most requests of each label that arrived in one second. */
  readonly busiestSecond: Readonly<Record<string, number>>;
  /** Real time in milliseconds since 1970; undefined before the first request. */
  readonly firstRequestAt: number | undefined;
  readonly lastRequestAt: number | undefined;
  /** Bytes of body sent by the report endpoints. */
  readonly bodyBytes: number;
  /** CPU the whole process has used, in microseconds. */
  readonly cpuMicros: number;
}

/** Counts requests. */
export class Counters {
  readonly #requests: Record<string, number> = {};
  #firstRequestAt: number | undefined;
  #lastRequestAt: number | undefined;
  #bodyBytes = 0;

  count(endpoint: Endpoint, outcome: string, bodyBytes: number): void {
    const name = `${endpoint} ${outcome}`;
    this.#requests[name] = (this.#requests[name] ?? 0) + 1;
    this.#lastRequestAt = Date.now();
    this.#firstRequestAt ??= this.#lastRequestAt;
    this.#bodyBytes += bodyBytes;
  }

  stats(busiestSecond: Readonly<Record<string, number>>): Stats {
    const { user, system } = process.cpuUsage();
    return {
      requests: { ...this.#requests },
      busiestSecond,
      firstRequestAt: this.#firstRequestAt,
      lastRequestAt: this.#lastRequestAt,
      bodyBytes: this.#bodyBytes,
      cpuMicros: user + system,
    };
  }
}
