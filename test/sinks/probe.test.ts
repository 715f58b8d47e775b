import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Finding } from '../../src/sinks/probe.ts';
import type { S3SinkOptions } from '../../src/sinks/s3.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Fault, type S3Fake, type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { keysOf, lockFor, putOf } from './places.ts';

const HOUR_MS = 3_600_000;
const ARCHIVED = putOf('segments/one.parquet', Buffer.from('one'), { lock: lockFor('compliance', 3600) });

afterEach(() => void vi.useRealTimers());

/** A bucket with something archived in it; at the end no rule was broken on a key of the archive. */
async function bucket(
  options: S3FakeOptions = {},
  changes: Partial<S3SinkOptions> = {},
): Promise<{ fake: S3Fake; sink: Sink }> {
  const fake = await startS3Fake({ prefix: PREFIX, ...options });
  const sink = s3SinkOn(fake, changes);
  onTestFinished(async () => {
    const broken = brokenRules(fake);
    await sink.close();
    await fake.close();
    expect(broken).toEqual([]);
  });
  return { fake, sink };
}

/** `check: enforced` of all findings. */
function told(findings: readonly Finding[]): Record<string, boolean | 'unknown'> {
  return Object.fromEntries(findings.map(({ check, enforced }) => [check, enforced]));
}

const ESSENTIAL = {
  'version-delete': true,
  'lock-shortening': true,
  'lock-weakening': true,
  overwrite: true,
  'held-delete': true,
};
const ALL = {
  ...ESSENTIAL,
  'lock-headers': true,
  'if-none-match': true,
  checksum: true,
  'signed-hash': true,
  'multipart-lock': true,
  'legal-hold': true,
};

describe('a store that keeps its promise', () => {
  test('like AWS: all of it, and nothing of the probe is seen as archived', async () => {
    const { fake, sink } = await bucket();
    await sink.put(ARCHIVED);
    const findings = await sink.probe('compliance');
    expect(told(findings)).toEqual(ALL);
    expect(findings.filter(({ essential }) => essential).map(({ check }) => check)).toEqual(
      Object.keys(ESSENTIAL),
    );
    expect(await keysOf(sink)).toEqual([ARCHIVED.key]);
    const left = fake.objects().filter(({ key }) => key.startsWith(`${PREFIX}.probe/`));
    expect(left.length).toBeGreaterThan(0);
    for (const { lock } of left) {
      expect(lock?.mode).toBe('COMPLIANCE');
      expect(lock?.retainUntil.getTime()).toBeLessThan(Date.now() + 120_000);
    }
  });

  test('like Ceph RGW 16: what is essential, and its weaknesses by name', async () => {
    const { sink } = await bucket(CEPH_RGW_16);
    const findings = await sink.probe('compliance');
    expect(told(findings)).toEqual({
      ...ALL,
      'if-none-match': false,
      checksum: false,
      'multipart-lock': false,
    });
    const meaning = (name: string) => findings.find(({ check }) => check === name)?.meaning;
    expect(meaning('if-none-match')).toContain('the oldest version');
    expect(meaning('checksum')).toContain('signs the hash');
  });

  test('under governance: nothing that only compliance has, and never by bypass', async () => {
    const { 'lock-weakening': _, ...rest } = ALL;
    const { fake, sink } = await bucket();
    expect(told(await sink.probe('governance'))).toEqual(rest);
    expect(new Set(fake.objects().map(({ lock }) => lock?.mode))).toEqual(new Set(['GOVERNANCE']));
  });

  test.each([-5, 5])('whose clock is %s minutes off', async (minutes) => {
    const { sink } = await bucket({ now: () => Date.now() + minutes * 60_000 });
    expect(told(await sink.probe('compliance'))).toEqual(ALL);
  });

  test('that locks all it gets for a year: no canary gets such a lock', async () => {
    const { fake, sink } = await bucket(
      { defaultLock: { mode: 'COMPLIANCE', days: 365 }, dropMultipartLocks: true },
      { pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) },
    );
    expect(told(await sink.probe('compliance'))).toEqual({ ...ALL, 'multipart-lock': 'unknown' });
    const ends = fake.objects().map(({ lock }) => lock?.retainUntil.getTime() ?? 0);
    expect(Math.max(...ends)).toBeLessThan(Date.now() + HOUR_MS);
  });
});

