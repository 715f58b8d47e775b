/**
 * Canaries: the objects that a probe of a bucket puts to see what the bucket lets happen to them. They stand below a
 * name that no key of an archive can begin with, in a folder of their own for each probe. What deletes here deletes
 * canaries and nothing else.
 */
import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { ArchiverError } from '../errors.ts';
import { versionFields } from './s3-bucket.ts';
import { statusOf } from './s3-error.ts';
import { holdOf } from './s3-hold.ts';
import { lockFields, lockOf, retentionOf } from './s3-lock.ts';
import { UNVERSIONED } from './s3-versions.ts';
import type { ObjectLock } from './sink.ts';

/** Keys of an archive do not begin with a dot. */
const PROBES = '.probe/';
const PROBE_KEY = /^\.probe\/[0-9a-f]{8}-[0-9a-f-]{27}\/[a-z-]+$/;

/** More is left for the next probe. */
const SWEPT_AT_ONCE = 1000;
/** A probe is over long before; what is younger may be another replica's. */
const ABANDONED_MS = 3_600_000;

/** The bucket of a probe, and the folder in it where its canaries stand. */
export interface Cage {
  readonly client: S3Client;
  readonly bucket: string;
  /** In front of every key on the wire: '' or ending in a slash. */
  readonly above: string;
  /** UUID of the probe. */
  readonly probe: string;
  /** Runs a call until it succeeds, fails for good or has been tried often enough. */
  readonly retrying: <T>(call: () => Promise<T>) => Promise<T>;
  /** Milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
}

/** What came of a request that the store may well refuse. */
export type Attempt<T> =
  | { readonly done: true; readonly answer: T }
  /** `code` is S3's name of the error. */
  | { readonly done: false; readonly status: number; readonly code: string };

export interface Canary {
  readonly bytes: Buffer;
  readonly lock: ObjectLock | null;
  /** Under a legal hold that these credentials may see. */
  readonly held: boolean;
  /** By the clock of the store, cut to seconds. */
  readonly modified: Date;
}

/** Lower-case hex. */
export function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface CanaryPut {
  readonly bytes: Buffer;
  readonly lock: ObjectLock | null;
  readonly condition?: 'create-only';
  /** Stated and signed in place of the right ones; lower-case hex. */
  readonly checksum?: string;
  readonly signedHash?: string;
}

/** Puts one canary; tells its version. */
export function putCanary(cage: Cage, name: string, put: CanaryPut): Promise<Attempt<string>> {
  const right = sha256Of(put.bytes);
  return attempt(cage, async () => {
    const command = new PutObjectCommand({
      Bucket: cage.bucket,
      Key: keyOf(cage, name),
      Body: put.bytes,
      ContentType: 'text/plain',
      ChecksumSHA256: Buffer.from(put.checksum ?? right, 'hex').toString('base64'),
      ...(put.condition === 'create-only' ? { IfNoneMatch: '*' } : {}),
      ...lockFields(put.lock),
    });
    command.middlewareStack.add(
      (next) => (args) => {
        const { headers } = args.request as { headers: Record<string, string> };
        headers['x-amz-content-sha256'] = put.signedHash ?? right;
        return next(args);
      },
      { step: 'build', name: 'signStatedHash' },
    );
    return (await cage.client.send(command)).VersionId ?? UNVERSIONED;
  });
}

/** What stands at a canary's key: this version, or the newest. Null when there is none. */
export function lookAt(cage: Cage, name: string, version?: string): Promise<Canary | null> {
  return lookAtKey(cage, keyOf(cage, name), version);
}

async function lookAtKey(cage: Cage, key: string, version: string | undefined): Promise<Canary | null> {
  const found = await attempt(cage, async () => {
    const command = new GetObjectCommand({ Bucket: cage.bucket, Key: key, VersionId: version });
    const answer = await cage.client.send(command);
    const bytes = Buffer.from((await answer.Body?.transformToByteArray()) ?? []);
    const held = answer.ObjectLockLegalHoldStatus === 'ON';
    return { bytes, lock: lockOf(answer), held, modified: answer.LastModified ?? new Date() };
  });
  if (found.done) return found.answer;
  if ([400, 404, 405].includes(found.status)) return null;
  throw new ArchiverError('sink-denied', 'a canary cannot be read', {
    detail: `${cage.bucket}/${key}: ${found.code}, HTTP ${found.status}`,
  });
}

/** Asks for another lock, never with the right to bypass the present one. */
export function retain(
  cage: Cage,
  name: string,
  version: string,
  lock: ObjectLock,
): Promise<Attempt<unknown>> {
  const command = {
    Bucket: cage.bucket,
    Key: keyOf(cage, name),
    VersionId: version,
    Retention: retentionOf(lock),
  };
  return attempt(cage, () => cage.client.send(new PutObjectRetentionCommand(command)));
}

/** Sets the legal hold of a canary; tells what the flag is then. */
export async function flag(
  cage: Cage,
  name: string,
  version: string,
  status: 'ON' | 'OFF',
): Promise<Attempt<'ON' | 'OFF'>> {
  const key = keyOf(cage, name);
  const set = await setFlag(cage, key, version, status);
  if (!set.done) return set;
  // By name: what an answer to GET does not tell may be hidden from these credentials.
  const target = { key: key.slice(cage.above.length), version };
  return attempt(cage, () => holdOf(cage, target, {}, undefined));
}

function setFlag(cage: Cage, key: string, version: string, Status: 'ON' | 'OFF'): Promise<Attempt<unknown>> {
  const target = { key: key.slice(cage.above.length), version };
  const command = { ...versionFields(cage, target), LegalHold: { Status } };
  return attempt(cage, () => cage.client.send(new PutObjectLegalHoldCommand(command)));
}

/** Asks for the deletion of one version, never with the right to bypass its lock. */
export function deleteCanary(cage: Cage, name: string, version: string): Promise<Attempt<unknown>> {
  return deleteVersion(cage, keyOf(cage, name), version);
}

/** The only deletion there is. */
function deleteVersion(cage: Cage, key: string, version: string): Promise<Attempt<unknown>> {
  const below = key.startsWith(cage.above) ? key.slice(cage.above.length) : '';
  if (!PROBE_KEY.test(below) || version === '') {
    throw new ArchiverError('internal', 'only canaries are deleted', { detail: key });
  }
  const command = { Bucket: cage.bucket, Key: key, VersionId: version };
  return attempt(cage, () => cage.client.send(new DeleteObjectCommand(command)));
}

/** Uploads a canary in one part, with a lock. */
export async function uploadCanary(
  cage: Cage,
  name: string,
  bytes: Buffer,
  lock: ObjectLock,
): Promise<Attempt<unknown>> {
  const { client, bucket: Bucket } = cage;
  const Key = keyOf(cage, name);
  const begun = await attempt(cage, () =>
    client.send(new CreateMultipartUploadCommand({ Bucket, Key, ...lockFields(lock) })),
  );
  if (!begun.done) return begun;
  const { UploadId } = begun.answer;
  // AWS wants a digest with each part of what is to be locked.
  const ContentMD5 = createHash('md5').update(bytes).digest('base64');
  const result = await attempt(cage, async () => {
    const part = { Bucket, Key, UploadId, PartNumber: 1 };
    const { ETag } = await client.send(new UploadPartCommand({ ...part, Body: bytes, ContentMD5 }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    return client.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
  });
  if (!result.done) {
    // An open upload is no object and hides from every listing of objects; whether this succeeds changes nothing.
    await attempt(cage, () => client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })));
  }
  return result;
}

