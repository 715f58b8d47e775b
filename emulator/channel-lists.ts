/** What Zoom tells of channels beside their messages and logs: the channel, its people, its policy and its pins. */
import { type Account, currentTextJson, isDeleted, nameAt, type Person } from './account.ts';
import { type Channel, canHaveRetention, isDeletedChannel, type Pin, roleOf } from './channels.ts';
import { formatSecond } from './dates.ts';
import { jsonBody } from './endpoints.ts';
import { listPage } from './list-page.ts';
import type { ReportContext } from './messages-report.ts';
import { findUser, splitName } from './people.ts';
import { type PageSizes, type Query, readFlag } from './query.ts';
import { notFound, Refusal } from './refusal.ts';
import { keptSince, retentionPeriod } from './retention.ts';

/** GET /v2/chat/channels: the response body, JSON in UTF-8, with the account's public channels only. */
export function publicChannels(account: Account, query: Query, context: ReportContext): Buffer {
  const channels = [...account.channels.values()].filter(({ type }) => type === 3 || type === 5);
  return channelPage('channels', query, context, { usual: 10, most: 20 }, channels);
}

/** GET /v2/chat/users/{userId}/channels: the channels somebody is in, of all types. */
export function userChannels(account: Account, userId: string, query: Query, context: ReportContext): Buffer {
  const person = requireUser(account, userId);
  const channels = [...account.channels.values()].filter(({ session }) => session.members.includes(person));
  const endpoint = `user-channels ${person.userId}`;
  return channelPage(endpoint, query, context, { usual: 10, most: 1000 }, channels);
}

/** GET /v2/chat/channels/{channelId}. */
export function channelDetails(account: Account, channelId: string, { now }: ReportContext): Buffer {
  const channel = requireChannel(account, channelId, now);
  const row = channelRow(channel, now);
  if (channel.settings.posting_permissions !== 3) return jsonBody(row);
  const posting = channel.session.members.slice(0, 1);
  const designated_posting_members = posting.map(({ memberId, userId }) => ({
    member_id: memberId,
    user_id: userId,
  }));
  return jsonBody({ ...row, channel_settings: { ...channel.settings, designated_posting_members } });
}

/** GET /v2/chat/channels/{channelId}/members. */
export function channelMembers(
  account: Account,
  channelId: string,
  query: Query,
  context: ReportContext,
): Buffer {
  const channel = requireChannel(account, channelId, context.now);
  const { members } = channel.session;
  const endpoint = `channel-members ${channel.id}`;
  const page = listPage(endpoint, query, context, { usual: 30, most: 100 }, members);
  return jsonBody({
    members: page.rows.map((person) => memberRow(channel, person)),
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
    total_records: members.length,
  });
}

/** GET /v2/chat/users/{userId}/channels/{channelId}/admins: the owner and the administrators. */
export function channelAdmins(
  account: Account,
  userId: string,
  channelId: string,
  query: Query,
  context: ReportContext,
): Buffer {
  const person = requireUser(account, userId);
  const channel = requireChannel(account, channelId, context.now);
  if (!channel.session.members.includes(person)) {
    const message =
      "Unauthorized request. You do not have permission to list channel's administrators on this user's behalf.";
    throw new Refusal(400, { code: 200, message });
  }
  const admins = [channel.owner, ...channel.administrators];
  const page = listPage(`channel-admins ${channel.id}`, query, context, { usual: 10, most: 50 }, admins);
  return jsonBody({
    admins: page.rows.map((admin) => memberRow(channel, admin)),
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
  });
}

/** GET /v2/chat/channels/{channelId}/retention. */
export function channelRetention(account: Account, channelId: string, { now }: ReportContext): Buffer {
  const channel = requireChannel(account, channelId, now);
  if (!canHaveRetention(channel.type) || channel.archived) {
    const message = 'The channel type must be 1, 2, 3 or 5, and the channel must not be archived.';
    throw new Refusal(400, { code: 4300, message });
  }
  return jsonBody({
    channel_id: channel.id,
    cloud_retention: {
      enable_custom_retention: channel.customRetention !== undefined,
      retention_period: retentionPeriod(account, channel.session),
    },
  });
}