describe('a store that breaks one rule', () => {
  const breaks: readonly (readonly [string, S3FakeOptions, readonly string[]])[] = [
    ['deletes what is locked', { deletesLocked: true }, ['version-delete']],
    ['shortens locks', { shortensLocks: true }, ['lock-shortening']],
    ['weakens locks', { weakensLocks: true }, ['lock-weakening']],
    ['loses locks of puts', { ignoreLockHeaders: true }, ['lock-headers', 'multipart-lock']],
    [
      'forgets all locks',
      { forgetLocks: true },
      [...Object.keys(ESSENTIAL).slice(0, 3), 'lock-headers', 'multipart-lock'],
    ],
    ['loses locks of multipart uploads', { dropMultipartLocks: true }, ['multipart-lock']],
    ['lets every writer in', { enforceIfNoneMatch: false }, ['if-none-match']],
    ['takes any checksum', { verifyChecksums: false }, ['checksum']],
    ['takes any body', { verifySignedHash: false }, ['signed-hash']],
  ];

  test.each(breaks)('that %s: found and named, and nothing else is', async (_, options, named) => {
    const { sink } = await bucket(options);
    const findings = await sink.probe('compliance');
    expect(findings.filter(({ enforced }) => enforced !== true).map(({ check }) => check)).toEqual(named);
    expect(findings.every(({ enforced }) => enforced !== 'unknown')).toBe(true);
  });

  test('that deletes what is held: found, and no hold is left to lift', async () => {
    const { sink } = await bucket({ deletesHeld: true });
    const expected = { ...ALL, 'held-delete': false, 'legal-hold': 'unknown' };
    expect(told(await sink.probe('compliance'))).toEqual(expected);
  });

  test.each([
    ['forgets holds', { forgetHolds: true }],
    ['does not lift them', { keepsHolds: true }],
    ['has none', { unimplemented: ['PUT object?legal-hold'] }],
  ])('that %s: found, and not taken for a store that lets what is held be deleted', async (_, options) => {
    const { sink } = await bucket(options);
    const findings = told(await sink.probe('compliance'));
    expect(findings).toMatchObject({ ...ALL, 'held-delete': expect.anything(), 'legal-hold': false });
    expect(findings['held-delete']).not.toBe(false);
  });

  test('that replaces what is locked: found, and so is all that was lost with it', async () => {
    const { sink } = await bucket({ replacesLocked: true, enforceIfNoneMatch: false });
    expect(told(await sink.probe('compliance'))).toMatchObject({ overwrite: false, 'version-delete': false });
  });
});

describe('credentials that may not do what is tried show nothing', () => {
  const rights: readonly (readonly [string, string, readonly string[]])[] = [
    ['delete', 'DELETE object', ['version-delete', 'held-delete']],
    ['change a lock', 'PUT object?retention', ['lock-shortening', 'lock-weakening']],
    ['set a hold', 'PUT object?legal-hold', ['held-delete', 'legal-hold']],
    ['see a hold', 'GET object?legal-hold', ['held-delete', 'legal-hold']],
    ['begin an upload', 'POST object?uploads', ['multipart-lock']],
    ['put', 'PUT object', Object.keys(ALL)],
  ];

  test.each(rights)('not %s', async (_, call, names) => {
    const { sink } = await bucket({ forbidden: [call] });
    const findings = await sink.probe('compliance');
    const unknown = findings.filter(({ enforced }) => enforced === 'unknown');
    expect(unknown.map(({ check }) => check)).toEqual(names);
    expect(findings.some(({ enforced }) => enforced === false)).toBe(false);
    for (const { meaning } of unknown) expect(meaning).toMatch(/credentials|AccessDenied/);
  });

  test('but what passes all the same is found', async () => {
    const { sink } = await bucket({
      forbidden: ['DELETE object'],
      replacesLocked: true,
      enforceIfNoneMatch: false,
    });
    expect(told(await sink.probe('compliance'))).toMatchObject({ overwrite: false });
  });

  test('not even read a canary: denied', async () => {
    const { sink } = await bucket({ forbidden: ['GET object'] });
    await expect(sink.probe('compliance')).rejects.toMatchObject({ code: 'sink-denied' });
  });
});

