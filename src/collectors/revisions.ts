/** From the rows of a message report to candidates for the ledger. Pure. */
import type { Link } from '../ledger/links.ts';
import {
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
import { type LinkedSession, rowLinks } from './row-links.ts';

export type RevisionKind = 'sent' | 'edited' | 'deleted';

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
  const add = (kind: RevisionKind, rows: readonly MessageRow[] | undefined): void => {
    for (const row of rows ?? []) {
      latestAction = Math.max(latestAction, row.action_timestamp ?? row.timestamp);
      candidates.push(revision(kind, row, context));
      if (kind === 'sent') addReactions(candidates, row, context);
      if (row.files !== undefined || row.forward_id !== undefined)
        links.push(...rowLinks(row, context.session));
    }
  };
  add('sent', page.messages);
  add('edited', page.edited_messages);
  add('deleted', page.deleted_messages);
  const rows =
    (page.messages?.length ?? 0) + (page.edited_messages?.length ?? 0) + (page.deleted_messages?.length ?? 0);
  return { rows, candidates, links, latestAction };
}

function revision(
  kind: RevisionKind,
  row: MessageRow,
  { session: { id: session }, tag }: PageContext,
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

/**
 * The reaction state of a message, and each reaction event where Zoom lists them. A message without reactions is
 * worth a record only when it had some before.
 */
function addReactions(candidates: Candidate[], row: MessageRow, context: PageContext): void {
  const { tag, observedAt, knownReactions } = context;
  const session = context.session.id;
  const id = messageId(row.id);
  const reacted = (row.reactions?.length ?? 0) + (row.custom_emoji_reactions?.length ?? 0) > 0;
  if (row.emoji_actions !== undefined) {
    for (const event of row.emoji_actions) {
      const at = event.emoji_action_timestamp;
      const record = canonicalJson({ ...event, id: row.id } as Json);
      const who = event.member_id || event.user_id || '';
      candidates.push({
        stream: 'reactions',
        kind: event.emoji_action,
        key: recordKey(tag, at, ['reactions', session, id, event.emoji, event.emoji_action, String(at), who]),
        content: contentHash(canonicalJson(event as Json)),
        rule: 'once',
        time: instant(at),
        keyMonth: keyMonth(at),
        record,
      });
    }
  }
  if (!reacted && knownReactions.size === 0) return;
  const key = recordKey(tag, row.timestamp, ['reactions', session, id]);
  if (reacted) knownReactions.add(key);
  else if (!knownReactions.has(key)) return;
  const state = {
    id: row.id,
    timestamp: row.timestamp,
    reactions: row.reactions ?? [],
    custom_emoji_reactions: row.custom_emoji_reactions ?? [],
  };
  candidates.push({
    stream: 'reactions',
    kind: 'state',
    key,
    content: reacted ? contentHash(canonicalJson(orderedReactions(state))) : NO_REACTIONS,
    rule: 'state',
    time: observedAt,
    keyMonth: keyMonth(row.timestamp),
    record: reacted ? canonicalJson(state as Json) : emptyState(row),
  });
}

const NO_REACTIONS = contentHash('no reactions');

function emptyState(row: MessageRow): string {
  return canonicalJson({ custom_emoji_reactions: [], id: row.id, reactions: [], timestamp: row.timestamp });
}

/** The state without what has no meaning: the order of reactions and of the people in one. */
function orderedReactions(state: {
  readonly reactions: readonly object[];
  readonly custom_emoji_reactions: readonly object[];
}): Json {
  const ordered = (list: readonly object[]): Json =>
    list
      .map((reaction) =>
        canonicalJson(
          Object.fromEntries(
            Object.entries(reaction).map(([name, value]) => [
              name,
              Array.isArray(value) ? [...value].sort() : value,
            ]),
          ) as Json,
        ),
      )
      .sort();
  return [ordered(state.reactions), ordered(state.custom_emoji_reactions)];
}
