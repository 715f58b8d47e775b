import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KNOWN_SHAPES, UNWATCHED } from '../../src/zoom/known-shapes.ts';
import { sessionsPage } from '../../src/zoom/schemas.ts';
import { ShapeWatch, shapeOf } from '../../src/zoom/shape-watch.ts';
import { Client } from '../emulator/client.ts';
import { connectTo, DATES, emulate, RUNNING, SESSIONS, serve } from './connect.ts';

const MESSAGES_PATH = '/report/chat/sessions/abc%2F';

/** What a watch says of these answers, by name. */
function reported(path: string, ...bodies: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const watch = new ShapeWatch(({ name, type }, count) => {
    const key = `${name} (${type})`;
    counts[key] = (counts[key] ?? 0) + count;
  });
  for (const body of bodies) watch.look('endpoint', path, body);
  return counts;
}

describe('unknown', () => {
  test('fields are named by their place, with the type of an example, however deep', () => {
    const row = {
      id: 'm',
      topic: 'secret',
      files: [{ file_id: 'f', scan: { by: 'x' } }, { file_id: 'g' }],
      rich_text: [{ format_type: 'Bold', layer: 2 }],
      reactions: [{ emoji: 'U+1F600', skin: null }],
      // What a bot sends is its own.
      bot_message: { content: { anything: 1 }, avatar: ['a'] },
    };
    expect(reported(MESSAGES_PATH, { messages: [row], deleted_messages: [row], total: 1 })).toEqual({
      'total (number)': 1,
      ...Object.fromEntries(
        ['messages', 'deleted_messages'].flatMap((list) =>
          [
            '.topic (string)',
            '.files[].scan (object)',
            '.rich_text[].layer (number)',
            '.reactions[].skin (null)',
            '.bot_message.avatar (list)',
          ].map((name) => [`${list}[]${name}`, 1]),
        ),
      ),
    });
  });

  test('words are named where the reference lists the words of a field', () => {
    const messages = [
      { rich_text: [{ format_type: 'Blink' }, { format_type: 'Bold' }] },
      { emoji_actions: [{ emoji_action: 'replace' }, { emoji_action: 'add' }] },
    ];
    expect(reported(MESSAGES_PATH, { messages })).toEqual({
      'messages[].rich_text[].format_type=Blink (string)': 1,
      'messages[].emoji_actions[].emoji_action=replace (string)': 1,
    });
    const sessions = [{ type: 'Group' }, { type: 'Channel', status: 'frozen' }, { type: null }];
    expect(reported('/report/chat/sessions', { sessions })).toEqual({
      'sessions[].type=Channel (string)': 1,
      'sessions[].status=frozen (string)': 1,
    });
    const log = { activity_type: 'membership', members: { member_status: 'kicked' } };
    expect(reported('/chat/activities/channels', { channel_activity_logs: [log] })).toEqual({
      'channel_activity_logs[].members.member_status=kicked (string)': 1,
    });
    expect(reported('/users', { users: [{ type: 3, verified: 1 }] })).toEqual({
      'users[].type=3 (number)': 1,
    });
  });

  test('names are no place for what people wrote', () => {
    const messages = [{ 'dear John, I': 1 }, { rich_text: [{ format_type: 'a whole sentence, really' }] }];
    expect(reported(MESSAGES_PATH, { messages })).toEqual({
      'messages[].(no plain name) (number)': 1,
      'messages[].rich_text[].format_type=(no word) (string)': 1,
    });
  });

  test('names are counted each time and listed once', () => {
    const counted: number[] = [];
    const watch = new ShapeWatch((_unknown, count) => counted.push(count));
    const messages = Array.from({ length: 100 }, (_, id) => ({ id, ...(id % 2 === 0 ? { topic: '' } : {}) }));
    for (let page = 0; page < 3; page += 1) watch.look('messages', MESSAGES_PATH, { messages });
    expect(counted).toEqual([50, 50, 50]);
    expect(watch.seen()).toEqual([{ endpoint: 'messages', name: 'messages[].topic', type: 'string' }]);
  });

  test('names without end go by one name, and so many lists of fields are not kept', () => {
    const watch = new ShapeWatch(() => undefined);
    for (let id = 0; id < 5_000; id += 1) watch.look('users', '/users', { [`user_${id}`]: id });
    const names = watch.seen().map(({ name }) => name);
    expect(names).toHaveLength(201);
    expect(names.at(-1)).toBe('(others)');
  });

  test('answers of a wrong kind are not its business', () => {
    const odd = [null, 'text', 3, [], { messages: 'none' }, { messages: [null, 7, []] }, { messages: {} }];
    expect(reported(MESSAGES_PATH, ...odd)).toEqual({});
    expect(reported('/accounts/me/settings', { anything: 1 })).toEqual({});
  });
});

