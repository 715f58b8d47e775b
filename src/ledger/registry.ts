import type { Interval, SessionId } from '../record.ts';
import { parseMultirange } from './coverage.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { storableText } from './staged.ts';

/** A session as a listing showed it. */
export interface ListedSession {
  readonly id: SessionId;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
  /** Milliseconds. */
  readonly lastMessageAt: number;
  /** Whether somebody of another account was in it when it was listed; undefined where Zoom does not say. */
  readonly external?: boolean | undefined;
}

/** What the planner knows about a session. */
export interface KnownSession extends ListedSession {
  readonly lastActivityAt: number;
  /** What was collected, in order, without overlap. */
  readonly sent: readonly Interval[];
  readonly modified: readonly Interval[];
  /** What Zoom deleted before it was collected, as it is on record. */
  readonly lost: { readonly sent: readonly Interval[]; readonly modified: readonly Interval[] };
  /** When a listing showed it first. */
  readonly firstSeenAt: number;
  /** From when on it had to be collected; undefined until it is known what Zoom kept at first. */
  readonly expectedFrom: number | undefined;
  /** When a webhook last named it; 0 when none did. */
  readonly hintedAt: number;
}

/** Adds or updates sessions of a listing page; what is known is never forgotten. Fails with `lease-lost`. */
export async function registerSessions(
  db: Database,
  lease: Lease,
  sessions: readonly ListedSession[],
  now: number,
): Promise<void> {
  const distinct = [...new Map(sessions.map((session) => [session.id, session])).values()];
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     upsert as (
       insert into registry as r
         (account, session_id, type, name, channel_id, last_message_at, last_activity_at, first_seen_at, listed_at, external)
       select $1, s.id, s.type, s.name, s.channel_id, s.last_message_at, s.last_message_at, $8, $8, s.external
       from guard, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $9::boolean[])
         as s (id, type, name, channel_id, last_message_at, external)
       on conflict (account, session_id) do update set
         type = excluded.type, name = excluded.name, channel_id = excluded.channel_id,
         last_message_at = greatest(r.last_message_at, excluded.last_message_at),
         last_activity_at = greatest(r.last_activity_at, excluded.last_activity_at),
         listed_at = excluded.listed_at, external = greatest(r.external, excluded.external)
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      distinct.map((session) => session.id),
      distinct.map((session) => storableText(session.type)),
      distinct.map((session) => storableText(session.name)),
      distinct.map((session) => storableText(session.channelId)),
      distinct.map((session) => new Date(session.lastMessageAt)),
      new Date(now),
      distinct.map(({ external = null }) => external),
    ],
  );
  if (rows.length === 0) {
    throw leaseLost(lease);
  }
}

interface SessionRow extends Record<string, unknown> {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly channel_id: string;
  readonly last_message_at: number;
  readonly last_activity_at: number;
  readonly first_seen_at: number;
  readonly expected_from: number | null;
  readonly sent: string | null;
  readonly modified: string | null;
  readonly sent_lost: string | null;
  readonly modified_lost: string | null;
  readonly hinted_at: number | null;
}

const BATCH = 5_000;

/** As milliseconds: reading dates would take half of the time that planning takes. */
const MOMENTS = ['last_message_at', 'last_activity_at', 'first_seen_at', 'expected_from', 'hinted_at']
  .map((name) => `extract(epoch from r.${name}) * 1000 as ${name}`)
  .join(', ');

/**
 * All known sessions in id order, a batch at a time, so that planning needs memory for two batches only: the next one is
 * read while one is looked at.
 */
export async function* eachKnownSession(
  db: Database,
  account: string,
): AsyncGenerator<readonly KnownSession[]> {
  let following = knownSessions(db, account, '', BATCH);
  for (;;) {
    const sessions = await following;
    const last = sessions.at(-1);
    if (last === undefined) return;
    const isLast = sessions.length < BATCH;
    if (!isLast) {
      following = knownSessions(db, account, last.id, BATCH);
      // Whoever looks may stop or fail before the answer comes; that error is then the one that counts.
      following.catch(() => undefined);
    }
    yield sessions;
    if (isLast) return;
  }
}

