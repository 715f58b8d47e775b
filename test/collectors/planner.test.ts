import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  byUrgency,
  type CollectionPolicy,
  dueListings,
  dueUnits as dueUnitsOf,
  type ListingState,
  modificationCadence,
} from '../../src/collectors/planner.ts';
import { oldestUncollected, sessionHoles } from '../../src/collectors/survey.ts';
import { DAY_MS, missing, reportHorizon, startOfDay } from '../../src/collectors/windows.ts';
import { configSchema } from '../../src/config/schema.ts';
import type { KnownSession } from '../../src/ledger/registry.ts';
import { type Interval, sessionId } from '../../src/record.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const POLICY: CollectionPolicy = {
  settleMs: 2 * MINUTE,
  sweepMs: 7 * DAY_MS,
  relistMs: DAY_MS,
  modifications: [
    { youngerThanMs: DAY_MS, everyMs: 15 * MINUTE },
    { youngerThanMs: 7 * DAY_MS, everyMs: 6 * HOUR },
    { youngerThanMs: 30 * DAY_MS, everyMs: DAY_MS },
    { youngerThanMs: 200 * DAY_MS, everyMs: 7 * DAY_MS },
  ],
};

const NOW = Date.parse('2026-06-15T12:00:00Z');
const now = fc.integer({ min: Date.parse('2024-01-01'), max: Date.parse('2030-01-01') });

function sessionOf(facts: Partial<KnownSession>): KnownSession {
  return {
    id: sessionId('s'),
    type: 'Group',
    name: '',
    channelId: '',
    lastMessageAt: 0,
    lastActivityAt: facts.lastMessageAt ?? 0,
    sent: [],
    modified: [],
    lost: { sent: [], modified: [] },
    firstSeenAt: 0,
    expectedFrom: undefined,
    hintedAt: 0,
    ...facts,
  };
}

/** Due units where Zoom keeps all that its reports reach. */
const dueUnits = (session: KnownSession, policy: CollectionPolicy, at: number) =>
  dueUnitsOf(session, policy, reportHorizon(at), at);

/** How many holes a session has that was to be collected as far back as the reports reach. */
const coverageHoles = (session: KnownSession, at: number): number =>
  sessionHoles({ ...session, expectedFrom: reportHorizon(at) }, POLICY, reportHorizon(at), at).length;

/** The union, in order and without overlap, as the ledger's multirange keeps it. */
function joined(parts: readonly Interval[]): Interval[] {
  const list: Interval[] = [];
  for (const part of [...parts].sort((a, b) => a.from - b.from)) {
    if (part.to <= part.from) continue;
    const last = list.at(-1);
    if (last !== undefined && part.from <= last.to)
      list[list.length - 1] = { from: last.from, to: Math.max(last.to, part.to) };
    else list.push(part);
  }
  return list;
}

/** The session after all its due units went well. */
function collected(session: KnownSession, at: number): KnownSession {
  const units = dueUnits(session, POLICY, at);
  const of = (mode: 'sent' | 'modified'): Interval[] =>
    joined([...session[mode], ...units.filter((unit) => unit.mode === mode).map((unit) => unit.covers)]);
  return { ...session, sent: of('sent'), modified: of('modified') };
}

describe('a new session', () => {
  test('is asked for all six months in both modes, and is then covered without a hole', () => {
    fc.assert(
      fc.property(now, (at) => {
        const session = sessionOf({ lastMessageAt: at - HOUR });
        expect(coverageHoles(session, at)).toBe(2);
        const after = collected(session, at);
        const whole = { from: reportHorizon(at), to: at - POLICY.settleMs };
        expect(after.sent).toEqual([whole]);
        expect(after.modified).toEqual([whole]);
        expect(coverageHoles(after, at)).toBe(0);
        expect(oldestUncollected(after, at)).toBeUndefined();
      }),
    );
  });

  test('units begin with what Zoom deletes first; at the same moment messages come before modifications', () => {
    const units = dueUnits(sessionOf({ lastMessageAt: NOW }), POLICY, NOW);
    expect(units).toHaveLength(14);
    expect(units.map((unit) => unit.mode)).toEqual(Array(7).fill(['sent', 'modified']).flat());
    expect(units[0]?.window.fromDate).toBe('2025-12-15');
    expect(units.map((unit) => unit.covers.from)).toEqual(
      units.map((unit) => unit.covers.from).toSorted((a, b) => a - b),
    );
  });
});

