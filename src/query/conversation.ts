import { ArchiverError } from '../errors.ts';
import { type MessageId, messageId } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import { asked, readAt } from './asked.ts';
import { type Cursor, cursorText, type EventKey, readCursor } from './conversation-cursor.ts';
import {
  type Conversation,
  type ConversationEvent,
  type ConversationInput,
  conversationInput,
} from './conversation-form.ts';
import { peopleOf } from './known-people.ts';
import { knownTo } from './known-to.ts';
import { membersOf } from './members.ts';
import { membershipEvent } from './message-event.ts';
import { messageEvents } from './messages-shown.ts';
import type { AuditContext } from './reader.ts';
import { timeRange } from './time-range.ts';
import { keyOfMessage, type TimelineEvent, type TimelineOf, timelinePage } from './timeline.ts';
import { nearestSeen, ofSession, requireMay, seesSession, visible } from './visibility.ts';

export {
  type Conversation,
  type ConversationEvent,
  type ConversationFile,
  type ConversationInput,
  conversationInput,
  type ForwardedMessage,
  type Members,
  type MembershipEvent,
  type MessageEvent,
  type ObjectPart,
  type Reaction,
} from './conversation-form.ts';

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
  const everything = await knownTo(ctx);
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
  const at = page.events[0]?.key.at ?? nearestSeen(seen, range.from ?? session.last ?? writtenAt(archive));
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
    members: await membersOf(archive, { ...of, direct }, at, known),
    next: page.next === undefined ? null : cursorText({ direction: 'after', key: page.next }),
    previous: page.previous === undefined ? null : cursorText({ direction: 'before', key: page.previous }),
  };
}

/** When the archive was written to last, milliseconds. */
function writtenAt(archive: OpenArchive): number {
  return Date.parse(archive.segments({}).at(-1)?.entry.at ?? '') || 0;
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
