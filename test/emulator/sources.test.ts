import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import {
  type Emulator,
  type EmulatorOptions,
  startEmulator,
  type TruthMessage,
} from '../../emulator/server.ts';
import { Client, first, NOON, sessionPath } from './client.ts';

const DAY = 86_400_000;
const open: Emulator[] = [];
afterEach(async () => {
  for (const emulator of open.splice(0)) await emulator.close();
});

async function start(source: EmulatorOptions['source']): Promise<Emulator> {
  const emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  open.push(emulator);
  return emulator;
}

describe('the generator', () => {
  const source = { kind: 'generated', seed: 7, sessions: 60, messages: 20_000 } as const;

  test('repeats itself for the same seed, actions included, and differs for another', async () => {
    const [one, two, other] = [await start(source), await start(source), await start({ ...source, seed: 8 })];
    one.act(500);
    two.act(500);
    expect([...one.truth()]).toEqual([...two.truth()]);
    expect(one.sessions()).toEqual(two.sessions());
    expect([...other.truth()][0]).not.toEqual([...one.truth()][0]);
  });

  test('makes exactly as many messages as asked for, also very few', async () => {
    expect([...(await start(source)).truth()]).toHaveLength(20_000);
    expect([...(await start({ ...source, sessions: 10, messages: 3 })).truth()]).toHaveLength(3);
    expect([...(await start({ ...source, sessions: 0, messages: 0 })).truth()]).toHaveLength(0);
  });

  test('adds as many visits as asked for, and leaves the rest as it is', async () => {
    const [plain, busy] = [await start(source), await start({ ...source, visits: 500 })];
    expect([...busy.truth()]).toEqual([...plain.truth()]);
    const before = new Set([...plain.membershipChanges()].map((change) => JSON.stringify(change)));
    const changes = [...busy.membershipChanges()];
    const added = changes.filter((change) => !before.has(JSON.stringify(change)));
    expect([before.size, added.length]).toEqual([changes.length - 1_000, 1_000]);
    expect(changes.map(({ timestamp }) => timestamp)).toEqual(
      changes.map(({ timestamp }) => timestamp).toSorted((a, b) => a - b),
    );
    const present = new Map<string, boolean>();
    for (const { channelId, status, members } of added) {
      const visitor = `${channelId} ${members[0]?.memberId}`;
      expect(present.get(visitor) ?? false).toBe(status === 'left');
      present.set(visitor, status === 'joined');
    }
    expect([...present.values()].some((isThere) => isThere)).toBe(false);
  });

  test('includes everything that is hard to archive', async () => {
    const emulator = await start(source);
    const all = [...emulator.truth()];
    const share = (which: (message: TruthMessage) => boolean) => all.filter(which).length / all.length;
    const has = (pattern: RegExp) =>
      all.some((message) => message.versions.some((version) => pattern.test(version.text)));
    expect(has(/^$/)).toBe(true);
    expect(has(/\u0000/)).toBe(true);
    expect(has(/[\u0590-\u06ff]/)).toBe(true);
    expect(has(/\p{Emoji_Presentation}/u)).toBe(true);
    expect(all.some((message) => !(message.versions[0]?.text ?? '').isWellFormed())).toBe(true);
    expect(all.some((message) => (message.versions[0]?.text.length ?? 0) >= 60_000)).toBe(true);
    expect(all.some((message) => message.messageId.startsWith('{'))).toBe(true);
    expect(all.some((message) => message.versions.length > 3)).toBe(true);
    expect(all.some((message) => message.reactions.custom_emoji_reactions.length > 0)).toBe(true);
    const edited = share((message) => message.versions.some((version) => version.kind === 'edited'));
    const deleted = share((message) => message.versions.at(-1)?.kind === 'deleted');
    const old = share((message) => message.sentAt < NOON - 183 * DAY);
    for (const [part, low, high] of [
      [edited, 0.03, 0.08],
      [deleted, 0.01, 0.03],
      [old, 0.005, 0.02],
    ] as const) {
      expect(part).toBeGreaterThan(low);
      expect(part).toBeLessThan(high);
    }
    // Edits and deletions weeks after everybody stopped writing, and edits of messages reports no longer reach.
    const late = (message: TruthMessage) => (message.versions.at(-1)?.actionTimestamp ?? 0) > NOON - 21 * DAY;
    expect(all.some((message) => message.sentAt < NOON - 183 * DAY && late(message))).toBe(true);
    const lastSent = new Map(all.map((message) => [message.sessionId, message.sentAt]));
    expect(
      all.some((message) => (lastSent.get(message.sessionId) ?? 0) < NOON - 59 * DAY && late(message)),
    ).toBe(true);
    expect(emulator.sessions().some((session) => session.status === 'deleted')).toBe(true);
    expect(emulator.sessions().some((session) => session.name.startsWith('Renamed'))).toBe(true);
  });

  test('keeps times in order within sessions and histories, and nothing after the clock', async () => {
    let previous: TruthMessage | undefined;
    for (const message of (await start(source)).truth()) {
      if (previous?.sessionId === message.sessionId) expect(message.sentAt).toBeGreaterThan(previous.sentAt);
      const times = message.versions.map((version) => version.actionTimestamp);
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
      expect(Math.max(...times)).toBeLessThan(NOON);
      expect(times[0]).toBe(message.sentAt);
      previous = message;
    }
  });

  test('serves rows of every kind as JSON that parses to what the truth says', async () => {
    const emulator = await start(source);
    const client = await Client.connect(emulator);
    const query = {
      from: '2026-05-16',
      to: '2026-06-15',
      page_size: 100,
      include_reactions: true,
      include_custom_emoji_reactions: true,
      include_bot_message: true,
    };
    const truth = new Map(
      [...emulator.truth()].map((message) => [`${message.sessionId} ${message.messageId}`, message]),
    );
    const seen = new Set<string>();
    for (const { id } of emulator.sessions()) {
      for (const row of (await client.pages(sessionPath(id), query)).flatMap((page) => page.messages)) {
        const message = truth.get(`${id} ${row.id}`);
        expect(row.message).toBe(message?.versions.at(-1)?.text);
        expect(row.reactions ?? []).toEqual(message?.reactions.reactions);
        expect(row.custom_emoji_reactions ?? []).toEqual(message?.reactions.custom_emoji_reactions);
        for (const name of Object.keys(row)) seen.add(name);
        if (row.bot_message !== undefined) seen.add(`bot_message.content ${typeof row.bot_message.content}`);
        seen.add(`sender ${row.sender === '' ? 'empty' : typeof row.sender}`);
      }
    }
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...['files', 'rich_text', 'giphy_information', 'forward_id', 'reply_main_message_id', 'receiver'],
        ...['bot_message.content string', 'bot_message.content object', 'sender empty', 'sender undefined'],
      ]),
    );
  });
});

