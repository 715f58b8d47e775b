/** GET /v2/report/chat/sessions: one page of the sessions with messages in the window. */
import { type Account, firstAtOrAfter, isDeleted, nameAt, type Session } from './account.ts';
import { formatSecond } from './dates.ts';
import { jsonBody } from './endpoints.ts';
import { listPage } from './list-page.ts';
import type { ReportContext } from './messages-report.ts';
import { type Query, type ReportWindow, readFlag, readWindow } from './query.ts';
import { keptSince } from './retention.ts';
import type { Switches } from './switches.ts';

const PAGE_SIZES = { usual: 30, most: 300 };

/**
 * The response body, JSON in UTF-8. The list is in order of the last message, newest first: sessions move between
 * pages while people write.
 */
export function sessionsReport(account: Account, query: Query, context: ReportContext): Buffer {
  const { switches, now } = context;
  const window = readWindow(query, switches, now);
  const withReacted = readFlag(query, 'include_reacted_sessions');
  const listed = account.sessions
    .filter((session) => isInWindow(session, window, keptSince(account, session, now), switches, withReacted))
    .sort((a, b) => lastSentAt(b) - lastSentAt(a));
  const { rows, pageSize, nextPageToken } = listPage('sessions', query, context, PAGE_SIZES, listed);
  return jsonBody({
    from: window.from,
    to: window.to,
    page_size: pageSize,
    next_page_token: nextPageToken,
    sessions: rows.map((session) => sessionRow(session, now)),
  });
}

function isInWindow(
  session: Session,
  window: ReportWindow,
  kept: number,
  switches: Readonly<Switches>,
  withReacted: boolean,
): boolean {
  const { messages, modifications, reactionTimes } = session;
  if (lastSentAt(session) < kept) return false;
  const place = firstAtOrAfter(messages, Math.max(window.start, kept), (message) => message.sentAt);
  for (let index = place; index < messages.length; index += 1) {
    const message = messages[index];
    if (message === undefined || message.sentAt >= window.end) break;
    if (switches.sentText === 'original' || !isDeleted(message)) return true;
  }
  if (switches.listEditedSessions) {
    const from = firstAtOrAfter(modifications, window.start, (entry) => entry.revision.at);
    const to = firstAtOrAfter(modifications, window.end, (entry) => entry.revision.at);
    if (modifications.slice(from, to).some(({ message }) => message.sentAt >= kept)) return true;
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
