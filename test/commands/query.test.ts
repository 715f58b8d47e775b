/** `query` and `catalog` as they are run, from the archive alone: what they show, what they refuse, what they fetch. */
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type Ended, runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { type RecordRow, type SealedArchive, sealedArchive } from '../support/sealed-archive.ts';
import { expectRefusal, setStage } from './stage.ts';

const DISPOSALS = join(import.meta.dirname, '../vectors/valid/disposals/archive');

let archive: SealedArchive;
beforeAll(async () => {
  archive = await sealedArchive();
});
afterAll(() => archive.remove());

async function temporary(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'query-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function copy(from = archive.root): Promise<string> {
  const root = await temporary();
  await cp(from, root, { recursive: true });
  return root;
}

/** By place and key alone. */
const run = (root: string, command: string, ...args: readonly string[]): Promise<Ended> =>
  runArchiver([command, ...args, '--archive', root, '--key', PUBLIC_KEY]);

async function json(root: string, command: string, ...args: readonly string[]) {
  const { code, stdout, stderr } = await run(root, command, '--json', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
const COUNT = 'select count(*)::int as n from messages';
const isMessage = ({ stream }: RecordRow): boolean => stream === 'messages';

/** Changes one byte in the middle. */
async function tamper(path: string): Promise<void> {
  const bytes = await readFile(path);
  const at = Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await rm(path);
  await writeFile(path, bytes);
}

describe('query', () => {
  test('answers by place and key as by configuration: every record, and where it stands', async () => {
    const sql = `select lower(hex(record_hash)) as hash, _segment as key, _entry::int as entry, _row::int as row
      from messages order by entry, row`;
    const rows: { hash: string; key: string; entry: number; row: number }[] = await json(
      archive.root,
      'query',
      sql,
    );
    const known = archive.records.filter(isMessage).map(({ hash, key }) => `${key} ${hash}`);
    expect(rows.map(({ hash, key }) => `${key} ${hash}`).sort()).toEqual(known.sort());
    const { segments } = await json(archive.root, 'catalog');
    const entryOf = new Map(
      segments.map(({ key, entry }: { key: string; entry: number }) => [key, entry] as const),
    );
    for (const [place, { key, entry, row }] of rows.entries()) {
      expect(entry).toBe(entryOf.get(key));
      expect(row).toBe(rows[place - 1]?.key === key ? (rows[place - 1]?.row ?? 0) + 1 : 0);
    }
    const configured = await runArchiver(['query', '--json', sql, '--config', archive.config]);
    expect(JSON.parse(configured.stdout)).toEqual(rows);
  });

  test('says which checkpoint it read, and saves it', async () => {
    const saved = join(await temporary(), 'read.checkpoint');
    const { code, stdout } = await run(archive.root, 'query', COUNT, '--save', saved);
    const text = await readFile(join(archive.root, 'log/checkpoint'), 'utf8');
    const [origin, size, root] = text.split('\n');
    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^1 rows from \d+ segments, by /m);
    expect(stdout).toContain(`by checkpoint ${origin} of ${size} entries, root ${root}\n`);
    expect(await readFile(saved, 'utf8')).toBe(text);
  });

  test('wants the key from elsewhere, a checkpoint of it, days and sizes', async () => {
    const [none, other, day, size, missing] = await Promise.all([
      runArchiver(['query', 'select 1', '--archive', archive.root]),
      runArchiver(['query', 'select 1', '--archive', archive.root, '--key', 'no key']),
      run(archive.root, 'query', 'select 1', '--from', '2026-02-30'),
      run(archive.root, 'query', 'select 1', '--cache-size', '10'),
      run(await temporary(), 'query', 'select 1'),
    ]);
    expectRefusal(none, 2, 'public key is missing');
    expectRefusal(other, 20);
    expectRefusal(day, 2, '--from');
    expectRefusal(size, 2, '--cache-size');
    expectRefusal(missing, 6, 'no checkpoint');
  });

  test.each(['altered', 'missing'])('names the segment that is %s, and reads others', async (how) => {
    const root = await copy();
    const { key } = archive.records.find(isMessage) ?? { key: '' };
    if (how === 'altered') await tamper(join(root, key));
    else await rm(join(root, key));
    const [failed, others] = await Promise.all([
      run(root, 'query', '--json', COUNT),
      json(root, 'query', 'select count(*)::int as n from reactions'),
    ]);
    expectRefusal(failed, 19, key, 'version ');
    expect(JSON.parse(failed.stdout)).toMatchObject({ error: { code: 'proof-invalid' } });
    expect(others).toEqual([{ n: archive.records.filter((row) => !isMessage(row)).length }]);
    const day = /date=([^/]+)/.exec(key)?.[1] ?? '';
    const rest = archive.records.filter((row) => isMessage(row) && !row.key.includes(`/date=${day}/`)).length;
    const without = `${COUNT} where date <> '${day}'`;
    const after = await json(root, 'query', without, '--from', nextDay(day));
    const before = await json(root, 'query', without, '--to', nextDay(day, -1));
    expect(after[0].n + before[0].n).toBe(rest);
  });

  test('shows only what the log names: not a file beside it, nor another class', async () => {
    const root = await copy();
    const { key } = archive.records.find(isMessage) ?? { key: '' };
    await copyFile(join(root, key), join(root, dirname(key), `${'0'.repeat(64)}.parquet`));
    const n = archive.records.filter(isMessage).length;
    expect(await json(root, 'query', COUNT)).toEqual([{ n }]);
    expect(await json(root, 'query', COUNT, '--class', 'default', '--class', 'other')).toEqual([{ n }]);
    expect(await json(root, 'query', COUNT, '--class', 'other')).toEqual([{ n: 0 }]);
  });

  test('does not show what was disposed of, also where its file is still there', async () => {
    const root = await copy(DISPOSALS);
    const bundles = await readdir(join(root, 'log/tile/entries'), { recursive: true, withFileTypes: true });
    const texts = await Promise.all(
      bundles.filter((one) => one.isFile()).map((one) => readFile(join(one.parentPath, one.name), 'latin1')),
    );
    const [, gone = ''] = /"key":"(segments[^"]+)"[^{}]*"type":"disposal"/.exec(texts.join('')) ?? [];
    const stream = /stream=(\w+)/.exec(gone)?.[1] ?? '';
    expect(stream).not.toBe('');
    const listed = await json(root, 'catalog');
    const keys = listed.segments.map(({ key }: { key: string }) => key);
    expect(keys.length).toBeGreaterThan(0);
    expect(keys).not.toContain(gone);
    await mkdir(dirname(join(root, gone)), { recursive: true });
    await copyFile(join(root, keys[0]), join(root, gone));
    const rows = await json(root, 'query', `select distinct _segment as key from ${stream}`);
    expect(rows.map(({ key }: { key: string }) => key)).not.toContain(gone);
  });

  test('reads nothing else in the folder, nor outside', async () => {
    const outside = join(await temporary(), 'secret');
    await writeFile(outside, 'hunter2');
    for (const path of [join(archive.root, 'log/checkpoint'), outside]) {
      expectRefusal(await run(archive.root, 'query', `select * from read_text('${path}')`), 2);
    }
  });
});

