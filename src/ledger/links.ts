import type { Json } from '../record.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { storableText } from './staged.ts';

export const LINK_KINDS = ['file', 'forwarded', 'emoji', 'hold_file'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

/** Something a record points to, with what is needed to fetch and to describe it. */
export interface Link {
  readonly kind: LinkKind;
  /** Unique among the links of its kind. */
  readonly id: string;
  readonly detail: { readonly [name: string]: Json };
}

export interface OpenLink extends Link {
  /** Failed attempts so far. */
  readonly attempts: number;
  /** Milliseconds. */
  readonly foundAt: number;
}

/**
 * Remembers links; one that is known and open takes the new details (a fresher URL), one that is settled stays so.
 * Called before the records that point to them are admitted, so that a crash between leaves a link too many, never
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
       on conflict (account, kind, id) do update set detail = excluded.detail
         where l.open and l.detail <> excluded.detail
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      distinct.map(({ kind }) => kind),
      distinct.map(({ id }) => storableText(id)),
      distinct.map(({ detail }) => storableJson(detail)),
      new Date(now),
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
    found_at: Date;
  }>(
    `select kind, id, detail, attempts, found_at from links
     where account = $1 and open and kind = any($2::text[]) and (retry_at is null or retry_at <= $3 or retry_at > $3::timestamptz + interval '2 days')
     order by found_at, kind, id limit $4`,
    [account, kinds, new Date(now), limit],
  );
  return rows.map(({ kind, id, detail, attempts, found_at }) => ({
    kind,
    id,
    detail,
    attempts,
    foundAt: found_at.getTime(),
  }));
}

/** How an attempt at a link ended: archived (or on record as out of reach), or to be tried again. */
export type LinkEnd =
  /** `reason` when it is on record as out of reach: `repair` looks once more. */
  | { readonly outcome: 'settled'; readonly reason?: string }
  | { readonly outcome: 'failed'; readonly error: string; readonly retryAt: number };

/** Ends an attempt at a link. Fails with `lease-lost`. */
export async function endLink(
  db: Database,
  lease: Lease,
  link: Link,
  end: LinkEnd,
  now: number,
): Promise<void> {
  const failed = end.outcome === 'failed';
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     ended as (
       update links set open = $5, error = $6, retry_at = $7, attempts = attempts + 1,
         settled_at = case when $5 then null else $8::timestamptz end
       where account = $1 and kind = $3 and id = $4 and exists (select 1 from guard)
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      link.kind,
      storableText(link.id),
      failed,
      failed ? end.error : (end.reason ?? null),
      failed ? new Date(end.retryAt) : null,
      new Date(now),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

export interface LinkTotals {
  readonly kind: LinkKind;
  readonly open: number;
  readonly settled: number;
  /** Open ones whose last attempt failed. */
  readonly failing: number;
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
    oldest: Date | null;
  }>(
    `select kind, count(*) filter (where open) as open, count(*) filter (where not open) as settled,
       count(*) filter (where open and error is not null) as failing, min(found_at) filter (where open) as oldest
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
  /** Of the last attempt; undefined when there was none. */
  readonly error: string | undefined;
  readonly attempts: number;
  readonly foundAt: number;
}

/** Open links of some kinds that failed, or were found before `before` (ms) and are open still. */
export async function lateLinks(
  db: Database,
  account: string,
  kinds: readonly LinkKind[],
  before: number,
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
     where account = $1 and open and kind = any($2::text[]) and (error is not null or found_at < $3)
     order by found_at, kind, id limit $4`,
    [account, kinds, new Date(before), limit],
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

function storableJson(value: Json): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'string' ? storableText(part) : part,
  );
}
