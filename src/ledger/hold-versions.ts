/**
 * Which versions each hold covers, and how far the store knows of it. The flag at the store is one bit, and holds
 * overlap: a version is freed when the last hold that covers it has ended. Written by the holder of the lease alone.
 */
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';

/** A version in the archive, with its rows in `hold_versions`. */
export interface HeldVersion {
  /** The segment; 0 for an object. */
  readonly segment: number;
  /** The object; empty for a segment. */
  readonly sha256: string;
  readonly key: string;
  readonly version: string;
}

async function write(db: Database, lease: Lease, effects: string, values: readonly unknown[]): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share), ${effects}
     select 1 from guard`,
    [lease.account, lease.generation, ...values],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Notes that a hold covers these; what is noted already stays as it is. Fails with `lease-lost`, as all of these do. */
export async function addVersions(
  db: Database,
  lease: Lease,
  hold: string,
  { segments, objects }: { readonly segments: readonly number[]; readonly objects: readonly string[] },
): Promise<void> {
  await write(
    db,
    lease,
    `segment as (
       insert into hold_versions (account, hold, segment_id)
       select $1, $3, s.id from guard, unnest($4::bigint[]) as s (id) on conflict do nothing
     ), object as (
       insert into hold_versions (account, hold, sha256)
       select $1, $3, o.sha256 from guard, unnest($5::text[]) as o (sha256) on conflict do nothing
     )`,
    [hold, segments, objects],
  );
}

/** How far was looked for what a hold covers. */
export interface Refreshed {
  /** Segments up to this one. */
  readonly to: number;
  /** When all of them were looked at; undefined where it was only those that came since. Milliseconds. */
  readonly at: number | undefined;
  readonly placesHash: string;
}

export async function noteRefreshed(
  db: Database,
  lease: Lease,
  hold: string,
  { to, at, placesHash }: Refreshed,
): Promise<void> {
  await write(
    db,
    lease,
    `noted as (
       update holds set refreshed_to = $4, places_hash = $5, refreshed_at = coalesce($6, refreshed_at)
       where account = $1 and id = $3 and exists (select 1 from guard)
     )`,
    [hold, to, placesHash, at === undefined ? null : new Date(at)],
  );
}

/**
 * Brings the rows up to date with what is known without asking the store: flagged is what is held already, and what was
 * destroyed, or is covered by a hold in force, need not be freed.
 */
export async function settleVersions(db: Database, lease: Lease): Promise<void> {
  await write(
    db,
    lease,
    `waiting as materialized (select hold, segment_id, sha256 from hold_versions where account = $1 and not flagged),
     flagged as (
       update hold_versions v set flagged = true from waiting w
       where v.account = $1 and (v.hold, v.segment_id, v.sha256) = (w.hold, w.segment_id, w.sha256)
         and exists (select 1 from guard)
         and (exists (select 1 from segments s where s.id = w.segment_id and s.held)
           or exists (select 1 from objects o where o.account = $1 and o.sha256 = w.sha256 and o.held))
     ), gone as (
       delete from hold_versions v using waiting w
       where v.account = $1 and (v.hold, v.segment_id, v.sha256) = (w.hold, w.segment_id, w.sha256)
         and exists (select 1 from guard)
         and (exists (select 1 from segments s where s.id = w.segment_id and s.disposed_at is not null)
           or exists (select 1 from objects o where o.account = $1 and o.sha256 = w.sha256 and o.disposed_at is not null))
     )`,
    [],
  );
  await write(
    db,
    lease,
    `kept as (
       delete from hold_versions v using holds h
       where h.account = $1 and h.state = 'ended' and h.lifted_at is null and v.account = $1 and v.hold = h.id
         and exists (select 1 from guard)
         and exists (
           select 1 from hold_versions other join holds live on live.account = $1 and live.id = other.hold
           where other.account = $1 and (other.segment_id, other.sha256) = (v.segment_id, v.sha256)
             and live.state <> 'ended'
         )
     )`,
    [],
  );
}

const VERSION_COLUMNS = `v.segment_id as segment, v.sha256, coalesce(s.key, o.key) as key,
  coalesce(s.version, o.version) as version`;
const VERSION_JOINS = `left join segments s on s.id = v.segment_id and v.segment_id <> 0
  left join objects o on o.account = $1 and o.sha256 = v.sha256 and v.sha256 <> ''`;

/** Covered versions of which the store was not told yet, in order. @param after this one and those before are passed over */
export async function versionsToFlag(
  db: Database,
  account: string,
  after: Pick<HeldVersion, 'segment' | 'sha256'>,
  limit: number,
): Promise<readonly HeldVersion[]> {
  return db.query<HeldVersion & Record<string, unknown>>(
    `select ${VERSION_COLUMNS} from (
       select distinct v.segment_id, v.sha256 from hold_versions v
       where v.account = $1 and not v.flagged and (v.segment_id, v.sha256) > ($2, $3)
         and exists (select 1 from holds h where h.account = $1 and h.id = v.hold and h.state <> 'ended')
       order by v.segment_id, v.sha256 limit $4
     ) v ${VERSION_JOINS} order by v.segment_id, v.sha256`,
    [account, after.segment, after.sha256, limit],
  );
}

/** The store keeps these. */
export function noteFlagged(db: Database, lease: Lease, versions: readonly HeldVersion[]): Promise<void> {
  return write(db, lease, flags('true'), namesOf(versions));
}

/** The store does not keep these any more, whoever lifted their flags: it has to be told again. */
export function noteUnflagged(db: Database, lease: Lease, versions: readonly HeldVersion[]): Promise<void> {
  return write(db, lease, flags('false'), namesOf(versions));
}

const flags = (flagged: 'true' | 'false'): string => `
  given as (select * from unnest($3::bigint[], $4::text[]) as g (segment_id, sha256)),
  segment as (
    update segments s set held = ${flagged} from given g
    where s.account = $1 and s.id = g.segment_id and exists (select 1 from guard)
  ), object as (
    update objects o set held = ${flagged} from given g
    where o.account = $1 and o.sha256 = g.sha256 and exists (select 1 from guard)
  ), flagged as (
    update hold_versions v set flagged = ${flagged} from given g
    where v.account = $1 and (v.segment_id, v.sha256) = (g.segment_id, g.sha256) and exists (select 1 from guard)
  )`;

/** Some versions of which the store was told, by chance. */
export async function someFlagged(
  db: Database,
  account: string,
  limit: number,
): Promise<readonly HeldVersion[]> {
  return db.query<HeldVersion & Record<string, unknown>>(
    `select * from (
       select id as segment, '' as sha256, key, version from segments where account = $1 and held
       union all
       select 0, sha256, key, version from objects where account = $1 and held
     ) v order by random() limit $2`,
    [account, limit],
  );
}

/**
 * Versions that no hold in force covers any more, noted as not held before the store is told: a crash in between leaves
 * a flag too many, and their rows, by which the next call finds them. None while a hold has not been looked at.
 */
export async function beginLifting(
  db: Database,
  lease: Lease,
  limit: number,
): Promise<readonly HeldVersion[]> {
  const versions = await db.query<HeldVersion & Record<string, unknown>>(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     free as materialized (
       select distinct v.segment_id, v.sha256
       from holds h join hold_versions v on v.account = $1 and v.hold = h.id
       where h.account = $1 and h.state = 'ended' and h.lifted_at is null and exists (select 1 from guard)
         and not exists (select 1 from holds l where l.account = $1 and l.state <> 'ended' and l.refreshed_at is null)
         and not exists (
           select 1 from hold_versions other join holds live on live.account = $1 and live.id = other.hold
           where other.account = $1 and (other.segment_id, other.sha256) = (v.segment_id, v.sha256)
             and live.state <> 'ended'
         )
       limit $3
     ), segment as (
       update segments s set held = false from free f where s.account = $1 and s.id = f.segment_id and s.held
     ), object as (
       update objects o set held = false from free f where o.account = $1 and o.sha256 = f.sha256 and o.held
     )
     select ${VERSION_COLUMNS} from free v ${VERSION_JOINS}`,
    [lease.account, lease.generation, limit],
  );
  return versions;
}