/**
 * Deletes canaries that nobody needs any more: no lock holds them, and they are this probe's or older than any probe
 * takes. Tells how many; the first refusal ends it, for then the rest is refused too.
 *
 * @param now milliseconds since the epoch, by the clock of the store
 */
export async function sweepCanaries(cage: Cage, now: number): Promise<number> {
  const command = { Bucket: cage.bucket, Prefix: cage.above + PROBES, MaxKeys: SWEPT_AT_ONCE };
  const page = await cage.retrying(() => cage.client.send(new ListObjectVersionsCommand(command)));
  const own = keyOf(cage, '');
  let swept = 0;
  for (const { Key = '', VersionId = UNVERSIONED, LastModified } of page.Versions ?? []) {
    const age = now - (LastModified?.getTime() ?? now);
    if (!Key.startsWith(own) && age < ABANDONED_MS) continue;
    if (!PROBE_KEY.test(Key.slice(cage.above.length))) continue;
    const canary = await lookAtKey(cage, Key, VersionId);
    if (canary === null || (canary.lock !== null && canary.lock.retainUntil.getTime() >= now)) continue;
    // Of a probe that died between placing and lifting it. Who may not lift it may still delete the others.
    if (canary.held && !(await setFlag(cage, Key, VersionId, 'OFF')).done) continue;
    if (!(await deleteVersion(cage, Key, VersionId)).done) break;
    swept += 1;
  }
  return swept;
}

function keyOf({ above, probe }: Cage, name: string): string {
  return `${above}${PROBES}${probe}/${name}`;
}

/** Refusals that say nothing about what was attempted. */
const UNRELATED = new Set([
  'ExpiredToken',
  'InvalidAccessKeyId',
  'InvalidToken',
  'NoSuchBucket',
  'RequestTimeTooSkewed',
  'RequestTimeout',
]);

/** Makes a request whose refusal is an answer too. A store that is away or too busy is none, and fails. */
function attempt<T>(cage: Cage, call: () => Promise<T>): Promise<Attempt<T>> {
  return cage.retrying(async () => {
    try {
      return { done: true, answer: await call() };
    } catch (error) {
      const status = statusOf(error) ?? 0;
      const refused = (status >= 400 && status < 500 && status !== 408 && status !== 429) || status === 501;
      if (!refused || !(error instanceof Error) || UNRELATED.has(error.name)) throw error;
      return { done: false, status, code: error.name };
    }
  });
}
