/** The destruction of a key, which asks about every version before it deletes one. */
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  ListObjectVersionsCommand,
} from '@aws-sdk/client-s3';
import { ArchiverError } from '../errors.ts';
import { requireUnprotected } from './lock.ts';
import { type Bucket, headVersion, storedObject, type Target, versionFields } from './s3-bucket.ts';
import { answeredAt, statusOf } from './s3-error.ts';
import { holdOf, isNeverSet } from './s3-hold.ts';
import { lockOf } from './s3-lock.ts';
import { type Standing, standingAt } from './s3-versions.ts';
import type { Destroyed, ObjectLock, StoredObject } from './sink.ts';

/**
 * Deletes every version and delete marker of a key, if none of them is protected.
 *
 * @param now milliseconds since the epoch; where the store's clock is behind, the store refuses
 * @throws ArchiverError `sink-locked` where a version is under a hold or a lock that is not over
 */
export async function destroyVersions(
  bucket: Bucket,
  key: string,
  now: number,
  signal: AbortSignal | undefined,
): Promise<Destroyed> {
  const retrying = <T>(call: () => Promise<T>): Promise<T> => bucket.retrying(key, call, signal);
  const { versions, markers } = await retrying(() => listed(bucket, key, signal));
  const free: { readonly version: string; readonly end: number }[] = [];
  for (const { version } of versions) {
    const target = { key, version };
    const found = await retrying(() => protectionOf(bucket, target, signal));
    requireUnprotected(found, bucket.subject(key), now);
    free.push({ version, end: found.lock?.retainUntil.getTime() ?? 0 });
  }
  // The lock that ends last first: a store whose clock is behind ours then refuses before anything is gone. Markers
  // last: what a crash leaves stays hidden.
  free.sort((a, b) => b.end - a.end);
  for (const version of [...free.map((each) => each.version), ...markers]) {
    await retrying(() => deleteVersion(bucket, { key, version }, signal));
  }
  if (versions.length + markers.length > 0) await retrying(() => requireGone(bucket, key, signal));
  return { versions: versions.length, bytes: versions.reduce((sum, { size }) => sum + size, 0) };
}

function listed(bucket: Bucket, key: string, signal: AbortSignal | undefined): Promise<Standing> {
  const folder = { bucket: bucket.bucket, above: bucket.above, prefix: key };
  return standingAt(folder, (input) =>
    bucket.client.send(new ListObjectVersionsCommand(input), signal && { abortSignal: signal }),
  );
}

/** Fails where the credentials may not see a lock or hold: nothing is taken for free that was not seen to be. */
async function protectionOf(
  bucket: Bucket,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<Pick<StoredObject, 'version' | 'lock' | 'held'>> {
  const head = await headVersion(bucket, target, signal);
  if (head === null) throw left(bucket, target, 'a listed version cannot be read');
  return {
    version: target.version,
    held: (await holdOf(bucket, target, head, signal)) === 'ON',
    lock: lockOf(head) ?? (await retentionOf(bucket, target, signal)),
  };
}

async function retentionOf(
  bucket: Bucket,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<ObjectLock | null> {
  try {
    const command = new GetObjectRetentionCommand(versionFields(bucket, target));
    const { Retention } = await bucket.client.send(command, signal && { abortSignal: signal });
    return lockOf({
      ObjectLockMode: Retention?.Mode,
      ObjectLockRetainUntilDate: Retention?.RetainUntilDate,
    });
  } catch (error) {
    if (isNeverSet(error)) return null;
    throw error;
  }
}

/** A refusal is looked into: a hold placed a moment ago and missing rights are answered in the same way. */
async function deleteVersion(bucket: Bucket, target: Target, signal: AbortSignal | undefined): Promise<void> {
  try {
    const command = new DeleteObjectCommand(versionFields(bucket, target));
    await bucket.client.send(command, signal && { abortSignal: signal });
  } catch (error) {
    const status = statusOf(error);
    const head = status === 400 || status === 403 ? await headVersion(bucket, target, signal) : null;
    if (head !== null) {
      const now = answeredAt(error) ?? Date.now();
      requireUnprotected(storedObject(target, head), bucket.subject(target.key), now);
    }
    throw error;
  }
}

async function requireGone(bucket: Bucket, key: string, signal: AbortSignal | undefined): Promise<void> {
  const { versions, markers } = await listed(bucket, key, signal);
  const version = versions[0]?.version ?? markers[0];
  if (version !== undefined) throw left(bucket, { key, version }, 'a destroyed key is not empty');
}

function left(bucket: Bucket, { key, version }: Target, phrase: string): ArchiverError {
  return new ArchiverError('sink-unreachable', phrase, {
    detail: `${bucket.subject(key)} version ${version}`,
  });
}
