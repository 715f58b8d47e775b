/** Every change of membership exactly once, whatever Zoom does that it does not document. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Emulator, Fault, SwitchChanges } from '../../emulator/server.ts';
import { type Archiver, openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { readStream, type StreamRow } from '../support/stream-rows.ts';
import { emulate, NOON, workFolder } from './campaign.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SOURCE = { kind: 'generated', seed: 11, sessions: 5, messages: 12 } as const;

interface Scene {
  readonly emulator: Emulator;
  readonly archiver: Archiver;
}

async function scene(switches: SwitchChanges = {}, lookBack = '180d'): Promise<Scene> {
  const emulator = await emulate({ now: NOON, source: SOURCE, switches });
  const { url } = await createSchema();
  const archiver = await openArchiver(emulator, await workFolder(), {
    ledger: { url },
    streams: { activities: { every: '1s', lookBack } },
  });
  onTestFinished(() => archiver.close());
  return { emulator, archiver };
}

/** Two of the people of a group leave it and one of them returns. */
function change(emulator: Emulator): void {
  const channel = emulator.context().channels.find(({ members, deleted }) => members.length > 2 && !deleted);
  const [a = '', b = ''] = channel?.members.filter((member) => member !== channel.owner) ?? [];
  const channelId = channel?.id ?? '';
  emulator.perform({ verb: 'leave', channelId, people: [a, b] });
  emulator.perform({ verb: 'join', channelId, people: [a], ...(channel ? { operator: channel.owner } : {}) });
}

const SPELLING: Readonly<Record<string, string>> = { join: 'joined', leave: 'left' };
const spelt = (status: string): string => SPELLING[status] ?? status;

/** A row in a form in which two spellings of the same change are one. */
function line(channel: string, time: number, status: string, by: string, whom: readonly string[]): string {
  return `${channel} ${time} ${spelt(status)} by ${by}: ${[...whom].sort().join(' ')}`;
}

function archivedLine({ record, columns }: StreamRow): string {
  expect(columns.channel_id).toBe(record.channel_id);
  const { channel_id: channel, activity_timestamp: time, members, operator } = record;
  const whom = members.member_list.map(({ member_id }: { member_id: string }) => member_id);
  return line(channel, time, members.member_status, operator.member_id, whom);
}

/** What is missing, there twice or invented. @param since from when on all must be there, milliseconds */
async function differences({ emulator, archiver }: Scene, since: number): Promise<string[]> {
  const archived = (await readStream(archiver.root, 'channel_activities')).map(archivedLine);
  const truth = [...emulator.membershipChanges()].map((one) => ({
    at: one.timestamp,
    line: line(
      one.channelId,
      one.timestamp,
      one.status,
      one.operator.memberId,
      one.members.map(({ memberId }) => memberId),
    ),
  }));
  const real = new Set(truth.map((one) => one.line));
  const there = new Set(archived);
  return [
    ...(there.size === archived.length ? [] : ['something is there twice']),
    ...archived.filter((one) => !real.has(one)).map((one) => `invented: ${one}`),
    ...truth.filter((one) => one.at >= since && !there.has(one.line)).map((one) => `missing: ${one.line}`),
  ];
}

async function finish(stage: Scene, since: number): Promise<void> {
  const { emulator, archiver } = stage;
  emulator.clearFaults();
  emulator.moveClock(HOUR);
  const { complete, failed } = await archiver.collect();
  expect({ complete, failed }).toEqual({ complete: true, failed: 0 });
  await archiver.seal(true);
  expect(await differences(stage, since)).toEqual([]);
}

const reach = (days: number): number => Math.floor(NOON / DAY) * DAY - days * DAY;

describe('the archive holds every change once', () => {
  test.each<SwitchChanges>([
    {},
    { activitySpelling: 'present' },
    { activitySpelling: 'mixed', shufflePages: true },
    { reportZoneHours: 14 },
    { reportZoneHours: -12, activitySpelling: 'mixed' },
  ])('%j', async (switches) => {
    const stage = await scene(switches);
    const { emulator, archiver } = stage;
    change(emulator);
    await archiver.collect();
    emulator.moveClock(2 * HOUR);
    change(emulator);
    await archiver.collect();
    // A day on, at whose edge a zone matters.
    emulator.moveClock(11 * HOUR);
    change(emulator);
    await finish(stage, reach(178));
    const rows = await readStream(archiver.root, 'channel_activities');
    expect(rows.length).toBeGreaterThan(10);
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(['joined', 'left']));
    expect(rows.filter(({ drift }) => drift)).toEqual([]);
  });

  test('spelt one way and then the other', async () => {
    const stage = await scene();
    await stage.archiver.collect();
    stage.emulator.setSwitches({ activitySpelling: 'present' });
    await finish(stage, reach(178));
  });
});

