import { describe, expect, test } from 'vitest';
import { type Kept, lastDayPast, standingOf } from '../../src/retention/due.ts';
import type { Period } from '../../src/retention/period.ts';
import type { Disposition, Terms } from '../../src/retention/terms.ts';

const DAY = 86_400_000;
const terms = (keep: string, disposition: Disposition, mode: Terms['mode'] = 'none'): Terms => ({
  keep: keep as Period,
  mode,
  disposition,
});
const CLASSES = new Map([
  ['chat', terms('30d', 'destroy')],
  ['books', terms('30d', 'review', 'compliance')],
  ['core', terms('30d', 'keep')],
  ['long', terms('90d', 'destroy')],
]);
const chat: Kept = { class: 'chat', day: '2026-01-01', lockedUntil: undefined, onHold: false, pointing: [] };
/** 30 days from the end of January 1. */
const END = Date.parse('2026-02-01T00:00:00Z');

describe('the standing of something', () => {
  test.each<[string, Partial<Kept>, number, boolean, object]>([
    [
      'a moment before its period is over',
      {},
      END - 1,
      false,
      { state: 'dated', until: END, because: 'period' },
    ],
    ['at the end of its period', {}, END, false, { state: 'due' }],
    ['a lock that lasts longer', { lockedUntil: END + 5 }, END, false, { state: 'dated', because: 'lock' }],
    ['the lock ends', { lockedUntil: END + 5 }, END + 5, false, { state: 'due' }],
    [
      'a record that points to it is kept longer',
      { pointing: [{ class: 'long', day: '2025-12-01' }] },
      END,
      false,
      { state: 'dated', because: 'records', until: Date.parse('2026-03-02T00:00:00Z') },
    ],
    ['a record that points to it is past its date too', { pointing: [chat] }, END, false, { state: 'due' }],
    [
      'a record of a class that nobody knows points to it',
      { pointing: [{ class: 'lost', day: '2020-01-01' }] },
      END * 2,
      true,
      { state: 'keep' },
    ],
    ['on hold', { onHold: true }, END, true, { state: 'held' }],
    ['asks for a review', { class: 'books' }, END, false, { state: 'review' }],
    ['a review that was approved', { class: 'books' }, END, true, { state: 'due' }],
    ['approved, and on hold', { class: 'books', onHold: true }, END, true, { state: 'held' }],
    ['kept for good', { class: 'core' }, END, true, { state: 'keep' }],
    ['of a class without terms', { class: 'lost' }, END * 2, true, { state: 'keep' }],
    ['a schedule', { class: '.schedule' }, END * 2, true, { state: 'keep' }],
  ])('%s', (_name, changes, now, approved, expected) => {
    expect(standingOf({ ...chat, ...changes }, CLASSES, now, approved)).toMatchObject(expected);
  });

  test('whatever else holds: nothing goes before its date, nor on hold, nor unapproved', () => {
    const random = randomNumbers(7);
    let due = 0;
    for (let round = 0; round < 5000; round += 1) {
      const [name = 'chat'] = pick([...CLASSES.keys()], random);
      const kept: Kept = {
        class: name,
        day: dayOf(END - Math.floor(random() * 200) * DAY),
        lockedUntil: random() < 0.5 ? undefined : END + Math.floor((random() - 0.5) * 100 * DAY),
        onHold: random() < 0.3,
        pointing: pick([...CLASSES.keys()], random)
          .slice(0, Math.floor(random() * 3))
          .map((each) => ({ class: each, day: dayOf(END - Math.floor(random() * 200) * DAY) })),
      };
      const approved = random() < 0.5;
      const { state } = standingOf(kept, CLASSES, END, approved);
      if (state !== 'due') continue;
      due += 1;
      const days = { chat: 30, books: 30, core: 30, long: 90 } as Record<string, number>;
      for (const each of [kept, ...kept.pointing])
        expect(Date.parse(each.day) + (1 + (days[each.class] ?? 0)) * DAY).toBeLessThanOrEqual(END);
      expect(kept.lockedUntil ?? END).toBeLessThanOrEqual(END);
      expect(kept.onHold).toBe(false);
      expect(name === 'core' || (name === 'books' && !approved)).toBe(false);
    }
    expect(due).toBeGreaterThan(100);
  });
});

describe('the last day that is past its period', () => {
  test.each([
    ['30d', '2026-02-01T00:00:00Z', '2026-01-01'],
    ['30d', '2026-01-31T23:59:59.999Z', '2025-12-31'],
    ['1m', '2026-03-01T00:00:00Z', '2026-01-31'],
    ['99y', '2026-03-01T00:00:00Z', undefined],
    ['1d', '1970-01-03T00:00:00Z', '1970-01-01'],
  ])('%s at %s', (keep, now, day) => {
    expect(lastDayPast({ keep: keep as Period }, Date.parse(now))).toBe(day);
  });
});

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function pick<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** The same numbers each time. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
