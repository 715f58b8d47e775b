/** What somebody does to the access log who has the folder or bucket, but not the key. */
import { hash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { accessLog } from '../../src/access/read.ts';
import { type AccessFinding, verifyAccessLog } from '../../src/access/verify.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import type { OpenArchive } from '../../src/query/archive.ts';
import type { AuditContext } from '../../src/query/reader.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { check, expectSound, questions } from './keeping.ts';
import { ACCESS_PUBLIC_KEY, asking, begin, numbers, open, READER } from './opening.ts';

interface Folder {
  readonly root: string;
  readonly sink: Sink;
}

/** A log with one entry a batch at first, then enough in one for a full bundle and 6 more. */
async function written(): Promise<Folder> {
  const root = await mkdtemp(join(tmpdir(), 'access-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const sink = createDirectorySink({ root });
  await begin(sink);
  const log = await open(sink);
  for (const question of numbers(0, 3)) await log.record(READER, asking(question), null);
  await Promise.all(numbers(3, 261).map((question) => log.record(READER, asking(question), null)));
  return { root, sink };
}

async function change(path: string, how: (bytes: Buffer) => Buffer): Promise<void> {
  const bytes = how(await readFile(path));
  await rm(path);
  await writeFile(path, bytes);
}

const flip = (bytes: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  const at = Math.floor(changed.length / 2);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};
const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 7);

/** Keys below `access/`. */
const PARTS = [
  { part: 'checkpoint', check: 'checkpoint' },
  { part: 'batch/000', check: 'batch' },
  { part: 'batch/002', check: 'batch' },
  { part: 'tile/entries/000', check: 'entries' },
  { part: 'tile/0/000', check: 'tile' },
  { part: 'tile/1/000.p/1', check: 'tile' },
] as const;
const WAYS = [
  { way: 'one bit changed', how: flip },
  { way: 'cut short', how: cut },
  { way: 'taken away', how: null },
] as const;

test.each(PARTS.flatMap((part) => WAYS.map((way) => ({ ...part, ...way }))))(
  'verification finds $part $way',
  async ({ part, check: expected, how }) => {
    const { root, sink } = await written();
    await expectSound(sink);
    const path = join(root, 'access', part);
    if (how === null) await rm(path);
    else await change(path, how);
    const found: readonly AccessFinding[] = (await check(sink)).findings;
    expect(found.map((finding) => finding.check)).toContain(expected);
  },
);

test('verification finds what is no part of the log, and locks that are gone', async () => {
  const { root, sink } = await written();
  await sink.replace('access/notes.txt', Buffer.from('x'), null, 'text/plain');
  await rm(join(root, '.locks/access/batch/001.jsonl'));
  expect((await check(sink)).findings).toEqual([
    expect.objectContaining({ check: 'unlogged', key: 'access/notes.txt' }),
    expect.objectContaining({ check: 'lock', key: 'access/batch/001' }),
  ]);
});

describe('who writes', () => {
  test('goes on by the batches where the head is gone or was set back, and loses nothing', async () => {
    const { root, sink } = await written();
    const checkpoint = join(root, 'access/checkpoint');
    const old = await readFile(checkpoint);
    const log = await open(sink);
    await log.record(READER, asking('a'), null);
    await writeFile(checkpoint, old);
    await log.record(READER, asking('b'), null);
    await writeFile(checkpoint, old);
    await (await open(sink)).record(READER, asking('c'), null);
    await rm(checkpoint);
    await begin(sink);
    expect((await questions(sink)).slice(-3)).toEqual(['a', 'b', 'c']);
    await expectSound(sink);
  });

  test('notices that the log went back, batches and all, and answers nothing', async () => {
    const { root, sink } = await written();
    const before = join(dirname(root), `${root}-before`);
    onTestFinished(() => rm(before, { recursive: true, force: true }));
    await cp(join(root, 'access'), before, { recursive: true });
    const log = await open(sink);
    await log.record(READER, asking('gone'), null);
    await log.record(READER, asking('gone, too'), null);
    await rm(join(root, 'access'), { recursive: true });
    await cp(before, join(root, 'access'), { recursive: true });
    for (let turn = 0; turn < 2; turn += 1)
      await expect(log.record(READER, asking('later'), null)).rejects.toMatchObject({
        code: 'access-unrecorded',
      });
  });

  test.each(['access/batch/000', 'access/checkpoint'])(
    'takes nothing from somebody without the key: %s',
    async (key) => {
      const { root, sink } = await written();
      const forged = (await readFile(join(root, key)))
        .toString()
        .replace(/^— .*$/m, (line) => line.replace(/.{9}$/, 'AAAAAAAA='));
      if (key.endsWith('checkpoint')) await writeFile(join(root, key), forged);
      else
        await sink.put({
          key: 'access/batch/262',
          ...stated(Buffer.from(forged)),
          lock: null,
          contentType: 'text/plain',
        });
      const recorded = open(sink).then((log) => log.record(READER, asking('x'), null));
      await expect(recorded).rejects.toSatisfy(
        ({ code }) => code === 'proof-invalid' || code === 'access-unrecorded',
      );
    },
  );
});

function stated(body: Buffer) {
  return { body, size: body.length, sha256: hash('sha256', body) };
}

describe('a saved head', () => {
  test('is one that the log extends, or a finding', async () => {
    const { root, sink } = await written();
    const since = (await check(sink)).text;
    const verified = async () =>
      verifyAccessLog({
        sink,
        key: parseNoteKey(ACCESS_PUBLIC_KEY),
        since,
        signal: new AbortController().signal,
      });
    await (await open(sink)).record(READER, asking('later'), null);
    expect((await verified()).findings).toEqual([]);
    // Another log of the same key.
    await rm(join(root, 'access'), { recursive: true });
    await rm(join(root, '.locks'), { recursive: true });
    await begin(sink);
    expect((await verified()).findings).toEqual([expect.objectContaining({ check: 'history' })]);
  });
});

describe('the list', () => {
  function contextOf(sink: Sink, record: AuditContext['record']): AuditContext {
    return {
      // No verb of the access log looks at it.
      archive: undefined as unknown as OpenArchive,
      reader: READER,
      record,
      accessLog: { sink, key: parseNoteKey(ACCESS_PUBLIC_KEY) },
      signal: new AbortController().signal,
    };
  }

  test('gives every entry once, page by page, newest first, also while others write', async () => {
    const { sink } = await written();
    const log = await open(sink);
    const ctx = contextOf(sink, (access) => log.record(READER, access, null));
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await accessLog(ctx, {
        action: 'search',
        limit: 50,
        ...(after === undefined ? {} : { after }),
      });
      seen.push(...page.entries.map(({ input }) => (input as { text: string }).text));
      after = page.next ?? undefined;
    } while (after !== undefined);
    expect(seen).toEqual([...numbers(0, 261)].reverse());
    const own = await accessLog(ctx, { limit: 1 });
    expect(own.entries).toMatchObject([{ action: 'access-log', input: { limit: 1 } }]);
    expect((await accessLog(ctx, { name: 'nobody' })).entries).toEqual([]);
  });

  test.each(['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1'])(
    'shows nothing of a log with another %s',
    async (part) => {
      const { root, sink } = await written();
      await change(join(root, 'access', part), flip);
      const ctx = contextOf(sink, async () => undefined);
      await expect(accessLog(ctx, { limit: 1000 })).rejects.toMatchObject({ code: 'proof-invalid' });
    },
  );

  test('shows nothing that could not be written down, nor to auditors', async () => {
    const { sink } = await written();
    const refusing = contextOf(sink, async () => {
      throw new Error('no');
    });
    await expect(accessLog(refusing, {})).rejects.toThrow('no');
    const auditor = { ...refusing, reader: { ...READER, role: 'auditor' as const } };
    await expect(accessLog(auditor, {})).rejects.toMatchObject({ code: 'access-denied' });
    await expect(accessLog(refusing, { after: 'x' })).rejects.toMatchObject({ code: 'usage' });
  });
});
