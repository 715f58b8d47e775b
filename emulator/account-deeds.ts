/** What happens in the account beside messages: people come and go, channels, users, spaces and emoji change. */
import { z } from 'zod';
import type { Account, Person, Session } from './account.ts';
import { type Channel, canHaveRetention, findChannel } from './channels.ts';
import { normalFileId } from './chat-files.ts';
import { joinChannel, leaveChannel } from './memberships.ts';
import { findPerson, renamePerson } from './people.ts';
import type { Random } from './random.ts';
import { isRetentionPeriod } from './retention.ts';
import type { Space } from './spaces.ts';

/** Its own id or that of its session. */
const channelId = z.string();
/** User id, member id or e-mail address. */
const person = z.string();

/** One deed. Left out, `operator` is the first of the people; of a pin, the owner of the channel. */
export const accountDeedSchema = z.discriminatedUnion('verb', [
  z.strictObject({
    verb: z.literal('join'),
    channelId,
    people: z.array(person).min(1),
    operator: person.optional(),
  }),
  z.strictObject({
    verb: z.literal('leave'),
    channelId,
    people: z.array(person).min(1),
    operator: person.optional(),
  }),
  z.strictObject({ verb: z.literal('rename-channel'), channelId, name: z.string() }),
  /** Without a period the account's own holds again. */
  z.strictObject({
    verb: z.literal('set-retention'),
    channelId,
    period: z.string().refine(isRetentionPeriod).optional(),
  }),
  z.strictObject({ verb: z.literal('archive-channel'), channelId, archived: z.boolean().optional() }),
  z.strictObject({
    verb: z.literal('change-user'),
    userId: person,
    displayName: z.string().optional(),
    status: z.enum(['active', 'inactive']).optional(),
  }),
  z.strictObject({ verb: z.literal('pin'), channelId, messageId: z.string(), operator: person.optional() }),
  z.strictObject({ verb: z.literal('unpin'), channelId, messageId: z.string() }),
  z.strictObject({ verb: z.literal('add-emoji'), name: z.string(), operator: person.optional() }),
  z.strictObject({
    verb: z.literal('change-space'),
    spaceId: z.string(),
    name: z.string().optional(),
    description: z.string().optional(),
    addPerson: person.optional(),
    removePerson: person.optional(),
    addChannel: channelId.optional(),
    removeChannel: channelId.optional(),
  }),
]);
export type AccountDeed = z.infer<typeof accountDeedSchema>;

const VERBS: ReadonlySet<string> = new Set(
  accountDeedSchema.options.map((option) => option.shape.verb.value),
);

/** Is it one of the deeds of this file? */
export function isAccountDeed(deed: { readonly verb: string }): deed is AccountDeed {
  return VERBS.has(deed.verb);
}

/**
 * Does one deed at the emulated time `now` (milliseconds); returns the id of what was made or touched. Throws on an
 * unknown id and on what cannot be done.
 */
