/** Legal holds in a bucket: a flag of each version, beside its lock. */
import {
  GetObjectLegalHoldCommand,
  type HeadObjectCommandOutput,
  PutObjectLegalHoldCommand,
} from '@aws-sdk/client-s3';
import { ArchiverError } from '../errors.ts';
import { type Bucket, headVersion, storedObject, type Target, versionFields } from './s3-bucket.ts';
import { isRefusedLock, statusOf } from './s3-error.ts';
import type { StoredObject } from './sink.ts';

/**
 * Sets the flag of one version and reads it back.
 *
 * @throws ArchiverError `sink-unlocked` where the store has no such flag or did not keep it, `sink-unreachable` where
 *   there is no such version.
 */
export async function setHold(
  bucket: Bucket,
  target: Target,
  status: 'ON' | 'OFF',
  signal: AbortSignal | undefined,
): Promise<StoredObject> {
  const detail = `${bucket.subject(target.key)} version ${target.version}`;
  const command = { ...versionFields(bucket, target), LegalHold: { Status: status } };
  const once = async (): Promise<StoredObject> => {
    try {
      await bucket.client.send(new PutObjectLegalHoldCommand(command), signal && { abortSignal: signal });
    } catch (error) {
      if (!isRefusedLock(error)) throw error;
      throw new ArchiverError('sink-unlocked', 'the store refused the legal hold', { detail, cause: error });
    }
    const answer = await headVersion(bucket, target, signal);
    if (answer === null) {
      throw new ArchiverError('sink-unreachable', 'a stored version cannot be read back', { detail });
    }
    const told = await holdOf(bucket, target, answer, signal);
    if (told === status) return { ...storedObject(target, answer), held: status === 'ON' };
    throw new ArchiverError('sink-unlocked', 'the store did not keep the legal hold', { detail });
  };
  return bucket.retrying(target.key, once, signal);
}

/**
 * The flag of a version, for certain. AWS and Ceph RGW tell it with HEAD where it was ever set. Where HEAD is silent it
 * was either never set, or the credentials may not see it: asking for it by name tells these apart.
 *
 * @throws the store's refusal when the credentials may not see the flag
 */
export async function holdOf(
  { client, ...bucket }: Pick<Bucket, 'client' | 'bucket' | 'above'>,
  target: Target,
  head: Pick<HeadObjectCommandOutput, 'ObjectLockLegalHoldStatus'>,
  signal: AbortSignal | undefined,
): Promise<'ON' | 'OFF'> {
  const { ObjectLockLegalHoldStatus: told } = head;
  if (told !== undefined) return told;
  try {
    const command = new GetObjectLegalHoldCommand(versionFields(bucket, target));
    const { LegalHold } = await client.send(command, signal && { abortSignal: signal });
    return LegalHold?.Status === 'ON' ? 'ON' : 'OFF';
  } catch (error) {
    if (isNeverSet(error)) return 'OFF';
    throw error;
  }
}

/** What a store answers that is asked for a lock or hold that the version never had, or where the bucket has none. */
export function isNeverSet(error: unknown): boolean {
  return statusOf(error) === 404 || isRefusedLock(error);
}
