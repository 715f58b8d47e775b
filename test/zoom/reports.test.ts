import { describe, expect, test } from 'vitest';
import type { Emulator } from '../../emulator/server.ts';
import { messageId, type SessionId, sessionId } from '../../src/record.ts';
import type { ZoomClient } from '../../src/zoom/client.ts';
import { pathSegment } from '../../src/zoom/hosts.ts';
import { firstMessagePage, messagePages, readAccountSettings, sessionPages } from '../../src/zoom/reports.ts';
import { connectTo, emulate, NOON, RUNNING, serve } from './connect.ts';

const ALL = { from: '2026-05-18', to: '2026-06-16' };
const START = Date.parse('2026-05-18T00:00:00Z');

async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const page of pages) list.push(page);
  return list;
}

/** The session with the most messages since the window's start. */
function busiest(emulator: Emulator): { session: SessionId; ids: string[] } {
  const bySession = new Map<string, string[]>();
  for (const message of emulator.truth()) {
    if (message.sentAt < START) continue;
    bySession.set(message.sessionId, [
      ...(bySession.get(message.sessionId) ?? []),
      messageId(message.messageId),
    ]);
  }
  const [first] = [...bySession].sort(([, a], [, b]) => b.length - a.length);
  if (first === undefined) throw new Error('no session with messages');
  return { session: sessionId(first[0]), ids: first[1] };
}

const MANY = { source: { kind: 'generated', seed: 3, sessions: 3, messages: 6_000 } } as const;

describe('messagePages', () => {
  test.each(['sent', 'modified'] as const)('%s: all pages, every message exactly once', async (mode) => {
    const { emulator, client } = await emulate({ ...MANY, switches: { sentText: 'original' } });
    const { session, ids } = busiest(emulator);
    const pages = await all(messagePages(client, { session, dates: ALL, mode }, RUNNING));
    expect(pages.length).toBe(Math.ceil(ids.length / 100));
    expect(pages.length).toBeGreaterThan(2);
    const listed = pages.flatMap(({ body }) => (body.messages ?? []).map((row) => messageId(row.id)));
    expect(listed).toHaveLength(ids.length);
    expect(new Set(listed)).toEqual(new Set(ids));
    expect(new Set(pages.map(({ requestId }) => requestId)).size).toBe(pages.length);
  });

  test('asks for edits, deletes, cards and reactions, and for modifications by their own time in that mode only', async () => {
    const { url, seen } = await serve([{ body: { messages: [] } }]);
    const { client } = connectTo(url);
    const session = sessionId('s');
    await all(messagePages(client, { session, dates: ALL, mode: 'sent' }, RUNNING));
    await all(messagePages(client, { session, dates: ALL, mode: 'modified' }, RUNNING));
    const query = {
      from: '2026-05-18',
      to: '2026-06-16',
      page_size: '100',
      include_fields: 'edited_messages,deleted_messages',
      include_bot_message: 'true',
      include_reactions: 'true',
      include_custom_emoji_reactions: 'true',
    };
    const queries = seen.map(({ path }) => Object.fromEntries(new URL(path, url).searchParams));
    expect(queries).toEqual([
      { ...query, query_all_modifications: 'false' },
      { ...query, query_all_modifications: 'true' },
    ]);
  });

  test('a page of which every array is missing is a page all the same', async () => {
    const { url } = await serve([
      { body: { from: ALL.from, to: ALL.to, page_size: 100, next_page_token: '' } },
    ]);
    const query = { session: sessionId('s'), dates: ALL, mode: 'sent' } as const;
    expect(await all(messagePages(connectTo(url).client, query, RUNNING))).toHaveLength(1);
  });

  test.each([{}, { code: 124, message: 'Access token is expired.' }, { sessions: [] }])(
    '%j with status 200 is not taken for a session without messages',
    async (body) => {
      const { url } = await serve([{ body }]);
      const query = { session: sessionId('s'), dates: ALL, mode: 'sent' } as const;
      await expect(all(messagePages(connectTo(url).client, query, RUNNING))).rejects.toMatchObject({
        code: 'zoom-response',
        detail: expect.stringContaining('body: has none of the fields of a page'),
      });
    },
  );

  const row = { id: 'm', timestamp: NOON, message: 'hello' };
  test.each<[string, object, string]>([
    ['no id', { messages: [{ ...row, id: undefined }] }, 'messages.0.id'],
    ['an empty id', { edited_messages: [{ ...row, id: '' }] }, 'edited_messages.0.id'],
    ['no timestamp', { messages: [row, { ...row, timestamp: undefined }] }, 'messages.1.timestamp'],
    [
      'a timestamp of text',
      { deleted_messages: [{ ...row, timestamp: '2026' }] },
      'deleted_messages.0.timestamp',
    ],
    ['a negative one', { messages: [{ ...row, timestamp: -1 }] }, 'messages.0.timestamp'],
    ['one in microseconds', { messages: [{ ...row, timestamp: NOON * 1000 }] }, 'messages.0.timestamp'],
    ['a fraction', { messages: [{ ...row, action_timestamp: 1.5 }] }, 'messages.0.action_timestamp'],
    [
      'a reaction event of unknown shape',
      {
        messages: [
          { ...row, emoji_actions: [{ emoji: 'U', emoji_action: 'a\u001fb', emoji_action_timestamp: 1 }] },
        ],
      },
      'messages.0.emoji_actions.0.emoji_action',
    ],
  ])('a row with %s is refused, the field named', async (_name, body, field) => {
    const { url } = await serve([{ body }]);
    const query = { session: sessionId('s'), dates: ALL, mode: 'sent' } as const;
    await expect(all(messagePages(connectTo(url).client, query, RUNNING))).rejects.toMatchObject({
      code: 'zoom-response',
      detail: expect.stringContaining(`${field}: `),
    });
  });

  test('a row with fields nobody knows passes, whole', async () => {
    const strange = {
      ...row,
      hologram: { depth: 3 },
      files: [{ file_id: 'f', virus: null }],
      reactions: [{ emoji: 'U', mood: 1 }],
    };
    const { url } = await serve([{ body: { messages: [strange], weather: 'fine' } }]);
    const query = { session: sessionId('s'), dates: ALL, mode: 'sent' } as const;
    const [page] = await all(messagePages(connectTo(url).client, query, RUNNING));
    expect(page?.body).toEqual({ messages: [strange], weather: 'fine' });
  });
});

