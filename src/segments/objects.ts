import { digestOf, fileBytes, type Range } from '../digest.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import { commitObject, planObject } from '../ledger/objects.ts';
import type { LockFor } from '../ledger/staging.ts';
import { entryBytes, entryLock } from '../proof/entry.ts';
import { utcDay } from '../record.ts';
import type { Sink } from '../sinks/sink.ts';
import { objectKey } from './layout.ts';
import { livingLock } from './living-lock.ts';

/** A finished local file to be stored by its content. */
export interface ObjectFile {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly className: string;
}

/** An object of the archive. */
export interface StoredObject {
  readonly key: string;
  readonly version: string;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
}

export interface ObjectStoreOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly lockFor: LockFor;
  readonly now: () => number;
  readonly interrupt: AbortSignal;
  /** Bytes of the largest object; {@link LARGEST_OBJECT} unless a test says otherwise. */
  readonly largest?: number;
}

/** S3 takes 5 GiB in one request, and stores other than AWS lose the lock of what comes in several. */
export const LARGEST_OBJECT = 5_000_000_000;

/**
 * Stores a file by its content: as one object, or as several that follow one another where one would be too large.
 * Fails as {@link storeObject} does.
 */
export async function storeFile(
  options: ObjectStoreOptions,
  file: ObjectFile,
): Promise<readonly [StoredObject, ...StoredObject[]]> {
  const { largest = LARGEST_OBJECT } = options;
  const first = { from: 0, length: Math.min(largest, file.size) };
  if (file.size <= largest) return [await storeObject(options, file, first)];
  const parts: [StoredObject] = [await storePart(options, file, first)];
  for (let from = largest; from < file.size; from += largest) {
    parts.push(await storePart(options, file, { from, length: Math.min(largest, file.size - from) }));
  }
  return parts;
}

async function storePart(options: ObjectStoreOptions, file: ObjectFile, range: Range): Promise<StoredObject> {
  const part = await digestOf(fileBytes(file.path, range));
  return await storeObject(options, { ...file, ...part }, range);
}

/**
 * Stores bytes once, under `objects/`, locked from the day they were first seen. The same content again is answered
 * with what stands there. The steps are those of a segment (design section 6).
 *
 * Fails with `lease-lost`, `sink-conflict`, other `sink-*`, `ledger-unreachable`; the same call again is always safe.
 */
async function storeObject(
  options: ObjectStoreOptions,
  file: ObjectFile,
  { from, length }: Range,
): Promise<StoredObject> {
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
  if (plan.version !== undefined) return { key: plan.key, version: plan.version, sha256, size };

  // PUT, create-only, lock read back by the sink. A crash right after leaves an object that the row names; the same
  // bytes at the same key are adopted.
  const lock = livingLock(plan.lock, now());
  const { object } = await sink.put(
    {
      key: plan.key,
      body: size === 0 ? new Uint8Array() : { path: file.path, from, length },
      size,
      sha256,
      lock,
      // What Zoom called it stands in the record; a browser must not run what a stranger uploaded.
      contentType: 'application/octet-stream',
    },
    interrupt,
  );

  // COMMIT. Durable: the object is known to be stored, and its entry waits for a place in the log.
  const { key } = plan;
  const { version } = object;
  const at = now();
  const entry = entryBytes({
    type: 'object',
    at: new Date(at).toISOString(),
    key,
    version,
    sha256,
    bytes: size,
    class: plan.className,
    lock: entryLock(lock),
  });
  await commitObject(db, lease, { sha256, version, lock }, entry.toString(), at);
  return { key, version, sha256, size };
}
