/** What Zoom tells of shared spaces. */
import { type Account, nameAt, type Person } from './account.ts';
import { isDeletedChannel } from './channels.ts';
import { jsonBody } from './endpoints.ts';
import { listPage } from './list-page.ts';
import type { ReportContext } from './messages-report.ts';
import { findUser, splitName, type User } from './people.ts';
import { type Query, readChoice, readText } from './query.ts';
import { notFound } from './refusal.ts';
import { roleInSpace, type Space } from './spaces.ts';

/** The reference names no maximum. */
const PAGE_SIZES = { usual: 30, most: 999_999 };

/** GET /v2/chat/spaces: the response body, JSON in UTF-8; all spaces, or those that `user_id` is in. */
export function spaceList(account: Account, query: Query, context: ReportContext): Buffer {
  const userId = readText(query, 'user_id') ?? '';
  const user = findUser(account, userId);
  if (userId !== '' && user === undefined) throw notFound(1001, 'User does not exist.');
  const spaces = account.spaces.filter(
    ({ members }) => user?.person === undefined || members.includes(user.person),
  );
  const page = listPage('spaces', query, context, PAGE_SIZES, spaces);
  return jsonBody({
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
    shared_spaces: page.rows.map((space) => ({ ...spaceRow(space), space_owner: ownerRow(space.owner) })),
  });
}

/** GET /v2/chat/spaces/{spaceId}. */
export function spaceDetails(account: Account, spaceId: string): Buffer {
  const space = requireSpace(account, spaceId);
  return jsonBody({ ...spaceRow(space), owner: ownerRow(space.owner), space_settings: space.settings });
}

/** GET /v2/chat/spaces/{spaceId}/channels. */
export function spaceChannels(
  account: Account,
  spaceId: string,
  query: Query,
  context: ReportContext,
): Buffer {
  const space = requireSpace(account, spaceId);
  const channels = space.channels.filter(({ channel }) => !isDeletedChannel(channel, context.now));
  const page = listPage(`space-channels ${space.id}`, query, context, PAGE_SIZES, channels);
  return jsonBody({
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
    channels: page.rows.map(({ channel, type }) => ({
      channel_id: channel.id,
      channel_name: nameAt(channel.session, context.now),
      description: '',
      space_channel_type: type,
      member_count: channel.session.members.length,
    })),
  });
}

/** GET /v2/chat/spaces/{spaceId}/members, all or those of one role or status. */
export function spaceMembers(
  account: Account,
  spaceId: string,
  query: Query,
  context: ReportContext,
): Buffer {
  const space = requireSpace(account, spaceId);
  const role = readChoice(query, 'role', ['all', 'member', 'owner', 'admin']) ?? 'all';
  const status = readChoice(query, 'status', ['all', 'active', 'inactive']) ?? 'all';
  const users = new Map(account.users.map((user) => [user.person, user]));
  const members = space.members
    .map((person) => memberRow(space, person, users.get(person)))
    .filter((row) => (role === 'all' || row.role === role) && (status === 'all' || row.status === status));
  const page = listPage(`space-members ${space.id}`, query, context, PAGE_SIZES, members);
  return jsonBody({
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
    members: page.rows,
  });
}

function spaceRow({ id, name, description }: Space): object {
  return { space_id: id, space_name: name, space_desc: description };
}

function ownerRow({ userId, memberId, email, displayName, external }: Person): object {
  return {
    user_id: userId,
    member_id: memberId,
    email: external ? '' : email,
    display_name: displayName,
    is_external_user: external,
  };
}

function memberRow(
  space: Space,
  person: Person,
  user: User | undefined,
): { readonly role: string; readonly status: string } {
  const { userId, memberId, email, displayName, external } = person;
  const { first, last } = splitName(displayName);
  return {
    ...{ user_id: userId, member_id: memberId, email: external ? '' : email },
    role: roleInSpace(space, person),
    status: user?.status === 'inactive' ? 'inactive' : 'active',
    ...{ first_name: first, last_name: last, display_name: displayName, is_external_user: external },
  };
}

function requireSpace(account: Account, spaceId: string): Space {
  const space = account.spaces.find(({ id }) => id === spaceId);
  if (space === undefined) throw notFound(5407, 'Space does not exist.');
  return space;
}
