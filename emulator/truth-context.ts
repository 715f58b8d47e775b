/** What really is in the account around the messages, for tests to compare an archive with. Never served as Zoom. */
import { createHash } from 'node:crypto';
import { type Account, nameAt, type Person } from './account.ts';
import { statusOf } from './activities-report.ts';
import { idInPins, isPinned } from './channel-lists.ts';
import { type Channel, type ChannelType, isDeletedChannel } from './channels.ts';
import { emojiFile } from './custom-emoji.ts';
import { namedAt, type User } from './people.ts';
import { keptSince, retentionPeriod } from './retention.ts';
import { type ServedSettings, servedSettings } from './settings.ts';
import type { SpaceChannelType } from './spaces.ts';
import type { Switches } from './switches.ts';

export interface TruthPerson {
  /** Empty for people of other accounts. */
  readonly userId: string;
  readonly memberId: string;
  readonly displayName: string;
}

export interface TruthMembershipChange {
  readonly channelId: string;
  /** Milliseconds. */
  readonly timestamp: number;
  /** As the logs spell it under the switches of now: `joined`, `left`, `join` or `leave`. */
  readonly status: string;
  readonly operator: TruthPerson;
  readonly members: readonly TruthPerson[];
}

export interface TruthUser {
  /** Undefined for the invited, who have no id. */
  readonly id: string | undefined;
  readonly memberId: string | undefined;
  readonly email: string;
  readonly displayName: string | undefined;
  readonly status: User['status'];
}

/** People by their member ids. */
export interface TruthChannel {
  readonly id: string;
  readonly sessionId: string;
  readonly name: string;
  readonly type: ChannelType;
  readonly owner: string;
  /** Without the owner. */
  readonly administrators: readonly string[];
  /** All of them. */
  readonly members: readonly string[];
  readonly archived: boolean;
  readonly deleted: boolean;
  readonly retention: { readonly custom: boolean; readonly period: string };
  /** Milliseconds: what was sent before is no longer served. */
  readonly keptSince: number;
}

/** People by their member ids. */
export interface TruthSpace {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly owner: string;
  readonly administrators: readonly string[];
  readonly members: readonly string[];
  readonly channels: readonly { readonly channelId: string; readonly type: SpaceChannelType }[];
}

export interface TruthEmoji {
  readonly fileId: string;
  readonly name: string;
  /** Member id. */
  readonly addedBy: string;
  /** Milliseconds. */
  readonly addedAt: number;
  /** Of the picture, in hex. */
  readonly sha256: string;
}

export interface TruthPin {
  readonly channelId: string;
  /** As pins write it. */
  readonly messageId: string;
  /** When the message was sent, in milliseconds. */
  readonly sentAt: number;
  /** Milliseconds. */
  readonly pinnedAt: number;
  /** Member id. */
  readonly pinnedBy: string;
  /** Does it hang there now? */
  readonly current: boolean;
}

/** How things stand at one moment. */
export interface TruthContext {
  readonly users: readonly TruthUser[];
  readonly channels: readonly TruthChannel[];
  readonly spaces: readonly TruthSpace[];
  readonly emoji: readonly TruthEmoji[];
  readonly pins: readonly TruthPin[];
  readonly settings: ServedSettings;
}

/** Every membership change that ever was, in order of time. */
export function* truthMembershipChanges(
  account: Account,
  switches: Readonly<Switches>,
): Generator<TruthMembershipChange> {
  for (const change of [...account.membershipChanges]) {
    const { channel, at, operator, people } = change;
    yield {
      channelId: channel.id,
      timestamp: at,
      status: statusOf(change, switches),
      operator: truthPerson(operator, at),
      members: people.map((person) => truthPerson(person, at)),
    };
  }
}

/** Everything else, deleted channels included, at the given moment. */
export function truthContext(account: Account, switches: Readonly<Switches>, now: number): TruthContext {
  const channels = [...account.channels.values()];
  return {
    users: account.users.map(({ person, email, status }) => {
      return {
        id: person?.userId,
        memberId: person?.memberId,
        email,
        displayName: person?.displayName,
        status,
      };
    }),
    channels: channels.map((channel) => truthChannel(account, channel, now)),
    spaces: account.spaces.map((space) => ({
      ...{ id: space.id, name: space.name, description: space.description },
      owner: space.owner.memberId,
      administrators: memberIds(space.administrators),
      members: memberIds(space.members),
      channels: space.channels.map(({ channel, type }) => ({ channelId: channel.id, type })),
    })),
    emoji: account.customEmoji.map(({ fileId, name, addedBy, addedAt }) => {
      const picture = emojiFile(account, fileId)?.bytes ?? '';
      const sha256 = createHash('sha256').update(picture).digest('hex');
      return { fileId, name, addedBy: addedBy.memberId, addedAt, sha256 };
    }),
    pins: channels.flatMap((channel) => truthPins(channel, now)),
    settings: servedSettings(account.settings, switches),
  };
}

function truthChannel(account: Account, channel: Channel, now: number): TruthChannel {
  const { id, session, type, owner, administrators, customRetention, archived } = channel;
  return {
    id,
    sessionId: session.id,
    name: nameAt(session, now),
    type,
    owner: owner.memberId,
    administrators: memberIds(administrators),
    members: memberIds(session.members),
    archived,
    deleted: isDeletedChannel(channel, now),
    retention: { custom: customRetention !== undefined, period: retentionPeriod(account, session) },
    keptSince: keptSince(account, session, now),
  };
}

function truthPins(channel: Channel, now: number): TruthPin[] {
  return channel.pins.map((pin) => ({
    channelId: channel.id,
    messageId: idInPins(pin.message.id),
    sentAt: pin.message.sentAt,
    pinnedAt: pin.at,
    pinnedBy: pin.by.memberId,
    current: isPinned(pin, now),
  }));
}

function truthPerson(person: Person, at: number): TruthPerson {
  const { userId, memberId } = person;
  return { userId, memberId, displayName: namedAt(person, at).displayName };
}

function memberIds(people: readonly Person[]): string[] {
  return people.map(({ memberId }) => memberId);
}
