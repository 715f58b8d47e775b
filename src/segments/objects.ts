import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import { commitObject, planObject } from '../ledger/objects.ts';
import type { LockFor } from '../ledger/staging.ts';
import { utcDay } from '../record.ts';
import type { Sink } from '../sinks/sink.ts';
import { objectKey } from './layout.ts';

/** A finished local file to be stored by its content. */
export interface ObjectFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly className: string;
}

/** Where the bytes stand in the archive. */
export interface StoredFile {
  readonly key: string;
  readonly version: string;
}

export interface ObjectStoreOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly lockFor: LockFor;
  readonly now: () => number;
  readonly interrupt: AbortSignal;
}

/**
 * Stores bytes once, under `objects/`, locked from the day they were first seen. The same content again is answered
 * with what stands there. The steps are those of a segment (design section 6).
 *
 * Fails with `lease-lost`, `sink-conflict`, other `sink-*`, `ledger-unreachable`; the same call again is always safe.
 */
export async function storeObject(options: ObjectStoreOptions, file: ObjectFile): Promise<StoredFile> {
  const { db, lease, sink, lockFor, now, interrupt } = options;
  const { sha256, size, className } = file;

  // PLAN. Durable: a row with key and lock. A crash right after leaves it; the link it belongs to is open still, and
  // comes here again.
  const plan = await planObject(
    db,
    lease,
    { sha256, size, className, key: objectKey(sha256), lock: lockFor(className, utcDay(now())) },
    now(),
  );
  if (plan.version !== undefined) return { key: plan.key, version: plan.version };

  // PUT, create-only, lock read back by the sink. A crash right after leaves an object that the row names; the same
  // bytes at the same key are adopted.
  const { object } = await sink.put(
    {
      key: plan.key,
      body: { path: file.path },
      size,
      sha256,
      lock: plan.lock,
      // What Zoom called it stands in the record; a browser must not run what a stranger uploaded.
      contentType: 'application/octet-stream',
    },
    interrupt,
  );

  // COMMIT. Durable: the object is known to be stored.
  await commitObject(db, lease, sha256, object.version, now());
  return { key: plan.key, version: object.version };
}