test('an answer that is refused for what it lacks is looked at all the same', async () => {
  const server = await serve([
    { body: { sessions: [{ id: 's', type: 'Group', last_message_at: '2026-06-15T11:00:00Z' }] } },
  ]);
  const { client } = connectTo(server.url, { shapes: new ShapeWatch(() => undefined) });
  await expect(
    client.get(SESSIONS, '/report/chat/sessions', DATES, sessionsPage, RUNNING),
  ).rejects.toMatchObject({ code: 'zoom-response' });
  expect(client.unknownShapes()).toEqual([
    { endpoint: SESSIONS.name, name: 'sessions[].last_message_at', type: 'string' },
  ]);
});

test('every path that src/zoom asks for has a known shape, or a reason to have none', () => {
  const folder = join(import.meta.dirname, '../../src/zoom');
  const paths = readdirSync(folder)
    .filter((name) => name !== 'known-shapes.ts')
    .flatMap((name) => {
      const code = readFileSync(join(folder, name), 'utf8').replace(/^\s*(\/?\*|\/\/).*$/gm, '');
      return [...code.matchAll(/['`](\/(?:report|chat|users|accounts|im)\b[^'`?]*)/g)].map(([, path = '']) =>
        path.replace(/\$\{[^}]*\}/g, '{}'),
      );
    });
  expect(paths).toContain('/report/chat/sessions/{}');
  expect(paths.filter((path) => shapeOf(path) === undefined && UNWATCHED[path] === undefined)).toEqual([]);
});

test('the emulated account sends nothing that is not known', async () => {
  const { emulator } = await emulate();
  emulator.act(200);
  const client = await Client.connect(emulator);
  const { channels, spaces, users } = emulator.context();
  const files: string[] = [];
  for await (const { fileId } of emulator.files()) files.push(fileId);
  const matters = emulator.matters();
  const ids: Readonly<Record<string, readonly string[]>> = {
    '/report/chat/sessions/': emulator.sessions().map(({ id }) => id),
    '/chat/channels/': channels.map(({ id }) => id),
    '/chat/users/': users.flatMap(({ id }) => id ?? []),
    '/chat/spaces/': spaces.map(({ id }) => id),
    '/chat/files/': files,
    '/chat/forwarded_message/': [...emulator.forwarded()].map(({ forwardId }) => forwardId),
    '/chat/legalhold/matters/': matters.map(({ matterId }) => matterId),
  };
  const query = {
    ...{ from: '2026-05-20', to: '2026-06-16', start_date: '2026-06-14', end_date: '2026-06-15' },
    ...{ include_fields: 'edited_messages,deleted_messages', include_reactions: true },
    ...{ include_bot_message: true, include_custom_emoji_reactions: true },
    identifier: matters[0]?.custodians[0]?.email ?? '',
  };
  const unknown = new Set<string>();
  const answered = new Set<string>();
  const watch = new ShapeWatch(({ endpoint, name }) => unknown.add(`${endpoint}: ${name}`));
  for (const template of Object.keys(KNOWN_SHAPES)) {
    const [start = '', ...rest] = template.split('{}');
    const places = rest.length === 0 ? [''] : (ids[start] ?? []).slice(0, 40);
    for (const id of places) {
      const tail = rest.join(encodeURIComponent(channels[0]?.id ?? ''));
      const path = `${start}${rest.length === 0 ? '' : encodeURIComponent(id)}${tail}`;
      // Of `include_fields` it wants one of its own.
      const response = await client.fetch(path, template === '/users' ? {} : query);
      if (response.status !== 200) continue;
      answered.add(template);
      watch.look(template, path, await response.json());
    }
  }
  expect([...unknown]).toEqual([]);
  // The emulator does not have these two.
  expect(Object.keys(KNOWN_SHAPES).filter((template) => !answered.has(template))).toEqual([
    '/chat/users/{}/channels/{}',
    '/chat/users/{}/channels/{}/members',
  ]);
});