async function knownSessions(
  db: Database,
  account: string,
  after: string,
  limit: number,
): Promise<readonly KnownSession[]> {
  const rows = await db.query<SessionRow>(
    `select r.session_id as id, r.type, r.name, r.channel_id, ${MOMENTS},
       s.covered::text as sent, m.covered::text as modified, s.lost::text as sent_lost, m.lost::text as modified_lost
     from registry r
     left join coverage s on s.account = r.account and s.stream = 'messages' and s.scope = r.session_id
       and s.mode = 'sent'
     left join coverage m on m.account = r.account and m.stream = 'messages' and m.scope = r.session_id
       and m.mode = 'modified'
     where r.account = $1 and r.session_id > $2
     order by r.session_id limit $3`,
    [account, after, limit],
  );
  return rows.map((row) => ({
    // Zoom's ids come back from the ledger as they went in.
    id: row.id as SessionId,
    type: row.type,
    name: row.name,
    channelId: row.channel_id,
    lastMessageAt: row.last_message_at,
    lastActivityAt: row.last_activity_at,
    firstSeenAt: row.first_seen_at,
    expectedFrom: row.expected_from ?? undefined,
    sent: parseMultirange(row.sent),
    modified: parseMultirange(row.modified),
    lost: { sent: parseMultirange(row.sent_lost), modified: parseMultirange(row.modified_lost) },
    hintedAt: row.hinted_at ?? 0,
  }));
}

/**
 * Notes that something seems to have happened in the session that `name` stands for, its id or its channel's. Anyone
 * may, without the lease: a hint changes when Zoom is asked, never what is archived.
 * @param now milliseconds
 * @returns false when no known session is named so
 */
export async function hintSession(
  db: Database,
  account: string,
  name: string,
  now: number,
): Promise<boolean> {
  // One session a statement: with several it could wait for a listing that waits for it.
  const rows = await db.query(
    `update registry set hinted_at = greatest(hinted_at, $3::timestamptz)
     where account = $1 and (session_id = $2 or (channel_id <> '' and channel_id = $2)) returning 1`,
    [account, storableText(name), new Date(now)],
  );
  return rows.length > 0;
}

/**
 * Fixes, once, from when on sessions had to be collected: what Zoom still held when they were planned first with its
 * retention known. Fails with `lease-lost`.
 */
export async function fixExpected(
  db: Database,
  lease: Lease,
  sessions: readonly { readonly id: SessionId; readonly from: number }[],
): Promise<void> {
  if (sessions.length === 0) return;
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     fixed as (
       update registry r set expected_from = s.at
       from guard, unnest($3::text[], $4::timestamptz[]) as s (id, at)
       where r.account = $1 and r.session_id = s.id and r.expected_from is null
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      sessions.map(({ id }) => id),
      sessions.map(({ from }) => new Date(from)),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Whether a session was ever listed with somebody of another account; undefined while Zoom has not said. */
export async function isExternal(db: Database, account: string, id: string): Promise<boolean | undefined> {
  const [row] = await db.query<{ external: boolean | null }>(
    'select external from registry where account = $1 and session_id = $2',
    [account, id],
  );
  return row?.external ?? undefined;
}

/** Ids of the sessions with this id, this channel id, or exactly this name. */
export async function findSessions(
  db: Database,
  account: string,
  idOrName: string,
): Promise<readonly string[]> {
  const rows = await db.query<{ session_id: string }>(
    `select session_id from registry
     where account = $1 and (session_id = $2 or channel_id = $2 or name = $2) order by session_id limit 100`,
    [account, idOrName],
  );
  return rows.map((row) => row.session_id);
}
