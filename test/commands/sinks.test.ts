/** What can be wrong with the place of the archive: exit codes 6 to 9, and nothing lost once it is right. */
import { execFileSync } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startArchiver } from '../support/command.ts';
import { type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { isReplaced } from '../support/s3-fake-store.ts';
import { CEPH_RGW_16 } from '../support/s3-sink.ts';
import { expectRefusal, setStage } from './stage.ts';

/** Nothing listens there. */
const NOWHERE = 'http://127.0.0.1:9';

test('no archive: 6', async () => {
  const stage = await setStage();
  await stage.succeeds('migrate');
  await mkdir(join(stage.folder, 'archive'));
  const lines = [['collect'], ['seal'], ['run'], ['query', 'select 1']];
  for (const result of await Promise.all(lines.map((args) => stage.run(...args))))
    expectRefusal(result, 6, 'archive');
  await stage.succeeds('init');
  await stage.completes();
});

test("another account's archive: 6", async () => {
  const stage = await setStage();
  await stage.succeeds('init');
  await stage.configure({ zoom: { accountId: 'somebody-else' } });
  const names = ['init', 'collect', 'seal', 'run'];
  for (const result of await Promise.all(names.map((name) => stage.run(name))))
    expectRefusal(result, 6, 'somebody-else', 'emulated-account');
  await stage.completes();
});

test('a folder that is not mounted: 7', async () => {
  const stage = await setStage();
  await stage.succeeds('init');
  await rename(join(stage.folder, 'archive'), join(stage.folder, 'away'));
  for (const result of await Promise.all(['collect', 'seal', 'run'].map((name) => stage.run(name))))
    expectRefusal(result, 7, 'archive');
  await rename(join(stage.folder, 'away'), join(stage.folder, 'archive'));
  await stage.completes();
});

test('a bucket nobody serves, one that is not there, credentials it does not know: 7', async () => {
  const s3 = await bucket({});
  const [unserved, absent, stranger] = await Promise.all([
    setStage({ sink: s3.sink({ endpoint: NOWHERE }) }),
    setStage({ sink: s3.sink({ bucket: 'elsewhere' }) }),
    setStage({ sink: s3.sink({ accessKeyId: 'nobody', secretAccessKey: 'wrong-secret' }) }),
  ]);
  const results = await Promise.all([unserved.run('init'), absent.run('init'), stranger.run('init')]);
  expectRefusal(results[0], 7);
  expectRefusal(results[1], 7, 'elsewhere');
  expectRefusal(results[2], 7);
  expect(s3.fake.objects()).toEqual([]);
  await stranger.configure({ sink: s3.sink() });
  await stranger.succeeds('init');
});

test('a bucket without Object Lock: 8', async () => {
  const s3 = await bucket({ objectLock: false });
  const stage = await setStage({ sink: s3.sink(), retention: { default: { mode: 'compliance' } } });
  expectRefusal(await stage.run('init'), 8, 'Object Lock');
  expect(s3.fake.objects()).toEqual([]);
  await stage.configure({ sink: s3.sink(), retention: { default: { mode: 'none' } } });
  await stage.succeeds('init');
  await stage.succeeds('collect');
  await stage.configure({ sink: s3.sink(), retention: { default: { mode: 'compliance' } } });
  expectRefusal(await stage.run('seal', '--all'), 8, 'Object Lock');
  await stage.configure({ sink: s3.sink(), retention: { default: { mode: 'none' } } });
  await stage.succeeds('seal', '--all');
});

test('a bucket with Object Lock: sealed under compliance', async () => {
  const s3 = await bucket({});
  const stage = await setStage({ sink: s3.sink(), retention: { default: { mode: 'compliance' } } });
  await stage.succeeds('init');
  await stage.succeeds('collect');
  const { segments } = JSON.parse(await stage.succeeds('seal', '--all', '--json'));
  expect(segments).toBeGreaterThan(5);
  expect(
    s3.archived().every(({ key, lock }) => isReplaced(key, lock !== null) || lock?.mode === 'COMPLIANCE'),
  ).toBe(true);
  expect(JSON.parse(await stage.succeeds('query', '--json', 'select count(*) as n from messages'))).toEqual([
    { n: expect.anything() },
  ]);
  expect(s3.fake.violations).toEqual([]);
});

test('a store that lets a lock be undone: 8 under compliance, before anything is archived', async () => {
  const s3 = await bucket({ deletesLocked: true, shortensLocks: true });
  const stage = await setStage({ sink: s3.sink(), retention: { default: { mode: 'compliance' } } });
  expectRefusal(await stage.run('init'), 8, 'version-delete', 'lock-shortening');
  expect(s3.archived()).toEqual([]);
  await stage.configure({ sink: s3.sink(), retention: { default: { mode: 'governance' } } });
  expect(await stage.succeeds('init')).toMatch(/^warning: version-delete is not enforced: /m);
  await stage.configure({ sink: s3.sink(), retention: { default: { mode: 'compliance' } } });
  expectRefusal(await stage.run('run'), 8, 'version-delete', 'lock-shortening');
  expect(s3.archived().filter(({ key }) => key.startsWith('segments/'))).toEqual([]);
  expect(s3.fake.violations).toEqual([]);
});

test('a store that lets a lock be undone: a warning and a metric under governance', async () => {
  const s3 = await bucket({ deletesLocked: true, ...CEPH_RGW_16 });
  const stage = await setStage({ sink: s3.sink(), retention: { default: { mode: 'governance' } } });
  await stage.succeeds('init');
  const daemon = startArchiver(['run', '--config', stage.config]);
  const started = await daemon.line((line) => line.includes('"msg":"archiver started"'));
  const warning = await daemon.line((line) => line.includes('"check":"version-delete"'));
  expect(JSON.parse(warning)).toMatchObject({ level: 40, enforced: false });
  await daemon.line((line) => line.includes('"msg":"collected"'));
  const { port } = JSON.parse(started) as { port: number };
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toMatch(/_object_lock_enforced\{check="version-delete"\} 0$/m);
  expect(metrics).toMatch(/_object_lock_enforced\{check="lock-shortening"\} 1$/m);
  expect(metrics).toMatch(/_object_lock_enforced\{check="if-none-match"\} 0$/m);
  expect(metrics).toMatch(/_object_lock_probe_timestamp_seconds [1-9]/);
  daemon.signal('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
});

test('a store that begins to let locks be undone ends the daemon by its next probe: 8', async () => {
  const s3 = await bucket({});
  const stage = await setStage({ sink: s3.sink(), retention: { default: { mode: 'compliance' } } });
  await stage.configure({
    sink: s3.sink(),
    retention: { default: { mode: 'compliance' } },
    schedule: { maintain: { cron: '* * * * * *', jitter: '0s' } },
  });
  await stage.succeeds('init');
  const daemon = startArchiver(['run', '--config', stage.config]);
  await daemon.line((line) => line.includes('"msg":"collected"'));
  s3.fake.breakRules({ deletesLocked: true });
  expectRefusal(await daemon.ended, 8, 'version-delete');
});

test('probe: a table for people, findings for programs, 8 when a lock can be undone', async () => {
  const [good, bad] = await Promise.all([bucket(CEPH_RGW_16), bucket({ weakensLocks: true })]);
  const stage = await setStage({ sink: good.sink(), retention: { default: { mode: 'compliance' } } });
  const table = await stage.succeeds('probe');
  expect(table).toMatch(/version-delete +│ yes +│ a locked version cannot be deleted/);
  expect(table).toMatch(/if-none-match +│ no +│ .*oldest version/);
  const { mode, findings } = JSON.parse(await stage.succeeds('probe', '--json'));
  expect(mode).toBe('compliance');
  expect(findings[0]).toEqual({
    check: 'version-delete',
    essential: true,
    enforced: true,
    meaning: 'a locked version cannot be deleted',
  });
  await stage.configure({ sink: bad.sink(), retention: { default: { mode: 'compliance' } } });
  const refused = await stage.run('probe', '--json');
  expectRefusal(refused, 8, 'lock-weakening');
  expect(JSON.parse(refused.stdout).findings).toContainEqual(
    expect.objectContaining({ check: 'lock-weakening', enforced: false }),
  );
  expect(good.archived()).toEqual([]);
});

test('a directory keeps no lock from its owner: 8 under compliance, a warning under governance', async () => {
  const stage = await setStage({ retention: { default: { mode: 'compliance' } } });
  expectRefusal(await stage.run('init'), 8, 'version-delete', 'overwrite');
  await stage.configure({ retention: { default: { mode: 'governance' } } });
  expect(await stage.succeeds('init')).toContain('warning: version-delete is not enforced');
  expectRefusal(await stage.run('probe'), 8, 'version-delete');
});

const noMount = reasonNotToMount();
test.skipIf(noMount !== '').each(['archive', 'spool'])(
  `the disk of the %s is full: 9${noMount}`,
  async (name) => {
    const stage = await setStage();
    const place = join(stage.folder, name);
    await mkdir(place);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48k', 'tmpfs', place]);
    onTestFinished(() => void execFileSync('umount', ['-l', place]));
    await stage.succeeds('init');
    await stage.succeeds('collect');
    expectRefusal(await stage.run('seal', '--all'), 9, 'full');
    execFileSync('mount', ['-o', 'remount,size=64m', place]);
    await stage.succeeds('seal', '--all');
    await stage.completes();
  },
);

async function bucket(options: S3FakeOptions) {
  const fake = await startS3Fake(options);
  onTestFinished(() => fake.close());
  return {
    fake,
    /** Without what a probe left. */
    archived: () => fake.objects().filter(({ key }) => !key.startsWith('.probe/')),
    sink: (changes: object = {}) => ({
      s3: { bucket: fake.bucket, endpoint: fake.url, forcePathStyle: true, ...fake.credentials, ...changes },
    }),
  };
}

/** Empty where a small disk can be had. */
function reasonNotToMount(): string {
  if (process.getuid?.() !== 0) return ' (skipped: mounting a small disk needs root)';
  const probe = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe]);
    return '';
  } catch {
    return ' (skipped: this machine does not allow mounting)';
  }
}
