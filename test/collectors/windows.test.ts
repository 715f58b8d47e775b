import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sixMonthsBefore } from '../../emulator/dates.ts';
import { DAY_MS, missing, reportHorizon, reportWindows, startOfDay } from '../../src/collectors/windows.ts';

const now = fc.integer({ min: Date.parse('2020-01-01'), max: Date.parse('2045-01-01') });
const utc = (text: string): number => Date.parse(`${text}Z`);

describe('reportHorizon', () => {
  test.each([
    ['2026-06-15T12:00:00', '2025-12-15T00:00:00'],
    ['2026-01-01T00:00:00', '2025-07-01T00:00:00'],
    ['2025-08-31T23:59:59.999', '2025-02-28T00:00:00'],
    ['2024-08-31T00:00:00', '2024-02-29T00:00:00'],
    ['2024-08-29T00:00:00', '2024-02-29T00:00:00'],
    ['2026-05-31T10:00:00', '2025-11-30T00:00:00'],
    ['2026-10-31T10:00:00', '2026-04-30T00:00:00'],
    ['2026-12-31T10:00:00', '2026-06-30T00:00:00'],
    ['2026-03-31T10:00:00', '2025-09-30T00:00:00'],
    ['2026-02-28T10:00:00', '2025-08-28T00:00:00'],
  ])('at %s is %s', (at, expected) => {
    expect(reportHorizon(utc(at))).toBe(utc(expected));
  });

  test('is where the emulated Zoom draws the line, at any time', () => {
    fc.assert(
      fc.property(now, (at) => {
        expect(reportHorizon(at)).toBe(sixMonthsBefore(at));
      }),
    );
  });

  test('never moves back as time goes on', () => {
    fc.assert(
      fc.property(now, fc.nat(400 * DAY_MS), (at, later) => {
        expect(reportHorizon(at + later)).toBeGreaterThanOrEqual(reportHorizon(at));
      }),
    );
  });
});

describe('reportWindows', () => {
  const interval = fc
    .tuple(now, fc.integer({ min: 1, max: 250 * DAY_MS }), fc.nat(DAY_MS))
    .map(([at, length, ago]) => ({
      at,
      interval: { from: at - ago - length, to: at - ago },
    }));

  test('tile the days of the interval since the horizon: no gap, no overlap, whole UTC days', () => {
    fc.assert(
      fc.property(interval, ({ at, interval: { from, to } }) => {
        const windows = reportWindows({ from, to }, at);
        let edge = startOfDay(Math.max(from, reportHorizon(at)));
        for (const window of windows) {
          expect(window.from).toBe(edge);
          expect(window.to).toBeGreaterThan(window.from);
          expect(window.to - window.from).toBeLessThanOrEqual(28 * DAY_MS);
          expect([window.from % DAY_MS, window.to % DAY_MS]).toEqual([0, 0]);
          edge = window.to;
        }
        if (to > reportHorizon(at)) expect(edge).toBe(startOfDay(to - 1) + DAY_MS);
        else expect(windows).toEqual([]);
      }),
    );
  });

  test('ask for a day before and two dates past the last day, at most 30 days, and never before the horizon', () => {
    fc.assert(
      fc.property(interval, ({ at, interval: whole }) => {
        for (const { from, to, fromDate, toDate } of reportWindows(whole, at)) {
          const [asksFrom, asksTo] = [Date.parse(fromDate), Date.parse(toDate)];
          expect(asksFrom).toBe(Math.max(from - DAY_MS, reportHorizon(at)));
          // `to` is exclusive here, so its own day is the day after the last one.
          expect(asksTo).toBe(to + DAY_MS);
          expect(asksTo - asksFrom).toBeLessThanOrEqual(30 * DAY_MS);
        }
      }),
    );
  });

  test('six months from the end of August begin at the end of February', () => {
    const at = utc('2025-08-31T12:00:00');
    const windows = reportWindows({ from: 0, to: at }, at);
    expect(windows.map(({ fromDate, toDate }) => `${fromDate} ${toDate}`)).toEqual([
      '2025-02-28 2025-03-28',
      '2025-03-26 2025-04-24',
      '2025-04-22 2025-05-21',
      '2025-05-19 2025-06-17',
      '2025-06-15 2025-07-14',
      '2025-07-12 2025-08-10',
      '2025-08-08 2025-09-02',
    ]);
  });

  test('the last moment of a day and the first of the next are different days', () => {
    const at = utc('2026-06-15T12:00:00');
    const midnight = utc('2026-06-10T00:00:00');
    expect(reportWindows({ from: midnight - 1, to: midnight }, at)).toEqual([
      { from: midnight - DAY_MS, to: midnight, fromDate: '2026-06-08', toDate: '2026-06-11' },
    ]);
    expect(reportWindows({ from: midnight, to: midnight + 1 }, at)).toEqual([
      { from: midnight, to: midnight + DAY_MS, fromDate: '2026-06-09', toDate: '2026-06-12' },
    ]);
  });
});

describe('missing', () => {
  /** Small whole numbers: every instant can be looked at. */
  const covered = fc
    .uniqueArray(fc.integer({ min: -5, max: 45 }), { maxLength: 12 })
    .map((edges) => edges.sort((a, b) => a - b))
    .map((edges) => {
      const intervals = [];
      for (let index = 0; index + 1 < edges.length; index += 2) {
        intervals.push({ from: edges[index] as number, to: edges[index + 1] as number });
      }
      return intervals;
    });

  test('is the exact complement, in order, in as few parts as possible', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.nat(40), covered, (from, length, parts) => {
        const whole = { from, to: from + length };
        const gaps = missing(whole, parts);
        const isIn = (list: typeof gaps, at: number): boolean =>
          list.some((part) => part.from <= at && at < part.to);
        for (let at = -10; at < 90; at += 1) {
          expect(isIn(gaps, at)).toBe(isIn([whole], at) && !isIn(parts, at));
        }
        for (const [index, gap] of gaps.entries()) {
          expect(gap.to).toBeGreaterThan(gap.from);
          const next = gaps[index + 1];
          if (next !== undefined) expect(next.from).toBeGreaterThan(gap.to);
        }
      }),
      { numRuns: 500 },
    );
  });
});