describe('a corpus', () => {
  const lines = [
    { channel: 'b', n: 0, at: '2006-01-01T23:59:00Z', type: 'message', nick: 'ann', text: 'first' },
    { channel: 'b', n: 1, at: '2006-01-01T23:59:00Z', type: 'join', nick: 'bob' },
    {
      channel: 'b',
      n: 2,
      at: '2006-01-01T23:59:00Z',
      type: 'message',
      nick: 'bob',
      text: 'same minute',
      reply_to: 0,
    },
    {
      channel: 'b',
      n: 3,
      at: '2006-01-02T00:01:00Z',
      type: 'message',
      nick: 'ann',
      text: 'next "day"',
      reply_to: 1,
    },
    { channel: 'b', n: 4, at: '2006-01-02T00:02:00Z', type: 'rename', nick: 'ann', new_nick: 'anna' },
    { channel: 'a', n: 9, at: '2004-05-06T07:08:00Z', type: 'message', nick: 'ann', text: 'oldest' },
    { channel: 'c', n: 5, at: '2018-05-06T07:08:00Z', type: 'message', nick: 'cy', text: '' },
  ];

  test('becomes sessions of type Group within the last 170 days, order and minute kept', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
    const file = join(folder, 'logs.ndjson.gz');
    writeFileSync(file, gzipSync(lines.map((line) => `${JSON.stringify(line)}\n`).join('')));
    const emulator = await start({ kind: 'corpus', file });
    rmSync(folder, { recursive: true });

    expect(emulator.sessions().map(({ name, type, messages }) => [name, type, messages])).toEqual([
      ['a', 'Group', 1],
      ['b', 'Group', 3],
      ['c', 'Group', 1],
    ]);
    const all = [...emulator.truth()];
    expect(all.map((message) => message.versions.map((version) => version.text))).toEqual([
      ['oldest'],
      ['first'],
      ['same minute'],
      ['next "day"'],
      [''],
    ]);
    expect(all.map((message) => new Date(message.sentAt).toISOString().slice(11))).toEqual([
      '07:08:00.000Z',
      '23:59:00.000Z',
      '23:59:30.000Z',
      '00:01:00.000Z',
      '07:08:00.000Z',
    ]);
    for (const message of all) {
      expect(message.sentAt).toBeLessThan(NOON - 12 * 3_600_000);
      expect(message.sentAt).toBeGreaterThanOrEqual(NOON - 171 * DAY);
    }

    const client = await Client.connect(emulator);
    const day = new Date(all[2]?.sentAt ?? 0).toISOString().slice(0, 10);
    const { messages } = (await client.messages(all[2]?.sessionId ?? '', { from: day, to: day })).json;
    const plain = (id = '') => id.replace(/[{}]/g, '').toLowerCase();
    expect(plain(messages[1]?.reply_main_message_id)).toBe(plain(first(messages).id));
    expect(messages[1]?.reply_main_message_timestamp).toBe(first(messages).timestamp);
    expect(messages[1]?.sender_display_name).toBe('bob');

    // People come in with their first message, and everybody is a user.
    const joins = [...emulator.membershipChanges()].map((change) => [
      change.status,
      change.operator.displayName,
      change.members.map((person) => person.displayName),
      all.some((message) => message.sentAt === change.timestamp),
    ]);
    expect(joins).toEqual(['ann', 'ann', 'bob', 'cy'].map((nick) => ['joined', nick, [nick], true]));
    const { users, channels } = emulator.context();
    const named = users.filter((user) => user.id !== undefined).map((user) => user.displayName);
    expect(named).toEqual(['ann', 'bob', 'cy']);
    expect(channels.map(({ name, members }) => [name, members.length])).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 1],
    ]);

    emulator.startActing(2_000, { only: 'live' });
    await expect
      .poll(() =>
        emulator
          .sessions()
          .slice(3)
          .reduce((sum, session) => sum + session.messages, 0),
      )
      .toBeGreaterThan(20);
    emulator.stopActing();
    expect([...emulator.truth()].slice(0, 5)).toEqual(all);
  });
});
