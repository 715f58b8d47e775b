/** A bucket, as the files beside the S3 sink make calls to it, and the look at one version that they share. */
import { HeadObjectCommand, type HeadObjectCommandOutput, type S3Client } from '@aws-sdk/client-s3';
import { statusOf } from './s3-error.ts';
import { lockOf } from './s3-lock.ts';
import type { Retrying } from './s3-retry.ts';
import type { StoredObject } from './sink.ts';

export interface Bucket {
  readonly client: S3Client;
  readonly bucket: string;
  /** In front of every key on the wire: '' or ending in a slash. */
  readonly above: string;
  readonly retrying: Retrying;
  /** Bucket and key, as the detail of an error names them. */
  readonly subject: (key: string) => string;
}

/** One version of a key. */
export interface Target {
  readonly key: string;
  readonly version: string;
}

/** The fields by which a command names a version. */
export function versionFields({ bucket, above }: Pick<Bucket, 'bucket' | 'above'>, target: Target) {
  return { Bucket: bucket, Key: above + target.key, VersionId: target.version };
}

/** What the store tells of a version; null when it has no such version, also when the id cannot be one of its own. */
export async function headVersion(
  bucket: Pick<Bucket, 'client' | 'bucket' | 'above'>,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<HeadObjectCommandOutput | null> {
  try {
    const command = new HeadObjectCommand(versionFields(bucket, target));
    return await bucket.client.send(command, signal && { abortSignal: signal });
  } catch (error) {
    const status = statusOf(error);
    // 405 is a delete marker's answer.
    if (status === 400 || status === 404 || status === 405) return null;
    throw error;
  }
}

/** An answer of {@link headVersion} as the contract has it. */
export function storedObject({ key, version }: Target, answer: HeadObjectCommandOutput): StoredObject {
  const held = answer.ObjectLockLegalHoldStatus === 'ON';
  return { key, version, size: answer.ContentLength ?? 0, lock: lockOf(answer), held };
}
