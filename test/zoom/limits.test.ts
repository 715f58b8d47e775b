import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rateHeaders, retryMoment, TokenBucket } from '../../src/zoom/limits.ts';

const NOW = Date.parse('2026-06-15T12:00:00.250Z');

describe('retryMoment', () => {
  test.each<[string, Record<string, string>, number | undefined]>([
    ['an ISO date-time', { 'retry-after': '2026-06-16T00:00:00Z' }, Date.parse('2026-06-16T00:00:00Z')],
    ['an HTTP date', { 'retry-after': 'Tue, 16 Jun 2026 00:00:00 GMT' }, Date.parse('2026-06-16T00:00:00Z')],
    ['seconds', { 'retry-after': '120' }, NOW + 120_000],
    ['Unix seconds of the reset', { 'x-ratelimit-reset': '1781524802' }, 1_781_524_802_000],
    ['both: Retry-After counts', { 'retry-after': '5', 'x-ratelimit-reset': '1781524802' }, NOW + 5_000],
    [
      'an unreadable Retry-After: the reset counts',
      { 'retry-after': 'soon', 'x-ratelimit-reset': '1781524802' },
      1_781_524_802_000,
    ],
    ['an empty one', { 'retry-after': ' ', 'x-ratelimit-reset': '' }, undefined],
    ['nonsense', { 'retry-after': 'tomorrow', 'x-ratelimit-reset': 'later' }, undefined],
    ['nothing', {}, undefined],
  ])('%s', (_name, headers, expected) => {
    expect(retryMoment(headers, NOW)).toBe(expected);
  });

  test('never throws and never gives NaN, whatever the headers hold', () => {
    const value = fc.oneof(fc.string(), fc.array(fc.string()), fc.constant(undefined));
    fc.assert(
      fc.property(value, value, value, value, (after, reset, type, limit) => {
        const headers = {
          'retry-after': after,
          'x-ratelimit-reset': reset,
          'x-ratelimit-type': type,
          'x-ratelimit-limit': limit,
        };
        expect(retryMoment(headers, NOW)).not.toBeNaN();
        expect(rateHeaders(headers).limit).not.toBeNaN();
      }),
    );
  });
});

test.each<[string, Record<string, string>, ReturnType<typeof rateHeaders>]>([
  [
    'of the second',
    { 'x-ratelimit-type': 'QPS', 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '0' },
    { limit: 60, remaining: 0, daily: false, perSecond: true },
  ],
  [
    'of the day',
    { 'x-ratelimit-type': 'Daily-limit', 'x-ratelimit-limit': '30000', 'x-ratelimit-remaining': '7' },
    { limit: 30_000, remaining: 7, daily: true, perSecond: false },
  ],
  ['missing', {}, { limit: undefined, remaining: undefined, daily: false, perSecond: false }],
])('rate headers %s', (_name, headers, expected) => {
  expect(rateHeaders(headers)).toEqual(expected);
});

/** A bucket whose time is a number: each wait ends when asked plus as much later as `jitter` says. */
class FakeTime {
  ms = 0;
  epoch = NOW;
  waits: number[] = [];
  readonly jitter: () => number;

  constructor(jitter: () => number = () => 0) {
    this.jitter = jitter;
  }

  advance(ms: number): void {
    this.ms += ms;
    this.epoch += ms;
  }

  bucket(rate: number): TokenBucket {
    return new TokenBucket({
      label: 'MEDIUM',
      rate,
      monotonic: () => this.ms,
      now: () => this.epoch,
      wait: async (ms, signal) => {
        signal.throwIfAborted();
        this.waits.push(ms);
        this.advance(ms + this.jitter());
      },
    });
  }
}

/** When each of `count` requests began, with all of them waiting from the beginning. */
async function starts(time: FakeTime, bucket: TokenBucket, count: number): Promise<number[]> {
  const { signal } = new AbortController();
  const began: number[] = [];
  await Promise.all(
    Array.from({ length: count }, () => bucket.acquire(signal).then(() => void began.push(time.ms))),
  );
  return began;
}

