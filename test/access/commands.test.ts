/** The access log as commands keep it: who answers, who does not, and what nobody finds in a process log. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { expectRefusal } from '../commands/stage.ts';
import { type Ended, runArchiver, writeConfig } from '../support/command.ts';
import { PUBLIC_KEY, readLog } from '../support/log.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { expectSound, questions } from './keeping.ts';
import { ACCESS_KEY, ACCESS_PUBLIC_KEY, asking, begin, numbers, open, READER } from './opening.ts';

const VALID = join(import.meta.dirname, '../vectors/valid/archive');
/** What must not be in a process log. */
const SECRET = 'xylophone';
const SQL = `select count(*)::int as n from messages where text ilike '%${SECRET}%'`;

interface Place {
  readonly folder: string;
  readonly root: string;
  readonly keyFile: string;
  /** By place and key. */
  run(command: string, ...args: readonly string[]): Promise<Ended>;
}

/** A copy of an archive, and the key of its access log. */
async function archive(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'access-commands-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const root = join(folder, 'archive');
  await cp(VALID, root, { recursive: true });
  const keyFile = join(folder, 'access.key');
  await writeFile(keyFile, `${ACCESS_KEY}\n`);
  const run = (command: string, ...args: readonly string[]): Promise<Ended> =>
    runArchiver([command, ...args, '--archive', root, '--key', PUBLIC_KEY]);
  return { folder, root, keyFile, run };
}

async function deeds(root: string) {
  const { entries } = await readLog(createDirectorySink({ root }), 'access', ACCESS_PUBLIC_KEY);
  return entries.slice(1).map(({ name, action, input }) => ({ name, action, input }));
}

test('is begun, written to by every answer, listed and checked', async () => {
  const { folder, root, keyFile, run } = await archive();
  const unrecorded = await run('query', SQL, '--json');
  expect(unrecorded).toMatchObject({ code: 0, unrecorded: true, stdout: '[{"n":0}]\n' });

  const config = await writeConfig(folder, 'http://127.0.0.1:9', {
    zoom: { accountId: 'account-1' },
    ledger: { directory: './ledger' },
    access: { key: { file: './access.key' } },
  });
  for (const created of [true, false]) {
    const begun = await runArchiver(['access-log', 'init', '--json', '--config', config]);
    expect(begun).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(begun.stdout)).toMatchObject({ created, key: ACCESS_PUBLIC_KEY });
  }
  const asked = await run('query', SQL, '--as', 'jane', '--access-key', keyFile, '--log-level', 'trace');
  expect(asked).toMatchObject({ code: 0, unrecorded: false });
  expect(asked.stderr).not.toContain(SECRET);
  // By configuration, and what refuses: who cannot be shown it, and who gives no key.
  const byConfig = await runArchiver(['query', SQL, '--as', 'john', '--config', config]);
  expect(byConfig).toMatchObject({ code: 0, stderr: '', unrecorded: false });
  expectRefusal(await run('access-log', '--role', 'auditor', '--access-key', keyFile), 28, 'auditor');
  expectRefusal(await run('query', SQL), 29, '--access-key');
  const wanted = [
    { name: 'jane', action: 'search', input: { sql: SQL } },
    { name: 'john', action: 'search', input: { sql: SQL } },
  ];
  expect(await deeds(root)).toEqual(wanted);

  const listed = await run('access-log', '--json', '--by', 'jane', '--access-key', keyFile, '--as', 'olive');
  expect(JSON.parse(listed.stdout)).toMatchObject({ entries: [{ ...wanted[0], index: 1 }], size: 4 });
  expect((await deeds(root))[2]).toEqual({
    name: 'olive',
    action: 'access-log',
    input: { name: 'jane', limit: 100 },
  });
  const verified = await run('access-log', 'verify', '--json', '--access-public-key', ACCESS_PUBLIC_KEY);
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, entries: 4, findings: [] });
  // The rest of the archive is as it was.
  const whole = await run('verify', '--json');
  const before = await runArchiver(['verify', '--json', '--archive', VALID, '--key', PUBLIC_KEY]);
  expect({ ...JSON.parse(whole.stdout), seconds: 0 }).toEqual({ ...JSON.parse(before.stdout), seconds: 0 });

  await rm(join(root, 'access/tile/entries/000.p/4'));
  expectRefusal(await run('access-log', 'verify', '--access-public-key', ACCESS_PUBLIC_KEY), 19);
});

