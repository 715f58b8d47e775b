/** Extending, holding and destroying in a bucket, where the wire or the store does not do as it should. */
import {
  DeleteObjectCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { S3SinkOptions } from '../../src/sinks/s3.ts';
import type { Sink, StoredObject } from '../../src/sinks/sink.ts';
import { type Fault, type S3Fake, type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { bytesOf, keysOf, lockFor, putOf } from './places.ts';

const KEY = 'segments/one.parquet';
const WIRE = PREFIX + KEY;
const ONE = Buffer.from('one');
const HOUR_MS = 3_600_000;
const DELETION = { rule: 'delete', key: WIRE };

interface Stage {
  readonly fake: S3Fake;
  readonly sink: Sink;
  /** Calls that our sink would not make. */
  readonly stranger: S3Client;
  readonly object: StoredObject;
}

/** A bucket with one object at {@link KEY}. */
async function stage(options: S3FakeOptions = {}, changes: Partial<S3SinkOptions> = {}): Promise<Stage> {
  const fake = await startS3Fake({ prefix: PREFIX, mayDestroy: true, ...options });
  const sink = s3SinkOn(fake, changes);
  const stranger = new S3Client({
    endpoint: fake.url,
    region: fake.region,
    forcePathStyle: true,
    credentials: fake.credentials,
    maxAttempts: 1,
  });
  onTestFinished(async () => {
    stranger.destroy();
    await sink.close();
    await fake.close();
  });
  const { object } = await sink.put(putOf(KEY, ONE));
  return { fake, sink, stranger, object };
}

function deletions({ fake }: Stage): readonly string[] {
  return fake.requests.filter((request) => request.startsWith('DELETE'));
}

const VERBS: readonly (readonly [string, Fault['method'], string, (on: Stage) => Promise<unknown>])[] = [
  [
    'extend',
    'PUT',
    '?retention',
    ({ sink, object }) => sink.extend(KEY, object.version, lockFor('compliance', 3600)),
  ],
  ['placeHold', 'PUT', '?legal-hold', ({ sink, object }) => sink.placeHold(KEY, object.version)],
  ['liftHold', 'PUT', '?legal-hold', ({ sink, object }) => sink.liftHold(KEY, object.version)],
  ['destroy', 'DELETE', '', ({ sink }) => sink.destroy(KEY)],
];

/** What the bucket holds, without what differs between two runs. */
function state({ fake }: Stage) {
  return fake.objects().map(({ key, lock, held }) => ({ key, mode: lock?.mode ?? null, held }));
}

describe.each([
  ['AWS', {}],
  ['Ceph RGW 16', CEPH_RGW_16],
] as const)('faults of a store like %s', (_, options) => {
  for (const [name, method, action, call] of VERBS) {
    const writes = (['lost', 'applied'] as const).map(
      (effect): Fault => ({ method, action, effect, how: '503' }),
    );
    const reads: Fault[] = [{ method: 'HEAD', effect: 'lost', how: 'reset' }];

    test.each([...writes, ...writes.map((fault): Fault => ({ ...fault, how: 'reset' })), ...reads])(
      `${name}: $method $effect, seen as $how: one call ends well, and so does the same after one that failed`,
      async (fault) => {
        const ready = async (changes: Partial<S3SinkOptions> = {}): Promise<Stage> => {
          const on = await stage(options, changes);
          if (name === 'liftHold') await on.sink.placeHold(KEY, on.object.version);
          return on;
        };
        const plain = await ready();
        const result = await call(plain);
        const patient = await ready();
        patient.fake.failNext(fault);
        await call(patient);
        expect(state(patient)).toEqual(state(plain));
        const hasty = await ready({ attempts: 1 });
        hasty.fake.failNext(fault);
        await expect(call(hasty)).rejects.toMatchObject({ code: 'sink-unreachable' });
        await call(hasty);
        expect(state(hasty)).toEqual(state(plain));
        if (name === 'destroy') expect(result).toEqual({ versions: 1, bytes: 3 });
        for (const { fake } of [plain, patient, hasty]) expect(brokenRules(fake)).toEqual([]);
      },
    );
  }

  test('what a lost answer deleted is counted', async () => {
    const { fake, sink } = await stage(options);
    fake.failNext({ method: 'DELETE', effect: 'applied', how: 'reset' });
    expect(await sink.destroy(KEY)).toEqual({ versions: 1, bytes: 3 });
  });
});

describe('a key with several versions', () => {
  /** A second version with the same bytes, a marker before it, and a longer key that must stay. */
  async function twice(options: S3FakeOptions = {}, changes: Partial<S3SinkOptions> = {}) {
    const on = await stage({ isMutable: () => true, pageSize: 1, ...options }, changes);
    const put = { Bucket: on.fake.bucket, Key: WIRE, Body: ONE };
    const { VersionId: second = '' } = await on.stranger.send(new PutObjectCommand(put));
    await on.stranger.send(new DeleteObjectCommand({ Bucket: on.fake.bucket, Key: WIRE }));
    await on.sink.put(putOf(`${KEY}.longer`, ONE));
    return { ...on, second, target: { Bucket: on.fake.bucket, Key: WIRE, VersionId: second } };
  }

  test('loses all of them, and its delete markers', async () => {
    const on = await twice();
    expect(await on.sink.destroy(KEY)).toEqual({ versions: 2, bytes: 6 });
    expect(on.fake.objects().map(({ key }) => key)).toEqual([`${WIRE}.longer`]);
    // Two versions and the marker, which is no object and would hide the next one.
    expect(deletions(on).slice(-3)).toEqual(Array(3).fill(`DELETE ${WIRE}`));
    expect((await on.sink.put(putOf(KEY, ONE))).outcome).toBe('created');
    expect(await bytesOf(await on.sink.read(KEY))).toEqual(ONE);
    expect((await on.sink.current(KEY))?.bytes).toEqual(ONE);
    // The stranger's marker.
    expect(on.fake.violations).toEqual([DELETION]);
  });

  test.each(['lock', 'hold'] as const)('loses none while one is under a %s', async (kind) => {
    const on = await twice();
    const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + HOUR_MS) } as const;
    await (kind === 'lock'
      ? on.stranger.send(new PutObjectRetentionCommand({ ...on.target, Retention }))
      : on.stranger.send(new PutObjectLegalHoldCommand({ ...on.target, LegalHold: { Status: 'ON' } })));
    const before = deletions(on).length;
    const refused = await on.sink.destroy(KEY).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'sink-locked' });
    expect(String(refused)).toContain(on.second);
    expect(deletions(on)).toHaveLength(before);
    expect(on.fake.objects()).toHaveLength(3);
    expect(on.fake.violations).toEqual([DELETION]);
  });

  test('loses none where the clock of the store is behind ours: the store refuses first', async () => {
    const on = await twice({}, { now: () => Date.now() + 2 * HOUR_MS });
    const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + HOUR_MS) } as const;
    await on.stranger.send(new PutObjectRetentionCommand({ ...on.target, Retention }));
    await expect(on.sink.destroy(KEY)).rejects.toMatchObject({ code: 'sink-locked' });
    expect(on.fake.objects()).toHaveLength(3);
    expect(on.fake.violations).toEqual([DELETION, DELETION]);
  });
});

