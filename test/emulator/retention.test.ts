import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Emulator, type SettingChanges, startEmulator } from '../../emulator/server.ts';
import { Client, NOON, type Parameters, sessionPath } from './client.ts';

const DAY = 86_400_000;
const MAY = { from: '2026-05-16', to: '2026-06-16' };
const CHANGES = { include_fields: 'edited_messages,deleted_messages', query_all_modifications: true };

let emulator: Emulator;
let client: Client;
let channel: string;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 31, sessions: 30, messages: 1500 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
});
afterAll(() => emulator.close());

// A channel with one message of ten days ago, edited today, and one of now.
beforeEach(async () => {
  emulator.moveClock(NOON - emulator.now());
  keep({ retention_period_of_channels: '10y' });
  client = await Client.connect(emulator);
  channel = createChannel(2);
});

function createChannel(channelType: 1 | 2 | 3 | 4 | 5): string {
  const sessionId = emulator.perform({ verb: 'create-session', name: 'kept', channelType });
  emulator.moveClock(-10 * DAY);
  const messageId = emulator.perform({ verb: 'send', sessionId, text: 'old' });
  emulator.moveClock(10 * DAY);
  emulator.perform({ verb: 'edit', sessionId, messageId, text: 'old, edited' });
  emulator.perform({ verb: 'pin', channelId: sessionId, messageId });
  emulator.perform({ verb: 'send', sessionId, text: 'new' });
  return sessionId;
}

function keep(changes: SettingChanges['set_retention_period_in_cloud']): void {
  emulator.setSettings({ set_retention_period_in_cloud: changes });
}

async function texts(array: 'messages' | 'edited_messages', parameters: Parameters = {}): Promise<string[]> {
  const pages = await client.pages(sessionPath(channel), { ...MAY, ...parameters });
  return pages.flatMap((page) => page[array]).map((row) => row.message);
}

async function isListed(id = channel): Promise<boolean> {
  const pages = await client.pages('/report/chat/sessions', { ...MAY, page_size: 300 });
  return pages.flatMap((page) => page.sessions).some((row) => row.id === id);
}

test('a message vanishes when it is older than the channel’s own period, to the millisecond', async () => {
  emulator.perform({ verb: 'set-retention', channelId: channel, period: '11d' });
  emulator.moveClock(DAY);
  await client.renewToken();
  expect(await texts('messages')).toEqual(['old, edited', 'new']);
  emulator.moveClock(1);
  expect(await texts('messages')).toEqual(['new']);
  emulator.moveClock(-1);
  expect(await texts('messages')).toEqual(['old, edited', 'new']);
});

test('its edits, pins and place in the list of pages vanish with it; the truth keeps it', async () => {
  const pinned = async () => {
    const { channelId } = channelOf(channel);
    return (await client.get(`/chat/channels/${channelId}/pinned`)).json.messages.length;
  };
  expect(await texts('edited_messages', CHANGES)).toEqual(['old, edited']);
  expect(await pinned()).toBe(1);
  emulator.perform({ verb: 'set-retention', channelId: channel, period: '9d' });
  expect(await texts('edited_messages', CHANGES)).toEqual([]);
  expect(await texts('edited_messages', { include_fields: 'edited_messages' })).toEqual([]);
  expect(await pinned()).toBe(0);
  const kept = [...emulator.truth()].filter(({ sessionId }) => sessionId === channel);
  expect(kept.map(({ versions }) => versions.at(-1)?.text)).toEqual(['old, edited', 'new']);
});

test('a message can vanish between two pages', async () => {
  emulator.perform({ verb: 'set-retention', channelId: channel, period: '10d' });
  emulator.perform({ verb: 'send', sessionId: channel, text: 'newest' });
  const query = { ...MAY, page_size: 1 };
  const first = (await client.messages(channel, query)).json;
  expect(first.messages[0].message).toBe('old, edited');
  emulator.moveClock(1);
  const second = await client.messages(channel, { ...query, next_page_token: first.next_page_token });
  expect(second.json.messages[0].message).toBe('new');
});

test('a session whose messages are all gone is not listed, edits and reactions or not', async () => {
  emulator.setSwitches({ listEditedSessions: true });
  emulator.perform({ verb: 'set-retention', channelId: channel, period: '1d' });
  expect(await isListed()).toBe(true);
  emulator.moveClock(DAY + 1000);
  await client.renewToken();
  expect(await isListed()).toBe(false);
  expect(await texts('messages')).toEqual([]);
  emulator.perform({ verb: 'send', sessionId: channel, text: 'again' });
  expect(await isListed()).toBe(true);
  emulator.setSwitches({ listEditedSessions: false });
});

