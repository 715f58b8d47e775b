import { ArchiverError } from '../errors.ts';
import type { Stream } from '../record.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost, requireLease } from './lease.ts';
import { contentValues, noteContents, type SegmentContents } from './segment-contents.ts';

/** Records of one stream, class and UTC day on their way into one object. */
export interface SegmentPlan {
  readonly id: number;
  readonly stream: Stream;
  readonly className: string;
  readonly day: string;
  readonly records: number;
  readonly bytes: number;
  readonly lock: { readonly mode: 'governance' | 'compliance'; readonly retainUntil: Date } | null;
}

/** When a group is full or old enough to be sealed (design section 6). */
export interface SealLimits {
  readonly records: number;
  readonly bytes: number;
  /** Groups whose oldest record was observed before this moment (ms) are due however small. */
  readonly dueBefore: number;
}

export type LockFor = (className: string, day: string) => SegmentPlan['lock'];

interface PlanRow extends Record<string, unknown> {
  readonly id: number;
  /** As it was staged. */
  readonly stream: Stream;
  readonly class: string;
  readonly day: string;
  readonly records: number;
  readonly bytes: number;
  readonly lock_mode: string | null;
  readonly retain_until: Date | null;
}

function planOf(row: PlanRow): SegmentPlan {
  const { id, stream, day, records, bytes, lock_mode: mode, retain_until: retainUntil } = row;
  const locked = (mode === 'governance' || mode === 'compliance') && retainUntil !== null;
  return {
    id,
    stream,
    className: row.class,
    day,
    records,
    bytes,
    lock: locked ? { mode, retainUntil } : null,
  };
}

const PLAN_COLUMNS = `id, stream, class, day::text as day, records, bytes, lock_mode, retain_until`;

/** Plans that were made and not committed: after a crash they come first, with the same records. */
export async function openPlans(db: Database, account: string): Promise<readonly SegmentPlan[]> {
  const rows = await db.query<PlanRow>(
    `select ${PLAN_COLUMNS} from segments where account = $1 and state = 'planned' order by id`,
    [account],
  );
  return rows.map(planOf);
}

/**
 * Plans segments for every group that is due: unplanned staged rows, in order of arrival, cut where a segment is
 * full. Within a group that is due only by size, the last, partly filled segment waits for more. Coverage waits until
 * every record that was staged before it is committed: an archive must not say that something was collected which is
 * nowhere but in a ledger that may be lost.
 * One transaction: a crash leaves whole plans or none. Fails with `lease-lost`.
 * @param limit at most this many segments, so that a plan never holds much
 */
export async function planSegments(
  db: Database,
  lease: Lease,
  limits: SealLimits,
  lockFor: LockFor,
  now: number,
  limit: number,
): Promise<readonly SegmentPlan[]> {
  return db.transaction(async (tx) => {
    await requireLease(tx, lease);
    // A part lies between two multiples of a limit; one less than nine tenths full waits, unless its group is old.
    const cuts = await tx.query<{
      stream: string;
      class: string;
      day: string;
      records: number;
      bytes: number;
      ids: number[];
    }>(
      `with running as (
         select id, stream, class, day, records, bytes,
           sum(records) over before as records_before, sum(bytes) over before as bytes_before,
           sum(records) over whole as group_records, sum(bytes) over whole as group_bytes,
           min(observed_at) over whole as oldest
         from staged where account = $1 and segment_id is null and (stream <> 'coverage' or id < coalesce(
           (select min(id) from staged where account = $1 and stream <> 'coverage'), 9223372036854775807))
         window whole as (partition by stream, class, day),
           before as (partition by stream, class, day order by id rows between unbounded preceding and 1 preceding)
       ), cut as (
         select *, greatest(
             floor(coalesce(records_before, 0) / $2::numeric),
             floor(coalesce(bytes_before, 0) / $3::numeric)
           ) as part
         from running
         where group_records >= $2::numeric or group_bytes >= $3::numeric or oldest < $4
       )
       select stream, class, day::text as day, sum(records) as records, sum(bytes) as bytes,
         array_agg(id::float8 order by id) as ids
       from cut
       group by stream, class, day, part
       having min(oldest) < $4 or sum(records) >= $2::numeric * 0.9 or sum(bytes) >= $3::numeric * 0.9
       order by min(oldest), day, stream limit $5`,
      [lease.account, limits.records, limits.bytes, new Date(limits.dueBefore), limit],
    );
    const plans: SegmentPlan[] = [];
    for (const cut of cuts) {
      const lock = lockFor(cut.class, cut.day);
      const [row] = await tx.query<PlanRow>(
        `insert into segments
           (account, stream, class, governed_by, day, state, records, bytes, lock_mode, retain_until, planned_at)
         values ($1, $2, $3, $3, $4::date, 'planned', $5, $6, $7, $8, $9) returning ${PLAN_COLUMNS}`,
        [
          lease.account,
          cut.stream,
          cut.class,
          cut.day,
          cut.records,
          cut.bytes,
          lock?.mode ?? null,
          lock?.retainUntil ?? null,
          new Date(now),
        ],
      );
      if (row === undefined) throw new ArchiverError('internal', 'a plan was not stored');
      await tx.query('update staged set segment_id = $1 where id = any($2::bigint[])', [row.id, cut.ids]);
      plans.push(planOf(row));
    }
    return plans;
  });
}