export function performAccountDeed(account: Account, deed: AccountDeed, random: Random, now: number): string {
  switch (deed.verb) {
    case 'join':
    case 'leave': {
      const channel = channelOf(account, deed.channelId);
      const people = deed.people.map((id) => personOf(account, id));
      const operator = deed.operator === undefined ? people[0] : personOf(account, deed.operator);
      const change = deed.verb === 'join' ? joinChannel : leaveChannel;
      // No two deeds in a channel share a millisecond: they could not be told apart.
      change(account, channel, people, operator as Person, Math.max(now, channel.lastChangeAt + 1));
      return channel.id;
    }
    case 'rename-channel': {
      const { id, session } = channelOf(account, deed.channelId);
      session.names.push({ from: now, name: deed.name });
      return id;
    }
    case 'set-retention': {
      const channel = channelOf(account, deed.channelId);
      if (!canHaveRetention(channel.type)) throw new Error('a group chat has no retention of its own');
      channel.customRetention = deed.period;
      return channel.id;
    }
    case 'archive-channel': {
      const channel = channelOf(account, deed.channelId);
      channel.archived = deed.archived ?? true;
      return channel.id;
    }
    case 'change-user':
      return changeUser(account, deed, now);
    case 'pin': {
      const channel = channelOf(account, deed.channelId);
      const { session, owner } = channel;
      const message = messageOf(session, deed.messageId);
      const by = deed.operator === undefined ? owner : personOf(account, deed.operator);
      channel.pins.push({ message, at: now, by, unpinnedAt: undefined });
      return message.id;
    }
    case 'unpin': {
      const channel = channelOf(account, deed.channelId);
      const message = messageOf(channel.session, deed.messageId);
      const pin = channel.pins.findLast(
        (other) => other.message === message && other.unpinnedAt === undefined,
      );
      if (pin === undefined) throw new Error(`${deed.messageId} is not pinned`);
      pin.unpinnedAt = now;
      return message.id;
    }
    case 'add-emoji': {
      const addedBy = deed.operator === undefined ? account.people[0] : personOf(account, deed.operator);
      const fileId = normalFileId(random);
      account.customEmoji.push({ fileId, name: deed.name, addedBy: addedBy as Person, addedAt: now });
      return fileId;
    }
    case 'change-space':
      return changeSpace(account, deed);
    default:
      return deed satisfies never;
  }
}

/** A message of a session, by its id in any notation. Throws when there is none. */
export function messageOf(session: Session, messageId: string): Session['messages'][number] {
  const wanted = messageId.replace(/[{}]/g, '').toLowerCase();
  const message = session.messages.findLast((candidate) => candidate.id === wanted);
  if (message === undefined) throw new Error(`no message ${messageId} in session ${session.id}`);
  return message;
}

function changeUser(
  account: Account,
  deed: Extract<AccountDeed, { verb: 'change-user' }>,
  now: number,
): string {
  const person = personOf(account, deed.userId);
  const user = account.users.find((other) => other.person === person);
  if (user === undefined) throw new Error(`no user ${deed.userId}`);
  if (deed.displayName !== undefined) renamePerson(person, deed.displayName, now);
  if (deed.status !== undefined) {
    user.status = deed.status;
    user.deactivatedAt = deed.status === 'inactive' ? now : undefined;
  }
  return person.userId;
}

function changeSpace(account: Account, deed: Extract<AccountDeed, { verb: 'change-space' }>): string {
  const space = account.spaces.find(({ id }) => id === deed.spaceId);
  if (space === undefined) throw new Error(`no space ${deed.spaceId}`);
  if (deed.name !== undefined) space.name = deed.name;
  if (deed.description !== undefined) space.description = deed.description;
  changeSpacePeople(account, space, deed.addPerson, deed.removePerson);
  if (deed.addChannel !== undefined) {
    space.channels = [...space.channels, { channel: channelOf(account, deed.addChannel), type: 'private' }];
  }
  if (deed.removeChannel !== undefined) {
    const gone = channelOf(account, deed.removeChannel);
    space.channels = space.channels.filter(({ channel }) => channel !== gone);
  }
  return space.id;
}

function changeSpacePeople(
  account: Account,
  space: Space,
  added: string | undefined,
  removed: string | undefined,
): void {
  if (added !== undefined) {
    space.members = [...new Set([...space.members, personOf(account, added)])];
  }
  if (removed === undefined) return;
  const gone = personOf(account, removed);
  if (gone === space.owner) throw new Error('the owner cannot leave');
  space.members = space.members.filter((person) => person !== gone);
  space.administrators = space.administrators.filter((person) => person !== gone);
}

function channelOf(account: Account, id: string): Channel {
  const channel = findChannel(account, id);
  if (channel === undefined) throw new Error(`no channel ${id}`);
  return channel;
}

function personOf(account: Account, id: string): Person {
  const found = findPerson(account, id);
  if (found === undefined) throw new Error(`nobody is ${id}`);
  return found;
}
