/** What verification makes of objects that the log does not name, at the edges of time and of the log. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { signCheckpoint } from '../../src/proof/checkpoint.ts';
import { entryBytes, type LogEntry } from '../../src/proof/entry.ts';
import { encodeBundle } from '../../src/proof/entry-bundle.ts';
import { EMPTY_FRONTIER, frontierRoot, grow } from '../../src/proof/frontier.ts';
import { parseNoteKey, parseSignerKey } from '../../src/proof/key.ts';
import { filesInPlace } from '../../src/proof/local-files.ts';
import { entryHash } from '../../src/proof/tree.ts';
import { type VerifyOptions, verify } from '../../src/proof/verify/verify.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import type { SinkReader } from '../../src/sinks/sink.ts';
import { PUBLIC_KEY, SIGNING_KEY } from '../support/log.ts';

const VALID = join(import.meta.dirname, '../vectors/valid');
const UNKNOWN = `objects/sha256/2c/2c${'0'.repeat(62)}`;
const DAY = 86_400_000;

async function copy(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'verify-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await cp(join(VALID, 'archive'), root, { recursive: true });
  return root;
}

async function found(
  root: string,
  now: number,
  more: Partial<VerifyOptions> = {},
): Promise<readonly string[]> {
  const { findings } = await verify({
    sink: createDirectorySink({ root }),
    files: filesInPlace(root),
    key: parseNoteKey(PUBLIC_KEY),
    now: () => now,
    signal: new AbortController().signal,
    ...more,
  });
  return findings.map(({ check, key }) => `${check} ${key}`);
}

test.each([
  ['a moment ago may be on its way into the log', 1_000, []],
  ['an hour ago is not', 3_700_000, [`unlogged ${UNKNOWN}`]],
  ['in the future is no younger for that', -7_200_000, [`unlogged ${UNKNOWN}`]],
])('an object that was stored %s', async (_name, age, expected) => {
  const root = await copy();
  await mkdir(dirname(join(root, UNKNOWN)), { recursive: true });
  await writeFile(join(root, UNKNOWN), 'unknown');
  expect(await found(root, Date.now() + age)).toEqual(expected);
});

/** The archive while it grows: whoever reads the head first sees the one before. */
async function growing(root: string): Promise<SinkReader> {
  const sink = createDirectorySink({ root });
  const older = await readFile(join(VALID, 'checkpoint-2'));
  const current = sink.current.bind(sink);
  let reads = 0;
  sink.current = async (key) => {
    if (key !== 'log/checkpoint') return current(key);
    reads += 1;
    return { bytes: reads === 1 ? older : await readFile(join(root, key)), tag: '', lock: null };
  };
  return sink;
}

test('what a newer head names is asked for once more', async () => {
  const root = await copy();
  expect(await found(root, Date.now() + DAY, { sink: await growing(root) })).toEqual([]);
});

test('entries that the newer head does not prove excuse nothing', async () => {
  const root = await copy();
  const bundle = join(root, 'log/tile/entries/001.p/11');
  const bytes = (await readFile(bundle)).toString('latin1');
  await rm(bundle);
  await writeFile(bundle, bytes.replace(/"class":"default"/, '"class":"forged1"'), 'latin1');
  const findings = await found(root, Date.now() + DAY, { sink: await growing(root) });
  const objects = [...bytes.matchAll(/"key":"(objects[^"]+)"/g)].map(([, key]) => `unlogged ${key}`);
  expect(objects.length).toBeGreaterThan(0);
  expect(findings).toEqual(expect.arrayContaining(objects));
});

test('a saved head and a sample of the past: all coverage, all that is new, so many of the rest', async () => {
  const root = await copy();
  const since = await readFile(join(VALID, 'checkpoint-1'), 'utf8');
  const sink = createDirectorySink({ root });
  const files = filesInPlace(root);
  const options = { sink, files, key: parseNoteKey(PUBLIC_KEY), signal: new AbortController().signal };
  const whole = await verify(options);
  const some = await verify({ ...options, since, past: 1, random: () => 0 });
  expect(some).toMatchObject({ findings: [], coverage: true, covered: whole.covered });
  expect(some.entries).toBe(whole.entries);
  expect(some.objects).toBeLessThan(whole.objects);
  const recent = await verify({ ...options, since });
  // The coverage of the heads before, and entry 1.
  expect(some.objects - recent.objects).toBeLessThanOrEqual(3);
  expect(recent).toMatchObject({ coverage: false, covered: [] });
});

test('a log that names one object twice says so of the later entry', async () => {
  const root = await copy();
  const signer = parseSignerKey(SIGNING_KEY);
  const at = new Date(0).toISOString();
  const sha256 = UNKNOWN.slice(-64);
  const object = (version: string): LogEntry => {
    return { type: 'object', at, key: UNKNOWN, version, sha256, bytes: 1, class: 'default', lock: null };
  };
  const { account, created_at } = JSON.parse(await readFile(join(root, 'archive.json'), 'utf8'));
  const identity = { format: 1, account, origin: signer.name, key: PUBLIC_KEY, created_at };
  const config: LogEntry = { type: 'config', at, sha256, what: 'schedule' };
  const entries = [{ type: 'archive', at, ...identity } as const, object('1'), config, object('2'), config];
  const bytes = entries.map((entry) => entryBytes(entry));
  const { frontier, tiles } = grow(EMPTY_FRONTIER, bytes.map(entryHash));
  await rm(join(root, 'log'), { recursive: true });
  await mkdir(join(root, 'log/tile/entries/000.p'), { recursive: true });
  await mkdir(join(root, 'log/tile/0/000.p'), { recursive: true });
  await writeFile(join(root, 'log/tile/entries/000.p/5'), encodeBundle(bytes));
  await writeFile(join(root, 'log/tile/0/000.p/5'), tiles[0]?.bytes ?? '');
  const head = { origin: signer.name, size: 5, root: frontierRoot(frontier), extensions: [] };
  await writeFile(join(root, 'log/checkpoint'), signCheckpoint(head, signer));
  expect(await found(root, Date.now())).toContain(`log ${UNKNOWN}`);
});