describe('a refusal', () => {
  test('for a hold placed in the meantime is told as one', async () => {
    const on: Stage = await stage(
      {},
      {
        pause: async () => {
          const target = { Bucket: on.fake.bucket, Key: WIRE, VersionId: on.object.version };
          await on.stranger.send(new PutObjectLegalHoldCommand({ ...target, LegalHold: { Status: 'ON' } }));
        },
      },
    );
    on.fake.failNext({ method: 'DELETE', effect: 'lost', how: '503' });
    const refused = await on.sink.destroy(KEY).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'sink-locked' });
    expect(String(refused)).toContain('legal hold');
    expect(on.fake.objects()).toHaveLength(1);
  });

  test.each([
    ['to delete', 'DELETE object'],
    ['to see holds', 'GET object?legal-hold'],
    ['to see locks', 'GET object?retention'],
  ])('for want of the right %s is denied, and nothing is gone', async (_, call) => {
    const on = await stage({ forbidden: [call] });
    await expect(on.sink.destroy(KEY)).rejects.toMatchObject({ code: 'sink-denied' });
    expect(on.fake.objects()).toHaveLength(1);
    expect(brokenRules(on.fake)).toEqual([]);
  });

  test.each(['PUT object?legal-hold', 'GET object?legal-hold'])(
    'of %s: a hold is denied, not believed',
    async (call) => {
      const { sink, object } = await stage({ forbidden: [call] });
      await expect(sink.placeHold(KEY, object.version)).rejects.toMatchObject({ code: 'sink-denied' });
      await expect(sink.liftHold(KEY, object.version)).rejects.toMatchObject({ code: 'sink-denied' });
    },
  );

  test('to extend without the right is denied', async () => {
    const { sink, object } = await stage({ forbidden: ['PUT object?retention'] });
    const extended = sink.extend(KEY, object.version, lockFor('governance', 60));
    await expect(extended).rejects.toMatchObject({ code: 'sink-denied' });
  });
});

