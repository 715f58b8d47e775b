import { createHash } from 'node:crypto';

export interface FakeLock {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly retainUntil: Date;
}

export interface FakeVersion {
  readonly key: string;
  readonly version: string;
  /** `null` for a delete marker. */
  readonly bytes: Buffer | null;
  readonly etag: string;
  readonly modified: Date;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  lock: FakeLock | null;
  /** Undefined where no legal hold was ever placed or lifted. */
  hold?: 'ON' | 'OFF';
}

/** A rule of the archive that a client broke; a test that ends with one has found a bug. */
export interface Violation {
  readonly rule:
    | 'overwrite'
    | 'wrong-checksum'
    | 'shortened-lock'
    | 'missing-lock'
    | 'delete'
    | 'bypass'
    | 'outside-prefix';
  readonly key: string;
}

export interface StoreRules {
  /** Object Lock on the bucket; default true. Implies versions. */
  readonly objectLock?: boolean;
  /** Versions in the bucket; default true. */
  readonly versioning?: boolean;
  /** Default true. False imitates Ceph RGW 16, which lets every writer into a versioned bucket. */
  readonly enforceIfNoneMatch?: boolean;
  /** The lock headers of a PUT are accepted and dropped, as some stores do for multipart uploads. */
  readonly ignoreLockHeaders?: boolean;
  /** Locks are accepted and dropped always, also by PutObjectRetention. */
  readonly forgetLocks?: boolean;
  /** A locked version can be deleted by anyone. */
  readonly deletesLocked?: boolean;
  /** A version under a legal hold can be deleted by anyone once no lock holds it. */
  readonly deletesHeld?: boolean;
  /** Legal holds are accepted and dropped. */
  readonly forgetHolds?: boolean;
  /** Legal holds are not lifted. */
  readonly keepsHolds?: boolean;
  /** The client may delete versions that nothing protects: disposition. Default false: each deletion is a violation. */
  readonly mayDestroy?: boolean;
  /** A lock can be made to end sooner. */
  readonly shortensLocks?: boolean;
  /** A compliance lock can be turned into a governance lock. */
  readonly weakensLocks?: boolean;
  /** A second put takes the place of every version of its key. */
  readonly replacesLocked?: boolean;
  /** Multipart uploads lose their lock, as in Ceph RGW 16. */
  readonly dropMultipartLocks?: boolean;
  /** What every object gets that is put without a lock. */
  readonly defaultLock?: { readonly mode: FakeLock['mode']; readonly days: number };
  /** The last byte of every body is lost. */
  readonly truncate?: boolean;
  /** A PUT without a lock is a violation. */
  readonly requireLock?: boolean;
  /** A key on the wire that does not start with this, or starts with it twice, is a violation. Default ''. */
  readonly prefix?: string;
  /**
   * Keys that may be written again and without a lock; on the wire, prefix included. By default {@link isReplaced}.
   */
  readonly isMutable?: (key: string, isLocked: boolean) => boolean;
  /** Milliseconds since the epoch; default `Date.now`. */
  readonly now?: () => number;
}

/** An S3 error answer. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export interface PutInput {
  readonly key: string;
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly lock: FakeLock | null;
  readonly ifNoneMatch: boolean;
  readonly ifMatch: string | undefined;
}

const PROBE_KEY = /^\.probe\/[0-9a-f-]{36}\/[a-z-]+$/;

/** One bucket: its versions, their locks, and the list of rules that were broken on it. */
export class FakeStore {
  readonly violations: Violation[] = [];
  rules: StoreRules;
  /** Oldest first. */
  readonly #versions = new Map<string, FakeVersion[]>();
  /** In byte order, the order of S3's listings. */
  readonly #keys: string[] = [];
  #serial = 0;

  constructor(rules: StoreRules) {
    this.rules = rules;
  }

  get versioned(): boolean {
    return this.locking || (this.rules.versioning ?? true);
  }
  get locking(): boolean {
    return this.rules.objectLock ?? this.rules.versioning ?? true;
  }
  now(): number {
    return this.rules.now?.() ?? Date.now();
  }
  /** A probe breaks rules to see whether the store lets it, on keys of its own. */
  violate(rule: Violation['rule'], key: string): void {
    if (!PROBE_KEY.test(key.slice((this.rules.prefix ?? '').length))) this.violations.push({ rule, key });
  }

