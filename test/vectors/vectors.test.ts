/** Every tampering is found and blamed on the right object; nothing is said of an archive that nobody touched. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openReading } from '../../src/commands/reading.ts';
import { filesInPlace } from '../../src/proof/local-files.ts';
import { type VerifyReport, verify } from '../../src/proof/verify/verify.ts';
import { runArchiver } from '../support/command.ts';

const VALID = join(import.meta.dirname, 'valid');
const INVALID = join(import.meta.dirname, 'invalid');
const ARCHIVE = join(VALID, 'archive');
const KEY = readFileSync(join(VALID, 'public-key'), 'utf8').trim();
const HEADS = [0, 1, 2, 3].map((number) => readFileSync(join(VALID, `checkpoint-${number}`), 'utf8'));

interface Expected {
  readonly name: string;
  readonly removed?: readonly string[];
  readonly findings: readonly { readonly check: string; readonly key: string }[];
}

const vectors = readdirSync(INVALID).map((folder) => {
  const expected = JSON.parse(readFileSync(join(INVALID, folder, 'expected.json'), 'utf8')) as Expected;
  return { folder: join(INVALID, folder), ...expected };
});

async function verified(root: string, since?: string): Promise<VerifyReport> {
  const reading = await openReading({ config: '', archive: root, key: KEY });
  try {
    return await verify({
      ...reading,
      files: filesInPlace(root),
      signal: new AbortController().signal,
      // Copied a moment ago, all objects are young.
      now: () => Date.now() + 86_400_000,
      ...(since === undefined ? {} : { since }),
    });
  } finally {
    await reading.close();
  }
}

async function copy(from: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'vector-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await cp(from, root, { recursive: true });
  return root;
}

test('nothing is found in an archive that nobody touched', async () => {
  const report = await verified(ARCHIVE);
  expect(report).toMatchObject({ findings: [], objects: 16, read: 16, checkpoint: { size: 267 } });
  for (const head of HEADS) expect((await verified(ARCHIVE, head)).findings).toEqual([]);
});

test('nor where it says what was disposed of, and which lock is longer now', async () => {
  const report = await verified(join(VALID, 'disposals', 'archive'));
  expect(report).toMatchObject({ findings: [], disposed: 1 });
});

test('there are a hundred invalid archives and more', () => {
  expect(vectors.length).toBeGreaterThanOrEqual(100);
  expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
});

describe('found, and blamed on what was touched', () => {
  test.each(vectors)('$name', async ({ folder, removed = [], findings: expected }) => {
    const whole = join(folder, 'archive');
    const root = await copy(existsSync(whole) ? whole : ARCHIVE);
    for (const path of removed) await rm(join(root, path));
    if (existsSync(join(folder, 'files'))) await cp(join(folder, 'files'), root, { recursive: true });
    const { findings } = await verified(root);
    const named = findings.map(({ check, key }) => `${check} ${key}`);
    for (const { check, key } of expected) expect(named).toContain(`${check} ${key}`);
    const blamed = new Set(expected.map(({ key }) => withoutRow(key)));
    expect(named.filter((_name, index) => !blamed.has(withoutRow(findings[index]?.key ?? '')))).toEqual([]);
  });
});

/** Rows of a segment are named behind its key. */
function withoutRow(key: string): string {
  return key.replace(/#\d+$/, '');
}

test('a log that was rolled back does not extend the head saved before', async () => {
  const root = await copy(ARCHIVE);
  const checkpoint = join(root, 'log/checkpoint');
  await chmod(checkpoint, 0o644);
  await writeFile(checkpoint, HEADS[0] ?? '');
  const { findings } = await verified(root, HEADS.at(-1));
  expect(findings[0]).toMatchObject({ check: 'history', what: 'the log went back' });
});

test('the command ends with one exit code per verdict', async () => {
  const at = (root: string, ...args: string[]) =>
    runArchiver(['verify', '--json', '--archive', root, '--key', KEY, ...args]);
  const good = await at(ARCHIVE);
  expect(good).toMatchObject({ code: 0 });
  expect(JSON.parse(good.stdout)).toMatchObject({ ok: true, findings: [], checkpoint: { size: 267 } });

  const altered = await copy(ARCHIVE);
  await rm(join(altered, 'archive.json'));
  const bad = await at(altered);
  expect(bad).toMatchObject({ code: 19 });
  expect(JSON.parse(bad.stdout)).toMatchObject({
    ok: false,
    findings: [{ check: 'identity', key: 'archive.json' }],
  });

  expect(await at(join(INVALID, '000-time-that-nobody-looked-at', 'archive'))).toMatchObject({ code: 18 });
  await rm(join(altered, 'log'), { recursive: true });
  expect(await at(altered)).toMatchObject({ code: 6 });
  expect(await at(join(altered, 'elsewhere'))).toMatchObject({ code: 7 });
  expect(await runArchiver(['verify', '--archive', ARCHIVE])).toMatchObject({ code: 2 });
});
