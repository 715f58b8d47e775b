import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator, type TruthMembershipChange } from '../../emulator/server.ts';
import { Client, NOON, type Parameters } from './client.ts';

const DAY = 86_400_000;
const ALL = '/chat/activities/channels';
const JUNE = { start_date: '2026-06-13', end_date: '2026-06-15' };

let emulator: Emulator;
let client: Client;
let own: string;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 21, sessions: 100, messages: 4000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  client = await Client.connect(emulator);
  own = channelPath(emulator.context().channels.find(({ deleted }) => !deleted)?.id ?? '');
});
afterAll(() => emulator.close());
afterEach(() => {
  emulator.setSwitches({ activitySpelling: 'past', activityDays: 180, reportZoneHours: 0 });
});

function channelPath(id: string): string {
  return `/chat/channels/${id}/activities`;
}

function day(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

// biome-ignore lint/suspicious/noExplicitAny: rows of the answer
async function rows(path: string, parameters: Parameters): Promise<any[]> {
  return (await client.pages(path, parameters)).flatMap((page) => page.channel_activity_logs);
}

/** What the truth has, shaped as the logs of all channels. */
function asLog({ channelId, timestamp, status, operator, members }: TruthMembershipChange): object {
  const person = ({ userId, memberId, displayName }: typeof operator) => {
    return { display_name: displayName, user_id: userId, member_id: memberId };
  };
  return {
    channel_id: channelId,
    activity_type: 'membership',
    activity_timestamp: timestamp,
    operator: person(operator),
    members: { member_status: status, member_list: members.map(person) },
  };
}

describe.each([
  ['of all channels', (): string => ALL],
  ['of one channel', (): string => own],
] as const)('the activity log %s', (_name, path) => {
  test.each<[string, Parameters, string]>([
    ['no start_date', { end_date: '2026-06-15' }, 'start_date'],
    ['from and to instead', { from: '2026-06-13', to: '2026-06-15' }, 'start_date'],
    ['no end_date', { start_date: '2026-06-13' }, 'end_date'],
    ['a date-time', { ...JUNE, start_date: '2026-06-13T00:00:00Z' }, 'start_date'],
    ['a day that does not exist', { start_date: '2026-06-01', end_date: '2026-06-31' }, 'end_date'],
    ['days in reverse', { start_date: '2026-06-15', end_date: '2026-06-14' }, 'start_date'],
    ['more than 180 days back', { start_date: '2025-12-16', end_date: '2025-12-16' }, 'start_date'],
    ['another activity', { ...JUNE, activity_type: 'messages' }, 'activity_type'],
    ['page_size 14', { ...JUNE, page_size: 14 }, 'page_size'],
    ['page_size 16', { ...JUNE, page_size: 16 }, 'page_size'],
  ])('refuses %s', async (_what, parameters, field) => {
    const { status, json } = await client.get(path(), parameters);
    expect({ status, json }).toMatchObject({ status: 400, json: { code: 300, errors: [{ field }] } });
  });

  test('accepts the oldest day, page_size 15, the one activity there is and days to come', async () => {
    const rest = { page_size: 15, activity_type: 'membership' };
    for (const [start_date, end_date] of [
      ['2025-12-17', '2025-12-17'],
      ['2026-06-15', '2026-06-16'],
    ] as const) {
      const { status, json } = await client.get(path(), { start_date, end_date, ...rest });
      expect(status).toBe(200);
      expect(json).toMatchObject({ page_size: 15, channel_activity_logs: expect.any(Array) });
    }
    emulator.setSwitches({ activityDays: 30 });
    const may16 = { start_date: '2026-05-16', end_date: '2026-05-16' };
    expect((await client.get(path(), may16)).status).toBe(200);
    const may15 = { start_date: '2026-05-15', end_date: '2026-05-15' };
    expect(await client.get(path(), may15)).toMatchObject({ status: 400, json: { code: 300 } });
  });
});

test('three days are the most for all channels, and no limit for one', async () => {
  const four = { start_date: '2026-06-12', end_date: '2026-06-15' };
  expect(await client.get(ALL, four)).toMatchObject({
    status: 400,
    json: { code: 300, errors: [{ field: 'end_date' }] },
  });
  expect((await client.get(own, { start_date: '2025-12-17', end_date: '2026-06-15' })).status).toBe(200);
});

test('unknown, empty and deleted channels are refused', async () => {
  for (const channel_id of ['', 'nothing']) {
    expect(await client.get(ALL, { ...JUNE, channel_id })).toMatchObject({
      status: 400,
      json: { code: 200 },
    });
  }
  const gone = { status: 404, json: { code: 5306 } };
  expect(await client.get(channelPath('nothing'), JUNE)).toMatchObject(gone);
  const deleted = emulator.context().channels.find((channel) => channel.deleted);
  expect(await client.get(channelPath(deleted?.id ?? ''), JUNE)).toMatchObject(gone);
});

test('paging serves each change once, as the truth has it', async () => {
  const served = [];
  for (let start = Date.parse('2025-12-17'); start < NOON; start += 3 * DAY) {
    served.push(...(await rows(ALL, { start_date: day(start), end_date: day(start + 2 * DAY) })));
  }
  const since = Date.parse('2025-12-17');
  const truth = [...emulator.membershipChanges()].filter(({ timestamp }) => timestamp >= since);
  expect(served).toEqual(truth.map(asLog));
  expect(truth.length).toBeGreaterThan(200);

  const { channels } = emulator.context();
  for (const { id } of channels.filter(({ deleted }) => !deleted)) {
    const window = { start_date: '2025-12-17', end_date: '2026-06-15' };
    const expected = truth.filter(({ channelId }) => channelId === id).map(asLog);
    const alone = (await rows(channelPath(id), window)).map((row) => ({ channel_id: id, ...row }));
    expect(alone).toEqual(expected);
  }
});

test('the logs of a busy day fill several pages, whose tokens are bound to the query and die', async () => {
  const busy = day(NOON - 45 * DAY);
  const query = { start_date: busy, end_date: day(NOON - 44 * DAY) };
  const first = (await client.get(ALL, query)).json;
  expect(first.channel_activity_logs).toHaveLength(15);
  const next = { ...query, next_page_token: first.next_page_token };
  const second = (await client.get(ALL, next)).json;
  expect(second.channel_activity_logs.length).toBeGreaterThan(0);
  expect(second.channel_activity_logs[0]).not.toEqual(first.channel_activity_logs[0]);
  const refused = { status: 400, json: { code: 300 } };
  expect(await client.get(ALL, { ...next, end_date: busy })).toMatchObject(refused);
  emulator.moveClock(15 * 60_000 + 1);
  expect(await client.get(ALL, next)).toMatchObject(refused);
  emulator.moveClock(-15 * 60_000 - 1);
});

test('a channel_id shows that channel only', async () => {
  const changes = [...emulator.membershipChanges()];
  const { channelId, timestamp } = changes.at(-1) as TruthMembershipChange;
  const query = { start_date: day(timestamp), end_date: day(timestamp), channel_id: channelId };
  const found = await rows(ALL, query);
  expect(found.length).toBeGreaterThan(0);
  expect(new Set(found.map((row) => row.channel_id))).toEqual(new Set([channelId]));
});

test.each([
  ['past', ['joined', 'left']],
  ['present', ['join', 'leave']],
  ['mixed', ['join', 'joined', 'leave', 'left']],
] as const)('spelling %s, in the logs and in the truth', async (activitySpelling, words) => {
  emulator.setSwitches({ activitySpelling });
  const served: string[] = [];
  for (let start = NOON - 60 * DAY; start < NOON; start += 3 * DAY) {
    const query = { start_date: day(start), end_date: day(start + 2 * DAY) };
    served.push(...(await rows(ALL, query)).map((row) => row.members.member_status));
  }
  expect([...new Set(served)].sort()).toEqual(words);
  expect([...new Set([...emulator.membershipChanges()].map(({ status }) => status))].sort()).toEqual(words);
});

test('days are days of the zone', async () => {
  const midnight = Date.parse('2026-06-16T00:00:00Z');
  const channelId = emulator.perform({ verb: 'create-session', name: 'zones' });
  const { channels } = emulator.context();
  const people = channels.find(({ type }) => type === 5)?.members.slice(0, 1) ?? [];
  emulator.moveClock(midnight - 3_600_000 - NOON);
  emulator.perform({ verb: 'join', channelId, people });
  emulator.moveClock(NOON - midnight + 3_600_000);
  const on = async (date: string) => (await rows(ALL, { start_date: date, end_date: date })).length;
  const [before, after] = [await on('2026-06-15'), await on('2026-06-16')];
  emulator.setSwitches({ reportZoneHours: 2 });
  expect([await on('2026-06-15'), await on('2026-06-16')]).toEqual([before - 1, after + 1]);
});

describe('the generated past', () => {
  test('includes everything that is hard to archive', () => {
    const changes = [...emulator.membershipChanges()];
    const { channels } = emulator.context();
    expect(changes.some(({ members }) => members.length > 1)).toBe(true);
    expect(changes.some(({ members }) => members.some(({ userId }) => userId === ''))).toBe(true);
    expect(changes.some(({ operator }) => operator.userId === '')).toBe(true);
    const self = ({ operator, members }: TruthMembershipChange) => operator.memberId === members[0]?.memberId;
    for (const status of ['joined', 'left']) {
      expect(changes.some((change) => change.status === status && self(change))).toBe(true);
      expect(changes.some((change) => change.status === status && !self(change))).toBe(true);
    }
    // Two changes in one channel in the same millisecond, told apart by status and people only.
    const keys = changes.map(({ channelId, timestamp }) => `${channelId} ${timestamp}`);
    expect(new Set(keys).size).toBeLessThan(keys.length);
    expect(new Set(channels.map(({ type }) => type))).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  test('adds up: nobody comes in twice or goes without having come, and the end is who is in now', () => {
    for (const { id, members } of emulator.context().channels) {
      const inside = new Set<string>();
      for (const change of emulator.membershipChanges()) {
        if (change.channelId !== id) continue;
        for (const { memberId } of change.members) {
          expect(inside.has(memberId)).toBe(change.status === 'left');
          if (change.status === 'left') inside.delete(memberId);
          else inside.add(memberId);
        }
      }
      expect([...inside].sort()).toEqual([...members].sort());
    }
  });

  test('repeats itself for the same seed and differs for another', async () => {
    const start = async (seed: number) =>
      await startEmulator({
        source: { kind: 'generated', seed, sessions: 20, messages: 500 },
        now: NOON,
        frozen: true,
      });
    const [one, two, other] = [await start(3), await start(3), await start(4)];
    expect([...one.membershipChanges()]).toEqual([...two.membershipChanges()]);
    expect([...one.membershipChanges()].every(({ timestamp }) => timestamp < NOON)).toBe(true);
    expect(one.context()).toEqual(two.context());
    expect([...one.membershipChanges()]).not.toEqual([...other.membershipChanges()]);
    for (const each of [one, two, other]) await each.close();
  });
});
