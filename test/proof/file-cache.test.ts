/** The cache of what a bucket holds, against the emulated S3: what is asked for again, and what is on disk. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openFileCache } from '../../src/proof/file-cache.ts';
import type { Stated } from '../../src/proof/local-files.ts';
import { objectKey } from '../../src/segments/layout.ts';
import { type S3Fake, startS3Fake } from '../support/s3-fake.ts';
import { PREFIX, s3SinkOn } from '../support/s3-sink.ts';

const NOON = Date.parse('2026-11-20T12:00:00Z');
const HOUR = 3_600_000;

interface Scene {
  readonly fake: S3Fake;
  readonly folder: string;
  /** Objects of 1,000 bytes each. */
  readonly entries: readonly [Stated, Stated, Stated, Stated];
  readonly bytesOf: (entry: Stated) => string;
  /** A run at a moment, with at most so many bytes of cache. */
  run(now?: number, limit?: number): ReturnType<typeof openFileCache>;
  /** Reads of objects since the last call. */
  fetched(): number;
  /** SHA-256 of what the cache has, in order. */
  cached(): Promise<readonly string[]>;
}

async function scene(): Promise<Scene> {
  const fake = await startS3Fake();
  onTestFinished(() => fake.close());
  const folder = await mkdtemp(join(tmpdir(), 'cache-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const sink = s3SinkOn(fake);
  onTestFinished(() => sink.close());
  const texts = new Map<string, string>();
  const put = async (letter: string): Promise<Stated> => {
    const body = Buffer.from(letter.repeat(1000));
    const sha256 = createHash('sha256').update(body).digest('hex');
    const key = objectKey(sha256);
    const contentType = 'application/octet-stream';
    const { object } = await sink.put({ key, body, size: body.length, sha256, lock: null, contentType });
    texts.set(sha256, body.toString());
    return { key, version: object.version, bytes: body.length, sha256 };
  };
  let counted = 0;
  return {
    fake,
    folder,
    entries: [await put('a'), await put('b'), await put('c'), await put('d')],
    bytesOf: ({ sha256 }) => texts.get(sha256) ?? '',
    async run(now = NOON, limit = 1e6) {
      const cache = { folder, limit, now: () => now };
      const files = await openFileCache(sink, cache, new AbortController().signal);
      onTestFinished(() => files.close());
      return files;
    },
    fetched() {
      const all = fake.requests.filter((request) => request.startsWith(`GET ${PREFIX}objects/`)).length;
      const since = all - counted;
      counted = all;
      return since;
    },
    async cached() {
      const names = await readdir(join(folder, 'sha256'), { recursive: true });
      return names
        .filter((name) => name.length > 64)
        .map((name) => name.slice(3))
        .sort();
    },
  };
}

const hashes = (...entries: readonly Stated[]): readonly string[] =>
  entries.map(({ sha256 }) => sha256).sort();

test('what one run fetched another has, without a request, and nobody else may read', async () => {
  const { run, entries, fetched, cached, folder, fake, bytesOf } = await scene();
  const [one, two] = entries;
  const first = await run();
  for (const entry of [one, two]) {
    const path = await first.intact(entry);
    expect(path.endsWith(entry.key)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(bytesOf(entry));
  }
  await first.close();
  expect(fetched()).toBe(2);
  const before = fake.requests.length;
  const second = await run();
  for (const entry of [one, two])
    expect(await readFile(await second.intact(entry), 'utf8')).toBe(bytesOf(entry));
  expect(fake.requests).toHaveLength(before);
  await second.close();
  expect(await cached()).toEqual(hashes(one, two));
  expect(await readdir(join(folder, 'runs'))).toEqual([]);
  for (const name of ['sha256', 'runs']) expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
});

test('two runs at once share what either brings', async () => {
  const { run, entries, cached, bytesOf } = await scene();
  const runs = [await run(), await run()];
  const paths = await Promise.all(runs.flatMap((files) => entries.map((entry) => files.intact(entry))));
  for (const [place, path] of paths.entries()) {
    const entry = entries[place % entries.length];
    if (entry === undefined) throw new Error('no entry');
    expect(await readFile(path, 'utf8')).toBe(bytesOf(entry));
  }
  expect(await cached()).toEqual(hashes(...entries));
});

test('at the bound the least recently used goes, but not from under a run that uses it', async () => {
  const { run, entries, cached, fetched, bytesOf } = await scene();
  const [one, two, three, four] = entries;
  for (const [hour, entry] of [one, two, three].entries()) {
    const files = await run(NOON + hour * HOUR, 3500);
    await files.intact(entry);
    await files.close();
  }
  const reader = await run(NOON + 3 * HOUR, 3500);
  const oldest = await reader.intact(one);
  const other = await run(NOON + 4 * HOUR, 3500);
  const third = await other.intact(three);
  await other.intact(four);
  expect(await cached()).toEqual(hashes(one, three, four).filter((name) => name !== two.sha256));
  expect(await readFile(oldest, 'utf8')).toBe(bytesOf(one));
  expect(await readFile(third, 'utf8')).toBe(bytesOf(three));
  fetched();
  await other.intact(two);
  expect(fetched()).toBe(1);
  expect((await cached()).length).toBeLessThanOrEqual(3);
  expect(await readFile(oldest, 'utf8')).toBe(bytesOf(one));
});

test('what is larger than the cache is used and not kept', async () => {
  const { run, entries, cached, bytesOf } = await scene();
  const files = await run(NOON, 999);
  expect(await readFile(await files.intact(entries[0]), 'utf8')).toBe(bytesOf(entries[0]));
  expect(await cached()).toEqual([]);
});

describe('a copy', () => {
  const place = ({ folder }: Scene, { sha256 }: Stated): string =>
    join(folder, 'sha256', sha256.slice(0, 2), sha256);

  test.each(['x'.repeat(1000), '', 'a'.repeat(999)])(
    'that is not what it should be is fetched anew',
    async (bad) => {
      const made = await scene();
      const [entry] = made.entries;
      await (await made.run()).intact(entry);
      await rm(place(made, entry));
      await writeFile(place(made, entry), bad);
      made.fetched();
      expect(await readFile(await (await made.run()).intact(entry), 'utf8')).toBe(made.bytesOf(entry));
      expect(made.fetched()).toBe(1);
      expect(await readFile(place(made, entry), 'utf8')).toBe(made.bytesOf(entry));
    },
  );

  test('of what the archive destroyed is forgotten', async () => {
    const { run, entries, cached } = await scene();
    const [one, two] = entries;
    const files = await run();
    await files.intact(one);
    await files.intact(two);
    await files.forget(new Set([one.sha256, '0'.repeat(64)]));
    expect(await cached()).toEqual(hashes(two));
  });
});

describe('what the store has', () => {
  test('is refused by key and version when it is other bytes, and never kept', async () => {
    const { run, entries, fake, cached, folder } = await scene();
    const [entry, longer] = entries;
    fake.tamper(PREFIX + entry.key, Buffer.from('x'.repeat(1000)));
    fake.tamper(PREFIX + longer.key, Buffer.from('b'.repeat(2000)));
    const files = await run();
    for (const wrong of [entry, longer]) {
      await expect(files.intact(wrong)).rejects.toMatchObject({
        code: 'proof-invalid',
        detail: expect.stringContaining(`${wrong.key}, version ${wrong.version}`),
      });
    }
    expect(await cached()).toEqual([]);
    const names = await readdir(join(folder, 'runs'), { recursive: true, withFileTypes: true });
    expect(names.filter((one) => one.isFile())).toEqual([]);
  });

  test('is refused when it is not there', async () => {
    const { run, entries } = await scene();
    const files = await run();
    await expect(files.intact({ ...entries[0], version: 'another' })).rejects.toMatchObject({
      code: 'proof-invalid',
      phrase: 'an object of the log is missing',
    });
  });
});

test('what a crash left goes after a day; a run that lives stays', async () => {
  const { run, entries, folder } = await scene();
  const left = await run(NOON);
  await left.intact(entries[0]);
  const [name = ''] = await readdir(join(folder, 'runs'));
  await utimes(join(folder, 'runs', name), new Date(NOON), new Date(NOON));
  const lives = await run(NOON + 23 * HOUR);
  await lives.intact(entries[1]);
  expect(await readdir(join(folder, 'runs'))).toHaveLength(2);
  await (await run(NOON + 25 * HOUR)).intact(entries[1]);
  const names = await readdir(join(folder, 'runs'));
  expect(names).toHaveLength(2);
  expect(names).not.toContain(name);
});

test('a folder that cannot be made is the user’s to change', async () => {
  const { folder, fake } = await scene();
  await writeFile(join(folder, 'file'), '');
  const cache = { folder: join(folder, 'file'), limit: 1 };
  await expect(openFileCache(s3SinkOn(fake), cache, new AbortController().signal)).rejects.toMatchObject({
    code: 'usage',
  });
});