test('of a bucket only what is asked for is fetched, once; bad copies are healed, bad objects named', async () => {
  const s3 = await startS3Fake();
  onTestFinished(() => s3.close());
  const { bucket, url: endpoint, credentials } = s3;
  const stage = await setStage({
    sink: { s3: { bucket, prefix: 'zoom', endpoint, forcePathStyle: true, ...credentials } },
  });
  for (const args of [['init'], ['collect'], ['seal', '--all']]) await stage.succeeds(...args);
  const place = ['--archive', `s3://${bucket}/zoom`, '--endpoint', endpoint, '--key', PUBLIC_KEY];
  const environment = {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const query = (cache: string, sql = COUNT): Promise<Ended> =>
    runArchiver(['query', '--json', sql, ...place, '--cache', cache], environment);
  let counted = 0;
  const fetched = (): readonly string[] => {
    const all = s3.requests.filter((request) => /^(GET|HEAD) zoom\/segments\//.test(request));
    const since = all.slice(counted);
    counted = all.length;
    return since.map((request) => request.split(' ')[1]?.slice('zoom/'.length) ?? '');
  };
  const cached = async (cache: string): Promise<readonly string[]> =>
    (await readdir(join(cache, 'sha256'), { recursive: true, withFileTypes: true }))
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath, one.name));
  // What sealing looked at.
  fetched();
  const listed = JSON.parse(
    (await runArchiver(['catalog', '--json', ...place], environment)).stdout,
  ).segments.filter(({ stream }: { stream: string }) => stream === 'messages');
  const keys: readonly string[] = listed.map(({ key }: { key: string }) => key);
  expect(fetched()).toEqual([]);

  const cache = join(await temporary(), 'cache');
  const first = await query(cache);
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(first.stdout)).toEqual([
    { n: sumOf(listed.map(({ records }: { records: number }) => records)) },
  ]);
  expect([...new Set(fetched())].sort()).toEqual([...keys].sort());
  expect((await query(cache)).stdout).toBe(first.stdout);
  expect((await query(cache, 'describe messages')).code).toBe(0);
  expect(fetched()).toEqual([]);

  const [bad = ''] = await cached(cache);
  await tamper(bad);
  expect((await query(cache)).stdout).toBe(first.stdout);
  expect(new Set(fetched()).size).toBe(1);
  expect((await query(cache)).stdout).toBe(first.stdout);
  expect(fetched()).toEqual([]);

  const shared = join(await temporary(), 'shared');
  const both = await Promise.all([query(shared), query(shared)]);
  expect(both.map(({ stdout }) => stdout)).toEqual([first.stdout, first.stdout]);
  expect(await cached(shared)).toHaveLength(keys.length);
  expect(await readdir(join(shared, 'runs'))).toEqual([]);

  const [key = ''] = keys;
  const wire = `zoom/${key}`;
  const bytes = Buffer.from(s3.objects().find((object) => object.key === wire)?.bytes ?? '');
  bytes.writeUInt8(bytes.readUInt8(8) ^ 1, 8);
  s3.tamper(wire, bytes);
  const fresh = join(await temporary(), 'fresh');
  const version = listed[0].version;
  expectRefusal(await query(fresh), 19, `${key}, version ${version}`);
  expect((await query(cache)).stdout).toBe(first.stdout);
});

