import type { Readable } from 'node:stream';
import type { Finding } from './probe.ts';

/** How long, and how firmly, an object is kept from deletion. Mode names are S3 Object Lock's. */
export interface ObjectLock {
  readonly mode: 'governance' | 'compliance';
  readonly retainUntil: Date;
}

/** One immutable version of an object, as the sink holds it. */
export interface StoredObject {
  readonly key: string;
  /** S3 version id; a directory, which holds one version for ever, gives the SHA-256 of the bytes. */
  readonly version: string;
  /** Length in bytes. */
  readonly size: number;
  /** `null` when the sink keeps no lock on this version. */
  readonly lock: ObjectLock | null;
  /** Under a legal hold. S3 tells it only to credentials with s3:GetObjectLegalHold; to others it is false. */
  readonly held: boolean;
}

/** What a destruction took away for good. */
export interface Destroyed {
  /** How many versions with bytes; delete markers are not counted. */
  readonly versions: number;
  /** Their sizes together. */
  readonly bytes: number;
}

/** A key as a listing finds it, with its oldest version. */
export interface ListedObject {
  readonly key: string;
  readonly version: string;
  /** When it was stored, by the store's clock. */
  readonly storedAt: Date;
  /** A later version or a delete marker stands before it: whoever reads the key alone gets something else. */
  readonly hidden: boolean;
}

/** The bytes to store: in memory, or a finished file on local disk, or the part of one that begins at `from`. */
export type Body = Uint8Array | { readonly path: string; readonly from?: number; readonly length?: number };

export interface PutRequest {
  readonly key: string;
  readonly body: Body;
  /** Length of the body in bytes; must be known before the put. */
  readonly size: number;
  /** SHA-256 of the body, lower-case hex. */
  readonly sha256: string;
  /** `null` stores without a lock (only where the configuration says so). */
  readonly lock: ObjectLock | null;
  readonly contentType: string;
}

export interface PutResult {
  /** `identical`: the same bytes already stood at the key, and that version was adopted. */
  readonly outcome: 'created' | 'identical';
  readonly object: StoredObject;
}

/** What stands at a key that is replaced from time to time. */
export interface CurrentBytes {
  readonly bytes: Buffer;
  /** Names this state of the key to {@link Sink.replace}; means nothing elsewhere. */
  readonly tag: string;
}

/** The half of a sink that auditors need: it cannot change anything. */
export interface SinkReader {
  /** The object's description; without `version` its oldest version. `null` when there is none. */
  head(key: string, version?: string): Promise<StoredObject | null>;
  /**
   * Whether a lock on this version would show in {@link head}: a store may keep it from those who have no right to read
   * locks. Fails with `sink-*` where it cannot be told.
   */
  seesLocks(key: string, version: string): Promise<boolean>;
  /** The bytes of one version; fails with `sink-unreachable` when it is missing. */
  read(key: string, version?: string): Promise<Readable>;
  /** What stands at a key now that is replaced from time to time; small enough for memory. `null` when nothing does. */
  current(key: string): Promise<CurrentBytes | null>;
  /** Every key that starts with `prefix`, in key order. */
  list(prefix: string): AsyncIterable<ListedObject>;
  close(): Promise<void>;
}

/**
 * A place for immutable objects. The durability contract, which every sink must keep:
 *
 * 1. When `put` resolves, the bytes are durable, stand at the key under the returned version, have the asked
 *    size and SHA-256, and carry a lock at least as strict as asked for (read back, not assumed).
 * 2. `put` creates only. Identical bytes at the key are adopted (`identical`; a weaker lock on them is raised to
 *    the asked one); other bytes are never touched and fail with `sink-conflict`.
 * 3. A `put` that fails may or may not have stored the object; the same call again is always safe and ends
 *    in `created` or `identical`, also after a crash at any moment.
 * 4. No reader ever sees a part of an object.
 * 5. `replace` is for the few keys that change. It writes only where the state named by `expected` stands (`null`:
 *    nothing), else it fails with `sink-conflict`; bytes that stand there already are a success. Where the store cannot
 *    compare, two writers at the same moment may both be told that they succeeded, but the later one finds out by
 *    reading back. When it resolves, the bytes are durable.
 * 6. When `extend` resolves, this version carries a lock at least as strict as asked for and as before (read back):
 *    neither mode nor date is ever lowered.
 * 7. A version is under a legal hold from the moment when `placeHold` resolves until `liftHold` is called, whatever
 *    becomes of its lock; the flag is read back. It is one bit for each version: whoever has several reasons to hold it
 *    counts them elsewhere.
 * 8. `destroy` looks first. While a version of the key is held, or its lock is not over, it deletes nothing and fails
 *    with `sink-locked`; it never asks to bypass a lock. When it resolves, no version is left. One that fails, or a
 *    crash, may have deleted some versions.
 * 9. The same call of `extend`, `placeHold`, `liftHold` and `destroy` again is always safe, and a success where the
 *    first one took effect. All but `destroy` fail with `sink-unreachable` where there is no such version.
 */
export interface Sink extends SinkReader {
  /**
   * Proves that the place exists and can keep its promise for this lock mode: reachable, permitted, versioned,
   * Object Lock enabled. Fails with `sink-unreachable`, `sink-denied` or `sink-unlocked`.
   */
  check(mode: ObjectLock['mode'] | 'none'): Promise<void>;
  /**
   * Tries on objects of its own what a place under this lock mode must not allow, and says of each attempt what
   * became of it. Their keys begin with a dot, so none is an archive's, and no reader lists them.
   */
  probe(mode: ObjectLock['mode'], signal?: AbortSignal): Promise<readonly Finding[]>;
  put(request: PutRequest, signal?: AbortSignal): Promise<PutResult>;
  replace(
    key: string,
    bytes: Uint8Array,
    expected: string | null,
    contentType: string,
  ): Promise<CurrentBytes>;
  /** Fails with `internal` when the asked date has passed and the lock must be raised for it, as `put` does. */
  extend(key: string, version: string, lock: ObjectLock, signal?: AbortSignal): Promise<StoredObject>;
  /** Fails with `sink-unlocked` where the place keeps no holds. */
  placeHold(key: string, version: string, signal?: AbortSignal): Promise<StoredObject>;
  liftHold(key: string, version: string, signal?: AbortSignal): Promise<StoredObject>;
  /** Every version and delete marker of the key. A key with nothing there is a success with 0 versions. */
  destroy(key: string, signal?: AbortSignal): Promise<Destroyed>;
  close(): Promise<void>;
}
