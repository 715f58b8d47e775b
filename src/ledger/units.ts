import { ArchiverError } from '../errors.ts';
import { type Candidate, type Interval, utcDay } from '../record.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { FIELD_SEPARATOR, type Provenance, provenanceJson, stagedFields } from './staged.ts';

/** One thing to collect, and its how-manieth attempt this is. */
export interface UnitKey {
  readonly stream: string;
  readonly scope: string;
  readonly mode: string;
  /** Milliseconds, whole UTC days: what is asked for, overlap not included. */
  readonly from: number;
  readonly to: number;
  readonly attempt: number;
}

/** A unit underway. */
export interface StartedUnit extends UnitKey {
  /** Failed attempts in a row before this one. */
  readonly failures: number;
}

/** Begins an attempt: counters at zero, number one higher than the last. */
export async function startUnit(
  db: Database,
  lease: Lease,
  unit: Omit<UnitKey, 'attempt'>,
  now: number,
): Promise<StartedUnit> {
  const [row] = await db.query<{ attempt: number; failures: number }>(
    `insert into units as u (account, stream, scope, mode, window_from, window_to, attempt, outcome, started_at)
     select $1, $3, $4, $5, $6, $7, 1, 'running', $8
     where exists (select 1 from lease where account = $1 and generation = $2 for share)
     on conflict (account, stream, scope, mode, window_from, window_to) do update set
       attempt = u.attempt + 1, outcome = 'running', error = null, pages = 0, rows = 0, admitted = 0,
       sightings = 0, drift = 0, started_at = excluded.started_at, finished_at = null, retry_at = null
     returning attempt, failures`,
    [lease.account, lease.generation, unit.stream, unit.scope, unit.mode, unit.from, unit.to, new Date(now)],
  );
  if (row === undefined) throw leaseLost(lease);
  return { ...unit, attempt: row.attempt, failures: row.failures };
}

export interface UnitEnd {
  readonly outcome: 'done' | 'failed';
  /** Error code of a failed attempt. */
  readonly error?: string;
  /** When a failed unit may be asked again, milliseconds. */
  readonly retryAt?: number;
  /** When the attempt began. */
  readonly startedAt: number;
  /** What a finished unit proves to be collected, milliseconds, half-open; may be empty. */
  readonly covers: Interval;
  readonly now: number;
  /** Latest action seen in the unit, milliseconds: keeps the session's age for the modification cadence. */
  readonly latestAction?: number;
  /** The coverage record of this attempt and how it is staged. */
  readonly coverage: {
    readonly candidate: Candidate;
    readonly provenance: Provenance;
    readonly className: string;
  };
}

const END = `
with guard as (
  select 1 from lease where account = $1 and generation = $2 for share
), ended as (
  update units set outcome = $9, error = $10, finished_at = $11, retry_at = $12,
    failures = case when $9 = 'done' then 0 else failures + 1 end
  where account = $1 and stream = $3 and scope = $4 and mode = $5 and window_from = $6 and window_to = $7
    and attempt = $8 and exists (select 1 from guard)
  returning 1
), covering as (
  insert into coverage as c (account, stream, scope, mode, covered, asked_at)
  select $1, $3, $4, $5, int8multirange(int8range($20::bigint, greatest($20::bigint, $21::bigint))), $13 from ended where $9 = 'done'
  on conflict (account, stream, scope, mode) do update set
    covered = c.covered + excluded.covered, asked_at = excluded.asked_at
  returning covered
), superseded as (
  update units u set failures = 0, retry_at = null
  from covering c
  where u.account = $1 and u.stream = $3 and u.scope = $4 and u.mode = $5 and u.failures > 0
    and (u.window_from, u.window_to) <> ($6, $7) and u.window_from < u.window_to
    and c.covered @> int8range(u.window_from,
      greatest(u.window_from + 1, least(u.window_to, (extract(epoch from u.finished_at) * 1000)::bigint)))
), active as (
  update registry set last_activity_at = greatest(last_activity_at, $14::timestamptz)
  where account = $1 and session_id = $4 and $14::timestamptz is not null and exists (select 1 from ended)
), staging as (
  insert into staged (account, stream, class, day, records, bytes, provenance, observed_at, lines)
  select $1, 'coverage', $15, $16::date, 1, octet_length($19), $17::jsonb, $18, $19 from ended
)
select exists (select 1 from guard) as leader, exists (select 1 from ended) as ended`;

/**
 * Ends an attempt: outcome, coverage and coverage record in one statement. A failed unit covers nothing, but its
 * record says that it was tried. One that succeeds ends the failures of others whose time is covered by now: windows
 * that depend on the day of asking are units of their own. Fails with `lease-lost`.
 */
export async function endUnit(db: Database, lease: Lease, unit: UnitKey, end: UnitEnd): Promise<void> {
  const { candidate, provenance, className } = end.coverage;
  const line = `0${FIELD_SEPARATOR}${stagedFields(candidate)}`;
  const [row] = await db.query<{ leader: boolean; ended: boolean }>(END, [
    lease.account,
    lease.generation,
    unit.stream,
    unit.scope,
    unit.mode,
    unit.from,
    unit.to,
    unit.attempt,
    end.outcome,
    end.error ?? null,
    new Date(end.now),
    end.retryAt === undefined ? null : new Date(end.retryAt),
    new Date(end.startedAt),
    end.latestAction === undefined ? null : new Date(end.latestAction),
    className,
    utcDay(candidate.time),
    provenanceJson(provenance),
    new Date(provenance.observedAt),
    line,
    end.covers.from,
    end.covers.to,
  ]);
  if (row?.leader !== true) throw leaseLost(lease);
  if (!row.ended) throw new ArchiverError('internal', 'a unit vanished while it was collected');
}

