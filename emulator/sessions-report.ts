/** GET /v2/report/chat/sessions: one page of the sessions with messages in the window. */
import { type Account, firstAtOrAfter, isDeleted, nameAt, type Session } from './account.ts';
import { formatSecond } from './dates.ts';
import type { ReportContext } from './messages-report.ts';
import {
  type Query,
  queryIdentity,
  type ReportWindow,
  readFlag,
  readPageSize,
  readText,
  readWindow,
} from './query.ts';
import type { Switches } from './switches.ts';

const PAGE_SIZES = { usual: 30, most: 300 };

/**
 * The response body, JSON in UTF-8. The list is in order of the last message, newest first, and the page token holds
 * an offset into it: as with many real lists, sessions move between pages while people write.
 */
export function sessionsReport(account: Account, query: Query, context: ReportContext): Buffer {
  const window = readWindow(query, context.switches, context.now);
  const pageSize = readPageSize(query, PAGE_SIZES);
  const withReacted = readFlag(query, 'include_reacted_sessions');
  const token = readText(query, 'next_page_token');
  const identity = queryIdentity('sessions', query);
  let offset =
    token === undefined || token === '' ? 0 : context.pageTokens.open(token, identity, context.now);
  offset = Math.max(offset - context.overlap, 0);

  const listed = account.sessions
    .filter((session) => isInWindow(session, window, context.switches, withReacted))
    .sort((a, b) => lastSentAt(b) - lastSentAt(a));
  const page = listed.slice(offset, offset + pageSize);
  if (context.switches.shufflePages) context.shuffle.shuffle(page);
  let next = '';
  if (offset + pageSize < listed.length) {
    next = context.pageTokens.issue(identity, offset + pageSize, context.now);
  }
  if (context.repeatToken && token !== undefined) next = token;
  const body = JSON.stringify({
    from: window.from,
    to: window.to,
    page_size: pageSize,
    next_page_token: next,
    sessions: page.map((session) => sessionRow(session, context.now)),
  });
  return Buffer.from(body);
}

function isInWindow(
  session: Session,
  window: ReportWindow,
  switches: Readonly<Switches>,
  withReacted: boolean,
): boolean {
  const { messages, modifications, reactionTimes } = session;
  const place = firstAtOrAfter(messages, window.start, (message) => message.sentAt);
  for (let index = place; index < messages.length; index += 1) {
    const message = messages[index];
    if (message === undefined || message.sentAt >= window.end) break;
    if (switches.sentText === 'original' || !isDeleted(message)) return true;
  }
  if (switches.listEditedSessions) {
    const first = modifications[firstAtOrAfter(modifications, window.start, (entry) => entry.revision.at)];
    if (first !== undefined && first.revision.at < window.end) return true;
  }
  if (!withReacted) return false;
  const reactedAt = reactionTimes[firstAtOrAfter(reactionTimes, window.start, (at) => at)];
  return reactedAt !== undefined && reactedAt < window.end;
}

function sessionRow(session: Session, now: number): object {
  const row = {
    id: session.id,
    last_message_sent_time: formatSecond(lastSentAt(session)),
    name: nameAt(session, now),
    type: session.type,
    has_external_member: session.members.some((member) => member.external),
  };
  if (session.type === '1:1') return { ...row, member_emails: session.members.map((member) => member.email) };
  const deleted = session.deletedAt !== undefined && session.deletedAt <= now;
  return { ...row, channel_id: session.channelId, status: deleted ? 'deleted' : 'active' };
}

function lastSentAt(session: Session): number {
  return session.messages.at(-1)?.sentAt ?? 0;
}