describe('a session that is covered', () => {
  const idle = fc.integer({ min: 0, max: 100 * DAY_MS });

  test('and has nothing new is not asked for messages again until the sweep, and then it is', () => {
    fc.assert(
      fc.property(now, idle, fc.nat(POLICY.sweepMs - POLICY.settleMs - 1), (at, age, later) => {
        const session = collected(sessionOf({ lastMessageAt: at - POLICY.settleMs - 1001 - age }), at);
        const asked = (when: number): number =>
          dueUnits(session, POLICY, when).filter((unit) => unit.mode === 'sent').length;
        expect(asked(at + later)).toBe(0);
        expect(asked(at - POLICY.settleMs + POLICY.sweepMs)).toBeGreaterThan(0);
      }),
    );
  });

  test('and is swept as seldom as the default says, is swept with one request', () => {
    const { sweep } = configSchema.shape.collection.parse({});
    const policy = { ...POLICY, sweepMs: sweep };
    const to = NOW - sweep;
    const quiet = sessionOf({
      lastMessageAt: to - DAY_MS,
      sent: [{ from: 0, to }],
      modified: [{ from: 0, to: NOW }],
    });
    const due = (at: number) => dueUnits(quiet, policy, at).filter(({ mode }) => mode === 'sent');
    expect(due(NOW - 1)).toEqual([]);
    expect(due(NOW)).toHaveLength(1);
  });

  test('and has a new message is asked at once, for the days since its coverage', () => {
    fc.assert(
      fc.property(now, fc.integer({ min: 1, max: 3 * DAY_MS }), (at, later) => {
        const session = collected(sessionOf({ lastMessageAt: at - DAY_MS }), at);
        const when = at + later;
        // Listings give whole seconds.
        const lastMessageAt = Math.floor((at - POLICY.settleMs + later) / 1000) * 1000;
        const units = dueUnits({ ...session, lastMessageAt }, POLICY, when).filter(
          ({ mode }) => mode === 'sent',
        );
        expect(units.length).toBe(1);
        expect(units[0]?.covers).toEqual({ from: at - POLICY.settleMs, to: when - POLICY.settleMs });
        expect(units[0]?.window.from).toBe(startOfDay(at - POLICY.settleMs));
      }),
    );
  });

  test('a message in the very second in which the coverage ends counts as new', () => {
    const at = NOW + 500;
    const session = collected(sessionOf({ lastMessageAt: 0 }), at);
    const sentOnly = (lastMessageAt: number) =>
      dueUnits({ ...session, lastMessageAt }, POLICY, at + MINUTE).filter(({ mode }) => mode === 'sent');
    const second = NOW - POLICY.settleMs;
    expect(sentOnly(second)).toHaveLength(1);
    expect(sentOnly(second - 1000)).toHaveLength(0);
  });

  test('is asked for modifications as often as its age says', () => {
    fc.assert(
      fc.property(now, fc.integer({ min: 0, max: 150 * DAY_MS }), (at, age) => {
        const session = collected(sessionOf({ lastMessageAt: at - age }), at);
        const asked = (when: number): number =>
          dueUnits(session, POLICY, when).filter((unit) => unit.mode === 'modified').length;
        // The age grows while one waits, so the moment is found by looking.
        const every = modificationCadence(age, POLICY);
        expect(asked(at + every - MINUTE)).toBe(0);
        expect(asked(at + modificationCadence(age + 8 * DAY_MS, POLICY))).toBeGreaterThan(0);
      }),
    );
  });
});

describe('modificationCadence', () => {
  test('never asks an older session more often', () => {
    fc.assert(
      fc.property(fc.nat(300 * DAY_MS), fc.nat(300 * DAY_MS), (age, more) => {
        expect(modificationCadence(age + more, POLICY)).toBeGreaterThanOrEqual(
          modificationCadence(age, POLICY),
        );
      }),
    );
  });

  test.each([
    [-HOUR, 15 * MINUTE],
    [0, 15 * MINUTE],
    [DAY_MS - 1, 15 * MINUTE],
    [DAY_MS, 6 * HOUR],
    [30 * DAY_MS, 7 * DAY_MS],
    [1000 * DAY_MS, 7 * DAY_MS],
  ])('at an age of %i ms it is %i ms', (age, every) => {
    expect(modificationCadence(age, POLICY)).toBe(every);
  });
});

