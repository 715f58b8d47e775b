import { execFileSync, spawn } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../src/digest.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import { writerRequest } from './directory-writer.ts';
import { bytesOf, keysOf, lockFor, putOf } from './places.ts';

const WRITER = fileURLToPath(new URL('directory-writer.ts', import.meta.url));
const KEY = 'segments/one.parquet';
const ONE = Buffer.from('one');
const LOCKED = putOf(KEY, ONE, { lock: lockFor('compliance', 3600) });

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sink-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

describe('files', () => {
  test('are read-only, and their version is the hash of their bytes', async () => {
    const { object } = await createDirectorySink({ root }).put(LOCKED);
    expect((await stat(join(root, KEY))).mode & 0o777).toBe(0o444);
    expect(object.version).toBe(LOCKED.sha256);
  });

  test('a relative root with a slash at its end is the same folder', async () => {
    await createDirectorySink({ root: `${root}/./` }).put(LOCKED);
    expect(await createDirectorySink({ root }).head(KEY)).not.toBeNull();
  });

  test('of a crash before the name was given are removed by check, younger ones are another put', async () => {
    const sink = createDirectorySink({ root });
    await sink.check('none');
    const anHourAgo = new Date(Date.now() - 3_700_000);
    await writeFile(join(root, '.incoming', 'old'), 'x');
    await utimes(join(root, '.incoming', 'old'), anHourAgo, anHourAgo);
    await writeFile(join(root, '.incoming', 'young'), 'x');
    await sink.check('none');
    expect(await readdir(join(root, '.incoming'))).toEqual(['young']);
    expect(await keysOf(sink)).toEqual([]);
  });

  test('of a crash after the name was given have no lock, and the next put gives it', async () => {
    const sink = createDirectorySink({ root });
    await mkdir(join(root, 'segments'));
    await writeFile(join(root, KEY), ONE);
    expect(await sink.head(KEY)).toMatchObject({ version: LOCKED.sha256, lock: null });
    const { outcome, object } = await sink.put(LOCKED);
    expect([outcome, object.lock]).toEqual(['identical', LOCKED.lock]);
  });

  test('a file that was changed is a conflict, though its notes say otherwise', async () => {
    const sink = createDirectorySink({ root });
    await sink.put(LOCKED);
    await chmod(join(root, KEY), 0o644);
    await writeFile(join(root, KEY), 'two');
    await expect(sink.put(LOCKED)).rejects.toMatchObject({ code: 'sink-conflict' });
  });

  test('an object and a folder cannot share a name', async () => {
    const sink = createDirectorySink({ root });
    await sink.put(putOf('a/b', ONE));
    await expect(sink.put(putOf('a', ONE))).rejects.toMatchObject({ code: 'sink-conflict' });
    await expect(sink.put(putOf('a/b/c', ONE))).rejects.toMatchObject({ code: 'sink-conflict' });
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
    expect(await keysOf(sink)).toEqual(['a/b']);
  });
});

describe('notes of locks', () => {
  const notes = () => join(root, '.locks', `${KEY}.jsonl`);

  test('only grow', async () => {
    const sink = createDirectorySink({ root });
    await sink.put(putOf(KEY, ONE, { lock: lockFor('governance', 9) }));
    const before = await readFile(notes(), 'utf8');
    await sink.put(putOf(KEY, ONE, { lock: lockFor('governance', 5) }));
    expect(await readFile(notes(), 'utf8')).toBe(before);
    await sink.put(LOCKED);
    expect((await readFile(notes(), 'utf8')).startsWith(before)).toBe(true);
  });

  test('a line cut short by a crash hides neither the lines before it nor those after it', async () => {
    const sink = createDirectorySink({ root });
    const first = lockFor('governance', 5);
    await sink.put(putOf(KEY, ONE, { lock: first }));
    await appendFile(notes(), '\n{"sha256":"ab","mode":"compl');
    expect((await sink.head(KEY))?.lock).toEqual(first);
    expect((await sink.put(LOCKED)).object.lock).toEqual(LOCKED.lock);
  });
});

