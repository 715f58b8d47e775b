/**
 * The emulated account: its people, sessions and messages, with everything that ever happened to a message.
 *
 * Two million messages must fit below 2 GB and a page must be cheap to serve. So a message holds its row of the report
 * ready to send, its text is kept nowhere else, and what most messages lack sits in an object of its own.
 */

import { addChannel, type Channel, type ChannelType, type MembershipChange } from './channels.ts';
import type { CustomEmoji } from './custom-emoji.ts';
import type { FormerName, User } from './people.ts';
import { coreRow, idInMessages, textJsonOf } from './row-core.ts';
import { type ChatSettings, DEFAULT_SETTINGS } from './settings.ts';
import type { Space } from './spaces.ts';

export interface Person {
  /** Empty for people of other accounts. */
  readonly userId: string;
  readonly memberId: string;
  /** Empty for people who are neither in the account nor a contact. */
  readonly email: string;
  /** The name of now. */
  displayName: string;
  readonly external: boolean;
  readonly bot: boolean;
  /** `"sender":…,"sender_member_id":…,"sender_display_name":…` as it stands in a row. */
  senderJson: string;
  /** Oldest first; left out by the many who never had another name. */
  formerNames?: readonly FormerName[];
}

export type Emoji =
  | { readonly kind: 'standard'; readonly code: string }
  | { readonly kind: 'custom'; readonly name: string; readonly fileId: string };

/** Somebody added or took back one emoji. */
export interface ReactionStep {
  readonly at: number;
  readonly person: Person;
  readonly emoji: Emoji;
  readonly added: boolean;
}

/** An edit with its new text, or the deletion with the text that was deleted. */
export interface Revision {
  readonly kind: 'edited' | 'deleted';
  readonly at: number;
  readonly textJson: string;
}

export interface FileRef {
  readonly fileId: string;
  readonly fileName: string;
  readonly fileSize: number;
}

/** What only some messages have. Members named `…Json` are ready to be put into a row. */
export interface Extras {
  replyTo?: Message;
  files?: readonly FileRef[];
  richTextJson?: string;
  giphyJson?: string;
  botJson?: string;
  forwardId?: string;
  /** In order of time; a deletion can only be the last. */
  revisions?: Revision[];
  /** In order of time. */
  reactionSteps?: ReactionStep[];
}

export interface Message {
  /** UUID, lower case, no braces; `row-core.ts` decides how each place writes it. */
  readonly id: string;
  /** Milliseconds; strictly increasing within a session, so it also serves as the message's place in it. */
  readonly sentAt: number;
  readonly sender: Person;
  /** The row of `messages` with the first text and without the extras. */
  readonly rowJson: string;
  extras: Extras | undefined;
}

/** One edit or deletion, in the session's order of action times. */
export interface Modification {
  readonly message: Message;
  readonly revision: Revision;
}

export interface Session {
  readonly id: string;
  readonly type: 'Group' | '1:1';
  readonly channelId: string;
  /** Who is in it now. */
  members: readonly Person[];
  /** Names with the moment from which each holds, oldest first; the clock decides which one is shown. */
  readonly names: { readonly from: number; readonly name: string }[];
  /** When the channel was deleted. A deleted one stays listed. */
  deletedAt: number | undefined;
  /** In order of `sentAt`. */
  readonly messages: Message[];
  /** Messages that were edited or deleted, in order of `sentAt`. */
  readonly modified: Message[];
  /** All edits and deletions, in order of action time. */
  readonly modifications: Modification[];
  /** Times of reactions, in order. */
  readonly reactionTimes: number[];
  /** Time of the newest thing that happened here; the next one is later. */
  lastActionAt: number;
}

export interface Account {
  readonly people: Person[];
  readonly sessions: Session[];
  readonly sessionById: Map<string, Session>;
  readonly users: User[];
  /** By channel id, one for each session of type Group. */
  readonly channels: Map<string, Channel>;
  /** Of all channels, in order of time. */
  readonly membershipChanges: MembershipChange[];
  readonly spaces: Space[];
  readonly customEmoji: CustomEmoji[];
  settings: ChatSettings;
}

/** An account with nobody in it. */
export function emptyAccount(): Account {
  return {
    people: [],
    sessions: [],
    sessionById: new Map(),
    users: [],
    channels: new Map(),
    membershipChanges: [],
    spaces: [],
    customEmoji: [],
    settings: DEFAULT_SETTINGS,
  };
}

