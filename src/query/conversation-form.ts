/** What a conversation is asked for by, and what is answered. */
import { z } from 'zod';
import type { RecordPlace } from './archive.ts';
import type { Person, ReadAt, Revision, SessionRef } from './revision.ts';

const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

export const conversationInput = z.strictObject({
  session: z.string().min(1).describe('Id of the session.'),
  from: moment.optional().describe('An instant, or a day in `zone`.'),
  to: moment.optional().describe('An instant, not included; or a day in `zone`, included.'),
  zone: z.string().default('UTC').describe('IANA time zone of days.'),
  around: z.string().optional().describe('Id of a message: the page that holds it.'),
  limit: z.int().min(1).max(1000).default(200),
  after: z.string().optional().describe('`next` of the page before, or `previous` of the page behind.'),
});

export type ConversationInput = z.input<typeof conversationInput>;

export interface ObjectPart {
  readonly key: string;
  readonly version: string;
  readonly sha256: string;
  readonly size: number;
}

/** A file of a message, as far as it was archived. */
export interface ConversationFile {
  readonly id: string;
  readonly name: string;
  readonly size: number | null;
  /** Where its bytes stand; null where they could not be had, which `reason` tells. */
  readonly object: {
    readonly key: string;
    readonly version: string;
    readonly sha256: string;
    readonly size: number;
    /** The objects that it stands in, in their order: one, but for very large files; key and version are the first's. */
    readonly parts: readonly ObjectPart[];
  } | null;
  readonly reason: string | null;
}

export interface Reaction {
  /** The emoji itself, or `:name:` of a custom one. */
  readonly emoji: string;
  readonly count: number;
  readonly people: readonly Person[];
}

export interface ForwardedMessage {
  readonly sender: Person;
  readonly sentAt: string | null;
  readonly text: string;
  readonly files: readonly ConversationFile[];
  /** Why it could not be resolved; null where it was. */
  readonly reason: string | null;
}

/** A message, with all that became of it within the archive. */
export interface MessageEvent {
  readonly type: 'message';
  readonly at: string;
  readonly messageId: string;
  readonly sender: Person;
  readonly state: 'standing' | 'edited' | 'deleted';
  /** The last known text; of a deleted message the one before it went. */
  readonly text: string;
  /** Every archived version, oldest first; at least one. */
  readonly versions: readonly Revision[];
  readonly replyTo: string | null;
  readonly reactions: readonly Reaction[];
  readonly files: readonly ConversationFile[];
  readonly forwarded: ForwardedMessage | null;
}

export interface MembershipEvent {
  readonly type: 'joined' | 'left' | 'other';
  readonly at: string;
  readonly people: readonly Person[];
  readonly operator: Person;
  readonly place: RecordPlace;
}

export type ConversationEvent = MessageEvent | MembershipEvent;

/** Who was a member at a moment, as far as the archive tells. */
export interface Members {
  readonly at: string;
  readonly people: readonly Person[];
  /**
   * `exact`: a list of Zoom, and every change since; `inferred`: from changes and from who wrote; `fixed`: of a direct
   * conversation.
   */
  readonly basis: 'exact' | 'inferred' | 'fixed';
}

export interface Conversation {
  readonly at: ReadAt;
  readonly session: SessionRef & { readonly names: readonly string[]; readonly external: boolean | null };
  /** In order of time, replies where they were sent. */
  readonly events: readonly ConversationEvent[];
  /** At the first event of the page. */
  readonly members: Members;
  readonly next: string | null;
  readonly previous: string | null;
}
