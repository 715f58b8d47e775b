import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/server.ts';
import { type Body, Client, first, NOON, type Parameters, sessionPath } from './client.ts';

const JUNE = { from: '2026-06-01', to: '2026-06-15' };
const ALL = {
  include_fields: 'edited_messages,deleted_messages',
  include_reactions: true,
  include_custom_emoji_reactions: true,
  include_bot_message: true,
};
const SESSIONS = '/report/chat/sessions';

let emulator: Emulator;
let client: Client;
let busiest: string;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 1, sessions: 40, messages: 6000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  client = await Client.connect(emulator);
  busiest = [...emulator.sessions()].sort((a, b) => b.messages - a.messages)[0]?.id ?? '';
});
afterAll(() => emulator.close());

describe.each([
  ['sessions', (): string => SESSIONS, 300],
  ['messages', (): string => sessionPath(busiest), 100],
] as const)('the %s report', (_name, path, largest) => {
  test.each<[string, Parameters, string]>([
    ['no from', { to: '2026-06-15' }, 'from'],
    ['no to', { from: '2026-06-01' }, 'to'],
    ['a date-time', { from: '2026-06-01T00:00:00Z', to: '2026-06-15' }, 'from'],
    ['a day that does not exist', { from: '2026-06-01', to: '2026-06-31' }, 'to'],
    ['days in reverse', { from: '2026-06-02', to: '2026-06-01' }, 'from'],
    ['more than a month', { from: '2026-05-01', to: '2026-06-02' }, 'from'],
    ['more than six months back', { from: '2025-12-14', to: '2025-12-31' }, 'from'],
    ['page_size 0', { ...JUNE, page_size: 0 }, 'page_size'],
    ['page_size above the maximum', { ...JUNE, page_size: largest + 1 }, 'page_size'],
    ['page_size in words', { ...JUNE, page_size: 'many' }, 'page_size'],
  ])('refuses %s', async (_what, parameters, field) => {
    const { status, json } = await client.get(path(), parameters);
    expect({ status, json }).toMatchObject({ status: 400, json: { code: 300, errors: [{ field }] } });
  });

  test('accepts a month that begins six months back, and days to come', async () => {
    expect((await client.get(path(), { from: '2025-12-15', to: '2026-01-15' })).status).toBe(200);
    expect((await client.get(path(), { from: '2026-06-15', to: '2026-06-16' })).status).toBe(200);
  });

  test('binds page tokens to their query and ends them after 15 minutes', async () => {
    const query = { ...JUNE, page_size: 3 };
    const token = (await client.get(path(), query)).json.next_page_token;
    expect(token).not.toBe('');
    const refused = { status: 400, json: { code: 300 } };
    const next = async (changes: Parameters) =>
      await client.get(path(), { ...query, next_page_token: token, ...changes });
    expect(await next({ page_size: 4 })).toMatchObject(refused);
    expect(await next({ to: '2026-06-14' })).toMatchObject(refused);
    expect(await next({ next_page_token: `${token.slice(0, -4)}AAAA` })).toMatchObject(refused);
    expect(await next({ next_page_token: 'nonsense' })).toMatchObject(refused);
    expect((await next({})).status).toBe(200);
    emulator.moveClock(15 * 60_000);
    expect((await next({})).status).toBe(200);
    emulator.moveClock(1);
    expect(await next({})).toMatchObject(refused);
    emulator.moveClock(-15 * 60_000 - 1);
  });

  test('echoes the query, uses 30 rows by default and names every response', async () => {
    const one = await client.get(path(), JUNE);
    expect(one.json).toMatchObject({ ...JUNE, page_size: 30 });
    const two = await client.get(path(), JUNE);
    expect(one.headers.get('x-zm-trackingid')).toMatch(/^v=2.0;clid=\w+;rid=WEB_\w+$/);
    expect(two.headers.get('x-zm-trackingid')).not.toBe(one.headers.get('x-zm-trackingid'));
    expect(one.headers.get('date')).toBe(new Date(NOON).toUTCString());
  });
});

