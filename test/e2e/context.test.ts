/** Users, channels, spaces, emoji, pins and settings: as they stand, when they change, when they go. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Emulator, Fault } from '../../emulator/server.ts';
import { openPostgres } from '../../src/ledger/database.ts';
import { readSourceRetention } from '../../src/ledger/source-retention.ts';
import { silentLog } from '../../src/log.ts';
import { type Archiver, type OwnParts, openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { readStream, type StreamRow } from '../support/stream-rows.ts';
import { emulate, NOON, patient, workFolder } from './campaign.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const SOURCE = { kind: 'generated', seed: 11, sessions: 6, messages: 60 } as const;
/** Few messages, for each day with one is a segment more. */
const QUIET = { source: { ...SOURCE, messages: 12 } };
// biome-ignore lint/suspicious/noExplicitAny: rows of Zoom's lists
type Row = any;

interface Scene {
  readonly emulator: Emulator;
  readonly archiver: Archiver;
  readonly ledger: string;
}

async function scene(
  options: Partial<Parameters<typeof emulate>[0]> = {},
  own: (emulator: Emulator) => OwnParts = () => ({}),
): Promise<Scene> {
  const emulator = await emulate({ now: NOON, source: SOURCE, ...options });
  const { url } = await createSchema();
  const archiver = await openArchiver(
    emulator,
    await workFolder(),
    { ledger: { url }, streams: { context: { enabled: true } } },
    own(emulator),
  );
  onTestFinished(() => archiver.close());
  return { emulator, archiver, ledger: url };
}

async function look({ emulator, archiver }: Scene): Promise<readonly StreamRow[]> {
  emulator.moveClock(DAY + HOUR);
  // A channel that only the list of sessions tells of may be known too late for the pass that lists it.
  for (const _pass of ['lists', 'what they tell of']) {
    const { complete, failed } = await archiver.collect();
    expect({ complete, failed }).toEqual({ complete: true, failed: 0 });
  }
  await archiver.seal(true);
  return readStream(archiver.root, 'context');
}

/** What the archive says last of each subject, by kind without `_gone`; undefined when it is gone. */
function standing(rows: readonly StreamRow[]): Map<string, Row> {
  const last = new Map<string, Row>();
  for (const { kind, record, columns } of rows) {
    expect(columns.subject_id).toBe(record.subject);
    expect(columns.name).toBe(record.name);
    const name = `${kind.replace(/_gone$/, '')} ${record.subject}`;
    if (kind.endsWith('_gone')) last.delete(name);
    else last.set(name, record.value);
  }
  return last;
}

const ids = (people: readonly Row[]): string[] => people.map(({ member_id }) => member_id).sort();
const sorted = (list: readonly string[]): string[] => [...list].sort();

/** How the archive differs from what is so. */
function differences(emulator: Emulator, rows: readonly StreamRow[]): void {
  const { users, channels, spaces, emoji, pins, settings } = emulator.context();
  const archived = standing(rows);
  const of = (kind: string): string[] =>
    sorted(
      [...archived.keys()]
        .filter((name) => name.startsWith(`${kind} `))
        .map((name) => name.slice(kind.length + 1)),
    );
  expect(of('user')).toEqual(sorted(users.map(({ id, email }) => id ?? email)));
  for (const { id, email, displayName, status } of users) {
    const value = archived.get(`user ${id ?? email}`);
    expect([value.status, value.display_name, value.email]).toEqual([status, displayName, email]);
  }
  const there = channels.filter(({ deleted }) => !deleted);
  expect(of('channel')).toEqual(sorted(there.map(({ id }) => id)));
  for (const { id, name, type, members, owner, administrators, retention, archived: isArchived } of there) {
    expect(archived.get(`channel ${id}`)).toMatchObject({ id, name, type });
    expect(ids(archived.get(`channel_members ${id}`))).toEqual(sorted(members));
    const admins = archived.get(`channel_admins ${id}`);
    if (admins !== undefined) expect(ids(admins)).toEqual(sorted([owner, ...administrators]));
    const policy = archived.get(`channel_retention ${id}`)?.cloud_retention;
    expect(policy !== undefined).toBe(type !== 4 && !isArchived);
    if (policy !== undefined) {
      expect(policy).toEqual({
        enable_custom_retention: retention.custom,
        retention_period: retention.period,
      });
    }
    const pinned = archived
      .get(`pins ${id}`)
      .map(({ message_id, currently_pinned }: Row) => `${message_id} ${currently_pinned}`);
    const really = pins.filter(({ channelId }) => channelId === id);
    expect(sorted(pinned)).toEqual(sorted(really.map(({ messageId, current }) => `${messageId} ${current}`)));
  }
  expect(of('space')).toEqual(sorted(spaces.map(({ id }) => id)));
  for (const { id, name, description, members, channels: inside } of spaces) {
    expect(archived.get(`space ${id}`)).toMatchObject({ space_name: name, space_desc: description });
    expect(ids(archived.get(`space_members ${id}`))).toEqual(sorted(members));
    const listed = archived.get(`space_channels ${id}`).map(({ channel_id }: Row) => channel_id);
    const existing = inside.filter(({ channelId }) => there.some((one) => one.id === channelId));
    expect(sorted(listed)).toEqual(sorted(existing.map(({ channelId }) => channelId)));
  }
  expect(of('emoji')).toEqual(sorted(emoji.map(({ fileId }) => fileId)));
  expect(archived.get('settings chat')).toMatchObject(settings);
}

