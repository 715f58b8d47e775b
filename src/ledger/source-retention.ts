import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';

/** How long Zoom keeps the messages of a scope: `direct`, `channels`, or one channel by its id. */
export interface RetentionScope {
  readonly scope: string;
  /** Zoom's notation (`90d`, `30m`, `7y`); empty where the scope sets no limit of its own. */
  readonly period: string;
}

/** Keeps what was read of Zoom's retention; what is not named stays as it is. Fails with `lease-lost`. */
export async function writeSourceRetention(
  db: Database,
  lease: Lease,
  scopes: readonly RetentionScope[],
  now: number,
): Promise<void> {
  if (scopes.length === 0) return;
  const distinct = [...new Map(scopes.map((scope) => [scope.scope, scope])).values()];
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     kept as (
       insert into source_retention (account, scope, period, observed_at)
       select $1, s.scope, s.period, $5 from guard, unnest($3::text[], $4::text[]) as s (scope, period)
       on conflict (account, scope) do update set period = excluded.period, observed_at = excluded.observed_at
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      distinct.map(({ scope }) => scope),
      distinct.map(({ period }) => period),
      new Date(now),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** The period of each scope that was ever read. */
export async function readSourceRetention(
  db: Database,
  account: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<{ scope: string; period: string }>(
    'select scope, period from source_retention where account = $1',
    [account],
  );
  return new Map(rows.map(({ scope, period }) => [scope, period]));
}