describe('messages', () => {
  test('are served once each over all sessions and windows, as the truth has them', async () => {
    const starts = [
      '2025-12-15',
      '2026-01-15',
      '2026-02-15',
      '2026-03-15',
      '2026-04-15',
      '2026-05-15',
      '2026-06-15',
    ];
    const served = new Map<string, string>();
    for (const { id } of emulator.sessions()) {
      for (const [index, from] of starts.entries()) {
        const to = dayBefore(starts[index + 1] ?? '2026-06-17');
        for (const page of await client.pages(sessionPath(id), { from, to, page_size: 100 })) {
          for (const row of page.messages) {
            expect(served.has(`${id} ${row.id}`)).toBe(false);
            served.set(`${id} ${row.id}`, row.message);
          }
        }
      }
    }
    const oldest = Date.parse('2025-12-15T00:00:00Z');
    const expected = [...emulator.truth()].filter(
      (message) => message.sentAt >= oldest && message.versions.at(-1)?.kind !== 'deleted',
    );
    const texts = expected.map((message): [string, string] => [
      `${message.sessionId} ${message.messageId}`,
      message.versions.at(-1)?.text ?? '',
    ]);
    expect(served).toEqual(new Map(texts));
  });

  test('ascend in time, are not shifted by writers and end with an empty token', async () => {
    const query = { ...JUNE, page_size: 10 };
    const opening = await client.messages(busiest, query);
    const before = (await client.pages(sessionPath(busiest), query)).flatMap((page) => page.messages);
    emulator.perform({ verb: 'send', sessionId: busiest, text: 'while you were reading' });
    emulator.perform({ verb: 'delete', sessionId: busiest, messageId: first(opening.json.messages).id });
    const rest = await client.messages(busiest, { ...query, next_page_token: opening.json.next_page_token });
    expect(rest.json.messages.map((row: Body) => row.id)).toEqual(
      before.slice(10, 20).map((row: Body) => row.id),
    );
    const times = before.map((row: Body) => row.timestamp);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('carry reactions, bot messages and the modification arrays only when asked for', async () => {
    const query = { from: '2026-05-16', to: '2026-06-15', page_size: 100 };
    const plain = await client.pages(sessionPath(busiest), query);
    const rich = await client.pages(sessionPath(busiest), { ...query, ...ALL });
    const keys = (pages: object[]) => JSON.stringify(pages);
    expect(keys(plain)).not.toMatch(/"(reactions|custom_emoji_reactions|bot_message|edited_messages)":/);
    expect(keys(rich)).toMatch(/"reactions":/);
    expect(keys(rich)).toMatch(/"custom_emoji_reactions":/);
    expect(keys(rich)).toMatch(/"edited_messages":\[\{/);
    for (const include_fields of [
      'messages',
      'deleted_messages,edited_messages',
      'edited_messages, deleted_messages',
    ]) {
      expect(await client.messages(busiest, { ...query, include_fields })).toMatchObject({
        status: 400,
        json: { code: 300 },
      });
    }
    const edited = await client.messages(busiest, { ...query, include_fields: 'edited_messages' });
    expect(edited.json.edited_messages.length).toBeGreaterThan(0);
    expect(edited.json.deleted_messages).toBeUndefined();
  });

  test('show times to the second, the unedited their own action time, and new download links every time', async () => {
    const query = { from: '2026-05-16', to: '2026-06-15', page_size: 100, ...ALL };
    const rows = (await client.pages(sessionPath(busiest), query)).flatMap((page) => page.messages);
    const edited = new Set(
      rows.filter((row: Body) => row.action_timestamp !== row.timestamp).map((row: Body) => row.id),
    );
    for (const row of rows) {
      expect(row.date_time).toBe(`${new Date(row.timestamp).toISOString().slice(0, 19)}Z`);
    }
    expect(edited.size).toBeGreaterThan(0);
    expect(edited.size).toBeLessThan(rows.length / 4);
    const link = async () => {
      const shown = (await client.pages(sessionPath(busiest), query)).flatMap((page) => page.messages);
      return first(shown.flatMap((row: Body) => row.files ?? [])).download_url;
    };
    const [one, two] = [await link(), await link()];
    expect(one.split('jwt=')[0]).toBe(two.split('jwt=')[0]);
    expect(one).not.toBe(two);
  });

  test('of 1:1 sessions name receiver and externals, those of groups do not', async () => {
    const listed = (await client.sessions({ from: '2026-05-16', to: '2026-06-15', page_size: 300 })).json
      .sessions;
    for (const type of ['1:1', 'Group']) {
      const { id } = first(listed.filter((session: Body) => session.type === type));
      const { messages } = (await client.messages(id, { from: '2026-05-16', to: '2026-06-15' })).json;
      for (const row of messages) {
        expect('receiver' in row).toBe(type === '1:1');
        expect('is_sender_external' in row).toBe(type === '1:1');
      }
    }
  });

  test('of an unknown session are not found', async () => {
    expect(await client.messages('f'.repeat(64), JUNE)).toMatchObject({
      status: 404,
      json: { message: expect.any(String) },
    });
    expect(await client.get('/report/chat/nothing')).toMatchObject({ status: 404, json: { code: 2300 } });
  });

  test('are found for ids with slashes, encoded once or twice', async () => {
    const nasty = emulator.sessions().filter(({ id }) => id.includes('/'));
    expect(nasty.length).toBeGreaterThan(2);
    for (const { id } of nasty) {
      const once = `/report/chat/sessions/${encodeURIComponent(id)}`;
      const twice = `/report/chat/sessions/${encodeURIComponent(encodeURIComponent(id))}`;
      expect((await client.get(once, JUNE)).status).toBe(200);
      expect((await client.get(twice, JUNE)).status).toBe(200);
    }
  });

  test('tell the history of their reactions when asked', async () => {
    const messageId = emulator.perform({ verb: 'send', sessionId: busiest, text: 'react!' });
    for (let step = 0; step < 3; step += 1)
      emulator.perform({ verb: 'react', sessionId: busiest, messageId, emoji: 'U+1F44D' });
    const query = { from: '2026-06-15', to: '2026-06-15', page_size: 100, include_reactions: true };
    const pages = await client.pages(sessionPath(busiest), {
      ...query,
      include_reaction_recent_changed: true,
    });
    const row = pages.flatMap((page) => page.messages).find(({ message }) => message === 'react!');
    expect(row?.reactions).toMatchObject([{ emoji: 'U+1F44D', total_count: 1 }]);
    expect(row?.emoji_actions?.map((action: Body) => action.emoji_action)).toEqual(['add', 'remove', 'add']);
  });
});

describe('sessions', () => {
  test('come newest first, deleted ones included, and move between pages while people write', async () => {
    const query = { from: '2026-05-16', to: '2026-06-15', page_size: 10 };
    const top = (await client.sessions(query)).json;
    const all = (await client.pages(SESSIONS, query)).flatMap((page) => page.sessions);
    const times = all.map((session: Body) => session.last_message_sent_time);
    expect(times).toEqual([...times].sort().reverse());
    expect(all.some((session: Body) => session.status === 'deleted')).toBe(true);
    emulator.perform({ verb: 'send', sessionId: all.at(-1)?.id ?? '', text: 'to the top' });
    const second = (await client.sessions({ ...query, next_page_token: top.next_page_token })).json;
    expect(first(second.sessions).id).toBe(top.sessions.at(-1)?.id);
  });

  test('show 1:1 with e-mail addresses and groups with channel, status and the name of the day', async () => {
    const query = { from: '2026-05-16', to: '2026-06-15', page_size: 300 };
    for (const session of (await client.sessions(query)).json.sessions) {
      if (session.type === '1:1') {
        expect(session).toMatchObject({ name: '', member_emails: expect.any(Array) });
        expect(session).not.toHaveProperty('channel_id');
      } else {
        expect(session).toMatchObject({
          type: 'Group',
          channel_id: expect.any(String),
          status: expect.any(String),
        });
      }
    }
    const { id } = first((await client.sessions(query)).json.sessions);
    emulator.perform({ verb: 'rename-session', sessionId: id, name: 'A new name' });
    emulator.perform({ verb: 'delete-session', sessionId: id });
    expect(emulator.sessions().find((session: Body) => session.id === id)).toMatchObject({
      name: 'A new name',
      status: 'deleted',
    });
  });
});

function dayBefore(day: string): string {
  return new Date(Date.parse(day) - 86_400_000).toISOString().slice(0, 10);
}