  /**
   * Versions and markers of the keys that begin with `prefix`, from the key `from` on: by key in byte order, newest first
   * within a key. The walk costs what it yields: each `head` of a client is a listing, and buckets grow.
   */
  *listed(prefix = '', from = ''): Generator<FakeVersion> {
    for (let at = this.#placeOf(byteOrder(prefix, from) > 0 ? prefix : from); ; at += 1) {
      const key = this.#keys[at];
      if (key === undefined || !key.startsWith(prefix)) return;
      yield* (this.#versions.get(key) ?? []).toReversed();
    }
  }

  /** Of the first key that is not before this one. */
  #placeOf(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (byteOrder(this.#keys[middle] ?? '', key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  put(input: PutInput): FakeVersion {
    const { key } = input;
    const { prefix, requireLock, isMutable } = this.rules;
    if (prefix !== undefined && (!key.startsWith(prefix) || key.startsWith(prefix + prefix))) {
      this.violate('outside-prefix', key);
    }
    if (input.lock !== null && !this.locking) throw new Refused(400, 'InvalidRequest');
    if (input.lock !== null && input.lock.retainUntil.getTime() <= this.now()) {
      throw new Refused(400, 'InvalidArgument');
    }
    const standing = this.#versions.get(key) ?? [];
    const latest = standing.at(-1);
    const exists = latest !== undefined && latest.bytes !== null;
    if (input.ifNoneMatch && exists && (this.rules.enforceIfNoneMatch ?? true)) {
      throw new Refused(412, 'PreconditionFailed');
    }
    if (input.ifMatch !== undefined) {
      if (!exists) throw new Refused(404, 'NoSuchKey');
      if (latest.etag !== input.ifMatch) throw new Refused(412, 'PreconditionFailed');
    }
    const mutable = (isMutable ?? isReplaced)(
      key,
      standing.some((version) => this.#activeLock(version) !== null),
    );
    if (standing.some((version) => version.bytes !== null) && !mutable) this.violate('overwrite', key);
    if (requireLock && input.lock === null && !mutable) this.violate('missing-lock', key);
    const dropped = this.rules.ignoreLockHeaders || this.rules.forgetLocks;
    const { ifNoneMatch: _, ifMatch: __, ...rest } = input;
    if (this.rules.replacesLocked) this.#versions.delete(key);
    return this.#append({
      ...rest,
      bytes: this.rules.truncate ? input.bytes.subarray(0, -1) : input.bytes,
      version: this.#nextId(),
      etag: `"${createHash('md5').update(input.bytes).digest('hex')}"`,
      modified: new Date(this.now()),
      lock: dropped ? null : (input.lock ?? this.#defaultLock()),
    });
  }

