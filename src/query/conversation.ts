import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import { type MessageId, messageId } from '../record.ts';
import type { OpenArchive, RecordPlace } from './archive.ts';
import { asked, readAt } from './asked.ts';
import { type Cursor, cursorText, type EventKey, readCursor } from './conversation-cursor.ts';
import { peopleOf } from './known-people.ts';
import { membersOf } from './members.ts';
import { membershipEvent } from './message-event.ts';
import { messageEvents } from './messages-shown.ts';

import type { AuditContext } from './reader.ts';
import type { Person, ReadAt, Revision, SessionRef } from './revision.ts';
import { timeRange } from './time-range.ts';
import { keyOfMessage, type TimelineEvent, type TimelineOf, timelinePage } from './timeline.ts';
import { ofSession, requireMay, seesSession, visible } from './visibility.ts';

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

/**
 * What a participant saw of a session. Fails with `record-not-found` where the archive has no such session, or no such
 * message to show around, also where it lies beyond the reader's scope; with `usage` for what is no page, zone or time.
 */
export async function conversation(ctx: AuditContext, input: ConversationInput): Promise<Conversation> {
  const question = asked(conversationInput, input);
  requireMay(ctx.reader, 'view');
  const range = timeRange(question.from, question.to, question.zone);
  const cursor = question.after === undefined ? undefined : readCursor(question.after);
  await ctx.record({ action: 'view', input: question });
  const { archive } = ctx;
  const all = await visible(ctx);
  const everything = await archive.known();
  const session = everything.sessions.get(question.session);
  if (session === undefined || !seesSession(all, session.id)) throw notFound('session', question.session);

  const seen = ofSession(all, session.id);
  const of = { session: session.id, channel: session.channelId, ...range, seen };
  const page =
    question.around === undefined
      ? await pageBeside(archive, of, cursor, question.limit)
      : await pageAround(archive, of, messageId(question.around), question.limit);

  const known = peopleOf(everything, session.id);
  const messages = new Map(
    page.events.flatMap((event) => (event.type === 'message' ? [[event.messageId, event.key.at]] : [])),
  );
  const shown = await messageEvents(archive, { session: session.id, messages, seen }, known);
  const events = page.events.flatMap((event): readonly ConversationEvent[] => {
    if (event.type === 'change') return [membershipEvent(event, known)];
    const message = shown.get(event.messageId);
    return message === undefined ? [] : [message];
  });
  const at = page.events[0]?.key.at ?? range.from ?? session.last ?? 0;
  const direct = session.type === '1:1';
  return {
    at: readAt(archive),
    session: {
      id: session.id,
      type: session.type,
      name: session.names[0] ?? '',
      channelId: session.channelId,
      names: session.names,
      external: session.external,
    },
    events,
    members: await membersOf(archive, { session: session.id, channel: session.channelId, direct }, at, known),
    next: page.next === undefined ? null : cursorText({ direction: 'after', key: page.next }),
    previous: page.previous === undefined ? null : cursorText({ direction: 'before', key: page.previous }),
  };
}

interface EventPage {
  readonly events: readonly TimelineEvent[];
  /** Where the page behind begins, and where the one before ends; undefined where there is none. */
  readonly next: EventKey | undefined;
  readonly previous: EventKey | undefined;
}

/** The page next to a place, or the first one. */
async function pageBeside(
  archive: OpenArchive,
  of: TimelineOf,
  cursor: Cursor | undefined,
  limit: number,
): Promise<EventPage> {
  const side = cursor ?? { direction: 'after' as const };
  const { events, more } = await timelinePage(archive, of, side, limit);
  const first = events[0]?.key;
  const last = events.at(-1)?.key;
  // Whoever came from a place can go back to what stands there.
  return side.direction === 'after'
    ? { events, next: more ? last : undefined, previous: cursor === undefined ? undefined : first }
    : { events, next: last, previous: more ? first : undefined };
}

/** The page that has a message in its middle, as far as there is enough before and behind it. */
async function pageAround(
  archive: OpenArchive,
  of: TimelineOf,
  message: MessageId,
  limit: number,
): Promise<EventPage> {
  const key = await keyOfMessage(archive, of, message);
  if (key === undefined) throw notFound('message', message);
  const earlier = await timelinePage(archive, of, { direction: 'before', key }, Math.floor((limit - 1) / 2));
  const own: TimelineEvent = { type: 'message', key, messageId: message };
  const later = await timelinePage(
    archive,
    of,
    { direction: 'after', key },
    limit - 1 - earlier.events.length,
  );
  const events = [...earlier.events, own, ...later.events];
  return {
    events,
    next: later.more ? events.at(-1)?.key : undefined,
    previous: earlier.more ? events[0]?.key : undefined,
  };
}

function notFound(what: string, id: string): ArchiverError {
  return new ArchiverError('record-not-found', `the archive has no such ${what}`, { detail: id });
}