describe('what is read back decides', () => {
  test('a store that forgets holds is refused', async () => {
    const { sink, object } = await stage({ forgetHolds: true });
    await expect(sink.placeHold(KEY, object.version)).rejects.toMatchObject({ code: 'sink-unlocked' });
  });

  test('a store that forgets locks is refused', async () => {
    const { sink, object } = await stage({ forgetLocks: true });
    const extended = sink.extend(KEY, object.version, lockFor('governance', 60));
    await expect(extended).rejects.toMatchObject({ code: 'sink-unlocked' });
  });

  test.each([
    ['without Object Lock', { objectLock: false }],
    ['without versions', { objectLock: false, versioning: false }],
  ])('a bucket %s keeps no holds and no locks, and lets go of objects', async (_, options) => {
    const { fake, sink, object } = await stage(options);
    await expect(sink.placeHold(KEY, object.version)).rejects.toMatchObject({ code: 'sink-unlocked' });
    const extended = sink.extend(KEY, object.version, lockFor('governance', 60));
    await expect(extended).rejects.toMatchObject({ code: 'sink-unlocked' });
    expect(await sink.destroy(KEY)).toEqual({ versions: 1, bytes: 3 });
    expect(await keysOf(sink)).toEqual([]);
    expect(brokenRules(fake)).toEqual([]);
  });
});

describe('the police', () => {
  test('writes down a deletion that S3 refuses, and each bypass', async () => {
    const { fake, sink, stranger, object } = await stage();
    await sink.placeHold(KEY, object.version);
    const target = { Bucket: fake.bucket, Key: WIRE, VersionId: object.version };
    for (const BypassGovernanceRetention of [false, true]) {
      const command = new DeleteObjectCommand({ ...target, BypassGovernanceRetention });
      await expect(stranger.send(command)).rejects.toMatchObject({ name: 'AccessDenied' });
    }
    const Retention = { Mode: 'GOVERNANCE', RetainUntilDate: new Date(Date.now() + HOUR_MS) } as const;
    await stranger.send(
      new PutObjectRetentionCommand({ ...target, Retention, BypassGovernanceRetention: true }),
    );
    expect(fake.violations.map(({ rule }) => rule)).toEqual(['delete', 'bypass', 'delete', 'bypass']);
  });

  test('takes every deletion for a mistake where none is expected', async () => {
    const { fake, sink } = await stage({ mayDestroy: false });
    await sink.destroy(KEY);
    expect(fake.violations).toEqual([DELETION]);
  });
});
