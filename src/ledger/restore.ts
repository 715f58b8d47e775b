/** Puts back what the ledger knew of archived records. Each call is one statement, and twice is as once. */
import type { ContentHash, Interval, KeyMonth, RecordKey } from '../record.ts';
import { driftKey, ensureMonths } from './admit.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import type { Link, Refusal } from './links.ts';
import { storableJson, storableText } from './staged.ts';

const GUARD = 'with guard as (select 1 from lease where account = $1 and generation = $2 for share)';

async function write(db: Database, lease: Lease, effect: string, values: readonly unknown[]): Promise<void> {
  const rows = await db.query(`${GUARD}, effect as (${effect}) select 1 from guard`, [
    lease.account,
    lease.generation,
    ...values,
  ]);
  if (rows.length === 0) throw leaseLost(lease);
}

const instants = (times: readonly number[]): readonly Date[] => times.map((time) => new Date(time));

export interface ArchivedKey {
  readonly month: KeyMonth;
  readonly key: RecordKey;
  readonly content: ContentHash;
  readonly drift: boolean;
}

/** Dedup keys of records that never change. Fails with `lease-lost`, as all of these do. */
export async function restoreKeys(db: Database, lease: Lease, keys: readonly ArchivedKey[]): Promise<void> {
  if (keys.length === 0) return;
  await ensureMonths(
    db,
    keys.map(({ month }) => month),
  );
  await write(
    db,
    lease,
    `insert into seen (month, key, content)
     select k.month, case when k.drift then ${driftKey('k')} else k.key end, k.content
     from guard, unnest($3::date[], $4::uuid[], $5::uuid[], $6::boolean[]) as k (month, key, content, drift)
     on conflict do nothing`,
    [
      keys.map(({ month }) => month),
      keys.map(({ key }) => key),
      keys.map(({ content }) => content),
      keys.map(({ drift }) => drift),
    ],
  );
}

export interface ArchivedState extends Omit<ArchivedKey, 'drift'> {
  /** Milliseconds. */
  readonly observedAt: number;
  readonly stream: string;
  readonly kind: string;
  /** Kept where more than the state is made of it. */
  readonly record: string | null;
}

/** States of what changes, of one segment; of each thing the latest stays. @param entry index of the segment's entry */
export async function restoreStates(
  db: Database,
  lease: Lease,
  states: readonly ArchivedState[],
  entry: number,
): Promise<void> {
  const latest = [
    ...latestOf(
      states,
      ({ key }) => key,
      ({ observedAt }) => observedAt,
    ),
  ];
  if (latest.length === 0) return;
  await write(
    db,
    lease,
    `insert into rebuild_states as r
       (account, key, month, content, observed_at, entry_index, stream, kind, record)
     select $1, s.key, s.month, s.content, s.at, $3, s.stream, s.kind, s.record
     from guard, unnest($4::uuid[], $5::date[], $6::uuid[], $7::timestamptz[], $8::text[], $9::text[], $10::text[])
       as s (key, month, content, at, stream, kind, record)
     on conflict (account, key) do update set month = excluded.month, content = excluded.content,
       observed_at = excluded.observed_at, entry_index = excluded.entry_index, kind = excluded.kind,
       record = excluded.record
     where (r.observed_at, r.entry_index) <= (excluded.observed_at, excluded.entry_index)`,
    [
      entry,
      latest.map(({ key }) => key),
      latest.map(({ month }) => month),
      latest.map(({ content }) => content),
      instants(latest.map(({ observedAt }) => observedAt)),
      latest.map(({ stream }) => stream),
      latest.map(({ kind }) => kind),
      latest.map(({ record }) => record),
    ],
  );
}

/** The latest state of something, with its record. */
interface KeptState {
  readonly record: string;
  /** Milliseconds. */
  readonly observedAt: number;
}

const STATES_AT_A_TIME = 500;