/** Adds a person and prepares the part of a row that names them. `hideEmail` leaves the sender field out altogether. */
export function addPerson(account: Account, facts: Omit<Person, 'senderJson'>, hideEmail = false): Person {
  const sender = hideEmail ? '' : `"sender":${JSON.stringify(facts.email)},`;
  const senderJson = `${sender}"sender_member_id":${JSON.stringify(facts.memberId)},"sender_display_name":${JSON.stringify(facts.displayName)}`;
  const person: Person = { ...facts, senderJson };
  account.people.push(person);
  return person;
}

/**
 * Adds a session without messages, and its channel if it is a group. `createdAt` in milliseconds; without a type of
 * the channel chance decides.
 */
export function addSession(
  account: Account,
  facts: Pick<Session, 'id' | 'type' | 'channelId' | 'members'>,
  name: string,
  createdAt: number,
  channelType?: ChannelType,
): Session {
  const session: Session = {
    ...facts,
    names: [{ from: createdAt, name }],
    deletedAt: undefined,
    messages: [],
    modified: [],
    modifications: [],
    reactionTimes: [],
    lastActionAt: 0,
  };
  account.sessions.push(session);
  account.sessionById.set(session.id, session);
  if (session.type === 'Group') addChannel(account, session, channelType);
  return session;
}

/**
 * Adds a message after all others of its session. The caller sees to it that `sentAt` is later than the last.
 * @param textJson the text as a JSON string with its quotes.
 */
export function addMessage(
  session: Session,
  facts: Pick<Message, 'id' | 'sentAt' | 'sender'>,
  textJson: string,
): Message {
  const { id, sentAt, sender } = facts;
  const rowJson = coreRow(session, { id: idInMessages(id), textJson, sender, sentAt, actionAt: sentAt });
  const message: Message = { id, sentAt, sender, rowJson, extras: undefined };
  session.messages.push(message);
  if (sentAt > session.lastActionAt) session.lastActionAt = sentAt;
  return message;
}

/** The message's extras, made on first use. */
export function extrasOf(message: Message): Extras {
  message.extras ??= {};
  return message.extras;
}

/** Notes an edit or deletion in the message and in both orders of the session. */
export function addRevision(session: Session, message: Message, revision: Revision): void {
  const extras = extrasOf(message);
  if (extras.revisions === undefined) {
    extras.revisions = [revision];
    session.modified.splice(
      firstAtOrAfter(session.modified, message.sentAt, (other) => other.sentAt),
      0,
      message,
    );
  } else {
    extras.revisions.push(revision);
  }
  const place = firstAtOrAfter(session.modifications, revision.at + 1, (other) => other.revision.at);
  session.modifications.splice(place, 0, { message, revision });
  if (revision.at > session.lastActionAt) session.lastActionAt = revision.at;
}

/** Notes a reaction given or taken back. */
export function addReaction(session: Session, message: Message, step: ReactionStep): void {
  const extras = extrasOf(message);
  extras.reactionSteps ??= [];
  extras.reactionSteps.push(step);
  const place = firstAtOrAfter(session.reactionTimes, step.at + 1, (at) => at);
  session.reactionTimes.splice(place, 0, step.at);
  if (step.at > session.lastActionAt) session.lastActionAt = step.at;
}

/** The text as it was sent, in JSON form. */
export function firstTextJson(message: Message): string {
  return textJsonOf(message.rowJson);
}

/** The text a reader would see now, in JSON form. */
export function currentTextJson(message: Message): string {
  return message.extras?.revisions?.at(-1)?.textJson ?? firstTextJson(message);
}

/** Was the message deleted? */
export function isDeleted(message: Message): boolean {
  return message.extras?.revisions?.at(-1)?.kind === 'deleted';
}

/** The session's name at a moment. */
export function nameAt(session: Session, now: number): string {
  return (session.names.findLast((entry) => entry.from <= now) ?? session.names[0])?.name ?? '';
}

/** Index of the first entry whose time is `time` or later; the list's length when there is none. */
export function firstAtOrAfter<T>(list: readonly T[], time: number, timeOf: (entry: T) => number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timeOf(list[middle] as T) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
