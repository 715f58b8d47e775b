import { ArchiverError } from '../errors.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import type { SegmentPlan } from './staging.ts';

/** Bytes to be stored by their content, under a retention class. */
export interface ObjectPlan {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  readonly className: string;
  readonly key: string;
  readonly lock: SegmentPlan['lock'];
}

/** An object of the archive, known to be stored. */
export interface CommittedObject extends ObjectPlan {
  readonly version: string;
}

interface Row extends Record<string, unknown> {
  readonly state: string;
  readonly sha256: string;
  readonly size: number;
  readonly class: string;
  readonly key: string;
  readonly version: string | null;
  readonly lock_mode: string | null;
  readonly retain_until: Date | null;
  readonly disposing: boolean;
}

/** What stands keeps all but the time; what is gone is taken for new. */
const PLANNED_AGAIN = ['state', 'size', 'class', 'governed_by', 'lock_mode', 'retain_until', 'planned_at']
  .map((column) => `${column} = case when o.disposed_at is null then o.${column} else excluded.${column} end`)
  .concat(
    ['version', 'committed_at'].map(
      (column) => `${column} = case when o.disposed_at is null then o.${column} end`,
    ),
    // What is being destroyed is refused below, and is not wanted before it is gone.
    'wanted_at = case when o.disposing then o.wanted_at when o.disposed_at is null then excluded.planned_at end',
    'disposed_at = null',
  )
  .join(', ');

/**
 * Plans an object before it is put, so that a crash after the put leaves a row that names it. An object that is
 * planned or stored already is answered as it is, with its own lock; its period begins anew. One that was disposed of
 * is planned as if it had never been there. Fails with `lease-lost`, and with `incomplete` while it is being destroyed.
 */
export async function planObject(
  db: Database,
  lease: Lease,
  plan: ObjectPlan,
  now: number,
): Promise<ObjectPlan & { readonly version: string | undefined }> {
  const rows = await db.query<Row>(
    `insert into objects as o
       (account, sha256, state, size, class, governed_by, key, lock_mode, retain_until, planned_at)
     select $1, $3, 'planned', $4, $5, $5, $6, $7, $8, $9
     from lease where account = $1 and generation = $2
     on conflict (account, sha256) do update set ${PLANNED_AGAIN}
     returning state, sha256, size, class, key, version, lock_mode, retain_until, disposing`,
    [
      lease.account,
      lease.generation,
      plan.sha256,
      plan.size,
      plan.className,
      plan.key,
      plan.lock?.mode ?? null,
      plan.lock?.retainUntil ?? null,
      new Date(now),
    ],
  );
  const [row] = rows;
  if (row === undefined) throw leaseLost(lease);
  if (row.disposing) {
    throw new ArchiverError('incomplete', 'the same content is being destroyed', { detail: plan.sha256 });
  }
  if (row.size !== plan.size) {
    throw new ArchiverError('internal', 'two objects of one hash differ in size', { detail: plan.sha256 });
  }
  const { lock_mode: mode, retain_until: retainUntil } = row;
  const locked = (mode === 'governance' || mode === 'compliance') && retainUntil !== null;
  return {
    sha256: row.sha256,
    size: row.size,
    className: row.class,
    key: row.key,
    lock: locked ? { mode, retainUntil } : null,
    version: row.version ?? undefined,
  };
}

/**
 * The commit point of an object: it is stored and known, with the lock that it was put under, and its entry waits for a
 * place in the log. Committing twice is the same as once. Fails with `lease-lost`.
 */
export async function commitObject(
  db: Database,
  lease: Lease,
  { sha256, version, lock }: Pick<CommittedObject, 'sha256' | 'version' | 'lock'>,
  entry: string,
  now: number,
): Promise<void> {
  const rows = await db.query<{ found: boolean }>(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     committed as (
       update objects set state = 'committed', version = $4, committed_at = $5, lock_mode = $7, retain_until = $8
       where account = $1 and sha256 = $3 and state = 'planned' and exists (select 1 from guard) returning 1
     ), logged as (
       insert into log_entries (account, entry) select $1, $6 from committed
     )
     select exists (select 1 from objects where account = $1 and sha256 = $3) as found from guard`,
    [
      lease.account,
      lease.generation,
      sha256,
      version,
      new Date(now),
      entry,
      lock?.mode ?? null,
      lock?.retainUntil ?? null,
    ],
  );
  const [row] = rows;
  if (row === undefined) throw leaseLost(lease);
  if (!row.found) throw new ArchiverError('internal', 'a planned object vanished', { detail: sha256 });
}

/** How many files and zips are stored, and their bytes; what the archive keeps for itself, as schedules, does not count. */
export async function objectTotals(
  db: Database,
  account: string,
): Promise<{ readonly objects: number; readonly bytes: number }> {
  const [row] = await db.query<{ objects: number; bytes: number }>(
    `select count(*) as objects, coalesce(sum(size), 0) as bytes from objects
     where account = $1 and state = 'committed' and disposed_at is null and class not like '.%'`,
    [account],
  );
  return row ?? { objects: 0, bytes: 0 };
}
