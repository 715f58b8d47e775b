import type { Endpoint } from './faults.ts';

/** What the emulator has served so far. */
export interface Stats {
  /** Requests by endpoint and outcome, such as `messages 200` or `token reset`. */
  readonly requests: Readonly<Record<string, number>>;
  /** Requests that would have changed something at Zoom, by a method other than GET; all were refused. */
  readonly writes: number;
  /** The most requests of each label that arrived in one second, of RESOURCE-INTENSIVE in one minute. */
  readonly busiestSecond: Readonly<Record<string, number>>;
  /** Real time in milliseconds since 1970; undefined before the first request. */
  readonly firstRequestAt: number | undefined;
  readonly lastRequestAt: number | undefined;
  /** Bytes of body sent by all endpoints but that of tokens. */
  readonly bodyBytes: number;
  /** What reached the second origin, with how many access tokens among it. */
  readonly secondOrigin: { readonly requests: number; readonly withAuthorization: number };
  /** Memory of the whole process in bytes. */
  readonly residentBytes: number;
  /** CPU the whole process has used, in microseconds. */
  readonly cpuMicros: number;
}

/** Counts requests. */
export class Counters {
  readonly #requests: Record<string, number> = {};
  #firstRequestAt: number | undefined;
  #lastRequestAt: number | undefined;
  #bodyBytes = 0;
  #writes = 0;
  readonly #secondOrigin = { requests: 0, withAuthorization: 0 };

  count(endpoint: Endpoint, outcome: string, bodyBytes: number): void {
    const name = `${endpoint} ${outcome}`;
    this.#requests[name] = (this.#requests[name] ?? 0) + 1;
    this.#lastRequestAt = Date.now();
    this.#firstRequestAt ??= this.#lastRequestAt;
    this.#bodyBytes += bodyBytes;
  }

  countWrite(): void {
    this.#writes += 1;
  }

  countSecondOrigin(authorization: string | undefined): void {
    this.#secondOrigin.requests += 1;
    if (authorization !== undefined) this.#secondOrigin.withAuthorization += 1;
  }

  stats(busiestSecond: Readonly<Record<string, number>>): Stats {
    const { user, system } = process.cpuUsage();
    return {
      requests: { ...this.#requests },
      writes: this.#writes,
      busiestSecond,
      firstRequestAt: this.#firstRequestAt,
      lastRequestAt: this.#lastRequestAt,
      bodyBytes: this.#bodyBytes,
      secondOrigin: { ...this.#secondOrigin },
      residentBytes: process.memoryUsage.rss(),
      cpuMicros: user + system,
    };
  }
}
