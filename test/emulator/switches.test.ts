import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Emulator, type Switches, startEmulator } from '../../emulator/server.ts';
import { type Body, Client, first, NOON, type Parameters, sessionPath } from './client.ts';

const DAY = 86_400_000;
const FIELDS = { include_fields: 'edited_messages,deleted_messages' };

let emulator: Emulator;
let client: Client;
let session: string;
let ids: string[];

beforeAll(async () => {
  const source = { kind: 'generated', seed: 3, sessions: 0, messages: 0 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  client = await Client.connect(emulator);
});
afterAll(() => emulator.close());

// A session with messages 0 to 5 sent two weeks ago; today 1 and 4 were edited and 2 was deleted after an edit.
beforeEach(() => {
  session = emulator.perform({ verb: 'create-session', name: 'switches' });
  emulator.moveClock(-14 * DAY);
  ids = Array.from({ length: 6 }, (_, index) =>
    emulator.perform({ verb: 'send', sessionId: session, text: `text ${index}` }),
  );
  emulator.moveClock(14 * DAY);
  change('edit', 1, 'second text 1');
  change('edit', 2, 'second text 2');
  change('delete', 2);
  change('edit', 4, 'second text 4');
});
afterEach(() => {
  emulator.setSwitches({
    modificationArrays: 'first-page',
    sentText: 'latest',
    listEditedSessions: false,
    messagesInModified: 'same',
    reportZoneHours: 0,
    toInclusive: true,
    storeRevisions: true,
    shufflePages: false,
  });
});

function change(verb: 'edit' | 'delete', index: number, text = ''): void {
  const target = { sessionId: session, messageId: ids[index] ?? '' };
  emulator.perform(verb === 'edit' ? { verb, ...target, text } : { verb, ...target });
}

const THEN = { from: '2026-06-01', to: '2026-06-02' };
const TODAY = { from: '2026-06-15', to: '2026-06-15' };

const ARRAYS = ['messages', 'edited_messages', 'deleted_messages'] as const;

/** Per page the texts of the three arrays. */
async function texts(parameters: Parameters): Promise<Partial<Record<(typeof ARRAYS)[number], string[]>>[]> {
  const pages = await client.pages(sessionPath(session), { ...FIELDS, ...parameters });
  return pages.map((page) => {
    const arrays = ARRAYS.filter((name) => name in page);
    return Object.fromEntries(arrays.map((name) => [name, page[name].map((row: Body) => row.message)]));
  });
}

async function lists(parameters: Parameters): Promise<boolean> {
  const { sessions } = (await client.sessions({ ...parameters, page_size: 300 })).json;
  return sessions.some((row: Body) => row.id === session);
}

test('edited rows carry the parent’s time and their own action time, one row a revision', async () => {
  const page = first(await client.pages(sessionPath(session), { ...THEN, ...FIELDS }));
  const today = NOON + DAY;
  for (const row of [...page.edited_messages, ...page.deleted_messages]) {
    expect(row.timestamp).toBeLessThan(NOON - 13 * DAY);
    expect(row.action_timestamp).toBeGreaterThanOrEqual(NOON);
    expect(row.action_timestamp).toBeLessThan(today);
  }
  change('edit', 1, 'third text 1');
  const [after] = await texts(THEN);
  expect(after?.edited_messages).toEqual(['second text 1', 'third text 1', 'second text 2', 'second text 4']);
});

test.each<[Switches['modificationArrays'], string[][], string[][]]>([
  ['first-page', [['second text 1', 'second text 2', 'second text 4'], [], []], [['second text 2'], [], []]],
  [
    'every-page',
    Array.from({ length: 3 }, () => ['second text 1', 'second text 2', 'second text 4']),
    [['second text 2'], ['second text 2'], ['second text 2']],
  ],
  ['own-page', [['second text 1', 'second text 2'], ['second text 4'], []], [['second text 2'], [], []]],
])('modificationArrays %s', async (modificationArrays, edited, deleted) => {
  emulator.setSwitches({ modificationArrays });
  const pages = await texts({ ...THEN, page_size: 2 });
  expect(pages.map((page) => page.messages)).toEqual([
    ['text 0', 'second text 1'],
    ['text 3', 'second text 4'],
    ['text 5'],
  ]);
  expect(pages.map((page) => page.edited_messages)).toEqual(edited);
  expect(pages.map((page) => page.deleted_messages)).toEqual(deleted);
});

test('sentText original keeps first texts, their times and deleted messages', async () => {
  emulator.setSwitches({ sentText: 'original' });
  const page = first(await client.pages(sessionPath(session), THEN));
  expect(page.messages.map((row: Body) => row.message)).toEqual(ids.map((_, index) => `text ${index}`));
  for (const row of page.messages) expect(row.action_timestamp).toBe(row.timestamp);
});

test('query_all_modifications matches edits and deletions by their own time', async () => {
  const modified = { ...TODAY, query_all_modifications: true };
  expect(await texts({ ...TODAY })).toEqual([{ messages: [], edited_messages: [], deleted_messages: [] }]);
  expect(await texts(modified)).toEqual([
    {
      messages: [],
      edited_messages: ['second text 1', 'second text 2', 'second text 4'],
      deleted_messages: ['second text 2'],
    },
  ]);
  expect(await texts({ ...THEN, query_all_modifications: true })).toMatchObject([{ edited_messages: [] }]);
});

test('messagesInModified none leaves messages out of such a query', async () => {
  const modified = { ...THEN, query_all_modifications: true };
  expect((await texts(modified))[0]?.messages).toHaveLength(5);
  emulator.setSwitches({ messagesInModified: 'none' });
  expect((await texts(modified))[0]?.messages).toEqual([]);
  expect((await texts(THEN))[0]?.messages).toHaveLength(5);
});

test('listEditedSessions lists a session with nothing but edits and deletions in the window', async () => {
  expect(await lists(THEN)).toBe(true);
  expect(await lists(TODAY)).toBe(false);
  emulator.setSwitches({ listEditedSessions: true });
  expect(await lists(TODAY)).toBe(true);
});

test('include_reacted_sessions lists a session with nothing but reactions in the window', async () => {
  emulator.moveClock(DAY);
  await client.renewToken();
  emulator.perform({ verb: 'react', sessionId: session, messageId: ids[0] ?? '' });
  const tomorrow = { from: '2026-06-16', to: '2026-06-16' };
  expect(await lists(tomorrow)).toBe(false);
  expect(await lists({ ...tomorrow, include_reacted_sessions: true })).toBe(true);
  emulator.moveClock(-DAY);
});

test('reportZoneHours moves the days', async () => {
  const noonOfTheFirst = { from: '2026-06-01', to: '2026-06-01' };
  expect((await texts(noonOfTheFirst))[0]?.messages).toHaveLength(5);
  emulator.setSwitches({ reportZoneHours: 13 });
  expect((await texts(noonOfTheFirst))[0]?.messages).toHaveLength(0);
  emulator.setSwitches({ reportZoneHours: -12 });
  expect((await texts(noonOfTheFirst))[0]?.messages).toHaveLength(5);
  expect((await texts({ from: '2026-06-02', to: '2026-06-02' }))[0]?.messages).toHaveLength(0);
});

test('toInclusive off ends the window before the day to', async () => {
  emulator.setSwitches({ toInclusive: false });
  expect((await texts({ from: '2026-06-01', to: '2026-06-01' }))[0]?.messages).toHaveLength(0);
  expect((await texts(THEN))[0]?.messages).toHaveLength(5);
});

test('storeRevisions off leaves the arrays out and says so in the settings', async () => {
  const settings = async () => (await client.get('/accounts/me/settings')).json.chat.store_revise_chat;
  expect(await settings()).toBe(true);
  emulator.setSwitches({ storeRevisions: false });
  expect(await settings()).toBe(false);
  expect(Object.keys((await texts(THEN))[0] ?? {})).toEqual(['messages']);
});

test('shufflePages changes the order of rows and nothing else', async () => {
  for (let index = 0; index < 30; index += 1)
    emulator.perform({ verb: 'send', sessionId: session, text: `more ${index}` });
  const inOrder = (await texts(TODAY))[0]?.messages ?? [];
  emulator.setSwitches({ shufflePages: true });
  const shuffled = (await texts(TODAY))[0]?.messages ?? [];
  expect(shuffled).not.toEqual(inOrder);
  expect([...shuffled].sort()).toEqual([...inOrder].sort());
});
