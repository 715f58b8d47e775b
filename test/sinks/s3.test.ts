import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { S3SinkOptions } from '../../src/sinks/s3.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Fault, type S3Fake, type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { bytesOf, keysOf, lockFor, putOf } from './places.ts';

const KEY = 'segments/one.parquet';
const ONE = Buffer.from('one');
const LOCKED = putOf(KEY, ONE, { lock: lockFor('compliance', 3600) });

const STORES: readonly (readonly [string, S3FakeOptions])[] = [
  ['AWS', {}],
  ['Ceph RGW 16', CEPH_RGW_16],
];

function sinkOn(fake: S3Fake, changes: Partial<S3SinkOptions> = {}): Sink {
  const sink = s3SinkOn(fake, changes);
  onTestFinished(() => sink.close());
  return sink;
}

async function startFake(options: S3FakeOptions = {}): Promise<S3Fake> {
  const fake = await startS3Fake({ prefix: PREFIX, ...options });
  onTestFinished(() => fake.close());
  return fake;
}

describe.each(STORES)('faults of a store like %s', (_, options) => {
  const faults: Fault[] = (['PUT', 'GET', 'HEAD'] as const).flatMap((method) =>
    (['lost', 'applied'] as const).flatMap((effect) =>
      (['reset', '500', '503'] as const).map((how) => ({ method, effect, how, keyPrefix: PREFIX + KEY })),
    ),
  );

  test.each(faults)('$method $effect, seen as $how: one put ends well', async (fault) => {
    const fake = await startFake({ ...options, requireLock: true });
    const sink = sinkOn(fake);
    fake.failNext(fault);
    const { object } = await sink.put(LOCKED);
    expect(object.lock?.mode).toBe('compliance');
    expect(await sink.put(LOCKED)).toEqual({ outcome: 'identical', object });
    expect(fake.objects()).toHaveLength(1);
    expect(fake.violations).toEqual([]);
  });

  test.each(faults)('$method $effect as $how, and no second try: the next put ends well', async (fault) => {
    const fake = await startFake({ ...options, requireLock: true });
    fake.failNext(fault);
    await expect(sinkOn(fake, { attempts: 1 }).put(LOCKED)).rejects.toMatchObject({
      code: 'sink-unreachable',
    });
    const { object } = await sinkOn(fake).put(LOCKED);
    expect(fake.objects()).toMatchObject([{ key: PREFIX + KEY, version: object.version, bytes: ONE }]);
    expect(fake.violations).toEqual([]);
  });

  test.each(['lost', 'applied'] as const)('raising a lock, %s: tried again', async (effect) => {
    const fake = await startFake(options);
    const sink = sinkOn(fake);
    await sink.put(putOf(KEY, ONE));
    fake.failNext({ method: 'PUT', effect, how: 'reset' });
    const { outcome, object } = await sink.put(LOCKED);
    expect([outcome, object.lock?.mode]).toEqual(['identical', 'compliance']);
    expect(fake.violations).toEqual([]);
  });

  test('a conflict after a lost answer is still a conflict', async () => {
    const fake = await startFake(options);
    const sink = sinkOn(fake);
    await sink.put(LOCKED);
    fake.tamper(PREFIX + KEY, Buffer.from('two'));
    fake.failNext({ method: 'GET', effect: 'lost', how: 'reset' });
    await expect(sink.put(LOCKED)).rejects.toMatchObject({ code: 'sink-conflict' });
    expect(fake.violations).toEqual([]);
  });

  test('a file that changes after it was measured is not stored', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'body-'));
    const path = join(folder, 'body');
    await writeFile(path, ONE);
    const fake = await startFake(options);
    const sink = sinkOn(fake, { attempts: 2, pause: () => writeFile(path, 'two') });
    fake.failNext({ method: 'PUT', effect: 'lost', how: '503' });
    const result = sink.put(putOf(KEY, ONE, { body: { path } }));
    await expect(result).rejects.toMatchObject({ code: 'sink-unreachable' });
    expect(fake.objects()).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test('what a delete marker hides is still found, listed and never put again', async () => {
    const fake = await startFake(options);
    const sink = sinkOn(fake);
    const { object } = await sink.put(LOCKED);
    const client = new S3Client({
      endpoint: fake.url,
      region: fake.region,
      forcePathStyle: true,
      credentials: fake.credentials,
    });
    await client.send(new DeleteObjectCommand({ Bucket: fake.bucket, Key: PREFIX + KEY }));
    client.destroy();
    expect(fake.violations).toEqual([{ rule: 'delete', key: PREFIX + KEY }]);
    expect(await sink.head(KEY)).toEqual(object);
    expect(await keysOf(sink)).toEqual([KEY]);
    expect(await bytesOf(await sink.read(KEY))).toEqual(ONE);
    expect(await sink.put(LOCKED)).toEqual({ outcome: 'identical', object });
    expect(fake.objects()).toHaveLength(1);
  });
});

