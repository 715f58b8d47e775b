/** Zoom's own SDK as the judge of the emulator: what it can list and page through is shaped as Zoom shapes it. */
import { type S2SAuthToken, TeamChatS2SAuthClient } from '@zoom/rivet/teamchat';
import { UsersS2SAuthClient } from '@zoom/rivet/users';
import { expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/server.ts';
import { NOON, requestToken } from './client.ts';

test('rivet lists the sessions and pages through their messages', async () => {
  const source = { kind: 'generated', seed: 11, sessions: 30, messages: 3000 } as const;
  const emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  const { reports } = new TeamChatS2SAuthClient(await optionsFor(emulator)).endpoints;
  const query = { from: '2026-05-16', to: '2026-06-15' };

  const ids: string[] = [];
  for (let next_page_token = ''; ; ) {
    const { data = {}, trackingId } = await reports.getChatSessionsReports({
      query: { ...query, page_size: 7, next_page_token },
    });
    expect(trackingId).toMatch(/^v=2.0/);
    ids.push(...(data.sessions ?? []).map((session) => session.id ?? ''));
    next_page_token = data.next_page_token ?? '';
    if (next_page_token === '') break;
  }
  expect(new Set(ids).size).toBe(ids.length);

  let seen = 0;
  for (const id of ids) {
    const path = { sessionId: encodeURIComponent(encodeURIComponent(id)) };
    for (let next_page_token = ''; ; ) {
      const { data = {} } = await reports.getChatMessageReports({
        path,
        query: {
          ...query,
          page_size: 50,
          next_page_token,
          include_fields: 'edited_messages,deleted_messages',
          include_reactions: true,
        },
      });
      seen += data.messages?.length ?? 0;
      next_page_token = data.next_page_token ?? '';
      if (next_page_token === '') break;
    }
  }
  const expected = [...emulator.truth()].filter(
    (message) => message.sentAt >= Date.parse('2026-05-16') && message.versions.at(-1)?.kind !== 'deleted',
  );
  expect(seen).toBe(expected.length);
  await expect(reports.getChatMessageReports({ path: { sessionId: 'unknown' }, query })).rejects.toThrow(
    /404/,
  );
  await emulator.close();
});

test('rivet lists channel activities, channels and what belongs to them', async () => {
  const source = { kind: 'generated', seed: 12, sessions: 80, messages: 1500 } as const;
  const emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  const { chatChannels, chatChannelsAccountLevel, chatEmoji, chatMessages, sharedSpaces } =
    new TeamChatS2SAuthClient(await optionsFor(emulator)).endpoints;
  const truth = emulator.context();

  const busy = { start_date: '2026-05-01', end_date: '2026-05-03' };
  const logs = await everyPage(async (next_page_token) => {
    const { data } = await chatChannels.listChannelActivityLogs({ query: { ...busy, next_page_token } });
    return { rows: data?.channel_activity_logs, next: data?.next_page_token };
  });
  const window = [Date.parse('2026-05-01'), Date.parse('2026-05-04')] as const;
  const changes = [...emulator.membershipChanges()].filter(
    ({ timestamp }) => timestamp >= window[0] && timestamp < window[1],
  );
  expect(logs.map((log) => log.activity_timestamp)).toEqual(changes.map(({ timestamp }) => timestamp));
  expect(logs.length).toBeGreaterThan(15);

  const open = await everyPage(async (next_page_token) => {
    const { data } = await chatChannelsAccountLevel.listAccountsPublicChannels({
      query: { page_size: 5, next_page_token },
    });
    return { rows: data?.channels, next: data?.next_page_token };
  });
  const openIds = truth.channels
    .filter(({ type, deleted }) => (type === 3 || type === 5) && !deleted)
    .map(({ id }) => id);
  expect(open.map(({ id }) => id)).toEqual(openIds);

  const [channel] = truth.channels.filter((one) => openIds.includes(one.id) && !one.archived);
  const path = { channelId: channel?.id ?? '' };
  expect((await chatChannels.getChannel({ path })).data).toMatchObject({ name: channel?.name });
  const userId = truth.users.find(({ memberId }) => memberId === channel?.owner)?.id ?? '';
  const mine = await chatChannels.listUsersChannels({ path: { userId }, query: { page_size: 1000 } });
  expect(mine.data?.channels?.map(({ id }) => id)).toContain(channel?.id);
  const members = await chatChannels.listChannelMembers({ path, query: { page_size: 100 } });
  expect(members.data?.members?.map((row) => row.member_id)).toEqual(channel?.members);
  const admins = await chatChannelsAccountLevel.listChannelAdministrators({ path: { ...path, userId } });
  expect(admins.data?.admins?.[0]).toMatchObject({ role: 'owner', id: userId });
  const retention = await chatChannelsAccountLevel.getRetentionPolicyOfChannel({ path });
  expect(retention.data?.cloud_retention?.retention_period).toBe(channel?.retention.period);
  const one = await chatChannelsAccountLevel.listChannelActivityLogs({
    path,
    query: { start_date: '2026-01-01', end_date: '2026-06-15' },
  });
  expect(one.data?.channel_activity_logs?.every((log) => log.activity_type === 'membership')).toBe(true);
  const pins = await chatMessages.listPinnedHistoryMessagesOfChannel({
    path,
    query: { include_history: true },
  });
  expect(pins.data?.channel_id).toBe(channel?.id);

  const { data: emoji } = await chatEmoji.listCustomEmojis({ query: { page_size: 50 } });
  expect(emoji?.emojis?.map((row) => row.name)).toEqual(truth.emoji.map(({ name }) => name));
  const { data: spaces } = await sharedSpaces.listSharedSpaces({});
  expect(spaces?.shared_spaces?.map((row) => row.space_id)).toEqual(truth.spaces.map(({ id }) => id));
  const space = { spaceId: truth.spaces[0]?.id ?? '' };
  expect((await sharedSpaces.getSharedSpace({ path: space })).data?.space_name).toBe(truth.spaces[0]?.name);
  const inside = await sharedSpaces.listSharedSpaceMembers({ path: space });
  expect(inside.data?.members?.map((row) => row.member_id)).toEqual(truth.spaces[0]?.members.slice(0, 30));
  const rooms = await sharedSpaces.listSharedSpaceChannels({ path: space });
  expect(rooms.data?.channels?.[0]).toMatchObject({ space_channel_type: 'general' });

  await expect(
    chatChannelsAccountLevel.updateRetentionPolicyOfChannel({
      path,
      body: { cloud_retention: { enable_custom_retention: false } },
    }),
  ).rejects.toThrow(/405/);
  expect(emulator.stats().writes).toBe(1);
  await emulator.close();
});

test('rivet lists the users of each status', async () => {
  const source = { kind: 'generated', seed: 13, sessions: 60, messages: 100 } as const;
  const emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  const { users } = new UsersS2SAuthClient(await optionsFor(emulator)).endpoints;
  for (const status of ['active', 'inactive', 'pending'] as const) {
    const found = await everyPage(async (next_page_token) => {
      const { data } = await users.listUsers({ query: { status, page_size: 7, next_page_token } });
      return { rows: data?.users, next: data?.next_page_token };
    });
    const expected = emulator.context().users.filter((user) => user.status === status);
    expect(found.map((row) => [row.id, row.email])).toEqual(expected.map(({ id, email }) => [id, email]));
  }
  await emulator.close();
});

async function optionsFor(emulator: Emulator) {
  const granted = (await requestToken(emulator.url)).json;
  const token: S2SAuthToken = {
    accessToken: granted.access_token,
    expirationTimeIso: new Date(Date.now() + 3_600_000).toISOString(),
    scopes: granted.scope.split(' '),
  };
  return {
    clientId: 'emulated-client',
    clientSecret: 'emulated-secret',
    accountId: 'emulated-account',
    disableReceiver: true as const,
    // rivet asks zoom.us for tokens whatever its baseUrl is, so it gets one from here.
    tokenStore: { getLatestToken: () => token, storeToken: () => {} },
    baseUrl: `${emulator.url}/v2`,
  };
}

async function everyPage<Row>(
  page: (
    token: string,
  ) => Promise<{ readonly rows: readonly Row[] | undefined; readonly next: string | undefined }>,
): Promise<Row[]> {
  const all: Row[] = [];
  for (let token = ''; ; ) {
    const { rows = [], next = '' } = await page(token);
    all.push(...rows);
    if (next === '') return all;
    token = next;
  }
}