describe('the archive explains the account', () => {
  test.each([{ shufflePages: false }, { shufflePages: true }])('%j', async (switches) => {
    const stage = await scene({ switches });
    const { emulator } = stage;
    const first = await look(stage);
    differences(emulator, first);
    expect(first.length).toBeGreaterThan(30);

    // Nothing changed: nothing new, though Zoom moved what moves by itself, and the order of its lists.
    expect(await look(stage)).toHaveLength(first.length);

    const { channels, users, spaces } = emulator.context();
    const channel = channels.find(
      ({ type, members, deleted }) => type !== 4 && members.length > 2 && !deleted,
    );
    const channelId = channel?.id ?? '';
    const person = channel?.members.find((member) => member !== channel.owner) ?? '';
    const user = users.findLast(({ status }) => status === 'active');
    emulator.perform({ verb: 'rename-channel', channelId, name: 'Ein ganz anderer Name' });
    emulator.perform({ verb: 'leave', channelId, people: [person] });
    emulator.perform({ verb: 'set-retention', channelId, period: '90d' });
    emulator.perform({ verb: 'change-user', userId: user?.id ?? '', status: 'inactive', displayName: 'Weg' });
    emulator.perform({ verb: 'add-emoji', name: 'neu_1' });
    emulator.perform({ verb: 'change-space', spaceId: spaces[0]?.id ?? '', name: 'Umbenannt' });
    emulator.setSettings({ allow_edit_message: { time: 60 } });
    const second = await look(stage);
    differences(emulator, second);
    const changed = second.slice(first.length).map(({ kind }) => kind);
    expect(new Set(changed)).toEqual(
      new Set([
        ...['channel', 'channel_members', 'channel_retention', 'user', 'emoji', 'space', 'settings'],
        // The lists of a space name its channels and people.
        ...changed.filter((kind) =>
          ['space_channels', 'space_members', 'channel_admins', 'pins'].includes(kind),
        ),
      ]),
    );
    expect(second.filter(({ drift }) => drift)).toEqual([]);
  });

  test('a channel that is deleted goes on record once', async () => {
    const stage = await scene();
    await look(stage);
    const { sessionId, id, name } = stage.emulator.context().channels.find(({ deleted }) => !deleted) ?? {};
    expect(id).toBeDefined();
    stage.emulator.perform({ verb: 'delete-session', sessionId: sessionId ?? '' });
    await look(stage);
    const rows = await look(stage);
    differences(stage.emulator, rows);
    const gone = rows.filter(({ kind }) => kind.endsWith('_gone')).map(({ record }) => record);
    expect(gone).toContainEqual({ kind: 'channel_gone', subject: id, name, value: null });
    expect(gone.filter(({ subject }) => subject === id)).toHaveLength(1);
  });

  test('the files of emoji are fetched', async () => {
    const stage = await scene();
    await look(stage);
    const files = await readStream(stage.archiver.root, 'files');
    const emoji = files.filter(({ columns }) => columns.origin === 'emoji');
    expect(emoji.map(({ columns }) => [columns.file_id, columns.sha256]).sort()).toEqual(
      stage.emulator
        .context()
        .emoji.map(({ fileId, sha256 }) => [fileId, sha256])
        .sort(),
    );
  });
});

test("Zoom's retention stands in the ledger, and a policy that is switched off leaves it", async () => {
  const stage = await scene();
  const { emulator } = stage;
  const db = await openPostgres({ url: stage.ledger, connections: 2, log: silentLog() });
  onTestFinished(() => db.close());
  const periods = async (): Promise<Record<string, string>> => {
    const known = await readSourceRetention(db, 'emulated-account');
    return Object.fromEntries([...known].filter(([, period]) => period !== ''));
  };
  for (const { id, retention } of emulator.context().channels)
    if (retention.custom) emulator.perform({ verb: 'set-retention', channelId: id });
  const own = emulator.context().channels.find(({ type, deleted }) => type !== 4 && !deleted)?.id ?? '';
  emulator.perform({ verb: 'set-retention', channelId: own, period: '30d' });
  await look(stage);
  expect(await periods()).toEqual({ direct: '10y', channels: '10y', [own]: '30d' });
  emulator.perform({ verb: 'set-retention', channelId: own });
  emulator.setSettings({ set_retention_period_in_cloud: { retention_period_of_channels: '2y' } });
  await look(stage);
  expect(await periods()).toEqual({ direct: '10y', channels: '2y' });
});

