/** From the rows of a message report to candidates for the ledger. Pure. */
import type { Link } from '../ledger/links.ts';
import {
  aboutSender,
  type Candidate,
  canonicalJson,
  contentHash,
  type Instant,
  instant,
  type Json,
  keyMonth,
  messageId,
  type RecordKey,
  recordKey,
} from '../record.ts';
import type { MessageRow, MessagesPage } from '../zoom/schemas.ts';
import { reactionCandidates } from './reactions.ts';
import { type LinkedSession, rowLinks } from './row-links.ts';

const REVISION_KINDS = ['sent', 'edited', 'deleted'] as const;
export type RevisionKind = (typeof REVISION_KINDS)[number];

export function isRevisionKind(kind: string): kind is RevisionKind {
  return REVISION_KINDS.some((known) => known === kind);
}

export interface PageCandidates {
  readonly rows: number;
  readonly candidates: readonly Candidate[];
  /** Files and forwarded messages that the rows point to. */
  readonly links: readonly Link[];
  /** Latest action in the page, milliseconds; 0 when it is empty. */
  readonly latestAction: number;
}

/** What a page's rows are read with. */
export interface PageContext {
  readonly session: LinkedSession;
  /** Scope tag of the session. */
  readonly tag: string;
  readonly observedAt: Instant;
  /** Keys of the messages whose reactions were recorded; those of this page are added. */
  readonly knownReactions: Set<RecordKey>;
}

/** Every revision and reaction of a page. Identities are those of design section 3. */
export function pageCandidates(page: MessagesPage, context: PageContext): PageCandidates {
  const candidates: Candidate[] = [];
  const links: Link[] = [];
  let latestAction = 0;
  const { session, tag } = context;
  const add = (kind: RevisionKind, rows: readonly MessageRow[] | undefined): void => {
    for (const row of rows ?? []) {
      latestAction = Math.max(latestAction, row.action_timestamp ?? row.timestamp);
      candidates.push(revisionCandidate(kind, row, session.id, tag));
      if (kind === 'sent') candidates.push(...reactionCandidates(row, context));
      if (row.files !== undefined || row.forward_id !== undefined) links.push(...rowLinks(row, session));
    }
  };
  add('sent', page.messages);
  add('edited', page.edited_messages);
  add('deleted', page.deleted_messages);
  const rows =
    (page.messages?.length ?? 0) + (page.edited_messages?.length ?? 0) + (page.deleted_messages?.length ?? 0);
  return { rows, candidates, links, latestAction };
}

/**
 * One version of a message.
 * @param session id, as Zoom sent it
 * @param tag scope tag of the session
 */
export function revisionCandidate(
  kind: RevisionKind,
  row: MessageRow,
  session: string,
  tag: string,
): Candidate {
  const action = row.action_timestamp ?? row.timestamp;
  // The row is JSON as parsed; its type only knows the fields we read.
  const record = canonicalJson(row as Json);
  const id = messageId(row.id);
  const isPlain = id === row.id && !hasMovingParts(row);
  return {
    stream: 'messages',
    kind,
    key: recordKey(tag, action, ['messages', session, id, kind, String(action)]),
    content: contentHash(isPlain ? record : canonicalJson({ ...withoutMovingParts(row), id })),
    rule: 'once',
    time: instant(action),
    keyMonth: keyMonth(action),
    record,
    ...aboutSender(row.sender),
  };
}

function hasMovingParts(row: MessageRow): boolean {
  return (
    row.files !== undefined ||
    row.reactions !== undefined ||
    row.custom_emoji_reactions !== undefined ||
    row.emoji_actions !== undefined
  );
}

/** What changes between two polls without the message changing (fact sheet section 2). */
function withoutMovingParts(row: MessageRow): { readonly [name: string]: Json } {
  const { reactions: _r, custom_emoji_reactions: _c, emoji_actions: _a, files, ...rest } = row;
  const kept = files?.map(({ download_url: _url, ...file }) => file);
  return (kept === undefined ? rest : { ...rest, files: kept }) as { readonly [name: string]: Json };
}