  #defaultLock(): FakeLock | null {
    const { defaultLock } = this.rules;
    if (defaultLock === undefined) return null;
    const retainUntil = new Date(this.now() + defaultLock.days * 86_400_000);
    return { mode: defaultLock.mode, retainUntil };
  }

  /** The version asked for, or the newest; fails as S3 does when it is not there. */
  find(key: string, version: string | undefined): FakeVersion & { readonly bytes: Buffer } {
    const versions = this.#versions.get(key) ?? [];
    const found = version === undefined ? versions.at(-1) : versions.find((one) => one.version === version);
    if (found === undefined) throw new Refused(404, version === undefined ? 'NoSuchKey' : 'NoSuchVersion');
    if (!hasBytes(found)) {
      throw version === undefined ? new Refused(404, 'NoSuchKey') : new Refused(405, 'MethodNotAllowed');
    }
    return found;
  }

  retain(key: string, version: string | undefined, lock: FakeLock, bypass: boolean): void {
    if (!this.locking) throw new Refused(400, 'InvalidRequest');
    if (lock.retainUntil.getTime() <= this.now()) throw new Refused(400, 'InvalidArgument');
    const found = this.find(key, version);
    const held = this.#activeLock(found);
    // The one change that AWS makes under bypass only, though it is stricter.
    const needed = held?.mode === 'GOVERNANCE' && lock.mode === 'COMPLIANCE';
    if (bypass && !needed) this.violations.push({ rule: 'bypass', key });
    if (held !== null) {
      const shorter = lock.retainUntil.getTime() < held.retainUntil.getTime();
      const weaker = held.mode === 'COMPLIANCE' && lock.mode === 'GOVERNANCE';
      if (shorter || weaker) this.violate('shortened-lock', key);
      const free = held.mode === 'GOVERNANCE' && bypass;
      const stops =
        (shorter && !this.rules.shortensLocks) || (held.mode !== lock.mode && !this.rules.weakensLocks);
      if (stops && !free) throw new Refused(403, 'AccessDenied');
    }
    if (!this.rules.forgetLocks) found.lock = lock;
  }

  /** Sets or clears the legal hold of a version. */
  hold(key: string, version: string | undefined, status: 'ON' | 'OFF'): void {
    if (!this.locking) throw new Refused(400, 'InvalidRequest');
    const found = this.find(key, version);
    const dropped = status === 'ON' ? this.rules.forgetHolds : this.rules.keepsHolds;
    if (!dropped) found.hold = status;
  }

  /**
   * Deletes a version, or hides the key behind a marker. A violation, unless a probe deletes its own or a disposition
   * what nothing protects; to try where AWS would refuse, or to ask for a bypass, always is one.
   */
  remove(key: string, version: string | undefined, bypass: boolean): void {
    if (bypass) this.violations.push({ rule: 'bypass', key });
    if (version === undefined) this.violations.push({ rule: 'delete', key });
    const versions = this.#versions.get(key) ?? [];
    if (version === undefined && this.versioned) {
      const facts = { etag: '', contentType: '', metadata: {}, modified: new Date(this.now()), lock: null };
      this.#append({ key, bytes: null, version: this.#nextId(), ...facts });
      return;
    }
    const at = version === undefined ? 0 : versions.findIndex((one) => one.version === version);
    const found = versions[at];
    const lock = found === undefined ? null : this.#activeLock(found);
    const held = found?.hold === 'ON';
    if (version !== undefined && (lock !== null || held || !this.rules.mayDestroy))
      this.violate('delete', key);
    if (found === undefined) return;
    const free = this.rules.deletesLocked || (lock?.mode === 'GOVERNANCE' && bypass);
    if ((lock !== null && !free) || (held && !this.rules.deletesHeld)) throw new Refused(403, 'AccessDenied');
    versions.splice(at, 1);
    if (versions.length > 0) return;
    this.#versions.delete(key);
    this.#keys.splice(this.#placeOf(key), 1);
  }

  #activeLock(version: FakeVersion): FakeLock | null {
    return version.lock !== null && version.lock.retainUntil.getTime() > this.now() ? version.lock : null;
  }

  #append(version: FakeVersion): FakeVersion {
    const { key } = version;
    const standing = this.versioned ? (this.#versions.get(key) ?? []) : [];
    this.#versions.set(key, [...standing, version]);
    const place = this.#placeOf(key);
    if (this.#keys[place] !== key) this.#keys.splice(place, 0, key);
    return version;
  }

  #nextId(): string {
    this.#serial += 1;
    // Not in the order of time, as real ids are not.
    return this.versioned
      ? createHash('sha256').update(`v${this.#serial}`).digest('hex').slice(0, 24)
      : 'null';
  }
}

function byteOrder(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function hasBytes(version: FakeVersion): version is FakeVersion & { readonly bytes: Buffer } {
  return version.bytes !== null;
}

/**
 * What an archive writes again: the log's checkpoint, and its tiles and bundles; full ones only until they are locked,
 * which they are once a checkpoint covers them. Of the access log the checkpoint and what is partial.
 */
export function isReplaced(key: string, isLocked: boolean): boolean {
  if (key.endsWith('access/checkpoint') || (key.includes('access/tile/') && key.includes('.p/'))) return true;
  return key.endsWith('log/checkpoint') || (key.includes('log/tile/') && (key.includes('.p/') || !isLocked));
}