test('firstMessagePage asks for a page of the usual size and no other', async () => {
  const { emulator, client } = await emulate(MANY);
  const { session } = busiest(emulator);
  const { body } = await firstMessagePage(client, { session, dates: ALL, mode: 'modified' }, RUNNING);
  expect(body.messages).toHaveLength(100);
  expect(body.edited_messages?.length).toBeGreaterThan(1);
  expect(emulator.stats().requests['messages 200']).toBe(1);
});

describe('page tokens', () => {
  async function read(emulator: Emulator, client: ZoomClient): Promise<unknown> {
    const { session } = busiest(emulator);
    return all(messagePages(client, { session, dates: ALL, mode: 'sent' }, RUNNING));
  }

  test('one that comes back is zoom-page-token, not an endless loop', async () => {
    const { emulator, client } = await emulate(MANY);
    emulator.inject({ kind: 'repeated-page-token', times: 1000 });
    await expect(read(emulator, client)).rejects.toMatchObject({
      code: 'zoom-page-token',
      phrase: 'page token came back',
    });
    expect(emulator.stats().requests['messages 200']).toBe(2);
  });

  test('one that comes back later, after others, is noticed as well', async () => {
    const page = (next_page_token: string) => ({ body: { messages: [], next_page_token } });
    const { url, seen } = await serve([page('a'), page('b'), page('c'), page('a')]);
    const query = { session: sessionId('s'), dates: ALL, mode: 'sent' } as const;
    await expect(all(messagePages(connectTo(url).client, query, RUNNING))).rejects.toMatchObject({
      code: 'zoom-page-token',
    });
    expect(seen).toHaveLength(4);
  });

  test('one that Zoom refuses is zoom-page-token', async () => {
    const { emulator, client } = await emulate(MANY);
    emulator.inject({ kind: 'expired-page-token', after: 1 });
    await expect(read(emulator, client)).rejects.toMatchObject({
      code: 'zoom-page-token',
      phrase: 'page token lapsed',
    });
  });

  test('one that lapsed because a retry came too late is zoom-page-token', async () => {
    const { emulator, client } = await emulate(MANY, {
      retry: { attempts: 2, baseMs: 3_600_000, capMs: 3_600_000 },
    });
    emulator.inject({ kind: 'status', endpoint: 'messages', after: 1 });
    await expect(read(emulator, client)).rejects.toMatchObject({ code: 'zoom-page-token' });
  });

  test('the next page is on its way while the consumer works on one, and no more than that one', async () => {
    const { emulator, client } = await emulate(MANY);
    const { session, ids } = busiest(emulator);
    const served = (): number => emulator.stats().requests['messages 200'] ?? 0;
    let handed = 0;
    for await (const _page of messagePages(client, { session, dates: ALL, mode: 'sent' }, RUNNING)) {
      handed += 1;
      const wanted = Math.min(handed + 1, Math.ceil(ids.length / 100));
      while (served() < wanted) await new Promise((resolve) => setImmediate(resolve));
      // Time enough for a further request to arrive, were there one.
      await readAccountSettings(client, RUNNING);
      await readAccountSettings(client, RUNNING);
      expect(served()).toBe(wanted);
    }
    expect(served()).toBe(handed);
  });

  test('slow work on a page cannot let the token of the next one lapse', async () => {
    const { emulator, client } = await emulate(MANY);
    const { session, ids } = busiest(emulator);
    let rows = 0;
    const before = { count: 1 };
    for await (const { body } of messagePages(client, { session, dates: ALL, mode: 'sent' }, RUNNING)) {
      rows += body.messages?.length ?? 0;
      before.count += body.next_page_token === '' ? 0 : 1;
      while ((emulator.stats().requests['messages 200'] ?? 0) < before.count) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      emulator.moveClock(14 * 60_000);
    }
    expect(rows).toBeGreaterThan(ids.length * 0.8);
  });

  test('a consumer that fails is the one that is heard, though the page behind it fails too', async () => {
    const { emulator, client } = await emulate(MANY);
    const { session } = busiest(emulator);
    emulator.inject({ kind: 'expired-page-token' });
    const consume = async (): Promise<void> => {
      for await (const _page of messagePages(client, { session, dates: ALL, mode: 'sent' }, RUNNING)) {
        throw new Error('disk full');
      }
    };
    await expect(consume()).rejects.toThrow('disk full');
    while (emulator.faultsHit()['expired-page-token'] !== 1)
      await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('sessionPages', () => {
  test('all sessions with something in the window, over pages of 300', async () => {
    const { emulator, client } = await emulate({
      source: { kind: 'generated', seed: 5, sessions: 700, messages: 7_000 },
      switches: { sentText: 'original' },
    });
    const pages = await all(sessionPages(client, ALL, RUNNING));
    const ids = pages.flatMap(({ body }) => body.sessions.map((session) => session.id));
    expect(pages.length).toBe(Math.ceil(ids.length / 300));
    expect(pages.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(ids.length);
    const active = new Set<string>();
    for (const message of emulator.truth()) if (message.sentAt >= START) active.add(message.sessionId);
    expect([...active].filter((id) => !ids.includes(id))).toEqual([]);
  });
});

describe('session ids in paths', () => {
  test.each([
    ['abc', 'abc'],
    ['a/b', 'a%2Fb'],
    ['a b+c=?#%', 'a%20b%2Bc%3D%3F%23%25'],
    ['/abc', '%252Fabc'],
    ['a//b', 'a%252F%252Fb'],
    ['../..', '..%2F..'],
  ])('%s becomes %s', (id, segment) => {
    expect(pathSegment(id)).toBe(segment);
  });

  test('every id of an account answers with its own messages, slashes or not', async () => {
    const { emulator, client } = await emulate({
      source: { kind: 'generated', seed: 11, sessions: 60, messages: 1_500 },
      switches: { sentText: 'original' },
    });
    const expected = new Map<string, number>();
    for (const { id } of emulator.sessions()) expected.set(id, 0);
    for (const message of emulator.truth()) {
      if (message.sentAt >= START)
        expected.set(message.sessionId, (expected.get(message.sessionId) ?? 0) + 1);
    }
    const ids = [...expected.keys()];
    expect(ids.some((id) => id.startsWith('/'))).toBe(true);
    expect(ids.some((id) => id.includes('//'))).toBe(true);
    expect(ids.some((id) => /^[^/]+\/[^/]/.test(id))).toBe(true);
    for (const [id, count] of expected) {
      const pages = await all(
        messagePages(client, { session: sessionId(id), dates: ALL, mode: 'sent' }, RUNNING),
      );
      expect(pages.reduce((sum, { body }) => sum + (body.messages?.length ?? 0), 0)).toBe(count);
    }
  });
});

test('account settings are read', async () => {
  const { client } = await emulate({ switches: { storeRevisions: false } });
  const { body } = await readAccountSettings(client, RUNNING);
  expect(body.chat?.store_revise_chat).toBe(false);
});