describe('notes of holds', () => {
  const notes = () => join(root, '.locks', `${KEY}.jsonl`);

  test('the last whole line counts, whoever wrote it; one cut short by a crash does not', async () => {
    const sink = createDirectorySink({ root });
    const { object } = await sink.put(LOCKED);
    const line = (hold: string) => `\n{"sha256":"${object.version}","hold":"${hold}"}\n`;
    await sink.placeHold(KEY, object.version);
    await appendFile(notes(), line('off'));
    expect((await sink.head(KEY))?.held).toBe(false);
    await appendFile(notes(), line('on'));
    await appendFile(notes(), line('off').slice(0, -3));
    expect(await sink.head(KEY)).toEqual({ ...object, held: true });
    expect(await sink.liftHold(KEY, object.version)).toEqual(object);
  });

  test('of two sinks at once: the file decides, and both see the same', async () => {
    const sinks = [createDirectorySink({ root }), createDirectorySink({ root })] as const;
    const { object } = await sinks[0].put(LOCKED);
    await Promise.allSettled([
      sinks[0].placeHold(KEY, object.version),
      sinks[1].liftHold(KEY, object.version),
    ]);
    const lines = (await readFile(notes(), 'utf8')).split('\n').filter((line) => line.includes('"hold"'));
    const held = lines.at(-1)?.includes('"on"') ?? false;
    for (const sink of sinks) expect((await sink.head(KEY))?.held).toBe(held);
  });

  test('do not grow by what they say already', async () => {
    const sink = createDirectorySink({ root });
    const { object } = await sink.put(LOCKED);
    await sink.placeHold(KEY, object.version);
    const before = await readFile(notes(), 'utf8');
    await sink.placeHold(KEY, object.version);
    await sink.extend(KEY, object.version, lockFor('governance', 9));
    expect(await readFile(notes(), 'utf8')).toBe(before);
  });

  test('hold an object that a crash left without notes', async () => {
    const sink = createDirectorySink({ root });
    await mkdir(join(root, 'segments'));
    await writeFile(join(root, KEY), ONE);
    expect(await sink.placeHold(KEY, LOCKED.sha256)).toMatchObject({ lock: null, held: true });
    await expect(sink.destroy(KEY)).rejects.toMatchObject({ code: 'sink-locked' });
  });
});