/** GET /v2/chat/channels/{channelId}/pinned: newest pin first; with `include_history` also what was taken down. */
export function channelPins(
  account: Account,
  channelId: string,
  query: Query,
  context: ReportContext,
): Buffer {
  const { now } = context;
  const channel = requireChannel(account, channelId, now);
  const withHistory = readFlag(query, 'include_history');
  const kept = keptSince(account, channel.session, now);
  const shown = channel.pins.filter(
    (pin) => (withHistory || isPinned(pin, now)) && pin.message.sentAt >= kept && !isDeleted(pin.message),
  );
  const page = listPage(`pins ${channel.id}`, query, context, { usual: 10, most: 50 }, shown.reverse());
  return jsonBody({
    messages: page.rows.map((pin) => pinRow(pin, now)),
    next_page_token: page.nextPageToken,
    channel_id: channel.id,
    page_size: page.pageSize,
  });
}

/** Does the message hang there at this moment (milliseconds)? */
export function isPinned({ at, unpinnedAt }: Pin, now: number): boolean {
  return at <= now && (unpinnedAt === undefined || unpinnedAt > now);
}

/** A message's id as pins have it. */
export function idInPins(id: string): string {
  return id.toUpperCase();
}

function channelPage(
  endpoint: string,
  query: Query,
  context: ReportContext,
  sizes: PageSizes,
  channels: readonly Channel[],
): Buffer {
  const { now } = context;
  const there = channels.filter((channel) => !isDeletedChannel(channel, now));
  const { rows, pageSize, nextPageToken } = listPage(endpoint, query, context, sizes, there);
  return jsonBody({
    channels: rows.map((channel) => channelRow(channel, now)),
    next_page_token: nextPageToken,
    page_size: pageSize,
    total_records: there.length,
  });
}

function channelRow({ id, type, settings, session }: Channel, now: number): object {
  const jid = `${id}@conference.xmpp.zoom.us`;
  const sid = Buffer.from(JSON.stringify({ sid: jid })).toString('base64url');
  return {
    channel_settings: settings,
    id,
    jid,
    name: nameAt(session, now),
    type,
    channel_url: `https://zoom.us/launch/chat/v2/${sid}`,
  };
}

function memberRow(channel: Channel, person: Person): object {
  // Of people who are neither in the account nor a contact Zoom shows the display name alone.
  const { first, last } = person.email === '' ? { first: '', last: '' } : splitName(person.displayName);
  return {
    id: person.userId,
    member_id: person.memberId,
    email: person.email,
    first_name: first,
    last_name: last,
    name: person.displayName,
    role: roleOf(channel, person),
    is_external: person.external,
  };
}

function pinRow(pin: Pin, now: number): object {
  const { message, by, at } = pin;
  return {
    message_id: idInPins(message.id),
    message_timestamp: message.sentAt,
    pinner_user_id: by.userId,
    pinner_member_id: by.memberId,
    pinned_time: formatSecond(at),
    currently_pinned: isPinned(pin, now),
    message: JSON.parse(currentTextJson(message)) as string,
    pinned_by_external_user: by.external,
  };
}

function requireChannel(account: Account, channelId: string, now: number): Channel {
  const channel = account.channels.get(channelId);
  if (channel === undefined || isDeletedChannel(channel, now)) {
    throw notFound(4130, `Channel does not exist: ${channelId}.`);
  }
  return channel;
}

function requireUser(account: Account, userId: string): Person {
  const person = findUser(account, userId)?.person;
  if (person === undefined) throw notFound(1001, `User does not exist: ${userId}.`);
  return person;
}
