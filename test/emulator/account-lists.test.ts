/** Channels, users, spaces, emoji and pins: what Zoom lists of them against the truth. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Emulator,
  startEmulator,
  type TruthChannel,
  type TruthContext,
  type TruthSpace,
} from '../../emulator/server.ts';
import { Client, NOON, type Parameters } from './client.ts';

let emulator: Emulator;
let client: Client;
let truth: TruthContext;
let channel: TruthChannel;
let space: TruthSpace;
let ownerId: string;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 22, sessions: 120, messages: 5000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  client = await Client.connect(emulator);
  const { channels } = emulator.context();
  const large = (one: TruthChannel) => one.members.length > 3 && one.administrators.length > 0;
  channel = channels.find((one) => !one.deleted && !one.archived && large(one)) as TruthChannel;
  const open = channels.find((one) => (one.type === 3 || one.type === 5) && one !== channel && !one.deleted);
  emulator.perform({ verb: 'delete-session', sessionId: open?.sessionId ?? '' });
  const { sessionId } = channel;
  for (const text of ['one', 'two']) {
    const messageId = emulator.perform({ verb: 'send', sessionId, text });
    emulator.perform({ verb: 'pin', channelId: channel.id, messageId });
  }
  truth = emulator.context();
  space = truth.spaces.find((one) => one.channels.length > 2) as TruthSpace;
  ownerId = userIdOf(channel.owner);
});
afterAll(() => emulator.close());

function userIdOf(memberId: string): string {
  return truth.users.find((user) => user.memberId === memberId)?.id ?? '';
}

// biome-ignore lint/suspicious/noExplicitAny: rows of many shapes
async function rows(path: string, name: string, parameters: Parameters = {}): Promise<any[]> {
  return (await client.pages(path, parameters)).flatMap((page) => page[name]);
}

const LISTS: readonly [string, () => string, string, number, number][] = [
  ['public channels', () => '/chat/channels', 'channels', 10, 20],
  ['channels of a user', () => `/chat/users/${ownerId}/channels`, 'channels', 10, 1000],
  ['members', () => `/chat/channels/${channel.id}/members`, 'members', 30, 100],
  ['administrators', () => `/chat/users/${ownerId}/channels/${channel.id}/admins`, 'admins', 10, 50],
  ['pins', () => `/chat/channels/${channel.id}/pinned`, 'messages', 10, 50],
  ['spaces', () => '/chat/spaces', 'shared_spaces', 30, 999_999],
  ['channels of a space', () => `/chat/spaces/${space.id}/channels`, 'channels', 30, 999_999],
  ['members of a space', () => `/chat/spaces/${space.id}/members`, 'members', 30, 999_999],
  ['emoji', () => '/chat/emoji', 'emojis', 10, 50],
  ['users', () => '/users', 'users', 30, 2000],
];

describe.each(LISTS)('the list of %s', (_name, path, array, usual, most) => {
  test('has the usual page size and refuses one out of bounds', async () => {
    expect((await client.get(path())).json).toMatchObject({ page_size: usual, [array]: expect.any(Array) });
    expect(await client.get(path(), { page_size: most })).toMatchObject({
      status: 200,
      json: { page_size: most },
    });
    for (const page_size of [0, most + 1, 'all']) {
      const { status, json } = await client.get(path(), { page_size });
      expect({ status, json }).toMatchObject({
        status: 400,
        json: { code: 300, errors: [{ field: 'page_size' }] },
      });
    }
  });

  test('is the same in small pages, whose tokens are bound to it', async () => {
    const whole = await rows(path(), array, { page_size: Math.min(most, 1000) });
    expect(whole.length).toBeGreaterThan(1);
    expect(await rows(path(), array, { page_size: 1 })).toEqual(whole);
    const { next_page_token } = (await client.get(path(), { page_size: 1 })).json;
    expect(await client.get(path(), { page_size: 2, next_page_token })).toMatchObject({
      status: 400,
      json: { code: 300 },
    });
  });
});

describe('channels', () => {
  test('are public ones only in the account’s list, without the deleted', async () => {
    const ids = (await rows('/chat/channels', 'channels')).map((row) => row.id);
    const expected = truth.channels.filter(({ type, deleted }) => (type === 3 || type === 5) && !deleted);
    expect(ids).toEqual(expected.map(({ id }) => id));
  });

  test('are one by one what the truth says, with their settings', async () => {
    for (const { id, name, type, deleted } of truth.channels) {
      const { status, json } = await client.get(`/chat/channels/${id}`);
      if (deleted) {
        expect({ status, json }).toMatchObject({ status: 404, json: { code: 4130 } });
        continue;
      }
      expect(json).toMatchObject({ id, name, type, jid: expect.stringContaining(id) });
      expect(json.channel_url).toMatch(/^https:\/\/zoom\.us\/launch\/chat\/v2\//);
      const { channel_settings: settings } = json;
      if (type > 2) expect(settings.add_member_permissions).toBe(1);
      expect('designated_posting_members' in settings).toBe(settings.posting_permissions === 3);
    }
    expect(await client.get('/chat/channels/nothing')).toMatchObject({ status: 404, json: { code: 4130 } });
  });

  test('of a user are those they are in, by id, by e-mail address and as me', async () => {
    for (const { id = '', memberId = '', email } of truth.users.filter((user) => user.id !== undefined)) {
      const expected = truth.channels
        .filter(({ members, deleted }) => members.includes(memberId) && !deleted)
        .map((one) => one.id);
      const found = (await rows(`/chat/users/${id}/channels`, 'channels')).map((row) => row.id);
      expect(found).toEqual(expected);
      const byEmail = await rows(`/chat/users/${encodeURIComponent(email)}/channels`, 'channels');
      expect(byEmail.map((row) => row.id)).toEqual(expected);
    }
    const me = await client.get('/chat/users/me/channels');
    expect(me.json).toEqual((await client.get(`/chat/users/${truth.users[0]?.id}/channels`)).json);
    expect(await client.get('/chat/users/nobody/channels')).toMatchObject({
      status: 404,
      json: { code: 1001 },
    });
  });

  test('have the members of the truth with their roles; of strangers only the name is told', async () => {
    let strangers = 0;
    for (const { id, members, owner, administrators } of truth.channels.filter((one) => !one.deleted)) {
      const pages = await client.pages(`/chat/channels/${id}/members`, {});
      expect(pages[0].total_records).toBe(members.length);
      const found = pages.flatMap((page) => page.members);
      expect(found.map((row) => row.member_id)).toEqual(members);
      for (const row of found) {
        const admin = administrators.includes(row.member_id) ? 'admin' : 'member';
        expect(row.role).toBe(row.member_id === owner ? 'owner' : admin);
        expect(row.is_external).toBe(row.id === '');
        if (row.email !== '') continue;
        strangers += 1;
        expect(row).toMatchObject({
          id: '',
          first_name: '',
          last_name: '',
          name: expect.stringMatching(/./),
        });
      }
    }
    expect(strangers).toBeGreaterThan(0);
    expect(await client.get('/chat/channels/nothing/members')).toMatchObject({
      status: 404,
      json: { code: 4130 },
    });
  });

  test('have administrators, told to those who are in', async () => {
    const path = `/channels/${channel.id}/admins`;
    const admins = await rows(`/chat/users/${ownerId}${path}`, 'admins');
    expect(admins.map((row) => [row.member_id, row.role])).toEqual([
      [channel.owner, 'owner'],
      ...channel.administrators.map((memberId) => [memberId, 'admin']),
    ]);
    const outside = truth.users.find((user) => user.id && !channel.members.includes(user.memberId ?? ''));
    const refused = await client.get(`/chat/users/${outside?.id}${path}`);
    expect(refused).toMatchObject({ status: 400, json: { code: 200 } });
    expect(await client.get(`/chat/users/nobody${path}`)).toMatchObject({
      status: 404,
      json: { code: 1001 },
    });
  });

  test('have a retention policy unless they are group chats or archived', async () => {
    const seen = new Set<string>();
    for (const { id, type, archived, deleted, retention } of truth.channels) {
      const { status, json } = await client.get(`/chat/channels/${id}/retention`);
      if (deleted) {
        expect({ status, json }).toMatchObject({ status: 404, json: { code: 4130 } });
      } else if (type === 4 || archived) {
        seen.add(archived ? 'archived' : 'group chat');
        expect({ status, json }).toMatchObject({ status: 400, json: { code: 4300 } });
      } else {
        seen.add(retention.custom ? 'custom' : 'account');
        const { custom: enable_custom_retention, period: retention_period } = retention;
        expect(json).toEqual({
          channel_id: id,
          cloud_retention: { enable_custom_retention, retention_period },
        });
      }
    }
    expect(seen).toEqual(new Set(['archived', 'group chat', 'custom', 'account']));
  });

  test('show what is pinned, and with include_history what was', async () => {
    const shown = { current: 0, former: 0 };
    for (const { id } of truth.channels.filter((one) => !one.deleted)) {
      const path = `/chat/channels/${id}/pinned`;
      const newestFirst = truth.pins.filter((pin) => pin.channelId === id).reverse();
      for (const include_history of [false, true]) {
        const found = await rows(path, 'messages', { include_history });
        const expected = newestFirst.filter(({ current }) => include_history || current);
        expect(found.map((row) => [row.message_id, row.message_timestamp, row.pinner_member_id])).toEqual(
          expected.map((pin) => [pin.messageId, pin.sentAt, pin.pinnedBy]),
        );
        for (const row of found) shown[row.currently_pinned ? 'current' : 'former'] += 1;
      }
    }
    expect(shown.current).toBeGreaterThan(0);
    expect(shown.former).toBeGreaterThan(0);
    expect(await client.get(`/chat/channels/${channel.id}/pinned`, { include_history: 'yes' })).toMatchObject(
      {
        status: 400,
        json: { code: 300 },
      },
    );
    expect(await client.get('/chat/channels/nothing/pinned')).toMatchObject({
      status: 404,
      json: { code: 4130 },
    });
  });
});

describe('users', () => {
  test.each(['active', 'inactive', 'pending'] as const)('of status %s', async (status) => {
    const found = await rows('/users', 'users', { status });
    const expected = truth.users.filter((user) => user.status === status);
    expect(found.map(({ id, email }) => [id, email])).toEqual(expected.map(({ id, email }) => [id, email]));
    expect(found.length).toBeGreaterThan(0);
    for (const row of found) expect('id' in row).toBe(status !== 'pending');
  });

  test('are the active unless asked otherwise, counted, and filtered by role and license', async () => {
    const active = truth.users.filter(({ status }) => status === 'active').length;
    const pages = Math.ceil(active / 30);
    const { json } = await client.get('/users');
    expect(json).toMatchObject({ total_records: active, page_count: pages });
    const owners = await rows('/users', 'users', { role_id: '0' });
    expect(owners.map((row) => row.role_id)).toEqual(['0']);
    const licensed = await rows('/users', 'users', { license: 'zoom_compliance_management' });
    expect(licensed).toEqual([]);
    const plain = json.users[0];
    const [keyed] = (await client.get('/users', { include_fields: 'host_key' })).json.users;
    expect(keyed).toEqual({ ...plain, host_key: expect.stringMatching(/^\d{6}$/) });
    for (const wrong of [{ status: 'deleted' }, { include_fields: 'all' }, { license: 'none' }]) {
      expect(await client.get('/users', wrong)).toMatchObject({ status: 400, json: { code: 300 } });
    }
  });

  test('move their last login, and nothing else, with the days', async () => {
    const [before] = (await client.get('/users')).json.users;
    emulator.moveClock(86_400_000);
    await client.renewToken();
    const [after] = (await client.get('/users')).json.users;
    emulator.moveClock(-86_400_000);
    await client.renewToken();
    expect(after.last_login_time > before.last_login_time).toBe(true);
    expect({ ...after, last_login_time: '' }).toEqual({ ...before, last_login_time: '' });
  });
});

describe('shared spaces', () => {
  test('are those of the truth, or those somebody is in', async () => {
    const found = await rows('/chat/spaces', 'shared_spaces');
    expect(found.map((row) => [row.space_id, row.space_name, row.space_owner.member_id])).toEqual(
      truth.spaces.map(({ id, name, owner }) => [id, name, owner]),
    );
    const user_id = userIdOf(space.owner);
    const theirs = await rows('/chat/spaces', 'shared_spaces', { user_id });
    const expected = truth.spaces.filter(({ members }) => members.includes(space.owner));
    expect(theirs.map((row) => row.space_id)).toEqual(expected.map(({ id }) => id));
    expect(await client.get('/chat/spaces', { user_id: 'nobody' })).toMatchObject({
      status: 404,
      json: { code: 1001 },
    });
  });

  test('one by one, with owner, settings, channels and members', async () => {
    for (const { id, name, owner, channels, members } of truth.spaces) {
      const { json } = await client.get(`/chat/spaces/${id}`);
      expect(json).toMatchObject({ space_id: id, space_name: name, owner: { member_id: owner } });
      expect(Object.keys(json.space_settings)).toHaveLength(3);
      const deleted = new Set(truth.channels.filter((one) => one.deleted).map((one) => one.id));
      const standing = channels.filter(({ channelId }) => !deleted.has(channelId));
      const found = await rows(`/chat/spaces/${id}/channels`, 'channels');
      expect(found.map((row) => [row.channel_id, row.space_channel_type])).toEqual(
        standing.map(({ channelId, type }) => [channelId, type]),
      );
      const people = await rows(`/chat/spaces/${id}/members`, 'members');
      expect(people.map((row) => row.member_id)).toEqual(members);
      for (const row of people.filter((person) => person.is_external_user)) {
        expect(row).toMatchObject({ user_id: '', email: '' });
      }
    }
  });

  test('list members by role and status', async () => {
    const path = `/chat/spaces/${space.id}/members`;
    const all = await rows(path, 'members', { role: 'all', status: 'all' });
    for (const role of ['owner', 'admin', 'member']) {
      expect(await rows(path, 'members', { role })).toEqual(all.filter((row) => row.role === role));
    }
    for (const status of ['active', 'inactive']) {
      expect(await rows(path, 'members', { status })).toEqual(all.filter((row) => row.status === status));
    }
    expect(await client.get(path, { role: 'boss' })).toMatchObject({ status: 400, json: { code: 300 } });
  });

  test.each(['', '/channels', '/members'])('that do not exist have no %s', async (rest) => {
    expect(await client.get(`/chat/spaces/nothing${rest}`)).toMatchObject({
      status: 404,
      json: { code: 5407 },
    });
  });
});

describe('emoji', () => {
  test('are those of the truth, those of reactions among them', async () => {
    const found = await rows('/chat/emoji', 'emojis');
    expect(found.map((row) => [row.file_id, row.name, row.member_id])).toEqual(
      truth.emoji.map(({ fileId, name, addedBy }) => [fileId, name, addedBy]),
    );
    const held = [...emulator.truth()].flatMap((message) => message.reactions.custom_emoji_reactions);
    expect(held.length).toBeGreaterThan(0);
    const known = new Set(found.map((row) => row.file_id));
    for (const reaction of held) expect(known).toContain(reaction.custom_emoji_file_id);
  });

  test('are searched by part of the name, upper and lower case apart', async () => {
    const team = await client.get('/chat/emoji', { search_key: 'Team' });
    expect(team.json).toMatchObject({ search_key: 'Team' });
    expect(team.json.emojis.length).toBeGreaterThan(0);
    for (const { name } of team.json.emojis) expect(name).toContain('Team');
    expect((await client.get('/chat/emoji', { search_key: 'team' })).json.emojis).toEqual([]);
    for (const search_key of ['', 'ab', 'x'.repeat(257)]) {
      expect(await client.get('/chat/emoji', { search_key })).toMatchObject({
        status: 400,
        json: { code: 5333 },
      });
    }
  });
});