describe('what is read back decides', () => {
  test('a lock whose headers were dropped is set by its own call', async () => {
    const fake = await startFake({ ignoreLockHeaders: true });
    const { outcome, object } = await sinkOn(fake).put(LOCKED);
    expect([outcome, object.lock?.mode]).toEqual(['created', 'compliance']);
    expect(fake.objects()[0]?.lock?.mode).toBe('COMPLIANCE');
  });

  test('a store that forgets locks is refused', async () => {
    const fake = await startFake({ forgetLocks: true });
    await expect(sinkOn(fake).put(LOCKED)).rejects.toMatchObject({ code: 'sink-unlocked' });
  });

  test('a store that loses bytes is found out', async () => {
    const fake = await startFake({ truncate: true });
    await expect(sinkOn(fake).put(LOCKED)).rejects.toMatchObject({ code: 'sink-conflict' });
  });

  test('a lock on a bucket without Object Lock is refused', async () => {
    const fake = await startFake({ objectLock: false });
    await expect(sinkOn(fake).put(LOCKED)).rejects.toMatchObject({ code: 'sink-unlocked' });
    expect(fake.objects()).toEqual([]);
    await sinkOn(fake).put(putOf(KEY, ONE));
    await expect(sinkOn(fake).put(LOCKED)).rejects.toMatchObject({ code: 'sink-unlocked' });
  });

  test('an object in a bucket without versions has the version that reads it', async () => {
    const fake = await startFake({ objectLock: false, versioning: false });
    const sink = sinkOn(fake);
    await sink.check('none');
    const { object } = await sink.put(putOf(KEY, ONE));
    expect(await bytesOf(await sink.read(KEY, object.version))).toEqual(ONE);
    expect(await sink.put(putOf(KEY, ONE))).toEqual({ outcome: 'identical', object });
    await expect(sink.put(putOf(KEY, Buffer.from('two')))).rejects.toMatchObject({ code: 'sink-conflict' });
    expect(fake.violations).toEqual([]);
  });

  test('a lock whose date has passed is a bug of the caller', async () => {
    const fake = await startFake();
    const late = putOf(KEY, ONE, { lock: lockFor('compliance', -10) });
    await expect(sinkOn(fake).put(late)).rejects.toMatchObject({ code: 'internal' });
    expect(fake.objects()).toEqual([]);
  });
});

describe('check', () => {
  test.each([
    ['no Object Lock', { objectLock: false }],
    ['no versions', { objectLock: false, versioning: false }],
  ])('refuses a bucket with %s for locks, and takes it without', async (_, options) => {
    const sink = sinkOn(await startFake(options));
    await sink.check('none');
    await expect(sink.check('compliance')).rejects.toMatchObject({ code: 'sink-unlocked' });
    await expect(sink.check('governance')).rejects.toMatchObject({ code: 'sink-unlocked' });
  });
});

describe('an unexplained answer to HEAD', () => {
  const refused: Fault = { method: 'HEAD', effect: 'lost', how: '400' };

  test('does not make an object vanish', async () => {
    const fake = await startFake();
    const sink = sinkOn(fake);
    const { object } = await sink.put(LOCKED);
    for (let n = 0; n < 3; n += 1) fake.failNext(refused);
    expect(await sink.head(KEY)).toEqual(object);
  });

  test('ends in an error when it stays', async () => {
    const fake = await startFake();
    const sink = sinkOn(fake, { attempts: 2 });
    const { object } = await sink.put(LOCKED);
    for (let n = 0; n < 8; n += 1) fake.failNext(refused);
    await expect(sink.head(KEY, object.version)).rejects.toMatchObject({ code: 'sink-unreachable' });
  });
});

