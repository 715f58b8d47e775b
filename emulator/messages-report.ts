/** GET /v2/report/chat/sessions/{sessionId}: one page of a session's messages, with its edits and deletions. */
import { firstAtOrAfter, isDeleted, type Message, type Modification, type Session } from './account.ts';
import type { Link } from './chat-files.ts';
import { PageBytes } from './page-bytes.ts';
import type { PageTokens } from './page-token.ts';
import {
  type Query,
  queryIdentity,
  type ReportWindow,
  readFlag,
  readPageSize,
  readText,
  readWindow,
} from './query.ts';
import type { Random } from './random.ts';
import { invalidField } from './refusal.ts';
import { messageRow, modificationRow, type RowOptions } from './rows.ts';
import type { Switches } from './switches.ts';

const PAGE_SIZES = { usual: 30, most: 100 };
const INCLUDE_FIELDS = ['edited_messages', 'deleted_messages', 'edited_messages,deleted_messages'];

/** What every report needs beside its query. */
export interface ReportContext {
  readonly switches: Readonly<Switches>;
  readonly pageTokens: PageTokens;
  /** Emulated time in milliseconds. */
  readonly now: number;
  /** Makes the download link of a file, different in every response; undefined when it has none. */
  readonly link: Link;
  /** Order of the rows of a page when pages are shuffled. */
  readonly shuffle: Random;
  /** By how many rows this page reaches back into the one before: a fault, normally 0. */
  readonly overlap: number;
  /** A fault: name the token of this request as the next one. */
  readonly repeatToken: boolean;
}

interface MessageQuery {
  readonly window: ReportWindow;
  /** Messages sent before this moment are gone (milliseconds). */
  readonly keptSince: number;
  readonly pageSize: number;
  readonly edited: boolean;
  readonly deleted: boolean;
  /** Match edits and deletions by their own time instead of their message's. */
  readonly byActionTime: boolean;
}

/** The page's rows, as messages and as the places in the session they were found at. */
interface Page {
  readonly listed: readonly Message[];
  readonly first: boolean;
  /** Place of the next page's first message; undefined on the last page. */
  readonly next: number | undefined;
}

/**
 * The response body, JSON in UTF-8, for a session that exists; `keptSince` (milliseconds) is how far back its messages
 * go. The page token holds the place of the next message:
 * places never change, because messages are only added at the end, so people who write do not shift the pages.
 */
export function messagesReport(
  session: Session,
  keptSince: number,
  query: Query,
  context: ReportContext,
): Buffer {
  const wanted = readMessageQuery(query, keptSince, context);
  const token = readText(query, 'next_page_token');
  const identity = queryIdentity(`messages ${session.id}`, query);
  const cursor =
    token === undefined || token === '' ? undefined : context.pageTokens.open(token, identity, context.now);
  const page = takePage(session, wanted, cursor, context);

  const options = rowOptions(query, wanted.window, context);
  const rows = page.listed.map((message) => messageRow(session, message, options));
  if (context.switches.shufflePages) context.shuffle.shuffle(rows);
  let next = page.next === undefined ? '' : context.pageTokens.issue(identity, page.next, context.now);
  if (context.repeatToken && token !== undefined) next = token;

  const body = new PageBytes();
  body.write(
    `{"from":"${wanted.window.from}","to":"${wanted.window.to}","page_size":${wanted.pageSize},"next_page_token":"${next}"`,
  );
  body.writeArray('messages', rows);
  if (context.switches.storeRevisions && (wanted.edited || wanted.deleted)) {
    const found = pageModifications(session, wanted, page, context.switches);
    if (wanted.edited)
      body.writeArray('edited_messages', modificationRows('edited', session, found, options, context));
    if (wanted.deleted)
      body.writeArray('deleted_messages', modificationRows('deleted', session, found, options, context));
  }
  body.write('}');
  return body.finish();
}

function readMessageQuery(query: Query, keptSince: number, { switches, now }: ReportContext): MessageQuery {
  const includeFields = readText(query, 'include_fields');
  if (includeFields !== undefined && !INCLUDE_FIELDS.includes(includeFields)) {
    throw invalidField('include_fields', `Must be one of ${INCLUDE_FIELDS.join(' | ')}.`);
  }
  return {
    window: readWindow(query, switches, now),
    keptSince,
    pageSize: readPageSize(query, PAGE_SIZES),
    edited: includeFields?.includes('edited') ?? false,
    deleted: includeFields?.includes('deleted') ?? false,
    byActionTime: readFlag(query, 'query_all_modifications'),
  };
}