/** The latest states of one kind that are kept with their records, some at a time. */
export async function* keptStates(
  db: Database,
  account: string,
  stream: string,
  kind: string,
): AsyncGenerator<readonly KeptState[]> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const rows = await db.query<{ key: string; record: string; observed_at: Date }>(
      `select key::text as key, record, observed_at from rebuild_states
       where account = $1 and stream = $2 and kind = $3 and key > $4::uuid and record is not null
       order by key limit $5`,
      [account, stream, kind, after, STATES_AT_A_TIME],
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map(({ record, observed_at: at }) => ({ record, observedAt: at.getTime() }));
    after = last.key;
  }
}

/** A session as records tell of it. */
export interface ArchivedSession {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
  /** Milliseconds, as all below. */
  readonly lastMessageAt: number;
  readonly lastActivityAt: number;
  readonly seenAt: number;
  /** When a listing showed it so; 0 for what only messages tell, which gives way to any listing. */
  readonly listedAt: number;
}

/** Sessions, each once. What a later listing said of name and type stays. */
export async function restoreSessions(
  db: Database,
  lease: Lease,
  sessions: readonly ArchivedSession[],
): Promise<void> {
  if (sessions.length === 0) return;
  await write(
    db,
    lease,
    `insert into registry as r
       (account, session_id, type, name, channel_id, last_message_at, last_activity_at, first_seen_at, listed_at)
     select $1, s.id, s.type, s.name, s.channel_id, s.message, greatest(s.message, s.activity), s.seen, s.listed
     from guard, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
       $9::timestamptz[], $10::timestamptz[])
       as s (id, type, name, channel_id, message, activity, seen, listed)
     on conflict (account, session_id) do update set
       type = case when excluded.listed_at >= r.listed_at then excluded.type else r.type end,
       name = case when excluded.listed_at >= r.listed_at then excluded.name else r.name end,
       channel_id = case when excluded.listed_at >= r.listed_at then excluded.channel_id else r.channel_id end,
       last_message_at = greatest(r.last_message_at, excluded.last_message_at),
       last_activity_at = greatest(r.last_activity_at, excluded.last_activity_at),
       first_seen_at = least(r.first_seen_at, excluded.first_seen_at),
       listed_at = greatest(r.listed_at, excluded.listed_at)`,
    [
      sessions.map(({ id }) => id),
      sessions.map(({ type }) => storableText(type)),
      sessions.map(({ name }) => storableText(name)),
      sessions.map(({ channelId }) => storableText(channelId)),
      instants(sessions.map(({ lastMessageAt }) => lastMessageAt)),
      instants(sessions.map(({ lastActivityAt }) => lastActivityAt)),
      instants(sessions.map(({ seenAt }) => seenAt)),
      instants(sessions.map(({ listedAt }) => listedAt)),
    ],
  );
}

/** What a coverage record says of the stream that it is about. */
export interface ArchivedCoverage {
  readonly stream: string;
  readonly scope: string;
  readonly mode: string;
  readonly covered: Interval | undefined;
  /** Out of reach for good. */
  readonly lost: Interval | undefined;
  /** When the unit began, milliseconds; 0 for a loss, which was not asked for. */
  readonly askedAt: number;
}

export async function restoreCoverage(
  db: Database,
  lease: Lease,
  coverage: readonly ArchivedCoverage[],
): Promise<void> {
  if (coverage.length === 0) return;
  const nothing: Interval = { from: 0, to: 0 };
  await write(
    db,
    lease,
    `insert into coverage as c (account, stream, scope, mode, covered, lost, asked_at)
     select $1, u.stream, u.scope, u.mode, range_agg(int8range(u.covered_from, u.covered_to)),
       range_agg(int8range(u.lost_from, u.lost_to)), max(u.asked)
     from guard, unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
       $10::timestamptz[]) as u (stream, scope, mode, covered_from, covered_to, lost_from, lost_to, asked)
     group by u.stream, u.scope, u.mode
     on conflict (account, stream, scope, mode) do update set covered = c.covered + excluded.covered,
       lost = c.lost + excluded.lost, asked_at = greatest(c.asked_at, excluded.asked_at)`,
    [
      coverage.map(({ stream }) => stream),
      coverage.map(({ scope }) => scope),
      coverage.map(({ mode }) => mode),
      coverage.map(({ covered = nothing }) => covered.from),
      coverage.map(({ covered = nothing }) => covered.to),
      coverage.map(({ lost = nothing }) => lost.from),
      coverage.map(({ lost = nothing }) => lost.to),
      instants(coverage.map(({ askedAt }) => askedAt)),
    ],
  );
}