/** One staged row, as the segment's builder reads it. */
export interface StagedRow extends Record<string, unknown> {
  readonly id: number;
  readonly provenance: string;
  /** Milliseconds. */
  readonly observed_at: number;
  readonly lines: string;
}

/** A plan's staged rows in order of arrival, a few megabytes at a time. */
export async function* stagedRows(db: Database, plan: SegmentPlan): AsyncGenerator<readonly StagedRow[]> {
  const perFetch = 64;
  for (let after = 0; ; ) {
    const rows = await db.query<StagedRow>(
      `select id, provenance::text as provenance, (extract(epoch from observed_at) * 1000)::bigint as observed_at, lines
       from staged where segment_id = $1 and id > $2 order by id limit $3`,
      [plan.id, after, perFetch],
    );
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < perFetch) return;
    after = last.id;
  }
}

export interface SealedSegment {
  readonly key: string;
  readonly version: string;
  readonly sha256: string;
  readonly size: number;
  readonly root: string;
}

/** A segment at the sink of which it is known what it holds. */
export interface ReadSegment extends SealedSegment {
  readonly contents: SegmentContents;
}

/** The same, under the lock that it was put with: that of the plan, or a later one where that was over by then. */
export interface PutSegment extends ReadSegment {
  readonly lock: SegmentPlan['lock'];
}

/**
 * The commit point of a segment: it counts as archived, its staged rows go, its entry waits for a place in the log and
 * it is known what it holds, together. Committing twice is the same as once. Fails with `lease-lost`.
 */
export async function commitSegment(
  db: Database,
  lease: Lease,
  plan: SegmentPlan,
  sealed: PutSegment,
  entry: string,
  now: number,
): Promise<void> {
  const [row] = await db.query<{ leader: boolean; found: boolean }>(
    `with guard as (
       select 1 from lease where account = $1 and generation = $2 for share
     ), committed as (
       update segments set state = 'committed', key = $4, version = $5, sha256 = $6, size = $7, root = $8,
         committed_at = $9, indexed = true, lock_mode = $11, retain_until = $12
       where id = $3 and account = $1 and state = 'planned' and exists (select 1 from guard) returning id
     ), dropped as (
       delete from staged where segment_id in (select id from committed)
     ), logged as (
       insert into log_entries (account, entry) select $1, $10 from committed
     ), ${noteContents('committed', 13)}
     select exists (select 1 from guard) as leader,
       exists (select 1 from segments where id = $3 and account = $1) as found`,
    [
      lease.account,
      lease.generation,
      plan.id,
      sealed.key,
      sealed.version,
      sealed.sha256,
      sealed.size,
      sealed.root,
      new Date(now),
      entry,
      sealed.lock?.mode ?? null,
      sealed.lock?.retainUntil ?? null,
      ...contentValues(sealed.contents),
    ],
  );
  if (row?.leader !== true) {
    throw leaseLost(lease);
  }
  if (!row.found) {
    throw new ArchiverError('internal', 'a planned segment vanished', { detail: `plan ${plan.id}` });
  }
}

export interface StagedTotals {
  readonly records: number;
  readonly bytes: number;
  /** Milliseconds; undefined when nothing is staged. */
  readonly oldest: number | undefined;
}

/** How much waits to be sealed. */
export async function stagedTotals(db: Database, account: string): Promise<StagedTotals> {
  const [row] = await db.query<{ records: number; bytes: number; oldest: Date | null }>(
    `select coalesce(sum(records), 0) as records, coalesce(sum(bytes), 0) as bytes, min(observed_at) as oldest
     from staged where account = $1`,
    [account],
  );
  return { records: row?.records ?? 0, bytes: row?.bytes ?? 0, oldest: row?.oldest?.getTime() };
}