test('a session is not listed for an old edit of a message that is gone while others are kept', async () => {
  emulator.setSwitches({ listEditedSessions: true });
  emulator.moveClock(-DAY);
  const sessionId = emulator.perform({ verb: 'create-session', name: 'edits' });
  emulator.moveClock(-20 * DAY);
  const messageId = emulator.perform({ verb: 'send', sessionId, text: 'older' });
  emulator.moveClock(20 * DAY);
  emulator.perform({ verb: 'edit', sessionId, messageId, text: 'edited yesterday' });
  emulator.moveClock(DAY);
  emulator.perform({ verb: 'send', sessionId, text: 'today' });
  const yesterday = { from: '2026-06-14', to: '2026-06-14', page_size: 300 };
  const lists = async () =>
    (await client.pages('/report/chat/sessions', yesterday))
      .flatMap((page) => page.sessions)
      .some((row) => row.id === sessionId);
  expect(await lists()).toBe(true);
  emulator.perform({ verb: 'set-retention', channelId: sessionId, period: '5d' });
  expect(await lists()).toBe(false);
  emulator.setSwitches({ listEditedSessions: false });
});

describe('without a period of its own', () => {
  test('a channel has that of channels', async () => {
    keep({ retention_period_of_channels: '1d' });
    expect(await texts('messages')).toEqual(['new']);
    emulator.perform({ verb: 'set-retention', channelId: channel, period: '1m' });
    expect(await texts('messages')).toEqual(['old, edited', 'new']);
    emulator.perform({ verb: 'set-retention', channelId: channel });
    expect(await texts('messages')).toEqual(['new']);
    const { channelId } = channelOf(channel);
    expect((await client.get(`/chat/channels/${channelId}/retention`)).json.cloud_retention).toEqual({
      enable_custom_retention: false,
      retention_period: '1d',
    });
  });

  test('a group chat and a 1:1 have that of direct messages', async () => {
    channel = createChannel(4);
    const direct =
      emulator.sessions().find(({ type, messages }) => type === '1:1' && messages > 20)?.id ?? '';
    const count = async () => {
      const pages = await client.pages(sessionPath(direct), { ...MAY, page_size: 100 });
      return pages.flatMap((page) => page.messages).length;
    };
    const before = await count();
    keep({ retention_period_of_channels: '1d' });
    expect(await texts('messages')).toEqual(['old, edited', 'new']);
    expect(await count()).toBe(before);
    keep({ retention_period_of_direct_messages_and_group_conversation: '2d' });
    expect(await texts('messages')).toEqual(['new']);
    expect(await count()).toBeLessThan(before);
    const since = emulator.sessions().find(({ id }) => id === direct)?.keptSince ?? 0;
    expect(since).toBe(NOON - 2 * DAY);
    const left = [...emulator.truth()].filter(
      ({ sessionId, sentAt, versions }) =>
        sessionId === direct && sentAt >= since && versions.at(-1)?.kind !== 'deleted',
    );
    expect(await count()).toBe(left.length);
    expect(() => emulator.perform({ verb: 'set-retention', channelId: channel, period: '1y' })).toThrow(
      'group chat',
    );
    keep({ retention_period_of_direct_messages_and_group_conversation: '10y' });
  });

  test('without cloud storage messages stay seven days', async () => {
    keep({ enable: false });
    expect(await texts('messages')).toEqual(['new']);
    expect(emulator.sessions().find(({ id }) => id === channel)?.keptSince).toBe(NOON - 7 * DAY);
    keep({ enable: true });
  });
});

test.each([
  ['1d', '2026-06-14T12:00:00Z'],
  ['90d', '2026-03-17T12:00:00Z'],
  ['4m', '2026-02-15T12:00:00Z'],
  ['120m', '2016-06-15T12:00:00Z'],
  ['2y', '2024-06-15T12:00:00Z'],
])('%s reaches back to %s', (period, since) => {
  emulator.perform({ verb: 'set-retention', channelId: channel, period });
  expect(channelOf(channel)).toMatchObject({
    keptSince: Date.parse(since),
    retention: { custom: true, period },
  });
});

test.each(['0d', '91d', '121m', '11y', '1w', 'forever', '07d', ''])('%j is no period', (period) => {
  expect(() => keep({ retention_period_of_channels: period })).toThrow();
});

test('settings change, and are served and told as they are', async () => {
  const served = async () => (await client.get('/accounts/me/settings')).json.chat;
  const changed = emulator.setSettings({
    store_revise_chat: false,
    allow_edit_message: { time: 60 },
    allow_delete_message: { enable: false },
  });
  expect(changed).toMatchObject({
    store_revise_chat: false,
    set_retention_period_in_cloud: { enable: true, retention_period_of_channels: '10y' },
    allow_edit_message: { enable: true, time: 60 },
    allow_delete_message: { enable: false, time: 0 },
  });
  expect(await served()).toMatchObject(changed);
  expect(emulator.context().settings).toEqual(changed);
  // The switch and the setting are one.
  expect(emulator.setSwitches({}).storeRevisions).toBe(false);
  expect(await client.messages(channel, { ...MAY, ...CHANGES })).not.toHaveProperty('json.edited_messages');
  emulator.setSwitches({ storeRevisions: true });
  expect(await served()).toMatchObject({ store_revise_chat: true });
});

function channelOf(sessionId: string): {
  readonly channelId: string;
  readonly keptSince: number;
  readonly retention: object;
} {
  const found = emulator.context().channels.find((one) => one.sessionId === sessionId);
  if (found === undefined) throw new Error(`no channel of ${sessionId}`);
  return { ...found, channelId: found.id };
}
