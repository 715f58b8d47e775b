import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dayStart, timeRange } from '../../src/query/time-range.ts';

const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

describe('days in a zone', () => {
  test.each([
    ['UTC', '2026-03-29', '2026-03-29T00:00:00.000Z', '2026-03-30T00:00:00.000Z'],
    // 23 and 25 hours.
    ['Europe/Berlin', '2026-03-29', '2026-03-28T23:00:00.000Z', '2026-03-29T22:00:00.000Z'],
    ['Europe/Berlin', '2026-10-25', '2026-10-24T22:00:00.000Z', '2026-10-25T23:00:00.000Z'],
    ['America/New_York', '2026-03-08', '2026-03-08T05:00:00.000Z', '2026-03-09T04:00:00.000Z'],
    // Midnight itself is skipped.
    ['America/Havana', '2026-03-08', '2026-03-08T05:00:00.000Z', '2026-03-09T04:00:00.000Z'],
    ['Africa/Cairo', '2026-04-24', '2026-04-23T22:00:00.000Z', '2026-04-24T21:00:00.000Z'],
    // Half an hour.
    ['Australia/Lord_Howe', '2026-04-05', '2026-04-04T13:00:00.000Z', '2026-04-05T13:30:00.000Z'],
    ['Asia/Kathmandu', '2026-01-01', '2025-12-31T18:15:00.000Z', '2026-01-01T18:15:00.000Z'],
    ['Pacific/Kiritimati', '2026-01-01', '2025-12-31T10:00:00.000Z', '2026-01-01T10:00:00.000Z'],
    // A day that Samoa did not have.
    ['Pacific/Apia', '2011-12-30', '2011-12-30T10:00:00.000Z', '2011-12-30T10:00:00.000Z'],
  ])('%s, %s', (zone, day, from, to) => {
    expect(iso(dayStart(day, zone))).toBe(from);
    const next = new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
    expect(iso(dayStart(next, zone))).toBe(to);
    if (from === to) return;
    const range = timeRange(day, day, zone);
    expect([iso(range.from), iso(range.to)]).toEqual([from, to]);
  });

  test('begin at the first instant that shows them, and follow on each other', () => {
    const zones = fc.constantFrom(
      'Europe/London',
      'America/Sao_Paulo',
      'Asia/Tehran',
      'Africa/Casablanca',
      'America/St_Johns',
      'Antarctica/Troll',
    );
    const days = fc
      .integer({ min: 0, max: 20_000 })
      .map((day) => new Date(day * 86_400_000).toISOString().slice(0, 10));
    fc.assert(
      fc.property(zones, days, (zone, day) => {
        const shows = (at: number): string => new Intl.DateTimeFormat('sv-SE', { timeZone: zone }).format(at);
        const start = dayStart(day, zone);
        expect(shows(start) >= day).toBe(true);
        expect(shows(start - 1) < day).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

test('instants are as they are, and what is left out is open', () => {
  expect(timeRange('2026-01-01T10:00:00+02:00', undefined, 'Asia/Tokyo')).toEqual({
    from: Date.parse('2026-01-01T08:00:00Z'),
    to: null,
  });
  expect(timeRange(undefined, '2026-01-01T08:00:00Z', 'UTC')).toEqual({
    from: null,
    to: Date.parse('2026-01-01T08:00:00Z'),
  });
});

test.each([
  ['2026-01-01', undefined, 'Mars/Base'],
  ['2026-01-01', undefined, ''],
  ['2026-01-02', '2026-01-01', 'UTC'],
  ['2026-01-01T08:00:00Z', '2026-01-01T08:00:00Z', 'UTC'],
])('%s to %s in %s is refused', (from, to, zone) => {
  expect(() => timeRange(from, to, zone)).toThrow(expect.objectContaining({ code: 'usage' }));
});
