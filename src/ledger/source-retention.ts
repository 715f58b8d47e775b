/** How long Zoom keeps messages, as last read from it: what guards against losing them collects by this. */
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';

export interface SourceRetention {
  /** `direct` (1:1 and group chats), `channels`, or the id of a channel with a policy of its own. */
  readonly scope: string;
  /** Zoom's notation: `90d`, `30m`, `7y`; empty where it sets no limit. */
  readonly period: string;
}

/** Writes what was read of some scopes; the others stay. Fails with `lease-lost`. */
export async function writeSourceRetention(
  db: Database,
  lease: Lease,
  scopes: readonly SourceRetention[],
  now: number,
): Promise<void> {
  if (scopes.length === 0) return;
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     upsert as (
       insert into source_retention as r (account, scope, period, observed_at)
       select $1, n.scope, n.period, $5 from guard, unnest($3::text[], $4::text[]) as n (scope, period)
       on conflict (account, scope) do update set period = excluded.period, observed_at = excluded.observed_at
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      scopes.map(({ scope }) => scope),
      scopes.map(({ period }) => period),
      new Date(now),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Forgets the policy of a channel, where the account's own period holds again. Fails with `lease-lost`. */
export async function dropSourceRetention(db: Database, lease: Lease, scope: string): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     dropped as (
       delete from source_retention where account = $1 and scope = $3 and exists (select 1 from guard)
     )
     select 1 from guard`,
    [lease.account, lease.generation, scope],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Everything known, by scope. */
export async function readSourceRetention(
  db: Database,
  account: string,
): Promise<ReadonlyMap<string, { readonly period: string; readonly observedAt: number }>> {
  const rows = await db.query<{ scope: string; period: string; observed_at: Date }>(
    'select scope, period, observed_at from source_retention where account = $1',
    [account],
  );
  return new Map(
    rows.map(({ scope, period, observed_at: at }) => [scope, { period, observedAt: at.getTime() }]),
  );
}
