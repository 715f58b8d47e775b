/** Puts back how units ended, from their coverage records. */
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import type { UnitKey } from './units.ts';

/** The last attempt at a unit, as its coverage record tells. */
export interface ArchivedUnit extends UnitKey {
  readonly outcome: 'done' | 'failed';
  readonly error: string | undefined;
  readonly pages: number;
  readonly rows: number;
  readonly admitted: number;
  readonly sightings: number;
  readonly drift: number;
  /** Milliseconds. */
  readonly startedAt: number;
  readonly finishedAt: number;
}

/**
 * Puts back units, each once. What failed may be tried at once, and failures in a row are counted anew. Twice is as
 * once. Fails with `lease-lost`.
 */
export async function restoreUnits(
  db: Database,
  lease: Lease,
  units: readonly ArchivedUnit[],
): Promise<void> {
  if (units.length === 0) return;
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     kept as (
       insert into units as k (account, stream, scope, mode, window_from, window_to, attempt, outcome, error, pages,
         rows, admitted, sightings, drift, started_at, finished_at, failures)
       select $1, u.*, case when u.outcome = 'failed' then 1 else 0 end
       from guard, unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::integer[], $9::text[],
         $10::text[], $11::integer[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[],
         $16::timestamptz[], $17::timestamptz[])
         as u (stream, scope, mode, window_from, window_to, attempt, outcome, error, pages, rows, admitted,
           sightings, drift, started_at, finished_at)
       on conflict (account, stream, scope, mode, window_from, window_to) do update set
         attempt = excluded.attempt, outcome = excluded.outcome, error = excluded.error, pages = excluded.pages,
         rows = excluded.rows, admitted = excluded.admitted, sightings = excluded.sightings, drift = excluded.drift,
         started_at = excluded.started_at, finished_at = excluded.finished_at, failures = excluded.failures
       where k.finished_at <= excluded.finished_at
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      units.map(({ stream }) => stream),
      units.map(({ scope }) => scope),
      units.map(({ mode }) => mode),
      units.map(({ from }) => from),
      units.map(({ to }) => to),
      units.map(({ attempt }) => attempt),
      units.map(({ outcome }) => outcome),
      units.map(({ error }) => error ?? null),
      units.map(({ pages }) => pages),
      units.map(({ rows: count }) => count),
      units.map(({ admitted }) => admitted),
      units.map(({ sightings }) => sightings),
      units.map(({ drift }) => drift),
      units.map(({ startedAt }) => new Date(startedAt)),
      units.map(({ finishedAt }) => new Date(finishedAt)),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}
