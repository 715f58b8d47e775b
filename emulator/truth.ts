/** What really happened in the account, for tests to compare an archive with. Read only by tests, never served as Zoom. */
import { type Account, firstTextJson, type Message, nameAt, type Session } from './account.ts';
import { foldReactions, type WireReactions } from './reactions.ts';
import { keptSince } from './retention.ts';
import { idInMessages } from './row-core.ts';

export interface TruthVersion {
  readonly kind: 'sent' | 'edited' | 'deleted';
  /** Milliseconds. */
  readonly actionTimestamp: number;
  /** The text from then on; of a deletion, the text that was deleted. */
  readonly text: string;
}

/** One message with all its history. */
export interface TruthMessage {
  readonly sessionId: string;
  /** As `messages` writes it; the edited and deleted arrays may write it otherwise. */
  readonly messageId: string;
  /** Milliseconds. */
  readonly sentAt: number;
  /** In order of time; the first is always the one sent. */
  readonly versions: readonly TruthVersion[];
  /** Who reacts with what in the end, in wire form. */
  readonly reactions: WireReactions;
  /** How many different states of the reactions followed one another, not counting "none" at the start. */
  readonly reactionStates: number;
}

/** One session, with what the reports leave out. */
export interface TruthSession {
  readonly id: string;
  readonly type: Session['type'];
  readonly name: string;
  readonly status: 'active' | 'deleted';
  readonly messages: number;
  readonly modifications: number;
  /** Milliseconds: what was sent before is no longer served. */
  readonly keptSince: number;
}

/** Every message that ever existed, session by session in order of time. */
export function* truthMessages(account: Account): Generator<TruthMessage> {
  for (const session of [...account.sessions]) {
    for (const message of session.messages) yield truthOf(session, message);
  }
}

/** Every session, at the given moment. */
export function truthSessions(account: Account, now: number): TruthSession[] {
  return account.sessions.map((session) => ({
    id: session.id,
    type: session.type,
    name: nameAt(session, now),
    status: session.deletedAt !== undefined && session.deletedAt <= now ? 'deleted' : 'active',
    messages: session.messages.length,
    modifications: session.modifications.length,
    keptSince: keptSince(account, session, now),
  }));
}

function truthOf(session: Session, message: Message): TruthMessage {
  const versions: TruthVersion[] = [version('sent', message.sentAt, firstTextJson(message))];
  for (const { kind, at, textJson } of message.extras?.revisions ?? [])
    versions.push(version(kind, at, textJson));
  return {
    sessionId: session.id,
    messageId: idInMessages(message.id),
    sentAt: message.sentAt,
    versions,
    reactions: foldReactions(message),
    reactionStates: message.extras?.reactionSteps?.length ?? 0,
  };
}

function version(kind: TruthVersion['kind'], actionTimestamp: number, textJson: string): TruthVersion {
  return { kind, actionTimestamp, text: JSON.parse(textJson) as string };
}
