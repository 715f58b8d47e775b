/** A ledger on its way from an archive: how far it is, and what makes it one that can be used. */
import { ArchiverError } from '../errors.ts';
import type { Database } from './database.ts';
import type { DisposalOrder } from './disposals.ts';
import { type Lease, leaseLost, requireLease } from './lease.ts';
import type { LogEdge } from './log.ts';
import type { CommittedObject } from './objects.ts';
import { contentValues, NO_CONTENTS, noteContents, type SegmentContents } from './segment-contents.ts';
import type { SealedSegment, SegmentPlan } from './staging.ts';

/** The published log that a ledger is made from. */
interface RebuildSource {
  /** Entries. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/**
 * How far a ledger was made from this log by earlier runs. Fails with `ledger-not-empty` where it is a ledger already,
 * with `log-diverged` where it was begun from another log.
 * @returns index of the first entry that is still to be done; 0 for an empty ledger
 */
export async function rebuildProgress(db: Database, account: string, source: RebuildSource): Promise<number> {
  const [begun] = await db.query<{ log_size: number; log_root: Uint8Array; next_entry: number }>(
    'select log_size, log_root, next_entry from rebuilds where account = $1',
    [account],
  );
  if (begun !== undefined) {
    if (begun.log_size === source.size && Buffer.compare(begun.log_root, source.root) === 0)
      return begun.next_entry;
    throw new ArchiverError(
      'log-diverged',
      'the ledger was begun from another log; begin with an empty one',
      {
        detail: `begun at size ${begun.log_size}, published ${source.size}`,
      },
    );
  }
  for (const table of ['log_heads', 'segments', 'staged', 'coverage', 'registry', 'links', 'objects']) {
    const [row] = await db.query(`select 1 from ${table} where account = $1 limit 1`, [account]);
    if (row === undefined) continue;
    throw new ArchiverError('ledger-not-empty', 'the ledger is not empty', {
      detail: `${table} has rows of account ${account}`,
    });
  }
  return 0;
}

/** Marks an empty ledger as being made from a log; one that is marked stays so. Fails with `lease-lost`. */
export async function beginRebuild(db: Database, lease: Lease, source: RebuildSource): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     begun as (
       insert into rebuilds (account, log_size, log_root) select $1, $3, $4 from guard on conflict do nothing
     )
     select 1 from guard`,
    [lease.account, lease.generation, source.size, source.root],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** What later entries of the log say about a segment or an object. */
interface LoggedFate {
  /** Class by which it is kept. */
  readonly governedBy: string;
  readonly disposal: (DisposalOrder & { readonly at: number; readonly isGone: boolean }) | undefined;
}

/** A segment of the archive, as its entry in the log says. */
interface LoggedSegment
  extends LoggedFate,
    Pick<SegmentPlan, 'stream' | 'className' | 'day' | 'records' | 'lock'> {
  readonly sealed: SealedSegment;
  /** When its entry was committed, milliseconds. */
  readonly at: number;
  /** Undefined where it was not read. */
  readonly contents: SegmentContents | undefined;
}

/**
 * Notes a segment, and that all entries before `next` are done with, at once: twice is as once. How many bytes of JSON
 * it holds is told to plans only, and not known here. Fails with `lease-lost`.
 */
export async function restoreSegment(
  db: Database,
  lease: Lease,
  segment: LoggedSegment,
  next: number,
): Promise<void> {
  const { stream, className, day, records, lock, sealed, at, contents, governedBy, disposal } = segment;
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     advanced as (
       update rebuilds set next_entry = $3 where account = $1 and next_entry < $3 and exists (select 1 from guard)
       returning 1
     ), kept as (
       insert into segments (account, stream, class, governed_by, day, state, records, bytes, lock_mode, retain_until,
         planned_at, key, version, sha256, size, root, committed_at, indexed, disposed_at)
       select $1, $4, $5, $17, $6::date, 'committed', $7, 0, $8, $9, $10, $11, $12, $13, $14, $15, $10, $16, $18
       from advanced returning id, key, version, sha256, size, governed_by
     ), disposed as (
       insert into disposals (account, segment_id, key, version, sha256, bytes, class, requested_by, approved_by,
         reason, logged_at, done_at)
       select $1, id, key, version, sha256, size, governed_by, $20, $21, $22, $19, $18 from kept
       where $19::timestamptz is not null
     ), ${noteContents('kept', 23)}
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      next,
      stream,
      className,
      day,
      records,
      lock?.mode ?? null,
      lock?.retainUntil ?? null,
      new Date(at),
      sealed.key,
      sealed.version,
      sealed.sha256,
      sealed.size,
      sealed.root,
      contents !== undefined,
      governedBy,
      ...disposalValues(disposal),
      ...contentValues(contents ?? NO_CONTENTS),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** An object of the archive, as its entry in the log says. */
export interface LoggedObject extends CommittedObject, LoggedFate {
  /** When its entry was committed, milliseconds. */
  readonly at: number;
}

/** Notes objects, and that all entries before `next` are done with. Fails with `lease-lost`. */
export async function restoreObjects(
  db: Database,
  lease: Lease,
  objects: readonly LoggedObject[],
  next: number,
): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     advanced as (
       update rebuilds set next_entry = greatest(next_entry, $3) where account = $1 and exists (select 1 from guard)
     ), kept as (
       insert into objects
         (account, sha256, state, size, class, governed_by, key, version, lock_mode, retain_until, planned_at,
          committed_at, disposed_at, disposing)
       select $1, o.sha256, 'committed', o.size, o.class, o.governed_by, o.key, o.version, o.mode, o.until, o.at, o.at,
         d.gone_at, d.logged_at is not null and d.gone_at is null
       from guard, unnest($4::text[], $5::bigint[], $6::text[], $7::text[], $8::text[], $9::text[],
         $10::timestamptz[], $11::timestamptz[], $12::text[]) as o (sha256, size, class, key, version, mode, until, at, governed_by)
       left join ${DISPOSED_OBJECTS} on d.sha256 = o.sha256
       on conflict (account, sha256) do nothing returning sha256, key, version, size, governed_by
     ), disposed as (
       insert into disposals (account, object_sha256, key, version, sha256, bytes, class, requested_by, approved_by,
         reason, logged_at, done_at)
       select $1, k.sha256, k.key, k.version, k.sha256, k.size, k.governed_by, d.by, d.approved_by, d.reason,
         d.logged_at, d.gone_at
       from kept k join ${DISPOSED_OBJECTS} on d.sha256 = k.sha256
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      next,
      objects.map(({ sha256 }) => sha256),
      objects.map(({ size }) => size),
      objects.map(({ className }) => className),
      objects.map(({ key }) => key),
      objects.map(({ version }) => version),
      objects.map(({ lock }) => lock?.mode ?? null),
      objects.map(({ lock }) => lock?.retainUntil ?? null),
      objects.map(({ at }) => new Date(at)),
      objects.map(({ governedBy }) => governedBy),
      ...disposedColumns(objects),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Those of these keys that a segment or object has which was restored from the log. */
export async function restoredAmong(
  db: Database,
  account: string,
  keys: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ key: string }>(
    `select key from segments where account = $1 and key = any($2::text[])
     union all select key from objects where account = $1 and key = any($2::text[])`,
    [account, keys],
  );
  return new Set(rows.map(({ key }) => key));
}

/** The values of {@link disposedColumns} from `$13` on. */
const DISPOSED_OBJECTS = `unnest($13::text[], $14::timestamptz[], $15::timestamptz[], $16::text[], $17::text[], $18::text[])
  as d (sha256, gone_at, logged_at, by, approved_by, reason)`;

function disposedColumns(objects: readonly LoggedObject[]): readonly unknown[] {
  const rows = objects
    .filter(({ disposal }) => disposal !== undefined)
    .map(({ sha256, disposal }) => [sha256, ...disposalValues(disposal)]);
  return Array.from({ length: 6 }, (_, column) => rows.map((row) => row[column]));
}

/** When it was gone, when that was logged, by whom, by whom approved, and why; all null for what is kept. */
function disposalValues(disposal: LoggedFate['disposal']): readonly unknown[] {
  if (disposal === undefined) return [null, null, null, null, null];
  const { at, isGone, by, approvedBy, reason } = disposal;
  return [isGone ? new Date(at) : null, new Date(at), by, approvedBy, reason];
}

const STATES_AT_A_TIME = 10_000;

/** Copies the latest states to where admission looks for them. */
async function keepStates(db: Database, lease: Lease): Promise<void> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const [part] = await db.query<{ last: string | null }>(
      `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
       part as materialized (
         select key, month, content from rebuild_states where account = $1 and key > $3::uuid order by key limit $4
       ), kept as (
         insert into states as s (key, month, content) select key, month, content from part, guard
         on conflict (key) do update set month = excluded.month, content = excluded.content
       )
       select (select key::text from part order by key desc limit 1) as last from guard`,
      [lease.account, lease.generation, after, STATES_AT_A_TIME],
    );
    if (part === undefined) throw leaseLost(lease);
    if (part.last === null) return;
    after = part.last;
  }
}

/** What a rebuilt ledger begins with. */
interface RebuiltHead {
  readonly head: LogEdge;
  /** Where full tiles may not be locked yet, at the beginning of a bundle. */
  readonly locked: LogEdge;
  /** Entries from there to the head, in order. */
  readonly entries: readonly string[];
  /** Entries that get their place with the next publishing. */
  readonly newEntries: readonly string[];
  /** What is asked for at once, whenever it was asked for last: its answers are not whole in the archive. */
  readonly askAgain: readonly { readonly stream: string; readonly mode: string }[];
}

/**
 * Makes the ledger one that can be used: the last step, after which no trace of the rebuilding is left. Fails with
 * `lease-lost`.
 */
export async function finishRebuild(db: Database, lease: Lease, rebuilt: RebuiltHead): Promise<void> {
  const { account } = lease;
  const { head, locked, entries, newEntries, askAgain } = rebuilt;
  await keepStates(db, lease);
  await db.transaction(async (tx) => {
    // As the end of a unit does: one whose time others cover by now does not fail any more.
    await tx.query(
      `update units u set failures = 0 from coverage c
       where u.account = $1 and c.account = $1 and u.failures > 0 and u.window_from < u.window_to
         and (c.stream, c.scope, c.mode) = (u.stream, u.scope, u.mode)
         and c.covered @> int8range(u.window_from,
           greatest(u.window_from + 1, least(u.window_to, (extract(epoch from u.finished_at) * 1000)::bigint)))`,
      [account],
    );
    await tx.query(
      `update coverage c set asked_at = 'epoch' from unnest($2::text[], $3::text[]) as a (stream, mode)
       where c.account = $1 and c.stream = a.stream and c.mode = a.mode`,
      [account, askAgain.map(({ stream }) => stream), askAgain.map(({ mode }) => mode)],
    );
    await tx.query(
      `insert into log_entries (account, entry_index, entry)
       select $1, $2 + e.place - 1, e.entry from unnest($3::text[]) with ordinality as e (entry, place)`,
      [account, locked.size, entries],
    );
    await tx.query('insert into log_entries (account, entry) select $1, unnest($2::text[])', [
      account,
      newEntries,
    ]);
    await tx.query(
      `insert into log_heads (account, size, frontier, published_size, published_frontier)
       values ($1, $2, $3, $4, $5)`,
      [account, head.size, head.frontier, locked.size, locked.frontier],
    );
    await tx.query('delete from rebuild_states where account = $1', [account]);
    await tx.query('delete from rebuilds where account = $1', [account]);
    // Last, for renewing the lease waits for it.
    await requireLease(tx, lease);
  });
}