describe('failures that stay', () => {
  const calls: readonly (readonly [string, (sink: Sink) => Promise<unknown>])[] = [
    ['check', (sink) => sink.check('none')],
    ['put', (sink) => sink.put(LOCKED)],
    ['head', (sink) => sink.head(KEY)],
    ['head of a version', (sink) => sink.head(KEY, 'v1')],
    ['read', (sink) => sink.read(KEY)],
    ['list', (sink) => keysOf(sink)],
  ];

  test.each(calls)('%s: denied', async (_, call) => {
    const fake = await startFake({ denied: true });
    await expect(call(sinkOn(fake))).rejects.toMatchObject({ code: 'sink-denied' });
    expect(fake.requests).toHaveLength(1);
  });

  test.each(calls)('%s: wrong credentials, which are not told', async (_, call) => {
    const credentials = { accessKeyId: 'WRONGKEY', secretAccessKey: 'WRONGSECRET' };
    const error = await call(sinkOn(await startFake(), { credentials })).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'sink-denied' });
    expect(String(error)).not.toMatch(/WRONG|fake-/);
  });

  test.each(calls)('%s: another bucket', async (_, call) => {
    const sink = sinkOn(await startFake(), { bucket: 'elsewhere' });
    await expect(call(sink)).rejects.toMatchObject({ code: 'sink-unreachable' });
  });

  test.each(calls)('%s: nobody listens', async (_, call) => {
    const fake = await startS3Fake();
    const pauses: number[] = [];
    const sink = sinkOn(fake, {
      pause: async (ms) => {
        pauses.push(ms);
      },
    });
    await fake.close();
    const error = await call(sink).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'sink-unreachable' });
    expect(String(error)).toContain('ECONNREFUSED');
    expect(pauses).toHaveLength(5);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(5000);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(100);
  });

  test('a store that stays broken is given up after the set number of tries', async () => {
    const fake = await startFake();
    for (let n = 0; n < 3; n += 1) fake.failNext({ method: 'PUT', effect: 'lost', how: '503' });
    const put = sinkOn(fake, { attempts: 3 }).put(LOCKED);
    await expect(put).rejects.toMatchObject({ code: 'sink-unreachable' });
    expect(fake.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(3);
  });

  test('a full store says so at once', async () => {
    const fake = await startFake();
    fake.failNext({ method: 'PUT', effect: 'lost', how: '507' });
    await expect(sinkOn(fake).put(LOCKED)).rejects.toMatchObject({ code: 'sink-full' });
    expect((await sinkOn(fake).put(LOCKED)).outcome).toBe('created');
  });
});

describe('abort', () => {
  test('ends a pause between two tries', async () => {
    const fake = await startFake();
    const stop = new AbortController();
    const sink = sinkOn(fake, {
      pause: async (_, signal) => {
        stop.abort();
        signal?.throwIfAborted();
      },
    });
    fake.failNext({ method: 'PUT', effect: 'lost', how: '500' });
    await expect(sink.put(LOCKED, stop.signal)).rejects.toMatchObject({ code: 'interrupted' });
    expect(fake.objects()).toEqual([]);
  });

  test.each(['lost', 'applied'] as const)(
    'ends a request in flight (%s); the next put ends well',
    async (effect) => {
      const fake = await startFake();
      const sink = sinkOn(fake);
      const stop = new AbortController();
      fake.failNext({ method: 'PUT', effect, how: 'hang', onReached: () => stop.abort() });
      await expect(sink.put(LOCKED, stop.signal)).rejects.toMatchObject({ code: 'interrupted' });
      const { outcome } = await sink.put(LOCKED);
      expect(outcome).toBe(effect === 'lost' ? 'created' : 'identical');
      expect(fake.objects()).toHaveLength(1);
      expect(fake.violations).toEqual([]);
    },
  );
});
