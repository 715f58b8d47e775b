import type { SessionId } from '../record.ts';
import type { Endpoint, Reply, ZoomClient } from './client.ts';
import { pathSegment } from './hosts.ts';
import { pages } from './pages.ts';
import {
  type AccountSettings,
  accountSettings,
  type MessagesPage,
  messagesPage,
  type SessionsPage,
  sessionsPage,
} from './schemas.ts';

const SESSIONS: Endpoint = { name: 'report_chat_sessions', label: 'MEDIUM' };
const MESSAGES: Endpoint = { name: 'report_chat_messages', label: 'MEDIUM' };
const SETTINGS: Endpoint = { name: 'account_settings', label: 'MEDIUM' };

/** Report dates, `yyyy-MM-dd`, at most a month apart and within the last six months. */
export interface ReportDates {
  readonly from: string;
  readonly to: string;
}

/**
 * How edits and deletes are matched to the window: `sent` by when their message was sent, `modified` by when the
 * edit or delete happened (`query_all_modifications`, fact sheet section 2).
 */
export type MessagesMode = 'sent' | 'modified';

/** Sessions with messages in the window, in pages of 300. Errors as {@link ZoomClient.get}. */
export function sessionPages(
  client: ZoomClient,
  dates: ReportDates,
  signal: AbortSignal,
): AsyncGenerator<Reply<SessionsPage>> {
  return pages((pageToken) =>
    client.get(
      SESSIONS,
      '/report/chat/sessions',
      { from: dates.from, to: dates.to, page_size: '300', ...pageToken },
      sessionsPage,
      signal,
    ),
  );
}

/** A session's report for a window. */
export interface MessagesQuery {
  readonly session: SessionId;
  readonly dates: ReportDates;
  readonly mode: MessagesMode;
}

function askMessages(
  client: ZoomClient,
  { session, dates, mode }: MessagesQuery,
  paging: { readonly page_size: string; readonly next_page_token?: string },
  signal: AbortSignal,
): Promise<Reply<MessagesPage>> {
  const query = {
    from: dates.from,
    to: dates.to,
    include_fields: 'edited_messages,deleted_messages',
    include_bot_message: 'true',
    include_reactions: 'true',
    include_custom_emoji_reactions: 'true',
    query_all_modifications: String(mode === 'modified'),
    ...paging,
  };
  return client.get(MESSAGES, `/report/chat/sessions/${pathSegment(session)}`, query, messagesPage, signal);
}

/** Messages of a session with edits, deletes, bot cards and reactions, in pages of 100. */
export function messagePages(
  client: ZoomClient,
  query: MessagesQuery,
  signal: AbortSignal,
): AsyncGenerator<Reply<MessagesPage>> {
  return pages((pageToken) => askMessages(client, query, { page_size: '100', ...pageToken }, signal));
}

/**
 * The first page alone: where it is known to hold all edits and deletes, it is all that is needed to collect them.
 * Of the same size as the pages from which that was learned.
 */
export function firstMessagePage(
  client: ZoomClient,
  query: MessagesQuery,
  signal: AbortSignal,
): Promise<Reply<MessagesPage>> {
  return askMessages(client, query, { page_size: '100' }, signal);
}

/** The account's settings, for what makes completeness impossible. */
export async function readAccountSettings(
  client: ZoomClient,
  signal: AbortSignal,
): Promise<Reply<AccountSettings>> {
  return client.get(SETTINGS, '/accounts/me/settings', {}, accountSettings, signal);
}
