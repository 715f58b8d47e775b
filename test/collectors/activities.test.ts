import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { channelActivitiesRepair } from '../../src/collectors/activities.ts';
import { type ActivityPolicy, activityGaps, dueDays } from '../../src/collectors/activity-plan.ts';
import { firstServedDate } from '../../src/collectors/activity-reach.ts';
import { activityCandidate } from '../../src/collectors/activity-rows.ts';
import { runCollector } from '../../src/collectors/collector.ts';
import type { PassTools } from '../../src/collectors/pass.ts';
import { DAY_MS, startOfDay } from '../../src/collectors/windows.ts';
import { admit } from '../../src/ledger/admit.ts';
import { silentLog } from '../../src/log.ts';
import { type Interval, utcDay } from '../../src/record.ts';
import { stagedRecords } from '../ledger/candidates.ts';
import { openLedger, POSTGRES } from '../ledger/ledgers.ts';
import { emulate, NOON } from '../zoom/connect.ts';

const HOUR = 3_600_000;
const POLICY: ActivityPolicy = { settleMs: 120_000, everyMs: HOUR, lookBackMs: 180 * DAY_MS };
const NOTHING = { covered: [], lost: [], waiting: new Set<number>() };
const dates = (units: ReturnType<typeof dueDays>): string[][] =>
  units.map(({ window }) => [utcDay(window.from), window.fromDate, window.toDate]);

describe('the days that are due', () => {
  test('are all of them at first, oldest first, a date more at the ends only', () => {
    const units = dueDays(NOTHING, { ...POLICY, lookBackMs: 4 * DAY_MS }, NOON);
    expect(dates(units)).toEqual([
      ['2026-06-12', '2026-06-11', '2026-06-12'],
      ['2026-06-13', '2026-06-13', '2026-06-13'],
      ['2026-06-14', '2026-06-14', '2026-06-14'],
      ['2026-06-15', '2026-06-15', '2026-06-16'],
    ]);
    expect(units.at(-1)?.covers).toEqual({ from: startOfDay(NOON), to: NOON - POLICY.settleMs });
  });

  test('are the newest ones again when the policy says so, and not before', () => {
    const covered = [{ from: 0, to: NOON - POLICY.settleMs }];
    const state = { ...NOTHING, covered };
    expect(dueDays(state, POLICY, NOON + HOUR - 1)).toEqual([]);
    expect(dates(dueDays(state, POLICY, NOON + HOUR))).toEqual([['2026-06-15', '2026-06-14', '2026-06-16']]);
    expect(dates(dueDays(state, POLICY, NOON + DAY_MS))).toEqual([
      ['2026-06-15', '2026-06-14', '2026-06-15'],
      ['2026-06-16', '2026-06-16', '2026-06-17'],
    ]);
  });

  test('are holes, whatever their age, but not those that wait or are out of reach', () => {
    const day = (text: string): number => Date.parse(text);
    const covered = [
      { from: day('2025-01-10'), to: day('2025-01-11') },
      { from: day('2025-01-14'), to: day('2026-06-01') },
      { from: day('2026-06-02'), to: NOON },
    ];
    const lost = [{ from: day('2025-01-11'), to: day('2025-01-12') }];
    const state = { covered, lost, waiting: new Set([day('2025-01-13')]) };
    expect(dates(dueDays(state, POLICY, NOON))).toEqual([
      ['2025-01-12', '2025-01-11', '2025-01-12'],
      ['2026-06-01', '2026-05-31', '2026-06-02'],
    ]);
  });

  test('ask for every moment of a gap in any zone, with three dates at most', () => {
    const at = fc.integer({ min: NOON, max: NOON + 400 * DAY_MS });
    const back = fc.integer({ min: HOUR, max: 30 * DAY_MS });
    fc.assert(
      fc.property(at, back, fc.integer({ min: -12, max: 14 }), (now, length, zone) => {
        const covered = [{ from: 0, to: now - length - HOUR - POLICY.settleMs }];
        const units = dueDays({ ...NOTHING, covered }, POLICY, now);
        const asked: Interval[] = units
          .map(({ window: { fromDate, toDate } }) => ({
            from: Date.parse(fromDate) - zone * HOUR,
            to: Date.parse(toDate) + DAY_MS - zone * HOUR,
          }))
          .sort((one, other) => one.from - other.from);
        for (const { from, to } of asked) expect(to - from).toBeLessThanOrEqual(3 * DAY_MS);
        expect(activityGaps({ covered: [...covered, ...asked], lost: [] }, POLICY, now)).toEqual([]);
      }),
    );
  });
});

