/** What stands around the messages: users, channels, shared spaces, emoji. */
import { z } from 'zod';
import type { Endpoint, Reply, ZoomClient } from './client.ts';
import { pathSegment } from './hosts.ts';
import { pages } from './pages.ts';
import { pageFields } from './schemas.ts';

/** Some identity must be there; all else may be missing, and is kept. */
const person = z.looseObject({
  /** Empty for people of other accounts. */
  id: z.string().optional(),
  member_id: z.string().optional(),
  role: z.string().optional(),
});
export type ChannelPerson = z.infer<typeof person>;

const user = z
  .looseObject({
    /** Missing for those who were invited and have not answered. */
    id: z.string().optional(),
    email: z.string().optional(),
    display_name: z.string().optional(),
    status: z.string().optional(),
  })
  .refine(({ id, email }) => (id ?? '') !== '' || (email ?? '') !== '', 'has neither id nor email');
export type UserRow = z.infer<typeof user>;

const channel = z.looseObject({
  id: z.string().min(1),
  name: z.string().optional(),
  type: z.number().optional(),
});
export type ChannelRow = z.infer<typeof channel>;

export const channelRetention = z.looseObject({
  channel_id: z.string().optional(),
  cloud_retention: z.looseObject({
    enable_custom_retention: z.boolean(),
    retention_period: z.string().optional(),
  }),
});
export type ChannelRetention = z.infer<typeof channelRetention>;

const pin = z.looseObject({ message_id: z.string().min(1), pinned_time: z.string().optional() });
export type PinRow = z.infer<typeof pin>;

const space = z.looseObject({ space_id: z.string().min(1), space_name: z.string().optional() });
export type SpaceRow = z.infer<typeof space>;

const spaceChannel = z.looseObject({ channel_id: z.string().min(1) });
export type SpaceChannelRow = z.infer<typeof spaceChannel>;

const spaceMember = z.looseObject({
  user_id: z.string().optional(),
  member_id: z.string().optional(),
});
export type SpaceMemberRow = z.infer<typeof spaceMember>;

const emoji = z.looseObject({ file_id: z.string().min(1), name: z.string() });
export type EmojiRow = z.infer<typeof emoji>;

export const USER_STATUSES = ['active', 'inactive', 'pending'] as const;

/** Users of one status, in pages of 2,000. Errors of all these as {@link ZoomClient.get}. */
export function userPages(client: ZoomClient, status: (typeof USER_STATUSES)[number], signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, users: z.array(user) });
  const query = { status, page_size: '2000' };
  return list(client, { name: 'users', label: 'MEDIUM' }, '/users', query, page, signal);
}

/** The account's public channels; Zoom lists no private ones. */
export function publicChannelPages(client: ZoomClient, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, channels: z.array(channel) });
  const endpoint: Endpoint = { name: 'channels', label: 'MEDIUM' };
  return list(client, endpoint, '/chat/channels', { page_size: '20' }, page, signal);
}

/** One channel, public or private. One that does not exist ends in `zoom-not-found`. */
export function readChannel(client: ZoomClient, id: string, signal: AbortSignal): Promise<Reply<ChannelRow>> {
  return client.get({ name: 'channel', label: 'MEDIUM' }, channelPath(id), {}, channel, signal);
}

export function channelMemberPages(client: ZoomClient, id: string, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, members: z.array(person) });
  const endpoint: Endpoint = { name: 'channel_members', label: 'MEDIUM' };
  return list(client, endpoint, `${channelPath(id)}/members`, { page_size: '100' }, page, signal);
}

/** @param userId of somebody who is in the channel; others are denied */
export function channelAdminPages(client: ZoomClient, userId: string, id: string, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, admins: z.array(person) });
  const endpoint: Endpoint = { name: 'channel_admins', label: 'MEDIUM' };
  const path = `/chat/users/${pathSegment(userId)}/channels/${pathSegment(id)}/admins`;
  return list(client, endpoint, path, { page_size: '50' }, page, signal);
}

/** A channel's own retention policy. Archived channels and group chats have none: `zoom-request` with code 4300. */
export function readChannelRetention(
  client: ZoomClient,
  id: string,
  signal: AbortSignal,
): Promise<Reply<ChannelRetention>> {
  const endpoint: Endpoint = { name: 'channel_retention', label: 'MEDIUM' };
  return client.get(endpoint, `${channelPath(id)}/retention`, {}, channelRetention, signal);
}

/** Pinned messages, also those that were taken down. */
export function pinPages(client: ZoomClient, id: string, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, messages: z.array(pin) });
  const query = { page_size: '50', include_history: 'true' };
  return list(client, { name: 'pins', label: 'LIGHT' }, `${channelPath(id)}/pinned`, query, page, signal);
}

/** All shared spaces. Zoom does not say how large a page may be, so it has the usual size. */
export function spacePages(client: ZoomClient, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, shared_spaces: z.array(space) });
  return list(client, { name: 'spaces', label: 'MEDIUM' }, '/chat/spaces', {}, page, signal);
}

export function readSpace(client: ZoomClient, id: string, signal: AbortSignal): Promise<Reply<SpaceRow>> {
  return client.get({ name: 'space', label: 'MEDIUM' }, spacePath(id), {}, space, signal);
}

export function spaceChannelPages(client: ZoomClient, id: string, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, channels: z.array(spaceChannel) });
  const endpoint: Endpoint = { name: 'space_channels', label: 'MEDIUM' };
  return list(client, endpoint, `${spacePath(id)}/channels`, {}, page, signal);
}

export function spaceMemberPages(client: ZoomClient, id: string, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, members: z.array(spaceMember) });
  const endpoint: Endpoint = { name: 'space_members', label: 'MEDIUM' };
  return list(client, endpoint, `${spacePath(id)}/members`, {}, page, signal);
}

/** The account's own emoji. Where the account has none Zoom refuses: `zoom-request` with code 300. */
export function emojiPages(client: ZoomClient, signal: AbortSignal) {
  const page = z.looseObject({ ...pageFields, emojis: z.array(emoji) });
  const query = { page_size: '50' };
  return list(client, { name: 'emoji', label: 'LIGHT' }, '/chat/emoji', query, page, signal);
}

function list<P extends { readonly next_page_token?: string | undefined }>(
  client: ZoomClient,
  endpoint: Endpoint,
  path: string,
  query: Readonly<Record<string, string>>,
  page: z.ZodType<P>,
  signal: AbortSignal,
): AsyncGenerator<Reply<P>> {
  return pages((pageToken) => client.get(endpoint, path, { ...query, ...pageToken }, page, signal));
}

function channelPath(id: string): string {
  return `/chat/channels/${pathSegment(id)}`;
}

function spacePath(id: string): string {
  return `/chat/spaces/${pathSegment(id)}`;
}