describe('destruction', () => {
  const notes = () => join(root, '.locks', `${KEY}.jsonl`);

  test('is refused until the lock is over by the clock of the sink, to the millisecond', async () => {
    const end = LOCKED.lock?.retainUntil.getTime() ?? 0;
    let now = end - 1;
    const sink = createDirectorySink({ root, now: () => now });
    await sink.put(LOCKED);
    await expect(sink.destroy(KEY)).rejects.toMatchObject({ code: 'sink-locked' });
    now = end;
    expect(await sink.destroy(KEY)).toEqual({ versions: 1, bytes: 3 });
    expect(await readdir(join(root, 'segments'))).toEqual([]);
    expect(await readdir(join(root, '.locks', 'segments'))).toEqual([]);
  });

  test('cut short by a crash leaves notes, which the same call removes', async () => {
    const sink = createDirectorySink({ root });
    await sink.put(LOCKED);
    await rm(join(root, KEY));
    expect(await sink.head(KEY)).toBeNull();
    expect(await keysOf(sink)).toEqual([]);
    expect(await sink.destroy(KEY)).toEqual({ versions: 0, bytes: 0 });
    await expect(stat(notes())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('cut short by a crash leaves nothing that counts for other bytes put there later', async () => {
    const sink = createDirectorySink({ root });
    const { object } = await sink.put(LOCKED);
    await sink.placeHold(KEY, object.version);
    await rm(join(root, KEY));
    const other = putOf(KEY, Buffer.from('two'), { lock: lockFor('governance', 5) });
    const { object: anew } = await sink.put(other);
    expect(anew).toEqual({ key: KEY, version: other.sha256, size: 3, lock: other.lock, held: false });
    expect(await sink.head(KEY)).toEqual(anew);
  });

  test('does not take a link, or a folder, for an object', async () => {
    const sink = createDirectorySink({ root });
    await writeFile(join(root, 'target'), ONE);
    await symlink(join(root, 'target'), join(root, 'link'));
    await mkdir(join(root, 'folder'));
    for (const key of ['link', 'folder'])
      await expect(sink.destroy(key)).rejects.toMatchObject({ code: 'sink-conflict' });
    expect((await readdir(root)).sort()).toEqual(['folder', 'link', 'target']);
  });
});

test('a process killed at any moment leaves whole objects, and the same puts again end well', async () => {
  const acknowledged: string[] = [];
  for (const lines of [1, 7, 30]) {
    const child = spawn(process.execPath, ['--import', 'tsx', WRITER, root, `${lines}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = 0;
    for await (const key of createInterface({ input: child.stdout })) {
      acknowledged.push(key);
      seen += 1;
      if (seen === lines) child.kill('SIGKILL');
    }
  }
  const sink = createDirectorySink({ root });
  expect(acknowledged.length).toBeGreaterThanOrEqual(38);
  for (const key of acknowledged) expect((await sink.head(key))?.lock).toEqual(writerRequest(key).lock);
  for await (const { key, version } of sink.list('')) {
    expect(version).toBe(writerRequest(key).sha256);
    expect((await digestOf(await sink.read(key))).sha256).toBe(version);
    expect((await sink.put(writerRequest(key))).outcome).toBe('identical');
  }
});

describe('failures', () => {
  test('a missing root is a missing mount: nothing is created, nothing looks empty', async () => {
    const sink = createDirectorySink({ root: join(root, 'mount') });
    const calls = [
      () => sink.check('none'),
      () => sink.put(LOCKED),
      () => sink.head(KEY),
      () => keysOf(sink),
      () => sink.extend(KEY, LOCKED.sha256, lockFor('governance', 5)),
      () => sink.placeHold(KEY, LOCKED.sha256),
      () => sink.liftHold(KEY, LOCKED.sha256),
      () => sink.destroy(KEY),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'sink-unreachable' });
    expect(await readdir(root)).toEqual([]);
  });

  test('an abort in the middle of a body leaves nothing', async () => {
    const sink = createDirectorySink({ root });
    const stop = new AbortController();
    const request = putOf(KEY, Buffer.alloc(8 << 20));
    const put = sink.put(request, stop.signal);
    stop.abort();
    await expect(put).rejects.toMatchObject({ code: 'interrupted' });
    expect(await readdir(join(root, '.incoming'))).toEqual([]);
    expect(await keysOf(sink)).toEqual([]);
  });

  describe.skipIf(!canMount())(`on small and read-only mounts${canMount() ? '' : ' (needs root)'}`, () => {
    afterEach(() => {
      execFileSync('umount', [root]);
    });

    test('a full disk says so, leaves nothing, and is used again when there is room', async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root]);
      const sink = createDirectorySink({ root });
      const big = putOf('objects/big', Buffer.alloc(3 << 20, 1));
      await expect(sink.put(big)).rejects.toMatchObject({ code: 'sink-full' });
      expect(await readdir(join(root, '.incoming'))).toEqual([]);
      expect(await keysOf(sink)).toEqual([]);
      execFileSync('mount', ['-o', 'remount,size=8m', root]);
      expect((await sink.put(big)).outcome).toBe('created');
      expect((await bytesOf(await sink.read('objects/big'))).length).toBe(3 << 20);
    });

    test('a read-only mount is denied to writers and open to readers', async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', root]);
      const sink = createDirectorySink({ root });
      await sink.put(LOCKED);
      execFileSync('mount', ['-o', 'remount,ro', root]);
      await expect(sink.check('none')).rejects.toMatchObject({ code: 'sink-denied' });
      await expect(sink.put(putOf('other', ONE))).rejects.toMatchObject({ code: 'sink-denied' });
      expect(await bytesOf(await sink.read(KEY))).toEqual(ONE);
      expect(await keysOf(sink)).toEqual([KEY]);
    });
  });
});

/** Whether this process may mount a tmpfs: root outside of most containers. */
function canMount(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
