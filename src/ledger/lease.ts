import { ArchiverError } from '../errors.ts';
import type { Database, Queryable } from './database.ts';

/** The right to write for one account. Every write checks the generation in its own transaction. */
export interface Lease {
  readonly account: string;
  readonly holder: string;
  readonly generation: number;
}

/** The error of a write whose lease another process took. */
export function leaseLost(lease: Lease): ArchiverError {
  return new ArchiverError('lease-lost', 'another process took the lease', { detail: lease.account });
}

/**
 * Within a transaction: fails with `lease-lost` unless the lease is still of this generation, and keeps it so until the
 * transaction ends.
 */
export async function requireLease(tx: Queryable, lease: Lease): Promise<void> {
  const held = await tx.query('select 1 from lease where account = $1 and generation = $2 for share', [
    lease.account,
    lease.generation,
  ]);
  if (held.length === 0) throw leaseLost(lease);
}

/**
 * Before a write that the ledger cannot guard: fails with `lease-lost` when the lease was taken over or is over, by the
 * database's clock.
 */
export async function requireLiving(db: Database, lease: Lease): Promise<void> {
  const held = await db.query(
    'select 1 from lease where account = $1 and generation = $2 and expires_at > clock_timestamp()',
    [lease.account, lease.generation],
  );
  if (held.length === 0) throw leaseLost(lease);
}

/**
 * Takes the lease when it is free, expired, or already `holder`'s; `undefined` while another process holds it.
 * Expiry is judged by the database's clock, so that replicas with skewed clocks agree.
 * @param ttlMs how long it is held without renewal
 */
export async function acquireLease(
  db: Database,
  account: string,
  holder: string,
  ttlMs: number,
): Promise<Lease | undefined> {
  const [row] = await db.query<{ generation: number }>(
    `insert into lease as l (account, holder, generation, expires_at)
     values ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
     on conflict (account) do update set
       holder = excluded.holder, generation = l.generation + 1, expires_at = excluded.expires_at
     where l.expires_at <= clock_timestamp() or l.holder = excluded.holder
     returning generation`,
    [account, holder, ttlMs],
  );
  return row === undefined ? undefined : { account, holder, generation: row.generation };
}

/** Prolongs a lease still held, expired or not. @returns false when it was taken over or given up */
export async function renewLease(db: Database, lease: Lease, ttlMs: number): Promise<boolean> {
  const rows = await db.query(
    `update lease set expires_at = clock_timestamp() + $3 * interval '1 millisecond'
     where account = $1 and generation = $2 and isfinite(expires_at) returning 1`,
    [lease.account, lease.generation, ttlMs],
  );
  return rows.length > 0;
}

/** Gives the lease up at once, so that a standby need not wait for its expiry. Nothing happens if it was lost. */
export async function releaseLease(db: Database, lease: Lease): Promise<void> {
  await db.query(`update lease set expires_at = '-infinity' where account = $1 and generation = $2`, [
    lease.account,
    lease.generation,
  ]);
}

export interface LeaseHolder {
  readonly holder: string;
  readonly generation: number;
  readonly expired: boolean;
}

/** Who holds the lease of an account, for status and errors. */
export async function leaseHolder(db: Database, account: string): Promise<LeaseHolder | undefined> {
  const [row] = await db.query<{ holder: string; generation: number; expired: boolean }>(
    'select holder, generation, expires_at <= clock_timestamp() as expired from lease where account = $1',
    [account],
  );
  return row;
}
