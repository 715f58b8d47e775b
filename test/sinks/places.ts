import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListObjectVersionsCommand,
  PutObjectLegalHoldCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { silentLog } from '../../src/log.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { createS3Sink } from '../../src/sinks/s3.ts';
import type { ObjectLock, PutRequest, Sink } from '../../src/sinks/sink.ts';
import { type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';

/** A sink to test, empty and on its own. */
export interface Place {
  readonly sink: Sink;
  /** What must not be there after a test: broken rules, left temporary files. */
  rubbish(): Promise<readonly string[]>;
  /** False where the store itself lets a second writer add a version. */
  readonly createsOnly: boolean;
  /** True where a lock holds against whoever may write. */
  readonly locks: boolean;
  close(): Promise<void>;
}

export interface PlaceKind {
  readonly name: string;
  /** Why this kind cannot be tested here, and how it could be; `null` when it can. */
  readonly missing: string | null;
  start(): Promise<{ open(): Promise<Place>; stop(): Promise<void> }>;
}

export const KINDS: readonly PlaceKind[] = [
  { name: 'a directory', missing: null, start: async () => ({ open: openDirectory, stop: async () => {} }) },
  fakeKind('an S3 like AWS', { pageSize: 3 }),
  fakeKind('an S3 like Ceph RGW 16', CEPH_RGW_16),
  {
    name: 'a real S3',
    missing:
      process.env.S3_TEST_ENDPOINT === undefined
        ? 'S3_TEST_ENDPOINT is not set; run: export $(.ci/start-rgw.sh start)'
        : null,
    start: startReal,
  },
];

async function openDirectory(): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'sink-'));
  return {
    sink: createDirectorySink({ root }),
    rubbish: () => readdir(join(root, '.incoming')).catch(() => []),
    createsOnly: true,
    locks: false,
    close: () => rm(root, { recursive: true }),
  };
}

function fakeKind(name: string, options: S3FakeOptions): PlaceKind {
  const open = async (): Promise<Place> => {
    const fake = await startS3Fake({ ...options, prefix: PREFIX, mayDestroy: true });
    const sink = s3SinkOn(fake);
    return {
      sink,
      rubbish: async () => brokenRules(fake),
      createsOnly: options.enforceIfNoneMatch ?? true,
      locks: true,
      close: () => Promise.all([sink.close(), fake.close()]).then(() => {}),
    };
  };
  return { name, missing: null, start: async () => ({ open, stop: async () => {} }) };
}

async function startReal() {
  const endpoint = process.env.S3_TEST_ENDPOINT ?? '';
  const region = process.env.AWS_REGION ?? 'us-east-1';
  const bucket = `sink-contract-${randomUUID()}`;
  const client = new S3Client({ endpoint, region, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket, ObjectLockEnabledForBucket: true }));
  const open = async (): Promise<Place> => {
    const sink = createS3Sink({
      bucket,
      prefix: `run/${randomUUID()}`,
      region,
      endpoint,
      forcePathStyle: true,
      log: silentLog(),
    });
    return { sink, rubbish: async () => [], createsOnly: false, locks: true, close: () => sink.close() };
  };
  return { open, stop: () => removeBucket(client, bucket) };
}

/** Deletes what the tests left, held or not, as soon as its locks of a few seconds have run out. */
async function removeBucket(client: S3Client, Bucket: string): Promise<void> {
  for (let tries = 0; tries < 40; tries += 1) {
    const page = await client.send(new ListObjectVersionsCommand({ Bucket }));
    const left = page.Versions ?? [];
    if (left.length === 0) break;
    const results = await Promise.allSettled(
      left.map(async ({ Key, VersionId }) => {
        const target = { Bucket, Key, VersionId };
        await client.send(new PutObjectLegalHoldCommand({ ...target, LegalHold: { Status: 'OFF' } }));
        await client.send(new DeleteObjectCommand({ ...target, BypassGovernanceRetention: true }));
      }),
    );
    if (results.every(({ status }) => status === 'rejected')) {
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
  await client.send(new DeleteBucketCommand({ Bucket }));
  client.destroy();
}

/** A put of `body`, rightly described unless `changes` says otherwise. */
export function putOf(key: string, body: Uint8Array, changes: Partial<PutRequest> = {}): PutRequest {
  return {
    key,
    body,
    size: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    lock: null,
    contentType: 'application/octet-stream',
    ...changes,
  };
}

/** A lock that ends `seconds` from now, at a fraction of a second to show any rounding down. */
export function lockFor(mode: ObjectLock['mode'], seconds: number): ObjectLock {
  return { mode, retainUntil: new Date(Math.floor(Date.now() / 1000) * 1000 + seconds * 1000 + 789) };
}

export async function bytesOf(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

export async function keysOf(sink: Sink, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const object of sink.list(prefix)) keys.push(object.key);
  return keys;
}
