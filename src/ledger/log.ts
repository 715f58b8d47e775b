/** The transparency log on its way into the archive: what waits for a place, what waits for being published. */
import { ArchiverError } from '../errors.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost, requireLease } from './lease.ts';

/** A size of the log and the right edge of its tree at that size, which is opaque here. */
export interface LogEdge {
  /** Entries. */
  readonly size: number;
  readonly frontier: Uint8Array;
}

export interface LogHead {
  /** All entries that have a place. */
  readonly placed: LogEdge;
  /** What the published checkpoint covers and what of it never changes is locked, as far as it is known here. */
  readonly published: LogEdge;
}

interface HeadRow extends Record<string, unknown> {
  readonly size: number;
  readonly frontier: Uint8Array;
  readonly published_size: number;
  readonly published_frontier: Uint8Array;
}

const HEAD_COLUMNS = 'size, frontier, published_size, published_frontier';

function headOf(row: HeadRow): LogHead {
  return {
    placed: { size: row.size, frontier: row.frontier },
    published: { size: row.published_size, frontier: row.published_frontier },
  };
}

/** Undefined where no log was begun. */
export async function readLogHead(db: Database, account: string): Promise<LogHead | undefined> {
  const [row] = await db.query<HeadRow>(`select ${HEAD_COLUMNS} from log_heads where account = $1`, [
    account,
  ]);
  return row === undefined ? undefined : headOf(row);
}

/** Begins a log with its entry 0, which still has to get its place. Once: a second call changes nothing. */
export async function beginLog(
  db: Database,
  account: string,
  emptyFrontier: Uint8Array,
  entry: string,
): Promise<void> {
  await db.query(
    `with head as (
       insert into log_heads (account, size, frontier, published_size, published_frontier)
       values ($1, 0, $2, 0, $2) on conflict do nothing returning 1
     )
     insert into log_entries (account, entry) select $1, $3 from head`,
    [account, emptyFrontier, entry],
  );
}

/**
 * Gives entries that were committed without a place the next ones, in the order of their commit as far as it is known.
 * Selecting what has no place yet, never what came after some id: a lower id may become visible later.
 * Fails with `lease-lost`, and with `log-diverged` where no log was begun; where nothing waits it looks at neither.
 * @param advance the frontier after these entries, by the frontier before
 * @returns how many
 */
export async function placeEntries(
  db: Database,
  lease: Lease,
  limit: number,
  advance: (frontier: Uint8Array, entries: readonly string[]) => Uint8Array,
): Promise<number> {
  const waiting = await db.query(
    'select 1 from log_entries where account = $1 and entry_index is null limit 1',
    [lease.account],
  );
  if (waiting.length === 0) return 0;
  return db.transaction(async (tx) => {
    await requireLease(tx, lease);
    const [head] = await tx.query<HeadRow>(
      `select ${HEAD_COLUMNS} from log_heads where account = $1 for update`,
      [lease.account],
    );
    if (head === undefined) {
      throw new ArchiverError('log-diverged', 'the ledger has no log', {
        detail: `account ${lease.account}`,
      });
    }
    const rows = await tx.query<{ id: number; entry: string }>(
      `select id, entry from log_entries where account = $1 and entry_index is null order by id limit $2`,
      [lease.account, limit],
    );
    if (rows.length === 0) return 0;
    await tx.query(
      `update log_entries e set entry_index = $2 + p.place - 1
       from unnest($1::bigint[]) with ordinality as p (id, place) where e.id = p.id`,
      [rows.map(({ id }) => id), head.size],
    );
    await tx.query('update log_heads set size = $2, frontier = $3 where account = $1', [
      lease.account,
      head.size + rows.length,
      advance(
        head.frontier,
        rows.map(({ entry }) => entry),
      ),
    ]);
    return rows.length;
  });
}

/** Entries with places from `from` to before `to`, in order; fails with `internal` when one is not kept any more. */
export async function placedEntries(
  db: Database,
  account: string,
  from: number,
  to: number,
): Promise<readonly string[]> {
  const rows = await db.query<{ entry: string }>(
    `select entry from log_entries where account = $1 and entry_index >= $2 and entry_index < $3
     order by entry_index`,
    [account, from, to],
  );
  if (rows.length !== to - from) {
    throw new ArchiverError('internal', 'entries of the log are missing in the ledger', {
      detail: `${from} to ${to}: ${rows.length} found`,
    });
  }
  return rows.map(({ entry }) => entry);
}

/**
 * Notes what was published and locked, and drops entries that no bundle to come needs. Fails with `lease-lost`.
 * @param keepFrom index of the first entry that is still needed
 */
export async function notePublished(
  db: Database,
  lease: Lease,
  published: LogEdge,
  keepFrom: number,
): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     noted as (
       update log_heads set published_size = $3, published_frontier = $4
       where account = $1 and exists (select 1 from guard)
     ), dropped as (
       delete from log_entries where account = $1 and entry_index < $5 and exists (select 1 from guard)
     )
     select 1 from guard`,
    [lease.account, lease.generation, published.size, published.frontier, keepFrom],
  );
  if (rows.length === 0) throw leaseLost(lease);
}