test('days that Zoom does not serve are found out, put on record once, and not asked for again', async () => {
  const stage = await scene({ activityDays: 30 });
  const { emulator, archiver } = stage;
  expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
  expect(emulator.stats().requests['channel-activities 400']).toBeLessThan(10);
  emulator.moveClock(10 * DAY);
  const before = emulator.stats().requests['channel-activities 400'];
  await finish(stage, reach(29));
  expect(emulator.stats().requests['channel-activities 400']).toBe(before);
  const refused = (await readStream(archiver.root, 'coverage')).filter(({ kind }) => kind === 'refused');
  expect(refused.map(({ record }) => record)).toMatchObject([
    {
      unit: {
        stream: 'channel_activities',
        scope: '',
        from: '2025-12-18T00:00:00.000Z',
        to: '2026-05-17T00:00:00.000Z',
      },
      outcome: 'refused',
      covers: null,
      first_served: '2026-05-16',
    },
  ]);
});

test('after an outage longer than Zoom keeps its logs, what is lost is on record', async () => {
  const stage = await scene({ activityDays: 30 }, '20d');
  const { emulator, archiver } = stage;
  await archiver.collect();
  emulator.moveClock(100 * DAY);
  await archiver.collect();
  await archiver.seal(true);
  const refused = (await readStream(archiver.root, 'coverage')).filter(({ kind }) => kind === 'refused');
  expect(refused.map(({ record }) => record.unit)).toMatchObject([
    { from: expect.stringMatching(/^2026-06-15T11:58/), to: '2026-08-25T00:00:00.000Z' },
  ]);
});

const CASES: readonly Fault[] = [
  { kind: 'status', status: 500, after: 5, times: 2 },
  { kind: 'reset', after: 12, times: 2 },
  { kind: 'reset', when: 'mid-body', after: 9 },
  { kind: 'slow-body', ms: 200, after: 10 },
  { kind: 'truncated-json', after: 11, times: 2 },
  { kind: 'html', after: 8 },
  { kind: 'token-expired', after: 10 },
  { kind: 'repeated-page-token' },
  { kind: 'repeated-rows', rows: 10, times: 3 },
  { kind: 'expired-page-token', times: 2 },
  { kind: 'missing-rate-headers', times: 20 },
  { kind: 'second-limit', after: 10 },
  { kind: 'concurrency-limit', after: 10 },
  { kind: 'redirect', to: 'same-host', after: 3, times: 2 },
  { kind: 'status', status: 400, code: 300, message: 'Channel activity log date not valid.' },
];

test.each(CASES)('a pass rides out $kind $status $when', async (fault) => {
  const stage = await scene({}, '40d');
  const { emulator, archiver } = stage;
  const channel = emulator.context().channels.find(({ members, deleted }) => members.length > 1 && !deleted);
  const person = channel?.members.find((member) => member !== channel.owner) ?? '';
  for (let round = 0; round < 20; round += 1) {
    emulator.perform({ verb: 'leave', channelId: channel?.id ?? '', people: [person] });
    emulator.perform({ verb: 'join', channelId: channel?.id ?? '', people: [person] });
  }
  emulator.inject({ ...fault, endpoint: 'channel-activities' });
  expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
  expect(emulator.faultsHit()).toEqual({ [fault.kind]: fault.times ?? 1 });
  await finish(stage, reach(38));
});

test('a day that is refused fails alone, and is asked for again', async () => {
  const stage = await scene({}, '40d');
  const { emulator, archiver } = stage;
  emulator.inject({ kind: 'status', status: 404, endpoint: 'channel-activities', after: 30 });
  expect(await archiver.collect()).toMatchObject({ complete: false, failed: 1, errors: [] });
  await finish(stage, reach(38));
});

test.each<[Fault, string]>([
  [{ kind: 'missing-scope' }, 'zoom-scope'],
  [{ kind: 'status', status: 403, code: 403 }, 'zoom-permission'],
  [{ kind: 'daily-limit', after: 5, retryAfterMs: HOUR / 2 }, 'zoom-rate-limited'],
])('%j ends this stream and no other', async (fault, code) => {
  const stage = await scene({}, '40d');
  const { emulator, archiver } = stage;
  emulator.inject({ ...fault, endpoint: 'channel-activities' });
  const { errors, admitted } = await archiver.collect();
  expect(errors.map(({ stream, error }) => [stream, error.code])).toEqual([['channel_activities', code]]);
  expect(admitted.get('messages sent')).toBeGreaterThan(0);
  await finish(stage, reach(38));
});
