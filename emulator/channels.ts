/** What a session of type Group is beyond its messages: a channel with members, roles, a policy, pins and a past. */
import type { Account, Message, Person, Session } from './account.ts';
import { hashText, Random } from './random.ts';

/** 1 private, 2 private in one organisation, 3 public, 4 group chat, 5 public across organisations. */
export type ChannelType = 1 | 2 | 3 | 4 | 5;

/** As Zoom writes them. */
export interface ChannelSettings {
  readonly add_member_permissions: 1 | 2;
  readonly new_members_can_see_previous_messages_files: boolean;
  readonly posting_permissions: 1 | 2 | 3;
  readonly mention_all_permissions: 1 | 2 | 3;
  readonly allow_to_add_external_users: 0 | 1 | 2 | 3;
}

/** A message on the channel's pinboard, now or formerly. Times in milliseconds. */
export interface Pin {
  readonly message: Message;
  readonly at: number;
  readonly by: Person;
  unpinnedAt: number | undefined;
}

export interface Channel {
  readonly id: string;
  /** Its messages, its name and its members of now. */
  readonly session: Session;
  readonly type: ChannelType;
  readonly owner: Person;
  /** Without the owner. */
  administrators: readonly Person[];
  readonly settings: ChannelSettings;
  /** Such as `90d`, `30m` or `7y`; undefined where the account's setting holds. */
  customRetention: string | undefined;
  archived: boolean;
  /** In order of time. */
  readonly pins: Pin[];
  /** Time of the newest membership change in milliseconds. */
  lastChangeAt: number;
}

/** Somebody or several people came into a channel or went. */
export interface MembershipChange {
  readonly channel: Channel;
  /** Milliseconds. */
  readonly at: number;
  readonly joined: boolean;
  /** Who did it: one of the people themselves, or who let them in or put them out. */
  readonly operator: Person;
  readonly people: readonly Person[];
}

export type ChannelRole = 'owner' | 'admin' | 'member';

/**
 * Makes the channel of a new session of type Group. Settings, and the type if it is not given, come from the channel's
 * id, with a stream of chance of their own. Its past is told by whoever makes the session.
 */
export function addChannel(account: Account, session: Session, wanted: ChannelType | undefined): void {
  const random = new Random(hashText(session.channelId));
  const { members } = session;
  const owner = members.find((person) => !person.external) ?? (members[0] as Person);
  const types: readonly ChannelType[] = members.some((person) => person.external)
    ? [1, 1, 4, 5]
    : [1, 2, 2, 3, 3, 4, 5];
  const type = wanted ?? random.pick(types);
  account.channels.set(session.channelId, {
    id: session.channelId,
    session,
    type,
    owner,
    administrators: [],
    settings: channelSettings(type, random),
    customRetention: undefined,
    archived: false,
    pins: [],
    lastChangeAt: 0,
  });
}

/** A channel by its id or that of its session; undefined when there is none. */
export function findChannel(account: Account, id: string): Channel | undefined {
  return account.channels.get(id) ?? account.channels.get(account.sessionById.get(id)?.channelId ?? '');
}

/** Was the channel deleted by this moment (milliseconds)? */
export function isDeletedChannel({ session }: Channel, now: number): boolean {
  return session.deletedAt !== undefined && session.deletedAt <= now;
}

/** Group chats have no policy of their own. */
export function canHaveRetention(type: ChannelType): boolean {
  return type !== 4;
}

/** What somebody who is in the channel is there. */
export function roleOf(channel: Channel, person: Person): ChannelRole {
  if (person === channel.owner) return 'owner';
  return channel.administrators.includes(person) ? 'admin' : 'member';
}

function channelSettings(type: ChannelType, random: Random): ChannelSettings {
  const open = type === 3 || type === 4 || type === 5;
  const external = type === 2 || type === 3 ? 0 : type === 4 ? 1 : random.pick([1, 2, 3] as const);
  return {
    add_member_permissions: open ? 1 : random.pick([1, 2] as const),
    new_members_can_see_previous_messages_files: random.chance(0.8),
    posting_permissions: random.pick([1, 1, 1, 2, 3] as const),
    mention_all_permissions: random.pick([1, 2, 3] as const),
    allow_to_add_external_users: external,
  };
}