const ENDPOINTS = [
  ...['settings', 'users', 'channels', 'channel', 'channel-members', 'channel-admins', 'channel-retention'],
  ...['pins', 'spaces', 'space', 'space-channels', 'space-members', 'emoji'],
] as const;
type Aim = NonNullable<Fault['endpoint']>;

describe('what a pass rides out', () => {
  const FAULTS: readonly Fault[] = [
    { kind: 'status', status: 500 },
    { kind: 'reset' },
    { kind: 'reset', when: 'mid-body' },
    { kind: 'slow-body', ms: 50 },
    { kind: 'truncated-json' },
    { kind: 'html' },
    { kind: 'missing-rate-headers' },
    { kind: 'second-limit' },
    { kind: 'concurrency-limit' },
    { kind: 'redirect', to: 'same-host' },
  ];
  test.each(FAULTS)('$kind $when on every endpoint at once', async (fault) => {
    const stage = await scene(QUIET, patient);
    for (const endpoint of ENDPOINTS) stage.emulator.inject({ ...fault, endpoint: endpoint as Aim });
    differences(stage.emulator, await look(stage));
    expect(stage.emulator.faultsHit()[fault.kind]).toBe(ENDPOINTS.length);
  });

  // One at a time: an access token that dies right after it was renewed is a credential that Zoom refuses.
  test.each(ENDPOINTS)('the access token expires at %s', async (endpoint) => {
    const stage = await scene(QUIET);
    stage.emulator.inject({ kind: 'token-expired', endpoint: endpoint as Aim });
    differences(stage.emulator, await look(stage));
    expect(stage.emulator.faultsHit()).toEqual({ 'token-expired': 1 });
  });

  test.each<Fault>([
    { kind: 'repeated-page-token' },
    { kind: 'repeated-rows', rows: 3 },
    { kind: 'expired-page-token' },
  ])('$kind on the list of emoji', async (fault) => {
    const stage = await scene(QUIET);
    for (let count = 0; count < 60; count += 1)
      stage.emulator.perform({ verb: 'add-emoji', name: `more_${count}` });
    stage.emulator.inject({ ...fault, endpoint: 'emoji' });
    differences(stage.emulator, await look(stage));
    expect(stage.emulator.faultsHit()).toEqual({ [fault.kind]: 1 });
  });
});

describe('what fails alone', () => {
  test.each<Fault>([
    { kind: 'status', status: 404, endpoint: 'channel' },
    { kind: 'status', status: 400, code: 200, endpoint: 'channel-members' },
    { kind: 'status', status: 403, code: 200, endpoint: 'pins' },
    { kind: 'status', status: 403, code: 200, endpoint: 'space' },
    { kind: 'status', status: 403, code: 200, endpoint: 'users' },
    { kind: 'missing-scope', endpoint: 'emoji' },
    { kind: 'missing-scope', endpoint: 'settings' },
  ])('$kind $status on $endpoint, and is looked at again', async (fault) => {
    const stage = await scene(QUIET);
    const { emulator, archiver } = stage;
    emulator.inject(fault);
    expect(await archiver.collect()).toMatchObject({ complete: false, failed: 1, errors: [] });
    emulator.moveClock(20 * 60_000);
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await archiver.seal(true);
    const rows = await readStream(archiver.root, 'context');
    differences(emulator, rows);
    expect(rows.filter(({ kind }) => kind.endsWith('_gone'))).toEqual([]);
  });

  test('a scope that one part of a channel lacks fails that channel, and leaves the rest', async () => {
    const stage = await scene(QUIET);
    const { emulator, archiver } = stage;
    emulator.inject({ kind: 'missing-scope', endpoint: 'pins' });
    const { errors, failed, complete } = await archiver.collect();
    expect({ errors, failed, complete }).toEqual({ errors: [], failed: 1, complete: false });
    // Past the back-off.
    emulator.moveClock(HOUR);
    differences(emulator, await look(stage));
  });

  test('the daily limit ends the stream until it is over', async () => {
    const stage = await scene(QUIET);
    stage.emulator.inject({ kind: 'daily-limit', endpoint: 'emoji', retryAfterMs: HOUR });
    const { errors } = await stage.archiver.collect();
    expect(errors.map(({ stream, error }) => [stream, error.code])).toEqual([
      ['context', 'zoom-rate-limited'],
    ]);
    differences(stage.emulator, await look(stage));
  });
});