describe('the first date that Zoom serves', () => {
  const day = (number: number): string => utcDay(Date.parse('2026-01-01') + number * DAY_MS);

  test('is found wherever it is, in few questions', async () => {
    for (let first = 0; first <= 180; first += 1) {
      let asked = 0;
      const isServed = async (date: string): Promise<boolean> => {
        asked += 1;
        return date >= day(first);
      };
      expect(await firstServedDate(day(0), day(180), isServed)).toBe(day(first));
      expect(asked).toBeLessThanOrEqual(first === 0 ? 1 : 11);
    }
  });

  test('is the oldest when Zoom refuses all, or only now and then', async () => {
    expect(await firstServedDate(day(0), day(180), async () => false)).toBe(day(0));
    let asked = 0;
    const once = async (): Promise<boolean> => {
      asked += 1;
      return asked > 1;
    };
    expect(await firstServedDate(day(0), day(180), once)).toBe(day(0));
  });
});

describe('a membership change', () => {
  const PERSON = { display_name: 'Ada', user_id: 'u1', member_id: 'm1' };
  const OTHER = { display_name: 'Bo', user_id: '', member_id: 'm2' };
  const ROW = {
    channel_id: 'c',
    activity_type: 'membership',
    activity_timestamp: NOON,
    operator: PERSON,
    members: { member_status: 'joined', member_list: [PERSON, OTHER] },
  };
  const made = (change: object = {}) => activityCandidate({ ...ROW, ...change }, 'account');

  test('is kept as Zoom sent it', () => {
    expect(made()).toMatchObject({ stream: 'channel_activities', kind: 'joined', rule: 'once', time: NOON });
    expect(JSON.parse(made().record)).toEqual(ROW);
  });

  test.each<[string, object]>([
    ['spelt otherwise', { members: { ...ROW.members, member_status: 'join' } }],
    ['in another order', { members: { ...ROW.members, member_list: [OTHER, PERSON] } }],
    ['with another name', { operator: { ...PERSON, display_name: 'Ada L.' } }],
    ['of somebody who left the account', { operator: { ...PERSON, user_id: '' } }],
  ])('is the same %s', (_how, change) => {
    expect(made(change)).toMatchObject({ key: made().key, content: made().content });
  });

  test.each<object>([
    { channel_id: 'd' },
    { activity_timestamp: NOON + 1 },
    { activity_type: 'other' },
    { operator: OTHER },
    { members: { ...ROW.members, member_status: 'left' } },
    { members: { ...ROW.members, member_list: [PERSON] } },
    {
      members: { ...ROW.members, member_list: [PERSON, { display_name: 'm2', user_id: '', member_id: '' }] },
    },
  ])('is another with %j', (change) => {
    expect(made(change).key).not.toBe(made().key);
  });

  test('of a status nobody knows is kept, as other; a new field makes it drift', () => {
    expect(made({ members: { ...ROW.members, member_status: 'banned' } }).kind).toBe('other');
    expect(made({ invented: 1 })).toMatchObject({ key: made().key });
    expect(made({ invented: 1 }).content).not.toBe(made().content);
  });

  test('in the log of one channel is the same as in that of all', () => {
    const { channel_id: _left, ...row } = ROW;
    expect(activityCandidate(row, 'account', 'c')).toEqual(made());
  });
});

test('the log of one channel can be asked again, and finds nothing new where nothing is missing', async () => {
  const { db, lease } = await openLedger(POSTGRES);
  const { emulator, client } = await emulate(
    { source: { kind: 'generated', seed: 7, sessions: 4, messages: 40 } },
    { rates: { LIGHT: 10_000, MEDIUM: 10_000 } },
  );
  const { signal } = new AbortController();
  const tools: PassTools = {
    db,
    client,
    lease,
    classes: { of: async () => () => 'default' },
    now: () => NOON,
    drain: signal,
    interrupt: signal,
    log: silentLog(),
    run: 'run-1',
    admit: (unit, page) => admit(db, lease, unit, page),
    linksFound: () => undefined,
    events: {
      planned: () => undefined,
      pageAdmitted: () => undefined,
      spent: () => undefined,
      unitEnded: () => undefined,
      streamComplete: () => undefined,
      oldestUncollected: () => undefined,
      windowLost: () => undefined,
      surveyed: () => undefined,
      sourceSetting: () => undefined,
    },
  };
  const interval = { from: startOfDay(NOON) - 100 * DAY_MS, to: NOON };
  const changes = [...emulator.membershipChanges()].filter(
    ({ timestamp }) => timestamp >= interval.from - DAY_MS,
  );
  const channel = changes[0]?.channelId ?? '';
  const repair = () => runCollector(tools, channelActivitiesRepair(tools, channel, interval));
  const end = await repair();
  expect(end).toMatchObject({ failed: 0, complete: true });
  expect(end.done).toBe(4);
  const archived = async () => {
    const records = await stagedRecords(db);
    return records.filter(({ stream }) => stream === 'channel_activities');
  };
  const real = changes.filter(({ channelId }) => channelId === channel);
  const found = (await archived()).map(({ record }) => JSON.parse(record));
  expect(found.map((row) => [row.channel_id, row.activity_timestamp]).sort()).toEqual(
    real.map(({ timestamp }) => [channel, timestamp]).sort(),
  );
  await repair();
  expect(await archived()).toHaveLength(real.length);
});