/** Takes back what was covered of a stream in one mode: it was put on record as wrong. */
export async function restoreWithdrawal(
  db: Database,
  lease: Lease,
  { stream, mode }: { readonly stream: string; readonly mode: string },
): Promise<void> {
  await write(
    db,
    lease,
    `update coverage set covered = '{}' where account = $1 and stream = $3 and mode = $4
       and exists (select 1 from guard)`,
    [stream, mode],
  );
}

/** The latest of each thing, in no order; of two of one moment the one that came later. */
export function latestOf<T>(
  all: readonly T[],
  nameOf: (one: T) => string,
  timeOf: (one: T) => number,
): Iterable<T> {
  const latest = new Map<string, T>();
  for (const one of all) {
    const name = nameOf(one);
    const known = latest.get(name);
    if (known === undefined || timeOf(known) <= timeOf(one)) latest.set(name, one);
  }
  return latest.values();
}

/** A link that some record points to, and that may have been followed. */
export interface ArchivedLink {
  readonly link: Link;
  /** Milliseconds. */
  readonly foundAt: number;
}

/** Links of which no record may tell yet what they led to. One that is known stays as it is. */
export async function restoreLinks(
  db: Database,
  lease: Lease,
  links: readonly ArchivedLink[],
): Promise<void> {
  if (links.length === 0) return;
  await write(
    db,
    lease,
    `insert into links (account, kind, id, detail, found_at)
     select $1, n.kind, n.id, n.detail::jsonb, n.found
     from guard, unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[]) as n (kind, id, detail, found)
     on conflict do nothing`,
    linkColumns(links),
  );
}

/** A link of which a record tells what it led to, or why that cannot be had. */
export interface ArchivedEnd extends ArchivedLink {
  /** Milliseconds. */
  readonly settledAt: number;
  /** Why it cannot be had; undefined for what is archived. */
  readonly reason: string | undefined;
  /** The refusals behind that reason. */
  readonly refusal: Refusal | undefined;
}

/** Links that are settled; of several records of one the latest counts. */
export async function restoreEnds(db: Database, lease: Lease, ends: readonly ArchivedEnd[]): Promise<void> {
  const latest = [
    ...latestOf(
      ends,
      ({ link }) => `${link.kind} ${link.id}`,
      ({ settledAt }) => settledAt,
    ),
  ];
  if (latest.length === 0) return;
  await write(
    db,
    lease,
    `insert into links as l
       (account, kind, id, detail, found_at, open, settled_at, error, refusal, refusals, refused_since)
     select $1, n.kind, n.id, n.detail::jsonb, n.found, false, n.settled, n.error, n.refusal, n.refusals, n.since
     from guard, unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::text[],
       $9::text[], $10::integer[], $11::timestamptz[])
       as n (kind, id, detail, found, settled, error, refusal, refusals, since)
     on conflict (account, kind, id) do update set detail = excluded.detail, found_at = excluded.found_at,
       open = false, settled_at = excluded.settled_at, error = excluded.error, refusal = excluded.refusal,
       refusals = excluded.refusals, refused_since = excluded.refused_since
     where l.open or l.settled_at <= excluded.settled_at`,
    [
      ...linkColumns(latest),
      instants(latest.map(({ settledAt }) => settledAt)),
      latest.map(({ reason }) => reason ?? null),
      latest.map(({ refusal }) => refusal?.reason ?? null),
      latest.map(({ refusal }) => refusal?.times ?? 0),
      latest.map(({ refusal }) => (refusal === undefined ? null : new Date(refusal.since))),
    ],
  );
}

function linkColumns(links: readonly ArchivedLink[]): readonly unknown[] {
  return [
    links.map(({ link }) => link.kind),
    links.map(({ link }) => storableText(link.id)),
    links.map(({ link }) => storableJson(link.detail)),
    instants(links.map(({ foundAt }) => foundAt)),
  ];
}