describe('nothing is answered', () => {
  test.each(['checkpoint', 'batch/000'])('where the log has lost %s and cannot be trusted', async (part) => {
    const { root, keyFile, run } = await archive();
    await begin(createDirectorySink({ root }));
    const path = join(root, 'access', part);
    if (part === 'checkpoint') {
      const text = await readFile(path, 'utf8');
      await writeFile(path, text.replace('/access\n1\n', '/access\n2\n'));
    } else await rm(join(root, 'access'), { recursive: true });
    const refused = await run('query', SQL, '--access-key', keyFile);
    expectRefusal(refused, 29);
    expect(refused.stdout).toBe('');
    expect(refused.stderr).not.toContain(SECRET);
  });

  test('where the head is gone, to who has no key', async () => {
    const { root, run } = await archive();
    await begin(createDirectorySink({ root }));
    await rm(join(root, 'access/checkpoint'));
    expectRefusal(await run('query', SQL), 29);
  });

  test('with another key, or one that is none', async () => {
    const { root, keyFile, run } = await archive();
    await begin(createDirectorySink({ root }));
    const other = join(root, '../other.key');
    expect(
      (await runArchiver(['keygen', '--name', 'archive.example.com/test/access', '--out', other])).code,
    ).toBe(0);
    expectRefusal(await run('query', SQL, '--access-key', other), 29);
    await writeFile(keyFile, 'hunter2');
    expectRefusal(await run('query', SQL, '--access-key', keyFile), 20);
    expect(await deeds(root)).toEqual([]);
  });

  test('where the place for it has no log; where one is kept elsewhere, it is answered', async () => {
    const { folder, root, keyFile, run } = await archive();
    const own = join(folder, 'own');
    const elsewhere = ['--access', own, '--access-key', keyFile];
    await mkdir(own);
    expectRefusal(await run('query', SQL, ...elsewhere), 29);
    expectRefusal(await run('query', SQL, '--access', own), 29);
    await begin(createDirectorySink({ root: own }));
    const answered = await run('query', SQL, '--json', ...elsewhere);
    expect(answered).toMatchObject({ code: 0, stdout: '[{"n":0}]\n', stderr: '', unrecorded: false });
    expect(await deeds(own)).toMatchObject([{ action: 'search', input: { sql: SQL } }]);
    expect(await readdir(root)).not.toContain('access');
  });

  test('to who may not write to the bucket; who may, writes below access/ only', async () => {
    const fake = await startS3Fake({ prefix: PREFIX });
    const refusing = await startS3Fake({ prefix: PREFIX, forbidden: ['PUT object'] });
    onTestFinished(() => Promise.all([fake.close(), refusing.close()]).then(() => undefined));
    await expect(begin(s3SinkOn(refusing))).rejects.toMatchObject({ code: 'sink-denied' });
    const sink = s3SinkOn(fake);
    onTestFinished(() => sink.close());
    await begin(sink);
    await (await open(sink)).record(READER, asking('x'), null);
    const touched = fake.requests
      .map((request) => request.split(' ')[1] ?? '')
      .filter((key) => !key.startsWith('?'));
    expect(touched.filter((key) => !key.startsWith(`${PREFIX}access/`))).toEqual([]);
    expect(fake.requests.filter((request) => /^(DELETE|POST)/.test(request))).toEqual([]);
  });
});

test('several processes at once lose nothing and fork nothing', async () => {
  const { root } = await archive();
  const sink = createDirectorySink({ root });
  await begin(sink);
  const children = numbers(0, 3).map((name) => askingProcess(root, name, 15));
  await Promise.all(children.map(({ opened }) => opened));
  for (const { child } of children) child.stdin?.write('go\n');
  expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0, 0]);
  const asked = await questions(sink);
  expect(asked).toHaveLength(45);
  for (const [name] of children.entries())
    expect(asked.filter((text) => text.startsWith(`${name} `))).toEqual(
      numbers(0, 15).map((n) => `${name} ${n}`),
    );
  await expectSound(sink);
});

interface Asking {
  readonly child: ChildProcess;
  readonly opened: Promise<void>;
  readonly ended: Promise<number | null>;
}

function askingProcess(root: string, name: string, count: number): Asking {
  const script = join(import.meta.dirname, 'asking-process.ts');
  const child = spawn(process.execPath, ['--import', 'tsx', script, root, name, String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const opened = new Promise<void>((resolve, reject) => {
    child.stdout?.once('data', () => resolve());
    child.once('close', () => reject(new Error('the process ended before it began')));
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, opened, ended };
}