/** The store has freed these. */
export async function noteLifted(
  db: Database,
  lease: Lease,
  versions: readonly HeldVersion[],
): Promise<void> {
  await write(
    db,
    lease,
    `given as (select * from unnest($3::bigint[], $4::text[]) as g (segment_id, sha256)),
     dropped as (
       delete from hold_versions v using given g, holds h
       where v.account = $1 and (v.segment_id, v.sha256) = (g.segment_id, g.sha256)
         and h.account = $1 and h.id = v.hold and h.state = 'ended' and exists (select 1 from guard)
     )`,
    namesOf(versions),
  );
}

/** Holds that ended and have no version left are done with. @param now milliseconds */
export async function noteAllLifted(db: Database, lease: Lease, now: number): Promise<void> {
  await write(
    db,
    lease,
    `done as (
       update holds h set lifted_at = $3
       where h.account = $1 and h.state = 'ended' and h.lifted_at is null and h.refreshed_at is not null
         and exists (select 1 from guard)
         and not exists (select 1 from hold_versions v where v.account = $1 and v.hold = h.id)
     )`,
    [new Date(now)],
  );
}

function namesOf(versions: readonly HeldVersion[]): readonly unknown[] {
  return [versions.map(({ segment }) => segment), versions.map(({ sha256 }) => sha256)];
}

/** What a hold comes to, as far as it was looked at. */
export interface HoldCounts {
  readonly versions: number;
  /** Of which the store was not told yet. */
  readonly waiting: number;
}

/** Counts by the id of the hold; one that covers nothing is missing. */
export async function countVersions(db: Database, account: string): Promise<ReadonlyMap<string, HoldCounts>> {
  const rows = await db.query<HoldCounts & { readonly hold: string } & Record<string, unknown>>(
    `select hold, count(*) as versions, count(*) filter (where not flagged) as waiting
     from hold_versions where account = $1 group by hold`,
    [account],
  );
  return new Map(rows.map(({ hold, versions, waiting }) => [hold, { versions, waiting }]));
}

export interface HoldTotals {
  /** Holds in force. */
  readonly own: number;
  readonly zoom: number;
  /** Of those of Zoom, whose matter Zoom does not list any more. */
  readonly gone: number;
  /** Versions under a flag. */
  readonly held: number;
  /** Versions whose flag is still to be set or lifted. */
  readonly waiting: number;
}

/** All holds together. */
export async function holdTotals(db: Database, account: string): Promise<HoldTotals> {
  const [row] = await db.query<HoldTotals & Record<string, unknown>>(
    `with live as (select id, source, gone_at from holds where account = $1 and state <> 'ended'),
     lifting as (select id from holds where account = $1 and state = 'ended' and lifted_at is null)
     select (select count(*) from live where source = 'own') as own,
       (select count(*) from live where source = 'zoom') as zoom,
       (select count(*) from live where gone_at is not null) as gone,
       (select count(*) from segments where account = $1 and held)
         + (select count(*) from objects where account = $1 and held) as held,
       (select count(*) from (
          select segment_id, sha256 from hold_versions where account = $1 and not flagged
          union
          select segment_id, sha256 from hold_versions where account = $1 and hold in (select id from lifting)
        ) w) as waiting`,
    [account],
  );
  return row ?? { own: 0, zoom: 0, gone: 0, held: 0, waiting: 0 };
}
