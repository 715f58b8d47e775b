/** The retention schedule in force, as the ledger remembers it. */
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';

/** What a class promises; the notations are those of the schedule. */
export interface StoredTerms {
  readonly keep: string;
  readonly mode: string;
  readonly disposition: string;
}

export interface StoredClass extends StoredTerms {
  readonly class: string;
  /** SHA-256 of the schedule that set the terms. */
  readonly schedule: string;
}

/** All classes that any schedule ever named, those of the newest schedule first. */
export async function readClasses(db: Database, account: string): Promise<readonly StoredClass[]> {
  return db.query<StoredClass & Record<string, unknown>>(
    `select class, keep, mode, disposition, schedule from retention_classes where account = $1
     order by since desc, class`,
    [account],
  );
}

/**
 * Versions in the archive, of segments and files governed by a class, that are locked in compliance mode still, or of a
 * class without locks all that are there.
 * @param now milliseconds
 */
export async function promisedUnder(
  db: Database,
  account: string,
  className: string,
  mode: 'compliance' | 'none',
  now: number,
): Promise<number> {
  const promised =
    mode === 'none'
      ? `lock_mode is null and $3::timestamptz is not null`
      : `lock_mode = 'compliance' and retain_until > $3`;
  const locked = (table: string): string =>
    `(select count(*) from ${table}
      where account = $1 and governed_by = $2 and state = 'committed' and disposed_at is null and ${promised})`;
  const [row] = await db.query<{ count: number }>(
    `select ${locked('segments')} + ${locked('objects')} as count`,
    [account, className, new Date(now)],
  );
  return row?.count ?? 0;
}

/**
 * A schedule comes into force, as the newest, also where a clock was ahead before: its classes get its terms, classes that it does not name keep theirs, and its entry waits
 * for a place in the log; all at once. Fails with `lease-lost`.
 * @param now milliseconds
 */
export async function putInForce(
  db: Database,
  lease: Lease,
  schedule: {
    readonly sha256: string;
    readonly classes: readonly (StoredTerms & { readonly class: string })[];
    readonly entry: string;
  },
  now: number,
): Promise<void> {
  const { sha256, classes, entry } = schedule;
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     kept as (
       insert into retention_classes as c (account, class, keep, mode, disposition, schedule, since)
       select $1, t.class, t.keep, t.mode, t.disposition, $7, greatest($8, l.last + interval '1 millisecond')
       from guard, (select max(since) as last from retention_classes where account = $1) l, unnest($3::text[], $4::text[], $5::text[], $6::text[]) as t (class, keep, mode, disposition)
       on conflict (account, class) do update set keep = excluded.keep, mode = excluded.mode,
         disposition = excluded.disposition, schedule = excluded.schedule, since = excluded.since
     ), logged as (
       insert into log_entries (account, entry) select $1, $9 from guard
     )
     select 1 from guard`,
    [lease.account, lease.generation, ...classValues(classes), sha256, new Date(now), entry],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Notes the terms of a schedule that came into force before, as the archive says; twice is as once. Fails with `lease-lost`. @param at milliseconds */
export async function restoreClasses(
  db: Database,
  lease: Lease,
  sha256: string,
  classes: readonly (StoredTerms & { readonly class: string })[],
  at: number,
): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     kept as (
       insert into retention_classes as c (account, class, keep, mode, disposition, schedule, since)
       select $1, t.class, t.keep, t.mode, t.disposition, $7, $8
       from guard, unnest($3::text[], $4::text[], $5::text[], $6::text[]) as t (class, keep, mode, disposition)
       on conflict (account, class) do update set keep = excluded.keep, mode = excluded.mode,
         disposition = excluded.disposition, schedule = excluded.schedule, since = excluded.since
     )
     select 1 from guard`,
    [lease.account, lease.generation, ...classValues(classes), sha256, new Date(at)],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

function classValues(classes: readonly (StoredTerms & { readonly class: string })[]): readonly unknown[] {
  return [
    classes.map((each) => each.class),
    classes.map(({ keep }) => keep),
    classes.map(({ mode }) => mode),
    classes.map(({ disposition }) => disposition),
  ];
}
