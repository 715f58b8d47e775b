import { Readable } from 'node:stream';
import {
  GetBucketVersioningCommand,
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { digestOf } from '../digest.ts';
import { ArchiverError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { bodyChunks, bodyStream, interrupted, requireStated } from './body.ts';
import { checkedKey } from './key.ts';
import { isAtLeast, stricter } from './lock.ts';
import type { Finding } from './probe.ts';
import { type Bucket, headVersion, storedObject, versionFields } from './s3-bucket.ts';
import { createClient, type S3Store } from './s3-client.ts';
import { destroyVersions } from './s3-destroy.ts';
import { isRefusedLock, statusOf } from './s3-error.ts';
import { setHold } from './s3-hold.ts';
import { lockFields, retentionOf } from './s3-lock.ts';
import { probeBucket } from './s3-probe.ts';
import { ATTEMPTS, type Pause, pauseFor, type Retrying, retryingOf } from './s3-retry.ts';
import { type Folder, oldestVersions, UNVERSIONED, type Version } from './s3-versions.ts';
import type {
  CurrentBytes,
  Destroyed,
  ListedObject,
  ObjectLock,
  PutRequest,
  PutResult,
  Sink,
  StoredObject,
} from './sink.ts';

export interface S3SinkOptions extends S3Store {
  readonly bucket: string;
  /** In front of every key on the wire, and never part of a key of the contract; '' for none. */
  readonly prefix: string;
  readonly log: Logger;
  /** How often one call is tried before it fails; default 6, about 6 s of pauses. */
  readonly attempts?: number | undefined;
  /** Waits between tries, in milliseconds; rejects when `signal` aborts. Default: a timer. */
  readonly pause?: Pause | undefined;
  /** Milliseconds since the epoch, by which a lock is over; default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/**
 * A sink in an S3 bucket. Only the oldest version of a key counts: in a versioned bucket a second put hides the
 * first but cannot replace it, and not every store honours `If-None-Match` there. For the same reason nothing
 * is believed that was not read back: not the lock headers, not the checksum. Objects go up in one PUT (5 GB
 * at most), because some stores drop the lock of a multipart upload.
 *
 * Rights: s3:ListBucketVersions, GetObject, GetObjectVersion, PutObject, GetObjectRetention,
 * PutObjectRetention, GetBucketVersioning, GetBucketObjectLockConfiguration; and
 * BypassGovernanceRetention only where governance locks are ever to be raised to compliance. A probe also needs
 * DeleteObjectVersion and AbortMultipartUpload below `.probe/`, and says what it could not find out without.
 * Holds need PutObjectLegalHold and GetObjectLegalHold; destruction needs the latter and DeleteObjectVersion.
 */
export function createS3Sink(options: S3SinkOptions): Sink {
  return new S3Sink(options);
}

class S3Sink implements Sink {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #pause: Pause;
  readonly #retrying: Retrying;
  readonly #now: () => number;

  constructor(options: S3SinkOptions) {
    this.#bucket = options.bucket;
    this.#prefix =
      options.prefix === '' || options.prefix.endsWith('/') ? options.prefix : `${options.prefix}/`;
    this.#pause = options.pause ?? pauseFor;
    this.#retrying = retryingOf({
      attempts: options.attempts ?? ATTEMPTS,
      pause: this.#pause,
      subject: (key) => this.#subject(key),
      log: options.log,
    });
    this.#now = options.now ?? Date.now;
    this.#client = createClient(options);
  }

  async check(mode: ObjectLock['mode'] | 'none'): Promise<void> {
    const Bucket = this.#bucket;
    await this.#retrying('', async () => {
      await this.#client.send(new ListObjectVersionsCommand({ Bucket, Prefix: this.#prefix, MaxKeys: 1 }));
    });
    if (mode === 'none') return;
    const { Status } = await this.#retrying('', () =>
      this.#client.send(new GetBucketVersioningCommand({ Bucket })),
    );
    if (Status !== 'Enabled') throw this.#unlocked('the bucket keeps no versions', '');
    const { ObjectLockConfiguration } = await this.#retrying('', () =>
      this.#client.send(new GetObjectLockConfigurationCommand({ Bucket })),
    );
    if (ObjectLockConfiguration?.ObjectLockEnabled !== 'Enabled') {
      throw this.#unlocked('the bucket has no Object Lock', '');
    }
  }

  async probe(mode: ObjectLock['mode'], signal?: AbortSignal): Promise<readonly Finding[]> {
    const stopping = async <T>(step: () => Promise<T>): Promise<T> => {
      if (signal?.aborted) throw interrupted('a canary');
      return step().catch((error: unknown) => {
        throw signal?.aborted ? interrupted('a canary') : error;
      });
    };
    return probeBucket(
      {
        client: this.#client,
        bucket: this.#bucket,
        above: this.#prefix,
        retrying: (call) => stopping(() => this.#retrying('', call, signal)),
        wait: (ms) => stopping(() => this.#pause(ms, signal)),
      },
      mode,
    );
  }

  async put(request: PutRequest, signal?: AbortSignal): Promise<PutResult> {
    checkedKey(request.key);
    if (signal?.aborted) throw interrupted(request.key);
    requireStated(request, await digestOf(bodyChunks(request.body)));
    return this.#retrying(request.key, () => this.#putOnce(request, signal), signal);
  }

  /** One pass that may end anywhere: the next pass finds what this one left, and adopts it. */
  async #putOnce(request: PutRequest, signal: AbortSignal | undefined): Promise<PutResult> {
    const standing = await this.#oldest(request.key, signal);
    if (standing !== null) return this.#adopt(standing, request, signal);
    const version = await this.#send(request, signal);
    // A store that ignores If-None-Match lets two writers through; both then settle on the older version.
    const first = await this.#oldest(request.key, signal);
    if (first !== null && first.version !== version) return this.#adopt(first, request, signal);
    return { outcome: 'created', object: await this.#secure(version, request, signal) };
  }

  /** Sends the one PUT of a pass; returns the new version's id. */
  async #send(request: PutRequest, signal: AbortSignal | undefined): Promise<string> {
    const body = bodyStream(request.body);
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: this.#prefix + request.key,
      Body: body,
      ContentLength: request.size,
      ContentType: request.contentType,
      ChecksumSHA256: Buffer.from(request.sha256, 'hex').toString('base64'),
      IfNoneMatch: '*',
      Metadata: { sha256: request.sha256 },
      ...lockFields(request.lock),
    });
    // The SDK signs a stream as UNSIGNED-PAYLOAD. Signing the known hash makes the store compare the bytes it
    // got, also one that ignores x-amz-checksum-sha256.
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] =
          request.sha256;
        return next(args);
      },
      { step: 'build', name: 'signKnownHash' },
    );
    try {
      const { VersionId } = await this.#client.send(command, signal && { abortSignal: signal });
      return VersionId ?? UNVERSIONED;
    } catch (error) {
      throw request.lock === null ? error : this.#lockRefused(error, request.key);
    } finally {
      body.destroy();
    }
  }

  async #adopt(standing: Version, request: PutRequest, signal: AbortSignal | undefined): Promise<PutResult> {
    const found =
      standing.size === request.size ? await digestOf(await this.#get(standing, signal)) : { sha256: '' };
    if (found.sha256 !== request.sha256) throw this.#conflict(standing);
    return { outcome: 'identical', object: await this.#secure(standing.version, request, signal) };
  }

  /** Reads the version back and raises its lock where it is weaker than asked; never lowers one. */
  async #secure(
    version: string,
    request: PutRequest,
    signal: AbortSignal | undefined,
  ): Promise<StoredObject> {
    const object = await this.#secured(version, request.key, signal);
    if (object.size !== request.size) throw this.#conflict(object);
    return this.#raised(object, request.lock, signal);
  }

  async #raised(
    object: StoredObject,
    asked: ObjectLock | null,
    signal: AbortSignal | undefined,
  ): Promise<StoredObject> {
    const target = stricter(object.lock, asked);
    if (target === null || isAtLeast(object.lock, asked)) return object;
    await this.#raise(object, target, signal);
    const raised = await this.#secured(object.version, object.key, signal);
    if (isAtLeast(raised.lock, asked)) return raised;
    throw this.#unlocked('the store did not keep the lock', object.key);
  }

  async #raise(object: StoredObject, target: ObjectLock, signal: AbortSignal | undefined): Promise<void> {
    const command = new PutObjectRetentionCommand({
      ...versionFields(this.#calls, object),
      Retention: retentionOf(target),
      // A governance lock turns into compliance only under bypass, though that is stricter.
      ...(object.lock?.mode === 'governance' && target.mode === 'compliance'
        ? { BypassGovernanceRetention: true }
        : {}),
    });
    try {
      await this.#client.send(command, signal && { abortSignal: signal });
    } catch (error) {
      throw this.#lockRefused(error, object.key);
    }
  }

  async #secured(version: string, key: string, signal: AbortSignal | undefined): Promise<StoredObject> {
    const object = await this.#describe(key, version, signal);
    if (object !== null) return object;
    throw new ArchiverError('sink-unreachable', 'a stored version cannot be read back', {
      detail: this.#subject(key),
    });
  }

  async head(key: string, version?: string): Promise<StoredObject | null> {
    checkedKey(key);
    return this.#retrying(key, () => this.#find(key, version));
  }

  async #find(key: string, version: string | undefined, signal?: AbortSignal): Promise<StoredObject | null> {
    const found = version === undefined ? null : await this.#describe(key, version, signal);
    if (found !== null) return found;
    // An answer to HEAD has no body: only the listing tells a missing object from a missing bucket or a lapsed token.
    const oldest = await this.#oldest(key, signal);
    if (oldest === null || (version !== undefined && version !== oldest.version)) return null;
    return this.#secured(oldest.version, key, signal);
  }

  async extend(key: string, version: string, lock: ObjectLock, signal?: AbortSignal): Promise<StoredObject> {
    checkedKey(key);
    const once = async (): Promise<StoredObject | null> => {
      const object = await this.#find(key, version, signal);
      return object && this.#raised(object, lock, signal);
    };
    const extended = await this.#retrying(key, once, signal);
    if (extended === null) throw missing(this.#subject(key));
    return extended;
  }

  async placeHold(key: string, version: string, signal?: AbortSignal): Promise<StoredObject> {
    return setHold(this.#calls, { key: checkedKey(key), version }, 'ON', signal);
  }

  async liftHold(key: string, version: string, signal?: AbortSignal): Promise<StoredObject> {
    return setHold(this.#calls, { key: checkedKey(key), version }, 'OFF', signal);
  }

  async destroy(key: string, signal?: AbortSignal): Promise<Destroyed> {
    return destroyVersions(this.#calls, checkedKey(key), this.#now(), signal);
  }

  /** Without s3:GetObjectRetention a HEAD leaves the lock out, as if there were none. */
  async seesLocks(key: string, version: string): Promise<boolean> {
    checkedKey(key);
    const command = { Bucket: this.#bucket, Key: this.#prefix + key, VersionId: version };
    return this.#retrying(key, async () => {
      try {
        await this.#client.send(new GetObjectRetentionCommand(command));
        return true;
      } catch (error) {
        if (statusOf(error) === 403) return false;
        // No lock on the version, or none in the bucket: whoever may ask is told so.
        if (statusOf(error) === 404 || statusOf(error) === 400) return true;
        throw error;
      }
    });
  }

  async read(key: string, version?: string): Promise<Readable> {
    checkedKey(key);
    const stream = await this.#retrying(key, async () => {
      const wanted = version ?? (await this.#oldest(key))?.version;
      return wanted === undefined ? null : this.#get({ key, version: wanted });
    });
    if (stream === null) throw missing(this.#subject(key));
    return stream;
  }

  async current(key: string): Promise<CurrentBytes | null> {
    checkedKey(key);
    return this.#retrying(key, () => this.#currentOf(key));
  }

  async #currentOf(key: string): Promise<CurrentBytes | null> {
    try {
      const command = new GetObjectCommand({ Bucket: this.#bucket, Key: this.#prefix + key });
      const { Body, ETag } = await this.#client.send(command);
      if (Body === undefined) throw missing(this.#subject(key));
      return { bytes: Buffer.from(await Body.transformToByteArray()), tag: ETag ?? '' };
    } catch (error) {
      // A bucket that is not there is no key without bytes.
      if (error instanceof Error && error.name === 'NoSuchKey') return null;
      throw error;
    }
  }

  async replace(
    key: string,
    bytes: Uint8Array,
    expected: string | null,
    contentType: string,
  ): Promise<CurrentBytes> {
    checkedKey(key);
    const conditions = conditionsOf(expected);
    return this.#retrying(key, async () => {
      const standing = await this.#currentOf(key);
      // Also when an earlier try was applied and its answer was lost.
      if (standing?.bytes.equals(bytes)) return standing;
      if ((standing?.tag ?? null) !== expected) throw this.#conflict({ key, version: 'latest' });
      const [condition = {}] = conditions;
      const put = { Bucket: this.#bucket, Key: this.#prefix + key, Body: bytes, ContentType: contentType };
      await this.#client
        .send(new PutObjectCommand({ ...put, CacheControl: 'no-cache', ...condition }))
        .catch((error: unknown) => {
          // The state is the expected one, and was so a moment ago: either somebody was faster, which the next try sees,
          // or the store does not understand this form of the condition.
          if (statusOf(error) === 412) conditions.shift();
          throw error;
        });
      const now = await this.#currentOf(key);
      if (now?.bytes.equals(bytes)) return now;
      throw this.#conflict({ key, version: 'latest' });
    });
  }

  async *list(prefix: string): AsyncIterable<ListedObject> {
    const versions = oldestVersions(this.#folder(prefix), (input) =>
      this.#retrying(prefix, () => this.#client.send(new ListObjectVersionsCommand(input))),
    );
    for await (const { key, version, storedAt, hidden } of versions) {
      // The sink's own: no key of an archive begins with a dot.
      if (!key.startsWith('.')) yield { key, version, storedAt, hidden };
    }
  }

  async close(): Promise<void> {
    this.#client.destroy();
  }

  async #describe(key: string, version: string, signal?: AbortSignal): Promise<StoredObject | null> {
    const answer = await headVersion(this.#calls, { key, version }, signal);
    return answer && storedObject({ key, version }, answer);
  }

  async #get(object: Pick<Version, 'key' | 'version'>, signal?: AbortSignal): Promise<Readable> {
    const { Body } = await this.#client.send(
      new GetObjectCommand({
        Bucket: this.#bucket,
        Key: this.#prefix + object.key,
        VersionId: object.version,
      }),
      signal && { abortSignal: signal },
    );
    if (Body instanceof Readable) return Body;
    throw missing(this.#subject(object.key));
  }

  async #oldest(key: string, signal?: AbortSignal): Promise<Version | null> {
    const versions = oldestVersions(this.#folder(key), (input) =>
      this.#client.send(new ListObjectVersionsCommand(input), signal && { abortSignal: signal }),
    );
    // A key sorts before every longer key that starts with it, so its own versions come first.
    for await (const version of versions) return version.key === key ? version : null;
    return null;
  }

  get #calls(): Bucket {
    return {
      client: this.#client,
      bucket: this.#bucket,
      above: this.#prefix,
      retrying: this.#retrying,
      subject: (key) => this.#subject(key),
    };
  }

  #folder(prefix: string): Folder {
    return { bucket: this.#bucket, above: this.#prefix, prefix };
  }

  #subject(key: string): string {
    return `${this.#bucket}/${this.#prefix}${key}`;
  }

  #unlocked(phrase: string, key: string, cause?: unknown): ArchiverError {
    return new ArchiverError('sink-unlocked', phrase, { detail: this.#subject(key), cause });
  }

  #lockRefused(error: unknown, key: string): unknown {
    return isRefusedLock(error) ? this.#unlocked('the store refused the lock', key, error) : error;
  }

  #conflict({ key, version }: Pick<Version, 'key' | 'version'>): ArchiverError {
    return new ArchiverError('sink-conflict', 'other bytes stand at the key', {
      detail: `${this.#subject(key)} version ${version}`,
    });
  }
}

/**
 * How a store may be told to write only over `expected`. Ceph RGW 16 compares an ETag without the quotes that it gave it
 * with; one that fits neither way cannot compare, and is written to without: what it did is read back.
 */
function conditionsOf(expected: string | null): { IfMatch?: string; IfNoneMatch?: string }[] {
  if (expected === null) return [{ IfNoneMatch: '*' }];
  return [{ IfMatch: expected }, { IfMatch: expected.replaceAll('"', '') }];
}

function missing(subject: string): ArchiverError {
  return new ArchiverError('sink-unreachable', 'the object is missing', { detail: subject });
}