describe('holes', () => {
  const hole = { from: NOW - 60 * DAY_MS, to: NOW - 50 * DAY_MS };
  const around = [
    { from: reportHorizon(NOW), to: hole.from },
    { from: hole.to, to: NOW - POLICY.settleMs },
  ];

  test('are always due and are closed exactly', () => {
    const session = sessionOf({ lastMessageAt: 0, sent: around, modified: around });
    expect(coverageHoles(session, NOW)).toBe(2);
    expect(dueUnits(session, POLICY, NOW).map(({ mode, covers }) => ({ mode, ...covers }))).toEqual([
      { mode: 'sent', ...hole },
      { mode: 'modified', ...hole },
    ]);
    expect(coverageHoles(collected(session, NOW), NOW)).toBe(0);
  });

  test('that Zoom no longer serves are none', () => {
    const session = sessionOf({ sent: around, modified: around });
    const later = NOW + 200 * DAY_MS;
    expect(dueUnits(session, POLICY, later).every((unit) => unit.covers.from >= reportHorizon(later))).toBe(
      true,
    );
  });

  test('name the oldest moment that may hold something', () => {
    const session = sessionOf({ lastMessageAt: NOW, sent: around, modified: around });
    expect(oldestUncollected(session, NOW)).toBe(hole.from);
    expect(oldestUncollected(sessionOf({ lastMessageAt: NOW }), NOW)).toBe(reportHorizon(NOW));
    expect(oldestUncollected(sessionOf({ lastMessageAt: NOW - 300 * DAY_MS }), NOW)).toBeUndefined();
  });
});

describe('a session that a webhook named', () => {
  const covered = [{ from: 0, to: NOW - 10 * MINUTE }];
  const quiet = sessionOf({ lastMessageAt: NOW - 40 * DAY_MS, sent: covered, modified: covered });
  const due = (hintedAt: number, now = NOW): string[] =>
    dueUnits({ ...quiet, hintedAt }, POLICY, now).map(({ mode }) => mode);

  test('is due in both modes, though no listing and no cadence says so', () => {
    expect(due(0)).toEqual([]);
    expect(due(NOW - 5 * MINUTE)).toEqual(['sent', 'modified']);
  });

  test('is due until that moment is covered', () => {
    expect(due(NOW - 10 * MINUTE)).toEqual(['sent', 'modified']);
    expect(due(NOW - 11 * MINUTE)).toEqual([]);
  });

  test('is not due for ever after a clock was set back', () => {
    expect(due(NOW + HOUR)).toEqual([]);
    expect(due(NOW + HOUR, NOW + 2 * HOUR)).toEqual(['sent', 'modified']);
  });

  test('comes next after what Zoom may delete within a day, with the days of that moment only', () => {
    const old = sessionOf({ id: sessionId('old'), lastMessageAt: NOW, hintedAt: NOW - HOUR });
    const other = sessionOf({ id: sessionId('other'), lastMessageAt: NOW });
    const hinted = { ...quiet, id: sessionId('hinted'), hintedAt: NOW - MINUTE };
    const order = byUrgency([other, old, hinted].flatMap((session) => dueUnits(session, POLICY, NOW)));
    const named = order.map(({ scope, mode, window }) => `${scope} ${mode} ${window.to > NOW}`);
    expect(named.slice(0, 4).toSorted()).toEqual([
      'old modified false',
      'old sent false',
      'other modified false',
      'other sent false',
    ]);
    expect(order.slice(0, 4).every(({ deletedAt }) => deletedAt < NOW + DAY_MS)).toBe(true);
    expect(named.slice(4, 8)).toEqual([
      'old sent true',
      'old modified true',
      'hinted sent true',
      'hinted modified true',
    ]);
    const ends = order.slice(8).map(({ deletedAt }) => deletedAt);
    expect(ends).toEqual(ends.toSorted((a, b) => a - b));
  });
});

