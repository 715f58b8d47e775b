import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiverError } from '../errors.ts';

/** Zoom's rate-limit labels; each endpoint has one. */
export type Label = 'LIGHT' | 'MEDIUM' | 'HEAVY' | 'RESOURCE-INTENSIVE';
export type Plan = 'free' | 'pro' | 'business';

/** Requests per second that Zoom grants an account, all its apps together (fact sheet section 8). */
export const PLAN_RATES: Record<Plan, Record<Label, number>> = {
  free: { LIGHT: 4, MEDIUM: 2, HEAVY: 1, 'RESOURCE-INTENSIVE': 10 / 60 },
  pro: { LIGHT: 30, MEDIUM: 20, HEAVY: 10, 'RESOURCE-INTENSIVE': 10 / 60 },
  business: { LIGHT: 80, MEDIUM: 60, HEAVY: 40, 'RESOURCE-INTENSIVE': 20 / 60 },
};

/** What a response says about the budget; a header that is missing or unreadable is `undefined`. */
export interface RateHeaders {
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  readonly daily: boolean;
  /** Said to be a limit per second or minute; when neither is true, Zoom does not say which it is. */
  readonly perSecond: boolean;
}

type HeaderValue = string | string[] | undefined;

function numeric(value: HeaderValue): number | undefined {
  if (typeof value !== 'string' || value.trim() === '') return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

export function rateHeaders(headers: Record<string, HeaderValue>): RateHeaders {
  const type = headers['x-ratelimit-type'];
  const kind = typeof type === 'string' ? type.toLowerCase() : '';
  return {
    limit: numeric(headers['x-ratelimit-limit']),
    remaining: numeric(headers['x-ratelimit-remaining']),
    daily: kind.startsWith('daily'),
    perSecond: kind === 'qps',
  };
}

/**
 * When a 429 allows the next request, in milliseconds since the epoch. `Retry-After` comes as an ISO date-time
 * (Zoom's daily limit), as an HTTP date or as seconds; `X-RateLimit-Reset` as Unix seconds.
 */
export function retryMoment(headers: Record<string, HeaderValue>, now: number): number | undefined {
  const after = headers['retry-after'];
  if (typeof after === 'string' && after.trim() !== '') {
    const seconds = numeric(after);
    if (seconds !== undefined) return now + seconds * 1000;
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return date;
  }
  const reset = numeric(headers['x-ratelimit-reset']);
  return reset === undefined ? undefined : reset * 1000;
}

export interface TokenBucketOptions {
  readonly label: Label;
  /** Requests per second this process may make under the label. */
  readonly rate: number;
  /** Milliseconds that never go backwards. */
  readonly monotonic: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Paces the requests of one label. Requests are let through in the order they asked, one every `1/rate` seconds;
 * what a late timer missed may be caught up shortly after, so that the budget is used, while no second sees more
 * than the rate, rounded up.
 */
export class TokenBucket {
  readonly label: Label;
  readonly #gapMs: number;
  readonly #catchUpMs: number;
  readonly #options: TokenBucketOptions;
  /** When the last requests began, as many as `#spanMs` may see; the oldest is at `#oldest`. */
  readonly #starts: number[];
  /** A second, and a little more where the rate is no whole number. */
  readonly #spanMs: number;
  #oldest = 0;
  #next = 0;
  #parkedUntil = 0;
  /** The same moment in monotonic time: a clock that was set back must not park the label for days. */
  #parkedUntilMonotonic = 0;
  #pausedUntil = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(options: TokenBucketOptions) {
    this.label = options.label;
    this.#options = options;
    this.#gapMs = 1000 / options.rate;
    this.#catchUpMs = Math.min(250, this.#gapMs * Math.max(1, options.rate / 8));
    this.#starts = Array(Math.ceil(options.rate)).fill(Number.NEGATIVE_INFINITY);
    this.#spanMs = this.#starts.length * this.#gapMs;
  }

  /** Requests that could start now without waiting. */
  tokens(): number {
    const now = this.#options.monotonic();
    if (this.parkedUntil() > 0 || this.#earliest() > now) return 0;
    const paced = 1 + Math.floor(Math.min(now - this.#next, this.#catchUpMs) / this.#gapMs);
    return Math.min(paced, this.#startedBefore(now - this.#spanMs));
  }

  /** How many of the kept starts lie at or before `moment`; they are in order from the oldest. */
  #startedBefore(moment: number): number {
    const { length } = this.#starts;
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const start = this.#starts[(this.#oldest + middle) % length] ?? 0;
      if (start <= moment) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The moment, ms since the epoch, until which the label is parked; 0 when it is not. */
  parkedUntil(): number {
    const { now, monotonic } = this.#options;
    return this.#parkedUntil > now() && this.#parkedUntilMonotonic > monotonic() ? this.#parkedUntil : 0;
  }

  /** Resolves when a request may start. Fails with `zoom-rate-limited` while the label is parked. */
  acquire(signal: AbortSignal): Promise<void> {
    const turn = this.#tail.then(() => this.#take(signal));
    this.#tail = turn.catch(() => undefined);
    return turn;
  }

  /** No request of this label before `until` (a daily limit): acquiring fails at once until then. */
  park(until: number): void {
    const { now, monotonic } = this.#options;
    this.#parkedUntil = Math.max(this.parkedUntil(), until);
    this.#parkedUntilMonotonic = monotonic() + Math.max(0, this.#parkedUntil - now());
  }

  /** Holds the next requests back for `ms`: other apps of the account used the second up. */
  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#options.monotonic() + ms);
  }

  /**
   * Obeys what Zoom says: nothing left in this second holds the next request back until it is over, unless it was
   * this process that used the second up, for then its own pace is the answer. A daily counter is not a per-second
   * one and does not slow the pace.
   */
  observe(headers: RateHeaders): void {
    if (headers.daily || headers.remaining === undefined || headers.remaining > 0) return;
    const own = this.#starts.length - this.#startedBefore(this.#options.monotonic() - 1000);
    if (headers.limit !== undefined && own >= headers.limit - 1) return;
    const intoSecond = this.#options.now() % 1000;
    this.pause(Math.max(0, Math.min(1000 - intoSecond, 1000)));
  }

  async #take(signal: AbortSignal): Promise<void> {
    const { monotonic } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      const parked = this.parkedUntil();
      if (parked > 0) {
        throw new ArchiverError('zoom-rate-limited', 'rate limit label is parked', {
          detail: `${this.label} until ${new Date(parked).toISOString()}`,
          retryAt: parked,
        });
      }
      const now = monotonic();
      const start = this.#earliest();
      if (start <= now) {
        this.#next = Math.max(this.#next, this.#pausedUntil, now - this.#catchUpMs) + this.#gapMs;
        this.#starts[this.#oldest] = now;
        this.#oldest = (this.#oldest + 1) % this.#starts.length;
        return;
      }
      await this.#sleep(start - now, signal);
    }
  }

  /** When the next request may begin, in monotonic time. */
  #earliest(): number {
    const oldest = this.#starts[this.#oldest] ?? Number.NEGATIVE_INFINITY;
    return Math.max(this.#next, this.#pausedUntil, oldest + this.#spanMs);
  }

  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#options.wait !== undefined) return this.#options.wait(ms, signal);
    await sleep(ms, undefined, { signal });
  }
}
