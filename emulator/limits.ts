import { DAY, MINUTE } from './dates.ts';
import { Refusal } from './refusal.ts';

export type Plan = 'free' | 'pro' | 'business';
export type Label = 'LIGHT' | 'MEDIUM' | 'HEAVY' | 'RESOURCE-INTENSIVE';

/** Requests a second, of RESOURCE-INTENSIVE a minute. */
const PER_WINDOW: Record<Plan, Record<Label, number>> = {
  free: { LIGHT: 4, MEDIUM: 2, HEAVY: 1, 'RESOURCE-INTENSIVE': 10 },
  pro: { LIGHT: 30, MEDIUM: 20, HEAVY: 10, 'RESOURCE-INTENSIVE': 10 },
  business: { LIGHT: 80, MEDIUM: 60, HEAVY: 40, 'RESOURCE-INTENSIVE': 20 },
};

/** Requests a day, by pool. */
const PER_DAY: Record<Plan, Partial<Record<Label, number>>> = {
  free: { LIGHT: 6_000, MEDIUM: 2_000, HEAVY: 1_000, 'RESOURCE-INTENSIVE': 30_000 },
  pro: { HEAVY: 30_000 },
  business: { HEAVY: 60_000 },
};

const CATEGORY: Record<Label, string> = {
  LIGHT: 'Light',
  MEDIUM: 'Medium',
  HEAVY: 'Heavy',
  'RESOURCE-INTENSIVE': 'Resource-intensive',
};

interface Count {
  window: number;
  requests: number;
}

/**
 * The account's request limits: fixed windows of one second of real time, because it is the load that is limited,
 * and of one minute and one UTC day of emulated time, so that a test can let them pass.
 */
export class RateLimits {
  readonly #plan: Plan;
  readonly #enforced: boolean;
  readonly #windows = new Map<Label, Count>();
  readonly #days = new Map<Label, Count>();
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
    const [clock, length] = label === 'RESOURCE-INTENSIVE' ? [now, MINUTE] : [performance.now(), 1000];
    const inWindow = countOne(this.#windows, label, Math.floor(clock / length));
    const pool = this.#dailyPool(label);
    const inDay = countOne(this.#days, pool, Math.floor(now / DAY));
    if (inWindow > (this.#busiest.get(label) ?? 0)) this.#busiest.set(label, inWindow);
    const limit = PER_WINDOW[this.#plan][label];
    // A client that obeys the headers would pace itself if they said that the second is used up.
    if (!this.#enforced) return limitHeaders(label, 'QPS', limit, limit);
    const daily = PER_DAY[this.#plan][pool];
    if (daily !== undefined && inDay > daily) {
      throw dailyLimitRefusal(label, daily, new Date((Math.floor(now / DAY) + 1) * DAY).toISOString());
    }
    if (inWindow > limit) throw windowLimitRefusal(label, limit, now + length - (clock % length));
    return limitHeaders(label, 'QPS', limit, limit - inWindow);
  }

  /** The most requests of each label seen in one second, of RESOURCE-INTENSIVE in a minute; refused ones included. */
  busiestSecond(): Record<string, number> {
    return Object.fromEntries(this.#busiest);
  }

  /** The 429 of a second that is used up, for requests that are turned away on purpose. */
  refuseSecond(label: Label, now: number): Refusal {
    return windowLimitRefusal(label, PER_WINDOW[this.#plan][label], now + 1000);
  }

  /** Paid plans count HEAVY and RESOURCE-INTENSIVE together. */
  #dailyPool(label: Label): Label {
    return label === 'RESOURCE-INTENSIVE' && this.#plan !== 'free' ? 'HEAVY' : label;
  }
}

function countOne(counts: Map<Label, Count>, label: Label, window: number): number {
  const count = counts.get(label);
  if (count === undefined || count.window !== window) {
    counts.set(label, { window, requests: 1 });
    return 1;
  }
  count.requests += 1;
  return count.requests;
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

function windowLimitRefusal(label: Label, limit: number, resetAt: number): Refusal {
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