describe('what a probe leaves', () => {
  test('is deleted by a later one when its lock is over, and nothing else ever is', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { fake, sink } = await bucket();
    await sink.put(putOf('probe/one', Buffer.from('one')));
    await putBehind(
      fake,
      `${PREFIX}.probe/readme`,
      `${PREFIX}b/.probe/2d8a0b4e-8f4c-4f3b-9a55-6f2f4d0f5a11/canary`,
    );
    const others = fake.objects().map(({ version }) => version);
    await sink.probe('compliance');
    const first = fake.objects().map(({ version }) => version);
    await sink.probe('compliance');
    expect(versionsOf(fake)).toEqual(expect.arrayContaining(first));
    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    expect(told(await sink.probe('compliance'))).toEqual(ALL);
    const kept = first.filter((version) => versionsOf(fake).includes(version));
    expect(kept.sort()).toEqual(others.sort());
  });

  test('does not upset a later one, wherever it died', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const { fake, sink } = await bucket({}, { attempts: 1 });
    let died = 0;
    for (const method of ['PUT', 'GET', 'POST', 'DELETE'] as const)
      for (const effect of ['lost', 'applied'] as const)
        for (let after = 0; await dies(fake, sink, { method, effect, after, how: 'reset' }); after += 1)
          died += 1;
    expect(died).toBeGreaterThan(40);
    expect(told(await sink.probe('compliance'))).toEqual(ALL);
    expect(fake.objects().some(({ held }) => held)).toBe(true);
    vi.setSystemTime(Date.now() + 2 * HOUR_MS);
    await sink.probe('compliance');
    expect(fake.objects().length).toBeLessThan(10);
    expect(fake.objects().some(({ held }) => held)).toBe(false);
  });

  test('is tried again where a store fails for a moment', async () => {
    const { fake, sink } = await bucket();
    for (const method of ['PUT', 'GET', 'POST', 'DELETE'] as const)
      for (const effect of ['lost', 'applied'] as const)
        for (const after of [0, 2]) fake.failNext({ method, effect, after, how: '503' });
    expect(told(await sink.probe('compliance'))).toMatchObject(ESSENTIAL);
  });

  test('is not added to after an abort', async () => {
    const { fake, sink } = await bucket();
    const stop = new AbortController();
    fake.failNext({ method: 'PUT', effect: 'applied', after: 1, how: '503', onReached: () => stop.abort() });
    await expect(sink.probe('compliance', stop.signal)).rejects.toMatchObject({ code: 'interrupted' });
    expect(fake.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(2);
  });
});

/** True when the fault ended the probe; false when the probe was over before. */
async function dies(fake: S3Fake, sink: Sink, fault: Fault): Promise<boolean> {
  let reached = false;
  fake.failNext({
    ...fault,
    keyPrefix: `${PREFIX}.probe/`,
    onReached: () => {
      reached = true;
    },
  });
  const error = await sink.probe('compliance').catch((caught: unknown) => caught);
  if (!reached) fake.forgetFaults();
  else expect(error).toMatchObject({ code: 'sink-unreachable' });
  return reached;
}

function versionsOf(fake: S3Fake): readonly string[] {
  return fake.objects().map(({ version }) => version);
}

/** What looks nearly like a canary of this archive. */
async function putBehind(fake: S3Fake, ...keys: readonly string[]): Promise<void> {
  const { url: endpoint, region, credentials } = fake;
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  for (const Key of keys) await client.send(new PutObjectCommand({ Bucket: fake.bucket, Key, Body: 'x' }));
  client.destroy();
}