test('byUrgency is a total order that does not depend on where units came from', () => {
  const facts = fc.record({ age: fc.constantFrom(1, 40, 170), id: fc.constantFrom('a', 'b', 'c') });
  fc.assert(
    fc.property(fc.array(facts, { maxLength: 6 }), fc.integer(), (sessions, seed) => {
      const units = sessions.flatMap(({ age, id }) => {
        const covered = [{ from: 0, to: NOW - age * DAY_MS }];
        return dueUnits(
          sessionOf({ id: sessionId(id), lastMessageAt: NOW, sent: covered, modified: covered }),
          POLICY,
          NOW,
        );
      });
      const shuffled = units.toSorted((a, b) => ((a.covers.from ^ seed) % 7) - ((b.covers.from ^ seed) % 7));
      const key = (list: typeof units): string[] =>
        list.map((unit) => `${unit.covers.from} ${unit.mode} ${unit.scope}`);
      expect(key([...byUrgency(shuffled)])).toEqual(key([...byUrgency(units)]));
      const starts = byUrgency(shuffled).map((unit) => unit.covers.from);
      expect(starts).toEqual(starts.toSorted((a, b) => a - b));
    }),
  );
});

describe('listings', () => {
  const nothing: ListingState = { recent: [], sweep: [], sweptAt: 0 };
  const listed = (state: ListingState, at: number): ListingState => {
    const units = dueListings(state, POLICY, at);
    const of = (mode: 'recent' | 'sweep'): Interval[] =>
      joined([...state[mode], ...units.filter((unit) => unit.mode === mode).map((unit) => unit.covers)]);
    const swept = units.some((unit) => unit.mode === 'sweep');
    return { recent: of('recent'), sweep: of('sweep'), sweptAt: swept ? at : state.sweptAt };
  };

  test('the first one is of all six months', () => {
    fc.assert(
      fc.property(now, (at) => {
        const units = dueListings(nothing, POLICY, at);
        expect(units.every((unit) => unit.mode === 'sweep')).toBe(true);
        expect(joined(units.map((unit) => unit.covers))).toEqual([
          { from: reportHorizon(at), to: at - POLICY.settleMs },
        ]);
      }),
    );
  });

  test('after that only the newest days are listed, each time, until a day has passed', () => {
    fc.assert(
      fc.property(now, fc.array(fc.integer({ min: 1, max: 3 * HOUR }), { maxLength: 7 }), (start, steps) => {
        let at = start;
        let state = listed(nothing, at);
        for (const step of steps) {
          at += step;
          if (at - start >= POLICY.relistMs) break;
          const units = dueListings(state, POLICY, at);
          expect(units.map((unit) => unit.mode)).toEqual(['recent']);
          const from = Math.max(state.recent.at(-1)?.to ?? 0, start - POLICY.settleMs);
          expect(units[0]?.covers.from).toBe(from);
          expect(Date.parse(units[0]?.window.fromDate ?? '')).toBe(startOfDay(from) - DAY_MS);
          expect(Date.parse(units.at(-1)?.window.toDate ?? '')).toBeGreaterThan(at);
          state = listed(state, at);
        }
        const again = dueListings(state, POLICY, start + POLICY.relistMs);
        expect(new Set(again.map((unit) => unit.mode))).toEqual(new Set(['sweep']));
      }),
    );
  });

  test('a part of the sweep that failed is swept again', () => {
    const full = listed(nothing, NOW);
    const hole = { from: NOW - 90 * DAY_MS, to: NOW - 62 * DAY_MS };
    const state = {
      ...full,
      sweep: missing({ from: reportHorizon(NOW), to: NOW - POLICY.settleMs }, [hole]),
    };
    const units = dueListings(state, POLICY, NOW + HOUR);
    expect(joined(units.filter((unit) => unit.mode === 'sweep').map((unit) => unit.covers))).toEqual([hole]);
    expect(units.some((unit) => unit.mode === 'recent')).toBe(true);
  });

  test.each([2, 30, 365])('a clock that was %i days ahead does not stop them', (days) => {
    const ahead = listed(listed(nothing, NOW + days * DAY_MS), NOW + (days + 1) * DAY_MS - 1);
    const units = dueListings(ahead, POLICY, NOW);
    expect(joined(units.map((unit) => unit.covers))).toEqual([
      { from: reportHorizon(NOW), to: NOW - POLICY.settleMs },
    ]);
    expect(dueListings(listed(ahead, NOW), POLICY, NOW + 1).map((unit) => unit.mode)).toContain('recent');
  });
});

/**
 * A session on a Zoom whose days begin `zone` hours before UTC's, whose `to` may be left out, and whose reports lag.
 * Passes run at odd times by a clock that is off by up to 20 hours and jumps.
 */