function rowOptions(query: Query, window: ReportWindow, context: ReportContext): RowOptions {
  return {
    sentText: context.switches.sentText,
    reactions: readFlag(query, 'include_reactions'),
    customReactions: readFlag(query, 'include_custom_emoji_reactions'),
    botMessage: readFlag(query, 'include_bot_message'),
    emojiActions: readFlag(query, 'include_reaction_recent_changed') ? window : undefined,
    link: context.link,
  };
}

function takePage(
  session: Session,
  wanted: MessageQuery,
  cursor: number | undefined,
  context: ReportContext,
): Page {
  if (listsNoMessages(wanted, context.switches)) return { listed: [], first: true, next: undefined };
  const { messages } = session;
  const { sentText } = context.switches;
  const start = Math.max(wanted.window.start, wanted.keptSince);
  const first = firstAtOrAfter(messages, start, sentTime);
  // Messages can expire between two pages.
  let place = Math.max(cursor ?? first, first);
  for (let back = context.overlap; back > 0 && place > 0; ) {
    const before = messages[place - 1];
    if (before === undefined || before.sentAt < start) break;
    place -= 1;
    if (isListed(before, sentText)) back -= 1;
  }
  const listed: Message[] = [];
  for (; place < messages.length; place += 1) {
    const message = messages[place];
    if (message === undefined || message.sentAt >= wanted.window.end) break;
    if (!isListed(message, sentText)) continue;
    if (listed.length === wanted.pageSize) return { listed, first: cursor === undefined, next: place };
    listed.push(message);
  }
  return { listed, first: cursor === undefined, next: undefined };
}

/** The edits and deletions that go out with this page. */
function pageModifications(
  session: Session,
  wanted: MessageQuery,
  page: Page,
  switches: Readonly<Switches>,
): readonly Modification[] {
  switch (switches.modificationArrays) {
    case 'first-page':
      return page.first ? windowModifications(session, wanted) : [];
    case 'every-page':
      return windowModifications(session, wanted);
    case 'own-page': {
      const here = new Set(page.listed);
      return windowModifications(session, wanted).filter(
        ({ message }) => here.has(message) || (page.first && !isListedIn(message, wanted, switches)),
      );
    }
    default:
      return switches.modificationArrays satisfies never;
  }
}

function windowModifications(
  session: Session,
  { window, keptSince, byActionTime }: MessageQuery,
): readonly Modification[] {
  if (byActionTime) {
    const from = firstAtOrAfter(session.modifications, window.start, (entry) => entry.revision.at);
    const to = firstAtOrAfter(session.modifications, window.end, (entry) => entry.revision.at);
    return session.modifications.slice(from, to).filter(({ message }) => message.sentAt >= keptSince);
  }
  const from = firstAtOrAfter(session.modified, Math.max(window.start, keptSince), sentTime);
  const parents = session.modified.slice(from, firstAtOrAfter(session.modified, window.end, sentTime));
  return parents.flatMap((message) =>
    (message.extras?.revisions ?? []).map((revision) => ({ message, revision })),
  );
}

function modificationRows(
  kind: 'edited' | 'deleted',
  session: Session,
  modifications: readonly Modification[],
  options: RowOptions,
  context: ReportContext,
): string[] {
  const rows = modifications
    .filter(({ revision }) => revision.kind === kind)
    .map((modification) => modificationRow(session, modification, options));
  if (context.switches.shufflePages) context.shuffle.shuffle(rows);
  return rows;
}

function listsNoMessages(wanted: MessageQuery, switches: Readonly<Switches>): boolean {
  return wanted.byActionTime && switches.messagesInModified === 'none';
}

function isListedIn(message: Message, wanted: MessageQuery, switches: Readonly<Switches>): boolean {
  const inWindow = message.sentAt >= wanted.window.start && message.sentAt < wanted.window.end;
  return inWindow && isListed(message, switches.sentText) && !listsNoMessages(wanted, switches);
}

/** Does `messages` have this message at all? Where the newest text counts, a deleted one is gone. */
function isListed(message: Message, sentText: Switches['sentText']): boolean {
  return sentText === 'original' || message.extras === undefined || !isDeleted(message);
}

function sentTime(message: Message): number {
  return message.sentAt;
}