/** The most starts in any window of one second, half-open; a nanosecond is left to rounding. */
function busiestSecond(began: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [index, start] of began.entries()) {
    while (start - (began[first] ?? start) >= 1000 - 1e-6) first += 1;
    most = Math.max(most, index - first + 1);
  }
  return most;
}

const { signal } = new AbortController();

describe('TokenBucket', () => {
  const rate = fc.oneof(fc.integer({ min: 1, max: 120 }), fc.double({ min: 0.1, max: 80, noNaN: true }));

  test('never lets more than the rate, rounded up, begin in any second, however timers and callers behave', async () => {
    await fc.assert(
      fc.asyncProperty(
        rate,
        fc.infiniteStream(
          fc.oneof({ weight: 9, arbitrary: fc.nat(20) }, { weight: 1, arbitrary: fc.nat(3000) }),
        ),
        fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 6 }),
        async (perSecond, lateness, bursts) => {
          const time = new FakeTime(() => lateness.next().value ?? 0);
          const bucket = time.bucket(perSecond);
          const began: number[] = [];
          for (const [idle, burst] of bursts) {
            time.advance(idle);
            began.push(...(await starts(time, bucket, burst)));
          }
          expect(busiestSecond(began)).toBeLessThanOrEqual(Math.ceil(perSecond));
        },
      ),
    );
  });

  test.each([1, 2, 5, 10, 20, 30, 60, 120])(
    'with %i a second, uses at least 95 in 100 of them though every timer is late',
    async (perSecond) => {
      let seed = 1;
      const time = new FakeTime(() => {
        // A timer is up to 15 ms late, now and then 80 ms: garbage collection, a large page parsed.
        seed = (seed * 48_271) % 0x7fff_ffff;
        return seed % 40 === 0 ? 80 : seed % 16;
      });
      const count = perSecond * 60;
      const began = await starts(time, time.bucket(perSecond), count);
      const seconds = ((began.at(-1) ?? 0) - (began[0] ?? 0)) / 1000;
      expect((count - 1) / seconds / perSecond).toBeGreaterThan(0.95);
      expect(busiestSecond(began)).toBeLessThanOrEqual(perSecond);
    },
  );

  test('with exact timers the pace is even and the rate is the rate', async () => {
    const time = new FakeTime();
    const began = await starts(time, time.bucket(10), 51);
    expect(began).toEqual(Array.from({ length: 51 }, (_, index) => index * 100));
  });

  test('lets requests through in the order they asked', async () => {
    const time = new FakeTime();
    const bucket = time.bucket(50);
    const order: number[] = [];
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => bucket.acquire(signal).then(() => void order.push(index))),
    );
    expect(order).toEqual(Array.from({ length: 40 }, (_, index) => index));
  });

  test('after a long idle time only a few begin at once', async () => {
    const time = new FakeTime();
    const bucket = time.bucket(20);
    time.advance(3_600_000);
    const began = await starts(time, bucket, 20);
    expect(began.filter((at) => at === began[0]).length).toBeLessThanOrEqual(4);
  });

  test('says how many could begin now, and that many do', async () => {
    // Rates whose gaps are whole milliseconds: the next request then waits for one at least.
    const even = fc.constantFrom(1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100);
    await fc.assert(
      fc.asyncProperty(even, fc.array(fc.nat(2000), { maxLength: 8 }), async (perSecond, idles) => {
        const time = new FakeTime();
        const bucket = time.bucket(perSecond);
        for (const idle of idles) {
          time.advance(idle);
          await bucket.acquire(signal);
        }
        const tokens = bucket.tokens();
        const before = time.ms;
        await starts(time, bucket, tokens);
        expect(time.ms).toBe(before);
        await bucket.acquire(signal);
        expect(time.ms).toBeGreaterThan(before);
      }),
    );
  });

  test('a pause holds back all that come, and does not make up for itself', async () => {
    const time = new FakeTime();
    const bucket = time.bucket(10);
    await bucket.acquire(signal);
    bucket.pause(5_000);
    bucket.pause(2_000);
    expect(bucket.tokens()).toBe(0);
    expect(await starts(time, bucket, 3)).toEqual([5_000, 5_100, 5_200]);
  });

  test('nothing left in the second: the next request waits for the next second', async () => {
    const time = new FakeTime();
    const bucket = time.bucket(10);
    bucket.observe({ limit: 60, remaining: 0, daily: false, perSecond: true });
    expect(await starts(time, bucket, 1)).toEqual([750]);
  });

  test.each([
    { limit: 60, remaining: 1, daily: false, perSecond: true },
    { limit: 30_000, remaining: 0, daily: true, perSecond: false },
    { limit: undefined, remaining: undefined, daily: false, perSecond: false },
  ])('%o does not slow the pace', async (headers) => {
    const time = new FakeTime();
    const bucket = time.bucket(10);
    bucket.observe(headers);
    expect(await starts(time, bucket, 1)).toEqual([0]);
  });

  describe('parked', () => {
    const until = NOW + 12 * 3_600_000;
    const parked = {
      code: 'zoom-rate-limited',
      retryAt: until,
      detail: expect.stringContaining('MEDIUM until 2026-06-16T00:00:00'),
    };

    test('refuses at once, also those who were waiting already, until the moment has come', async () => {
      const time = new FakeTime();
      const bucket = time.bucket(1);
      await bucket.acquire(signal);
      const waiting = [bucket.acquire(signal), bucket.acquire(signal)];
      bucket.park(until);
      for (const one of waiting) await expect(one).rejects.toMatchObject(parked);
      await expect(bucket.acquire(signal)).rejects.toMatchObject(parked);
      expect(bucket.parkedUntil()).toBe(until);
      expect(bucket.tokens()).toBe(0);
      time.advance(until - time.epoch);
      await bucket.acquire(signal);
      expect(bucket.parkedUntil()).toBe(0);
    });

    test('an earlier moment does not shorten it', async () => {
      const time = new FakeTime();
      const bucket = time.bucket(1);
      bucket.park(until);
      bucket.park(NOW + 1000);
      expect(bucket.parkedUntil()).toBe(until);
    });

    test('a clock that is set back does not prolong it', async () => {
      const time = new FakeTime();
      const bucket = time.bucket(1);
      bucket.park(until);
      time.epoch -= 365 * 86_400_000;
      time.advance(12 * 3_600_000 - 1);
      await expect(bucket.acquire(signal)).rejects.toMatchObject({ code: 'zoom-rate-limited' });
      time.advance(1);
      await bucket.acquire(signal);
    });

    test('a clock that is set forward ends it: the machine may have slept', async () => {
      const time = new FakeTime();
      const bucket = time.bucket(1);
      bucket.park(until);
      time.epoch = until;
      await bucket.acquire(signal);
    });
  });

  test('a stop reaches whoever waits, and nobody begins after it', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    let sleeping = (): void => undefined;
    const asleep = new Promise<void>((resolve) => {
      sleeping = resolve;
    });
    const bucket = new TokenBucket({
      label: 'LIGHT',
      rate: 1,
      monotonic: () => 0,
      now: () => NOW,
      wait: (_ms, during) =>
        new Promise((_resolve, reject) => {
          during.addEventListener('abort', () => reject(during.reason));
          sleeping();
        }),
    });
    await bucket.acquire(stop.signal);
    const waiting = [1, 2, 3].map(() => bucket.acquire(stop.signal));
    await asleep;
    stop.abort(reason);
    for (const one of waiting) await expect(one).rejects.toBe(reason);
    await expect(bucket.acquire(stop.signal)).rejects.toBe(reason);
  });

  test('one caller that stops does not take its place from the others', async () => {
    const time = new FakeTime();
    const bucket = time.bucket(10);
    const stopped = AbortSignal.abort(new Error('stopped'));
    await bucket.acquire(signal);
    const gone = bucket.acquire(stopped);
    const next = bucket.acquire(signal).then(() => time.ms);
    await expect(gone).rejects.toThrow('stopped');
    expect(await next).toBe(100);
  });

  test('works with the timers of the platform, and they end with the signal', async () => {
    const stop = new AbortController();
    const bucket = new TokenBucket({
      label: 'LIGHT',
      rate: 0.001,
      monotonic: () => performance.now(),
      now: Date.now,
    });
    await bucket.acquire(stop.signal);
    const waiting = bucket.acquire(stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
  });
});