describe('catalog', () => {
  test('lists what lies there, with totals', async () => {
    const { checkpoint, totals, segments } = await json(archive.root, 'catalog');
    const files = (await readdir(join(archive.root, 'segments'), { recursive: true }))
      .filter((name) => name.endsWith('.parquet'))
      .map((name) => `segments/${name}`);
    expect(segments.map(({ key }: { key: string }) => key).sort()).toEqual(files.sort());
    const sizes = await Promise.all(files.map(async (key) => (await stat(join(archive.root, key))).size));
    expect(totals).toEqual({
      segments: files.length,
      records: expect.any(Number),
      bytes: sumOf(sizes),
    });
    const text = await readFile(join(archive.root, 'log/checkpoint'), 'utf8');
    expect(Object.values(checkpoint).map(String)).toEqual(text.split('\n').slice(0, 3));
    const { stdout } = await run(archive.root, 'catalog', '--to', '2000-01-01');
    expect(stdout).toMatch(/^0 segments, 0 records, 0 bytes, by checkpoint /);
    const people = await run(archive.root, 'catalog');
    expect(people.stdout).toContain(`${totals.segments} segments, ${totals.records} records`);
    for (const file of files) expect(people.stdout).toContain(file.split('/').at(-1));
  });

  test('prints statements with which DuckDB alone answers as query does', async () => {
    const root = join(await temporary(), `it's one`);
    await cp(archive.root, root, { recursive: true });
    const { key } = archive.records.find(isMessage) ?? { key: '' };
    await copyFile(join(root, key), join(root, dirname(key), `${'0'.repeat(64)}.parquet`));
    const { code, stdout } = await run(root, 'catalog', '--duckdb');
    expect(code).toBe(0);
    const sql = `select message_id, kind, class, date::varchar as date, _segment, _entry::int as entry, _row::int as row
      from messages order by entry, row`;
    const instance = await DuckDBInstance.create(':memory:');
    const connection = await instance.connect();
    await connection.run(stdout);
    const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson();
    const { segments } = await json(root, 'catalog');
    for (const stream of new Set<string>(segments.map((one: { stream: string }) => one.stream))) {
      const own = segments.filter((one: { stream: string }) => one.stream === stream);
      const counted = await connection.runAndReadAll(`select count(*)::int from ${stream}`);
      expect([stream, counted.getRows()]).toEqual([
        stream,
        [[sumOf(own.map(({ records }: { records: number }) => records))]],
      ]);
    }
    connection.closeSync();
    instance.closeSync();
    expect(rows).toHaveLength(archive.records.filter(isMessage).length);
    expect(rows).toEqual(await json(root, 'query', sql));
  });

  test('prints one thing, and for engines of the cloud only of a bucket', async () => {
    const [two, both, folder, spark] = await Promise.all([
      run(archive.root, 'catalog', '--duckdb', '--spark'),
      run(archive.root, 'catalog', '--duckdb', '--json'),
      run(archive.root, 'catalog', '--athena'),
      run(archive.root, 'catalog', '--spark'),
    ]);
    expectRefusal(two, 2, '--spark');
    expectRefusal(both, 2, '--json');
    expectRefusal(folder, 2, 'athena');
    expect(spark).toMatchObject({ code: 0, stdout: expect.stringContaining(`location 'file:///`) });
  });
});

function nextDay(day: string, days = 1): string {
  return new Date(Date.parse(day) + days * 86_400_000).toISOString().slice(0, 10);
}
