/** Two promises that hold whatever a schedule says: a hold beats all, and what was promised is only ever extended. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Kept, standingOf } from '../../src/retention/due.ts';
import { isWeaker, keptUntil, lockOf, rankClasses } from '../../src/retention/lock.ts';
import { comparePeriods, type Period, parsePeriod } from '../../src/retention/period.ts';
import { DISPOSITIONS, type Terms } from '../../src/retention/terms.ts';
import { isAtLeast, stricter } from '../../src/sinks/lock.ts';

const FIRST = Date.parse('2026-01-01T00:00:00Z');
const DAY = 86_400_000;

const day = fc.integer({ min: 0, max: 3000 }).map((days) => isoDay(FIRST + days * DAY));
const moment = fc.integer({ min: 0, max: 6000 }).map((days) => FIRST + days * DAY);
// About as long as one another, so that units are compared with one another.
const period = fc
  .oneof(
    fc.integer({ min: 1, max: 1500 }).map((count) => `${count}d`),
    fc.integer({ min: 1, max: 48 }).map((count) => `${count}m`),
    fc.integer({ min: 1, max: 4 }).map((count) => `${count}y`),
  )
  .map((text) => parsePeriod(text) as Period);
const terms = fc.record({
  keep: period,
  mode: fc.constantFrom('compliance' as const, 'governance' as const),
  disposition: fc.constantFrom(...DISPOSITIONS),
});
const kept = fc.record({
  class: fc.constant('chat'),
  day,
  lockedUntil: fc.option(moment, { nil: undefined }),
  onHold: fc.boolean(),
  pointing: fc.array(fc.record({ class: fc.constantFrom('chat', 'other'), day }), { maxLength: 2 }),
});

function isoDay(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function isDue(what: Kept, chat: Terms, other: Terms, now: number): boolean {
  const classes = new Map([
    ['chat', chat],
    ['other', other],
  ]);
  return standingOf(what, classes, now, true).state === 'due';
}

test('what is on hold is never due', () => {
  fc.assert(
    fc.property(kept, terms, terms, moment, (what, chat, other, now) => {
      expect(isDue({ ...what, onHold: true }, chat, other, now)).toBe(false);
    }),
  );
});

test('terms that are not weaker promise at least as much for every day, and make nothing due', () => {
  let compared = 0;
  fc.assert(
    fc.property(kept, terms, terms, terms, moment, (what, before, after, other, now) => {
      fc.pre(!isWeaker(after, before));
      compared += 1;
      expect(keptUntil(after, what.day)).toBeGreaterThanOrEqual(keptUntil(before, what.day));
      expect(isAtLeast(lockOf(after, what.day), lockOf(before, what.day))).toBe(
        before.mode === 'governance' || after.mode === 'compliance',
      );
      const sameEnd = { ...after, disposition: before.disposition };
      if (!isDue(what, before, other, now)) expect(isDue(what, sameEnd, other, now)).toBe(false);
    }),
    { numRuns: 500 },
  );
  expect(compared).toBe(500);
});

test('shorter terms leave what is locked until its date', () => {
  fc.assert(
    fc.property(kept, terms, terms, terms, moment, (what, before, after, other, now) => {
      const promised = keptUntil(before, what.day);
      fc.pre(now < promised);
      expect(isDue({ ...what, lockedUntil: promised }, after, other, now)).toBe(false);
    }),
  );
});

test('a class of a greater rank keeps at least as long, wherever the periods have an order', () => {
  const many = fc.array(terms, { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(many, day, (given, from) => {
      const classes = new Map(given.map((each, place) => [`k${place}`, each]));
      const byRank = [...rankClasses(classes)]
        .sort(([, one], [, other]) => one - other)
        .flatMap(([name]) => classes.get(name) ?? []);
      expect(byRank).toHaveLength(given.length);
      for (const [place, lower] of byRank.entries()) {
        for (const higher of byRank.slice(place + 1)) {
          const order = comparePeriods(higher.keep, lower.keep);
          if (order === undefined) continue;
          expect(order).toBeGreaterThanOrEqual(0);
          expect(keptUntil(higher, from)).toBeGreaterThanOrEqual(keptUntil(lower, from));
          if (order === 0 && lower.mode === 'compliance') expect(higher.mode).toBe('compliance');
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('of two locks the stricter keeps what both do', () => {
  const lock = fc.option(
    fc.record({
      mode: fc.constantFrom('compliance' as const, 'governance' as const),
      retainUntil: moment.map((time) => new Date(time)),
    }),
  );
  fc.assert(
    fc.property(lock, lock, (one, other) => {
      const both = stricter(one, other);
      expect([isAtLeast(both, one), isAtLeast(both, other)]).toEqual([true, true]);
    }),
  );
});
