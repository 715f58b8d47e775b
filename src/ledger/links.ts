import type { Json } from '../record.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { storableJson, storableText } from './staged.ts';

export const LINK_KINDS = ['file', 'forwarded', 'emoji', 'hold_file'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

/** Something a record points to, with what is needed to fetch and to describe it. */
export interface Link {
  readonly kind: LinkKind;
  /** Unique among the links of its kind. */
  readonly id: string;
  readonly detail: { readonly [name: string]: Json };
}

/** Zoom's refusals of a link, in a row and for one reason; other failures between them do not count. */
export interface Refusal {
  readonly reason: string;
  readonly times: number;
  /** When the first of them was, milliseconds. */
  readonly since: number;
}

export interface OpenLink extends Link {
  /** Failed attempts so far. */
  readonly attempts: number;
  /** Undefined before the first. */
  readonly refusal: Refusal | undefined;
  /** Milliseconds. */
  readonly foundAt: number;
}

/** Zoom's lists say of these that they are to be had now, each time anew. */
const LISTED_KINDS: readonly LinkKind[] = ['hold_file'];

/**
 * Remembers links; one that is known and open takes the new details (a fresher URL), one that is settled stays so, but
 * for one on record as out of reach that Zoom lists all the same: it is opened again, with its refusals so far. Called before the records that point to them are admitted, so that a crash between leaves a link too many, never
 * one too few. Fails with `lease-lost`.
 */
export async function addLinks(
  db: Database,
  lease: Lease,
  links: readonly Link[],
  now: number,
): Promise<void> {
  if (links.length === 0) return;
  const distinct = [...new Map(links.map((link) => [`${link.kind} ${link.id}`, link])).values()].sort(
    (one, other) => (`${one.kind} ${one.id}` < `${other.kind} ${other.id}` ? -1 : 1),
  );
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     added as (
       insert into links as l (account, kind, id, detail, found_at)
       select $1, n.kind, n.id, n.detail::jsonb, $6 from guard, unnest($3::text[], $4::text[], $5::text[]) as n (kind, id, detail)
       on conflict (account, kind, id) do update
         set detail = excluded.detail, open = true, attempts = case when l.open then l.attempts else 0 end, settled_at = null
         where (l.open and l.detail <> excluded.detail) or (not l.open and l.error is not null and l.kind = any($7::text[]))
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      distinct.map(({ kind }) => kind),
      distinct.map(({ id }) => storableText(id)),
      distinct.map(({ detail }) => storableJson(detail)),
      new Date(now),
      LISTED_KINDS,
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/**
 * Open links of some kinds that may be tried at `now`, longest known first. A retry far off was set by a clock that was
 * set back since.
 */
export async function dueLinks(
  db: Database,
  account: string,
  kinds: readonly LinkKind[],
  now: number,
  limit: number,
): Promise<readonly OpenLink[]> {
  const rows = await db.query<{
    kind: LinkKind;
    id: string;
    detail: Link['detail'];
    attempts: number;
    refusal: string | null;
    refusals: number;
    refused_since: Date | null;
    found_at: Date;
  }>(
    `select kind, id, detail, attempts, refusal, refusals, refused_since, found_at from links
     where account = $1 and open and kind = any($2::text[]) and (retry_at is null or retry_at <= $3 or retry_at > $3::timestamptz + interval '2 days')
     order by found_at, kind, id limit $4`,
    [account, kinds, new Date(now), limit],
  );
  return rows.map(({ refusal, refusals, refused_since, found_at, ...row }) => ({
    ...row,
    refusal:
      refusal === null || refused_since === null
        ? undefined
        : { reason: refusal, times: refusals, since: refused_since.getTime() },
    foundAt: found_at.getTime(),
  }));
}

/** How an attempt at a link ended: archived, on record as out of reach, or to be tried again. */
export type LinkEnd =
  | { readonly outcome: 'settled' }
  /** `repair` looks once more. */
  | { readonly outcome: 'unavailable'; readonly reason: string; readonly refusal?: Refusal }
  | { readonly outcome: 'refused'; readonly refusal: Refusal; readonly retryAt: number }
  | { readonly outcome: 'failed'; readonly error: string; readonly retryAt: number };

/** Ends an attempt at a link. Fails with `lease-lost`. */
export async function endLink(
  db: Database,
  lease: Lease,
  link: Link,
  end: LinkEnd,
  now: number,
): Promise<void> {
  const { open, error, retryAt, refusal } = stateAfter(end);
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     ended as (
       update links set open = $5, error = $6, retry_at = $7, attempts = attempts + 1,
         settled_at = case when $5 then null else $8::timestamptz end, refusal = coalesce($9, refusal),
         refusals = coalesce($10::integer, refusals), refused_since = coalesce($11::timestamptz, refused_since)
       where account = $1 and kind = $3 and id = $4 and exists (select 1 from guard)
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      link.kind,
      storableText(link.id),
      open,
      error ?? null,
      retryAt === undefined ? null : new Date(retryAt),
      new Date(now),
      refusal?.reason ?? null,
      refusal?.times ?? null,
      refusal === undefined ? null : new Date(refusal.since),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

interface StateAfter {
  readonly open: boolean;
  readonly error?: string;
  readonly retryAt?: number;
  readonly refusal?: Refusal | undefined;
}

function stateAfter(end: LinkEnd): StateAfter {
  switch (end.outcome) {
    case 'settled':
      return { open: false };
    case 'unavailable':
      return { open: false, error: end.reason, refusal: end.refusal };
    case 'refused':
      return { open: true, error: end.refusal.reason, retryAt: end.retryAt, refusal: end.refusal };
    case 'failed':
      return { open: true, error: end.error, retryAt: end.retryAt };
    default:
      return end satisfies never;
  }
}

export interface LinkTotals {
  readonly kind: LinkKind;
  readonly open: number;
  readonly settled: number;
  /** Open ones whose last attempt failed. */
  readonly failing: number;
  /** Open ones that Zoom refused at the last attempt; they are asked for again before that is its last word. */
  readonly refused: number;
  /** When the oldest open one was found, milliseconds; undefined when none is open. */
  readonly oldest: number | undefined;
}

/** How many links of each kind are open and settled. */
export async function linkTotals(db: Database, account: string): Promise<readonly LinkTotals[]> {
  const rows = await db.query<{
    kind: LinkKind;
    open: number;
    settled: number;
    failing: number;
    refused: number;
    oldest: Date | null;
  }>(
    `select kind, count(*) filter (where open) as open, count(*) filter (where not open) as settled,
       count(*) filter (where open and error is not null and error is distinct from refusal) as failing,
       count(*) filter (where open and error = refusal) as refused, min(found_at) filter (where open) as oldest
     from links where account = $1 group by kind order by kind`,
    [account],
  );
  return rows.map(({ oldest, ...row }) => ({ ...row, oldest: oldest?.getTime() }));
}

/** A link that should be settled by now, by name, for the coverage report. */
export interface LateLink {
  readonly kind: LinkKind;
  readonly id: string;
  readonly detail: Link['detail'];
  /** Of the last attempt, or the reason for which Zoom refused it; undefined when there was none. */
  readonly error: string | undefined;
  readonly attempts: number;
  readonly foundAt: number;
}

/**
 * Open links of some kinds that failed, that were not tried and found before `before.found`, or that Zoom has refused
 * since before `before.refused` (ms).
 */
export async function lateLinks(
  db: Database,
  account: string,
  kinds: readonly LinkKind[],
  before: { readonly found: number; readonly refused: number },
  limit: number,
): Promise<readonly LateLink[]> {
  const rows = await db.query<{
    kind: LinkKind;
    id: string;
    detail: Link['detail'];
    error: string | null;
    attempts: number;
    found_at: Date;
  }>(
    `select kind, id, detail, error, attempts, found_at from links
     where account = $1 and open and kind = any($2::text[]) and case
       when error is null then found_at < $3 when error = refusal then refused_since < $4 else true end
     order by found_at, kind, id limit $5`,
    [account, kinds, new Date(before.found), new Date(before.refused), limit],
  );
  return rows.map(({ found_at, error, ...row }) => ({
    ...row,
    error: error ?? undefined,
    foundAt: found_at.getTime(),
  }));
}

/** Lets links be tried at once: those that failed, and once more those on record as out of reach. */
export async function retryLinks(db: Database, account: string): Promise<void> {
  await db.query(
    `update links set open = true, retry_at = null where account = $1 and (open or error is not null)`,
    [account],
  );
}

/** Settled links are kept as long as Zoom may show the record that points to them again. */
const KEPT_MS = 7 * 31 * 86_400_000;

/** Zoom lists these for as long as there is the matter or the emoji; dropped, they would be fetched again. */
const KEPT_KINDS: readonly LinkKind[] = ['hold_file', 'emoji'];

/** Drops links settled long ago. @returns how many */
export async function dropOldLinks(db: Database, lease: Lease, now: number): Promise<number> {
  const rows = await db.query(
    `delete from links where account = $1 and not open and settled_at < $3 and kind <> all($4::text[])
       and exists (select 1 from lease where account = $1 and generation = $2) returning 1`,
    [lease.account, lease.generation, new Date(now - KEPT_MS), KEPT_KINDS],
  );
  return rows.length;
}
