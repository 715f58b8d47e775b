/** Messages as verbs answer with them. */
import type { RecordPlace } from './rows.ts';

/** A person as a record names him; each may be empty, for Zoom does not know all of everybody. */
export interface Person {
  readonly email: string;
  readonly memberId: string;
  readonly name: string;
}

export interface SessionRef {
  readonly id: string;
  /** `Group`, `1:1`, or empty. */
  readonly type: string;
  /** As it was when the record was seen. */
  readonly name: string;
  readonly channelId: string;
}

/** A file that a message names. */
export interface NamedFile {
  readonly id: string;
  readonly name: string;
  /** Bytes, as Zoom says; null where it does not. */
  readonly size: number | null;
}

/** One archived version of a message. Times are ISO 8601 in UTC with milliseconds. */
export interface Revision {
  readonly place: RecordPlace;
  /** RFC 6962 leaf hash of the record, lower-case hex. */
  readonly hash: string;
  readonly session: SessionRef;
  /** Lower case, without braces. */
  readonly messageId: string;
  readonly kind: 'sent' | 'edited' | 'deleted';
  /** The same version was archived before with other content. */
  readonly drift: boolean;
  readonly sentAt: string;
  readonly actionAt: string;
  readonly observedAt: string;
  readonly sender: Person;
  readonly receiver: string;
  readonly text: string;
  readonly replyTo: string | null;
  readonly forwardId: string | null;
  readonly files: readonly NamedFile[];
  /** Texts of a bot's card, a line each; null where it is none. */
  readonly bot: string | null;
  readonly giphy: readonly string[];
  /** Whether Zoom says that the sender is not of the account; null where it says nothing. */
  readonly senderExternal: boolean | null;
  /** The record: canonical JSON, what Zoom sent. */
  readonly record: string;
}

/** The state of the archive that an answer was read from. */
export interface ReadAt {
  readonly origin: string;
  /** Entries of the log. */
  readonly size: number;
  /** Base64. */
  readonly root: string;
}
