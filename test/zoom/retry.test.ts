import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_RETRY, decideRetry, type Failure } from '../../src/zoom/retry.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const options = fc.record({
  attempts: fc.integer({ min: 1, max: 12 }),
  baseMs: fc.integer({ min: 1, max: 5_000 }),
  capMs: fc.integer({ min: 1_000, max: 120_000 }),
});
const failure = fc.oneof<fc.Arbitrary<Failure>[]>(
  fc.constant({ kind: 'network' }),
  fc.constant({ kind: 'server' }),
  fc.record({
    kind: fc.constant('throttled'),
    waitMs: fc.option(fc.integer({ min: -1e12, max: 1e12 }), { nil: undefined }),
  }),
);

describe('decideRetry', () => {
  test('never allows more than so many tries, whatever happens in them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(failure, random), { minLength: 20 }), options, (happenings, retry) => {
        let tries = 0;
        for (const [what, chance] of happenings) {
          tries += 1;
          if (!decideRetry(what, tries, chance, retry).retry) break;
        }
        expect(tries).toBe(retry.attempts);
      }),
    );
  });

  test('never delays beyond the cap, nor less than nothing', () => {
    fc.assert(
      fc.property(
        failure,
        fc.integer({ min: 1, max: 60 }),
        random,
        options,
        (what, attempt, chance, retry) => {
          const decision = decideRetry(what, attempt, chance, { ...retry, attempts: 100 });
          expect(decision.retry && decision.delayMs >= 0 && decision.delayMs <= retry.capMs).toBe(true);
        },
      ),
    );
  });

  test('without a word from the server the delay is in the upper half of an exponential', () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Failure>({ kind: 'network' }, { kind: 'server' }),
        fc.integer({ min: 1, max: 30 }),
        random,
        options,
        (what, attempt, chance, retry) => {
          const ceiling = Math.min(retry.capMs, retry.baseMs * 2 ** (attempt - 1));
          const decision = decideRetry(what, attempt, chance, { ...retry, attempts: 100 });
          expect(decision.retry && decision.delayMs).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
          expect(decision.retry && decision.delayMs).toBeLessThanOrEqual(ceiling);
        },
      ),
    );
  });

  test("the server's wait is honoured to the millisecond, up to the cap", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e12 }), random, options, (waitMs, chance, retry) => {
        const decision = decideRetry({ kind: 'throttled', waitMs }, 1, chance, { ...retry, attempts: 2 });
        expect(decision).toEqual({ retry: true, delayMs: Math.min(waitMs, retry.capMs) });
      }),
    );
  });

  test.each([undefined, 0, -1, -60_000])(
    'throttled with a wait of %s: one second and jitter at least',
    (waitMs) => {
      const delays = [0, 0.5, 0.999].map((chance) => decideRetry({ kind: 'throttled', waitMs }, 1, chance));
      expect(delays).toEqual([1000, 1500, 1999].map((delayMs) => ({ retry: true, delayMs })));
      const later = decideRetry({ kind: 'throttled', waitMs }, 5, 0);
      expect(later).toEqual({ retry: true, delayMs: 8000 });
    },
  );

  test('the default: six tries within about half a minute', () => {
    const delays = [1, 2, 3, 4, 5].map((attempt) => decideRetry({ kind: 'server' }, attempt, 0.999_999));
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000].map((delayMs) => ({ retry: true, delayMs })));
    expect(decideRetry({ kind: 'server' }, DEFAULT_RETRY.attempts, 0)).toEqual({ retry: false });
  });
});
