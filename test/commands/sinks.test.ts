/** What can be wrong with the place of the archive: exit codes 6 to 9, and nothing lost once it is right. */
import { execFileSync } from 'node:child_process';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { isReplaced } from '../support/s3-fake-store.ts';
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
  const stage = await setStage({ sink: s3.sink(), retention: { mode: 'compliance' } });
  expectRefusal(await stage.run('init'), 8, 'Object Lock');
  expect(s3.fake.objects()).toEqual([]);
  await stage.configure({ sink: s3.sink(), retention: { mode: 'none' } });
  await stage.succeeds('init');
  await stage.succeeds('collect');
  await stage.configure({ sink: s3.sink(), retention: { mode: 'compliance' } });
  expectRefusal(await stage.run('seal', '--all'), 8, 'Object Lock');
  await stage.configure({ sink: s3.sink(), retention: { mode: 'none' } });
  await stage.succeeds('seal', '--all');
});

test('a bucket with Object Lock: sealed under compliance', async () => {
  const s3 = await bucket({});
  const stage = await setStage({ sink: s3.sink(), retention: { mode: 'compliance' } });
  await stage.succeeds('init');
  await stage.succeeds('collect');
  const { segments } = JSON.parse(await stage.succeeds('seal', '--all', '--json'));
  expect(segments).toBeGreaterThan(5);
  expect(s3.fake.objects().every(({ key, lock }) => isReplaced(key) || lock?.mode === 'COMPLIANCE')).toBe(
    true,
  );
  expect(JSON.parse(await stage.succeeds('query', '--json', 'select count(*) as n from messages'))).toEqual([
    { n: expect.anything() },
  ]);
  expect(s3.fake.violations).toEqual([]);
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
