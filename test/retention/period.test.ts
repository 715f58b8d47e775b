import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparePeriods, type Period, parsePeriod, periodEnd } from '../../src/retention/period.ts';

const period = (text: string): Period => {
  const parsed = parsePeriod(text);
  if (parsed === undefined) throw new Error(`no period: ${text}`);
  return parsed;
};
const end = (from: string, text: string): string =>
  new Date(periodEnd(Date.parse(from), period(text))).toISOString().slice(0, 10);

test.each([
  ['2026-01-01', '90d', '2026-04-01'],
  ['2024-01-01', '90d', '2024-03-31'],
  ['2026-01-31', '1m', '2026-03-03'],
  ['2026-03-31', '18m', '2027-10-01'],
  ['2024-02-29', '1y', '2025-03-01'],
  ['2024-02-29', '4y', '2028-02-29'],
  ['2026-06-15', '7y', '2033-06-15'],
  ['2026-06-15', '84m', '2033-06-15'],
])('from %s, %s end on %s', (from, text, expected) => {
  expect(end(`${from}T00:00:00Z`, text)).toBe(expected);
});

test.each(['0d', '7', 'd', '1w', '-1y', '1.5y', ' 1y', '100y', '1000m', '36501d', '1Y'])(
  '%s is no period',
  (text) => {
    expect(parsePeriod(text)).toBeUndefined();
  },
);

describe('the order of two periods', () => {
  test.each([
    ['7y', '6y', 1],
    ['12m', '1y', 0],
    ['90d', '91d', -1],
    ['90d', '4m', -1],
    ['400d', '1y', 1],
    ['90d', '3m', undefined],
    ['365d', '1y', undefined],
    ['30d', '1m', undefined],
    ['2557d', '7y', undefined],
    ['36500d', '99y', 1],
  ])('%s and %s: %s', (one, other, expected) => {
    const order = comparePeriods(period(one), period(other));
    expect(order === undefined ? undefined : Math.sign(order)).toBe(expected);
    const reverse = comparePeriods(period(other), period(one));
    expect(reverse === undefined ? undefined : -Math.sign(reverse) + 0).toBe(expected);
  });

  const anyPeriod = fc
    .oneof(
      fc.integer({ min: 1, max: 36_500 }).map((days) => `${days}d`),
      fc.integer({ min: 1, max: 999 }).map((months) => `${months}m`),
      fc.integer({ min: 1, max: 99 }).map((years) => `${years}y`),
    )
    .map(period);
  const anyDay = fc.integer({ min: 0, max: 30_000 }).map((days) => days * 86_400_000);

  test('is the order of their ends, whenever they begin', () => {
    fc.assert(
      fc.property(anyPeriod, anyPeriod, anyDay, (one, other, from) => {
        const order = comparePeriods(one, other);
        if (order === undefined) return;
        expect(Math.sign(periodEnd(from, one) - periodEnd(from, other))).toBe(Math.sign(order));
      }),
      { numRuns: 2000 },
    );
  });
});