describe('over weeks of passes', () => {
  interface World {
    readonly zone: number;
    readonly toInclusive: boolean;
  }
  const world = fc.record({ zone: fc.integer({ min: -12, max: 14 }), toInclusive: fc.boolean() });
  const gaps = fc.array(fc.integer({ min: 1 * MINUTE, max: 40 * HOUR }), { minLength: 1, maxLength: 40 });
  const LAG = POLICY.settleMs;

  /** What a report of these dates shows at `at` of things that happened at `times`. */
  function shown(
    times: readonly number[],
    fromDate: string,
    toDate: string,
    at: number,
    { zone, toInclusive }: World,
  ): number[] {
    const start = Date.parse(fromDate) - zone * HOUR;
    const end = Date.parse(toDate) - zone * HOUR + (toInclusive ? DAY_MS : 0);
    return times.filter((time) => time >= start && time < end && time <= at - LAG);
  }

  function simulate(
    passes: readonly { readonly at: number; readonly skew: number }[],
    sent: readonly number[],
    modified: readonly number[],
    place: World,
  ): { seen: Set<number>; session: KnownSession } {
    const seen = new Set<number>();
    let session = sessionOf({});
    for (const { at, skew } of passes) {
      const local = at + skew;
      const last = sent.findLast((time) => time <= at - LAG);
      if (last !== undefined) {
        const lastMessageAt = Math.max(session.lastMessageAt, Math.floor(last / 1000) * 1000);
        session = {
          ...session,
          lastMessageAt,
          lastActivityAt: Math.max(session.lastActivityAt, lastMessageAt),
        };
      }
      let { sent: sentCovered, modified: modifiedCovered } = session;
      for (const { mode, window, covers } of dueUnits(session, POLICY, local)) {
        expect(covers.from).toBeGreaterThanOrEqual(reportHorizon(local));
        const toDate =
          window.to > local
            ? new Date(Date.parse(window.toDate) + DAY_MS).toISOString().slice(0, 10)
            : window.toDate;
        for (const time of shown(mode === 'sent' ? sent : modified, window.fromDate, toDate, at, place))
          seen.add(time);
        if (mode === 'sent') sentCovered = joined([...sentCovered, covers]);
        else modifiedCovered = joined([...modifiedCovered, covers]);
      }
      session = { ...session, sent: sentCovered, modified: modifiedCovered };
    }
    return { seen, session };
  }

  const moments = fc.array(fc.integer({ min: 0, max: 40 * DAY_MS }), { maxLength: 30 });

  function check(
    steps: readonly number[],
    skews: readonly number[],
    offsets: readonly [readonly number[], readonly number[]],
    place: World,
  ): void {
    const start = NOW;
    // Odd and even milliseconds keep messages and modifications apart in one set.
    const [sent, modified] = offsets.map((list, index) =>
      list.map((offset) => start - 20 * DAY_MS + Math.floor(offset / 2) * 2 + index).sort((a, b) => a - b),
    ) as [number[], number[]];
    let at = start;
    const passes = steps.map((step, index) => {
      at += step;
      return { at, skew: skews[index % skews.length] ?? 0 };
    });
    // At last the clock is right again and time goes on past every cadence.
    const end = Math.max(at, start + 20 * DAY_MS) + DAY_MS;
    for (const later of [0, 8 * DAY_MS, 16 * DAY_MS]) passes.push({ at: end + later, skew: 0 });
    const { seen, session } = simulate(passes, sent, modified, place);
    expect([...sent, ...modified].filter((time) => !seen.has(time))).toEqual([]);
    expect(coverageHoles(session, end + 16 * DAY_MS)).toBe(0);
  }

  test('everything was seen, wherever Zoom’s days begin and end', () => {
    fc.assert(
      fc.property(gaps, fc.tuple(moments, moments), world, (steps, offsets, place) => {
        check(steps, [0], offsets, place);
      }),
      { numRuns: 300 },
    );
  });

  test('everything was seen, though the clock was hours off and jumped, also backwards', () => {
    const skews = fc.array(fc.integer({ min: -20 * HOUR, max: 20 * HOUR }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(gaps, skews, fc.tuple(moments, moments), (steps, off, offsets) => {
        check(steps, off, offsets, { zone: 0, toInclusive: true });
      }),
      { numRuns: 300 },
    );
  });
});
