import { DAY } from './dates.ts';
import { Refusal } from './refusal.ts';

export type Plan = 'free' | 'pro' | 'business';
export type Label = 'LIGHT' | 'MEDIUM' | 'HEAVY';

const PER_SECOND: Record<Plan, Record<Label, number>> = {
  free: { LIGHT: 4, MEDIUM: 2, HEAVY: 1 },
  pro: { LIGHT: 30, MEDIUM: 20, HEAVY: 10 },
  business: { LIGHT: 80, MEDIUM: 60, HEAVY: 40 },
};

const PER_DAY: Record<Plan, Partial<Record<Label, number>>> = {
  free: { LIGHT: 6_000, MEDIUM: 2_000, HEAVY: 1_000 },
  pro: { HEAVY: 30_000 },
  business: { HEAVY: 60_000 },
};

const CATEGORY: Record<Label, string> = { LIGHT: 'Light', MEDIUM: 'Medium', HEAVY: 'Heavy' };

interface Count {
  second: number;
  inSecond: number;
  day: number;
  inDay: number;
}

/**
 * The account's request limits: fixed windows of one second of real time, because it is the load that is limited,
 * and of one UTC day of emulated time.
 */
export class RateLimits {
  readonly #plan: Plan;
  readonly #enforced: boolean;
  readonly #counts = new Map<Label, Count>();
  readonly #busiest = new Map<Label, number>();

  constructor(plan: Plan, enforced: boolean) {
    this.#plan = plan;
    this.#enforced = enforced;
  }

  /**
   * Counts one request and returns the headers its answer carries; refuses with 429 when the label is used up.
   * @param now emulated time in milliseconds.
   */
  take(label: Label, now: number): Record<string, string> {
    const real = performance.now();
    const count = this.#countFor(label, Math.floor(real / 1000), Math.floor(now / DAY));
    count.inSecond += 1;
    count.inDay += 1;
    if (count.inSecond > (this.#busiest.get(label) ?? 0)) this.#busiest.set(label, count.inSecond);
    const limit = PER_SECOND[this.#plan][label];
    // A client that obeys the headers would pace itself if they said that the second is used up.
    if (!this.#enforced) return limitHeaders(label, 'QPS', limit, limit);
    const daily = PER_DAY[this.#plan][label];
    if (daily !== undefined && count.inDay > daily) {
      throw dailyLimitRefusal(label, daily, new Date((Math.floor(now / DAY) + 1) * DAY).toISOString());
    }
    if (count.inSecond > limit) throw secondLimitRefusal(label, limit, now + 1000 - (real % 1000));
    return limitHeaders(label, 'QPS', limit, limit - count.inSecond);
  }

  /** The most requests of each label seen in one second, refused ones included. */
  busiestSecond(): Record<string, number> {
    return Object.fromEntries(this.#busiest);
  }

  /** The 429 of a second that is used up, for requests that are turned away on purpose. */
  refuseSecond(label: Label, now: number): Refusal {
    return secondLimitRefusal(label, PER_SECOND[this.#plan][label], now + 1000);
  }

  #countFor(label: Label, second: number, day: number): Count {
    let count = this.#counts.get(label);
    if (count === undefined) {
      count = { second, inSecond: 0, day, inDay: 0 };
      this.#counts.set(label, count);
    }
    if (count.second !== second) {
      count.second = second;
      count.inSecond = 0;
    }
    if (count.day !== day) {
      count.day = day;
      count.inDay = 0;
    }
    return count;
  }
}

/** The 429 of a used-up day. `retryAfter` is the header's text: Zoom sends an ISO date-time there, not seconds. */
export function dailyLimitRefusal(label: Label, limit: number, retryAfter: string): Refusal {
  const message =
    'You have reached the maximum daily rate limit for this API. Refer to the response header for details on when you can make another request.';
  const headers = { ...limitHeaders(label, 'Daily-limit', limit, 0), 'retry-after': retryAfter };
  return new Refusal(429, { code: 429, message }, headers);
}

/** The 429 of too many requests at the same time: no headers tell when to come back. */
export function concurrencyRefusal(): Refusal {
  const message =
    'Too many concurrent requests. A request to modify this resource is already being processed.';
  return new Refusal(429, { code: 429, message });
}

function secondLimitRefusal(label: Label, limit: number, resetAt: number): Refusal {
  const message = 'You have reached the maximum per-second rate limit for this API. Try again later.';
  const reset = String(Math.ceil(resetAt / 1000));
  const headers = { ...limitHeaders(label, 'QPS', limit, 0), 'x-ratelimit-reset': reset };
  return new Refusal(429, { code: 429, message }, headers);
}

function limitHeaders(
  label: Label,
  type: 'QPS' | 'Daily-limit',
  limit: number,
  remaining: number,
): Record<string, string> {
  return {
    'x-ratelimit-category': CATEGORY[label],
    'x-ratelimit-type': type,
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
  };
}
