import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { emptyAccount } from '../../emulator/account.ts';
import { addCustomEmoji, emojiFile } from '../../emulator/custom-emoji.ts';
import { type Emulator, startEmulator, type TruthChannel, type TruthUser } from '../../emulator/server.ts';
import { Client, NOON, sessionPath } from './client.ts';

const TODAY = { start_date: '2026-06-15', end_date: '2026-06-15' };

let emulator: Emulator;
let client: Client;
let sessionId: string;
let channelId: string;
/** Users who are in the channel, the owner first, and users who are not. */
let inside: TruthUser[];
let outside: TruthUser[];

beforeAll(async () => {
  const source = { kind: 'generated', seed: 51, sessions: 30, messages: 300 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  client = await Client.connect(emulator);
});
afterAll(() => emulator.close());
beforeEach(() => {
  emulator.moveClock(NOON - emulator.now());
  sessionId = emulator.perform({ verb: 'create-session', name: 'deeds' });
  const { users, channels } = emulator.context();
  const channel = channels.find((one) => one.sessionId === sessionId);
  channelId = channel?.id ?? '';
  const active = users.filter(({ status }) => status === 'active');
  const isIn = ({ memberId = '' }: TruthUser) => channel?.members.includes(memberId) ?? false;
  inside = active.filter(isIn).sort((a) => (a.memberId === channel?.owner ? -1 : 0));
  outside = active.filter((user) => !isIn(user));
});

function truth(): TruthChannel {
  return emulator.context().channels.find(({ id }) => id === channelId) as TruthChannel;
}

// biome-ignore lint/suspicious/noExplicitAny: rows of the answer
async function logs(): Promise<any[]> {
  const pages = await client.pages('/chat/activities/channels', { ...TODAY, channel_id: channelId });
  return pages.flatMap((page) => page.channel_activity_logs);
}

function ids(users: readonly (TruthUser | undefined)[]): string[] {
  return users.map((user) => user?.memberId ?? '');
}

test('a new channel is founded by its owner with all who are in it', async () => {
  const [founding, ...rest] = await logs();
  expect(rest).toEqual([]);
  expect(founding.members.member_status).toBe('joined');
  expect(founding.members.member_list.map((row: { member_id: string }) => row.member_id)).toEqual(
    truth().members,
  );
  expect(founding.operator.member_id).toBe(truth().owner);
});

test('people join and leave, by any of their ids, on their own or by another hand', async () => {
  const [one, two] = outside;
  emulator.perform({ verb: 'join', channelId, people: [one?.id ?? ''] });
  emulator.perform({
    verb: 'join',
    channelId: sessionId,
    people: [two?.email ?? ''],
    operator: truth().owner,
  });
  emulator.perform({ verb: 'leave', channelId, people: ids([one, two]), operator: truth().owner });
  const [, ...changes] = await logs();
  expect(
    changes.map((row) => [
      row.members.member_status,
      row.operator.member_id,
      row.members.member_list.map((person: { member_id: string }) => person.member_id),
    ]),
  ).toEqual([
    ['joined', one?.memberId, ids([one])],
    ['joined', truth().owner, ids([two])],
    ['left', truth().owner, ids([one, two])],
  ]);
  const times = changes.map((row) => row.activity_timestamp);
  expect(new Set(times).size).toBe(3);
  expect([...truth().members].sort()).toEqual(ids(inside).sort());
});

test('who joins is listed and can write, who leaves is not and cannot', async () => {
  const stranger = outside[0];
  emulator.perform({ verb: 'join', channelId, people: ids([stranger]) });
  const members = await client.get(`/chat/channels/${channelId}/members`);
  expect(members.json.members.at(-1).member_id).toBe(stranger?.memberId);
  const mine = await client.get(`/chat/users/${stranger?.id}/channels`, { page_size: 1000 });
  expect(mine.json.channels.at(-1).id).toBe(channelId);
  const others = ids(inside.slice(1));
  emulator.perform({ verb: 'leave', channelId, people: [...others, stranger?.memberId ?? ''] });
  for (let count = 0; count < 5; count += 1) emulator.perform({ verb: 'send', sessionId, text: 'alone' });
  const query = { from: '2026-06-15', to: '2026-06-15' };
  const { messages } = (await client.messages(sessionId, query)).json;
  const senders = messages.map((row: { sender_member_id: string }) => row.sender_member_id);
  expect(new Set(senders)).toEqual(new Set([truth().owner]));
});

test('the impossible is refused', () => {
  const [owner] = inside;
  const refused = (deed: Parameters<Emulator['perform']>[0]) => expect(() => emulator.perform(deed));
  refused({ verb: 'join', channelId, people: ids([owner]) }).toThrow('in the channel already');
  refused({ verb: 'leave', channelId, people: ids([outside[0]]) }).toThrow('not in the channel');
  refused({ verb: 'leave', channelId, people: ids([owner]) }).toThrow('owner');
  refused({ verb: 'join', channelId: 'nothing', people: ids([owner]) }).toThrow('no channel nothing');
  refused({ verb: 'join', channelId, people: ['nobody'] }).toThrow('nobody is nobody');
  refused({ verb: 'change-user', userId: 'nobody' }).toThrow('nobody is nobody');
  refused({ verb: 'unpin', channelId, messageId: 'none' }).toThrow('no message none');
  refused({ verb: 'change-space', spaceId: 'none' }).toThrow('no space none');
});

test('a channel is renamed and archived', async () => {
  emulator.perform({ verb: 'rename-channel', channelId, name: 'A new name' });
  expect((await client.get(`/chat/channels/${channelId}`)).json.name).toBe('A new name');
  expect(truth().name).toBe('A new name');
  const retention = `/chat/channels/${channelId}/retention`;
  expect((await client.get(retention)).status).toBe(200);
  emulator.perform({ verb: 'archive-channel', channelId });
  expect(await client.get(retention)).toMatchObject({ status: 400, json: { code: 4300 } });
  expect(truth().archived).toBe(true);
  emulator.perform({ verb: 'archive-channel', channelId, archived: false });
  expect((await client.get(retention)).status).toBe(200);
});

test('a user gets another name, which older messages and logs do not show', async () => {
  const person = inside[1];
  const query = { from: '2026-06-14', to: '2026-06-15', page_size: 100 };
  emulator.perform({ verb: 'leave', channelId, people: ids(inside.slice(2)) });
  const send = () => {
    for (let count = 0; count < 20; count += 1) emulator.perform({ verb: 'send', sessionId, text: 'x' });
  };
  const names = async () => {
    const rows = (await client.pages(sessionPath(sessionId), query)).flatMap((page) => page.messages);
    const theirs = rows.filter((row) => row.sender_member_id === person?.memberId);
    return new Set(theirs.map((row) => row.sender_display_name));
  };
  emulator.moveClock(-3_600_000);
  send();
  const messageId = [...emulator.truth()].findLast((message) => message.sessionId === sessionId)?.messageId;
  expect(await names()).toEqual(new Set([person?.displayName]));
  emulator.moveClock(3_601_000);
  const userId = person?.id ?? '';
  emulator.perform({ verb: 'change-user', userId, displayName: 'Née "Other"' });
  emulator.perform({ verb: 'edit', sessionId, messageId: messageId ?? '', text: 'edited' });
  expect(await names()).toEqual(new Set([person?.displayName]));
  send();
  expect(await names()).toEqual(new Set([person?.displayName, 'Née "Other"']));

  expect(emulator.context().users.find(({ id }) => id === userId)?.displayName).toBe('Née "Other"');
  const listed = (await client.get('/users', { page_size: 2000 })).json.users;
  expect(listed.find((row: { id: string }) => row.id === userId)).toMatchObject({
    first_name: 'Née',
    last_name: '"Other"',
    display_name: 'Née "Other"',
  });
  emulator.perform({ verb: 'leave', channelId, people: [userId] });
  const inLogs = (await logs()).flatMap((row) => row.members.member_list);
  const theirs = inLogs.filter((row) => row.user_id === userId).map((row) => row.display_name);
  expect(theirs).toEqual([person?.displayName, 'Née "Other"']);
});

test('a user is deactivated and comes back', async () => {
  const userId = outside.at(-1)?.id ?? '';
  const isListed = async (status: string) =>
    (await client.get('/users', { status, page_size: 2000 })).json.users.some(
      (row: { id: string }) => row.id === userId,
    );
  emulator.perform({ verb: 'change-user', userId, status: 'inactive' });
  expect([await isListed('active'), await isListed('inactive')]).toEqual([false, true]);
  emulator.perform({ verb: 'change-user', userId, status: 'active' });
  expect([await isListed('active'), await isListed('inactive')]).toEqual([true, false]);
});

test('a message is pinned, taken down and pinned again', async () => {
  const pinned = async (include_history: boolean) => {
    const { json } = await client.get(`/chat/channels/${channelId}/pinned`, { include_history });
    return json.messages.map((row: { currently_pinned: boolean }) => row.currently_pinned);
  };
  const messageId = emulator.perform({ verb: 'send', sessionId, text: 'read this' });
  emulator.perform({ verb: 'pin', channelId, messageId, operator: inside[1]?.email });
  const { messages } = (await client.get(`/chat/channels/${channelId}/pinned`)).json;
  expect(messages).toMatchObject([
    {
      message_id: messageId.toUpperCase(),
      message: 'read this',
      pinner_user_id: inside[1]?.id,
      pinned_time: '2026-06-15T12:00:00Z',
      currently_pinned: true,
      pinned_by_external_user: false,
    },
  ]);
  emulator.perform({ verb: 'unpin', channelId, messageId });
  expect([await pinned(false), await pinned(true)]).toEqual([[], [false]]);
  emulator.perform({ verb: 'pin', channelId, messageId });
  expect([await pinned(false), await pinned(true)]).toEqual([[true], [true, false]]);
  emulator.perform({ verb: 'delete', sessionId, messageId });
  expect(await pinned(true)).toEqual([]);
});

test('an emoji is added, with a picture', async () => {
  const fileId = emulator.perform({ verb: 'add-emoji', name: 'brand_new', operator: inside[0]?.id });
  const { json } = await client.get('/chat/emoji', { search_key: 'brand_new' });
  expect(json.emojis).toMatchObject([{ file_id: fileId, user_id: inside[0]?.id }]);
  const [sums] = [emulator.context().emoji.map(({ sha256 }) => sha256)];
  expect(new Set(sums).size).toBe(sums.length);
});

test('the picture of an emoji is a GIF, and there is none of other files', () => {
  const account = emptyAccount();
  addCustomEmoji(account, NOON);
  expect(account.customEmoji).toEqual([]);
  const addedBy = {
    ...{ userId: 'u', memberId: 'm', email: 'e', displayName: 'd', senderJson: '' },
    external: false,
    bot: false,
  };
  account.customEmoji.push({ fileId: 'known', name: 'wave', addedBy, addedAt: NOON });
  const file = emojiFile(account, 'known');
  expect(file).toMatchObject({ contentType: 'image/gif', fileName: 'wave.gif' });
  expect(file?.bytes.toString('latin1')).toMatch(/^GIF89a.*;$/s);
  expect(emojiFile(account, 'known')?.bytes).toEqual(file?.bytes);
  expect(emojiFile(account, 'unknown')).toBeUndefined();
});

test('a space changes its name, people and channels', async () => {
  const space = emulator.context().spaces[0];
  const spaceId = space?.id ?? '';
  const added = emulator
    .context()
    .users.find(({ memberId }) => memberId && !space?.members.includes(memberId));
  emulator.perform({ verb: 'change-space', spaceId, name: 'Renamed', description: 'changed' });
  emulator.perform({ verb: 'change-space', spaceId, addPerson: added?.id, addChannel: channelId });
  expect((await client.get(`/chat/spaces/${spaceId}`)).json).toMatchObject({
    space_name: 'Renamed',
    space_desc: 'changed',
  });
  const channelsIn = async () =>
    (await client.get(`/chat/spaces/${spaceId}/channels`)).json.channels.map(
      (row: { channel_id: string }) => row.channel_id,
    );
  expect(await channelsIn()).toContain(channelId);
  const members = (await client.get(`/chat/spaces/${spaceId}/members`)).json.members;
  expect(members.at(-1).member_id).toBe(added?.memberId);
  emulator.perform({ verb: 'change-space', spaceId, removePerson: added?.id, removeChannel: channelId });
  expect(await channelsIn()).not.toContain(channelId);
  expect(emulator.context().spaces[0]).toEqual({ ...space, name: 'Renamed', description: 'changed' });
  expect(() => emulator.perform({ verb: 'change-space', spaceId, removePerson: space?.owner })).toThrow(
    'owner',
  );
});