const KEPT_MS = 30 * 86_400_000;

/** What ended before is not kept at `now`, both in milliseconds. */
export function unitsKeptSince(now: number): number {
  return now - KEPT_MS;
}

/** A unit whose last attempt failed. */
export interface FailingUnit {
  readonly stream: string;
  readonly scope: string;
  readonly mode: string;
  /** Milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly error: string;
  /** Failed attempts in a row. */
  readonly failures: number;
  /** Not tried again before this moment, milliseconds. */
  readonly retryAt: number;
}

/** Units whose last attempt failed, those that failed most often first; of one stream, or of all. */
export async function failingUnits(
  db: Database,
  account: string,
  limit: number,
  stream?: string,
): Promise<readonly FailingUnit[]> {
  const rows = await db.query<{
    stream: string;
    scope: string;
    mode: string;
    from: number;
    to: number;
    error: string | null;
    failures: number;
    retry_at: Date | null;
  }>(
    `select stream, scope, mode, window_from as from, window_to as to, error, failures, retry_at
     from units where account = $1 and failures > 0 and ($3::text is null or stream = $3)
     order by failures desc, stream, scope, mode, window_from limit $2`,
    [account, limit, stream ?? null],
  );
  return rows.map(({ error, retry_at, ...row }) => ({
    ...row,
    error: error ?? '',
    retryAt: retry_at?.getTime() ?? 0,
  }));
}

/** How many units of each stream failed at least so many times in a row. */
export async function countFailing(
  db: Database,
  account: string,
  atLeast: number,
): Promise<ReadonlyMap<string, number>> {
  const rows = await db.query<{ stream: string; units: number }>(
    'select stream, count(*) as units from units where account = $1 and failures >= $2 group by stream',
    [account, atLeast],
  );
  return new Map(rows.map(({ stream, units }) => [stream, units]));
}

/** Lets failed units be tried at once. */
export async function retryUnits(db: Database, account: string): Promise<void> {
  await db.query('update units set retry_at = null where account = $1 and retry_at is not null', [account]);
}

/** A window that Zoom deleted before it was collected, or never served, as it goes on record. */
export interface LostWindow {
  readonly stream: string;
  readonly scope: string;
  readonly mode: string;
  readonly window: Interval;
  readonly candidate: Candidate;
  readonly provenance: Provenance;
  readonly className: string;
}

/**
 * Puts a lost window on record, for good: it is not asked for again, and the coverage report names it. One statement.
 * Fails with `lease-lost`.
 */
export async function recordLost(db: Database, lease: Lease, lost: LostWindow): Promise<void> {
  const { candidate, provenance, className } = lost;
  const rows = await db.query(
    `with guard as (
       select 1 from lease where account = $1 and generation = $2 for share
     ), marked as (
       insert into coverage as c (account, stream, scope, mode, lost, asked_at)
       select $1, $3, $4, $5, int8multirange(int8range($6::bigint, $7::bigint)), 'epoch' from guard
       on conflict (account, stream, scope, mode) do update set lost = c.lost + excluded.lost
     ), staging as (
       insert into staged (account, stream, class, day, records, bytes, provenance, observed_at, lines)
       select $1, 'coverage', $8, $9::date, 1, octet_length($12), $10::jsonb, $11, $12 from guard
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      lost.stream,
      lost.scope,
      lost.mode,
      lost.window.from,
      lost.window.to,
      className,
      utcDay(candidate.time),
      provenanceJson(provenance),
      new Date(provenance.observedAt),
      `0${FIELD_SEPARATOR}${stagedFields(candidate)}`,
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** What was said to be collected of a stream in one mode, and does not count any more. */
type Withdrawal = Pick<LostWindow, 'stream' | 'mode' | 'candidate' | 'provenance' | 'className'>;

/**
 * Takes back all coverage of a stream in one mode, so that all of it is asked for again, and puts that on record: the
 * archive must not go on to claim it. One statement. Fails with `lease-lost`.
 */
export async function withdrawCoverage(db: Database, lease: Lease, withdrawal: Withdrawal): Promise<void> {
  const { stream, mode, candidate, provenance, className } = withdrawal;
  const rows = await db.query(
    `with guard as (
       select 1 from lease where account = $1 and generation = $2 for share
     ), withdrawn as (
       update coverage set covered = '{}' where account = $1 and stream = $3 and mode = $4
         and exists (select 1 from guard)
     ), staging as (
       insert into staged (account, stream, class, day, records, bytes, provenance, observed_at, lines)
       select $1, 'coverage', $5, $6::date, 1, octet_length($9), $7::jsonb, $8, $9 from guard
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      stream,
      mode,
      className,
      utcDay(candidate.time),
      provenanceJson(provenance),
      new Date(provenance.observedAt),
      `0${FIELD_SEPARATOR}${stagedFields(candidate)}`,
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/**
 * Drops what ended more than 30 days before `now`: coverage and its records say what was collected, and a window that
 * is asked for again begins to count anew. @returns how many
 */
export async function dropOldUnits(db: Database, lease: Lease, now: number): Promise<number> {
  const rows = await db.query(
    `delete from units where account = $1 and finished_at < $3
       and exists (select 1 from lease where account = $1 and generation = $2 for share) returning 1`,
    [lease.account, lease.generation, new Date(unitsKeptSince(now))],
  );
  return rows.length;
}
