import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type LocalSegment, querySegments } from '../../src/query/sql.ts';
import { STREAMS } from '../../src/record.ts';
import { message } from '../ledger/candidates.ts';
import { buildSegment } from '../segments/building.ts';

interface Archive {
  readonly folder: string;
  readonly segments: readonly LocalSegment[];
}

/** A folder `name` with one segment of three messages, as an auditor fetched it. */
async function archive(name = 'archive', className = 'default'): Promise<Archive> {
  const parent = await mkdtemp(join(tmpdir(), 'query-'));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, name);
  await mkdir(folder);
  const candidates = ['a', 'b', 'c'].map((id) => message(id));
  const { built, bytes } = await buildSegment(candidates);
  const key = `segments/stream=messages/class=${className}/date=2026-11-19/${built.root}.parquet`;
  const path = join(folder, key);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return { folder, segments: [{ key, path }] };
}

async function fingerprint(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  for (const entry of names.map((one) => join(one.parentPath, one.name)).sort()) {
    hash.update(entry).update(await readFile(entry));
  }
  return hash.digest('hex');
}

describe('a query', () => {
  test('reads each stream as a view, with class and date', async () => {
    const { folder, segments } = await archive();
    const sql = 'select message_id, text, stream, class, date from messages order by message_id';
    expect(await querySegments(folder, segments, sql)).toEqual({
      columns: ['message_id', 'text', 'stream', 'class', 'date'],
      rows: ['a', 'b', 'c'].map((id) => [id, `text of ${id}`, 'messages', 'default', '2026-11-19']),
    });
  });

  test('finds every view also where the archive is empty, with the same columns', async () => {
    const { folder, segments } = await archive();
    for (const stream of STREAMS) {
      expect((await querySegments(folder, [], `select * from ${stream}`)).rows).toEqual([]);
    }
    const described = 'select column_name, column_type from (describe messages)';
    expect(await querySegments(folder, [], described)).toEqual(
      await querySegments(folder, segments, described),
    );
  });

  test('shows times in UTC', async () => {
    const { folder, segments } = await archive();
    const { rows } = await querySegments(folder, segments, 'select sent_at from messages limit 1');
    expect(rows).toEqual([['2026-11-19 08:00:00+00']]);
  });

  test.each([`it's here`, 'with blank', 'account=1', 'ümlaut'])(
    'reads from a folder named %s',
    async (name) => {
      const { folder, segments } = await archive(name);
      const { rows } = await querySegments(folder, segments, 'select distinct account, class from messages');
      expect(rows).toEqual([['account-1', 'default']]);
    },
  );

  test('gives a class its name back', async () => {
    const { folder, segments } = await archive('archive', 'a%20b%2Fc');
    const { rows } = await querySegments(folder, segments, 'select distinct class from messages');
    expect(rows).toEqual([['a b/c']]);
  });

  test.each(['selec 1', 'select * from nowhere', 'select no_such_column from messages', '', ';'])(
    'that is wrong is the user’s: %j',
    async (sql) => {
      const { folder, segments } = await archive();
      await expect(querySegments(folder, segments, sql)).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('a query reads nothing but the folder', () => {
  test.each([
    `select * from read_csv('/etc/passwd')`,
    `select * from read_text('/etc/hostname')`,
    `select * from '/etc/passwd'`,
    `select * from glob('/etc/*')`,
    `select * from read_text('$folder/../secret/file')`,
    `select * from read_text('$folder-secret/file')`,
    `select * from read_text('https://example.com/')`,
  ])('%s', async (sql) => {
    const { folder, segments } = await archive();
    for (const secret of [join(dirname(folder), 'secret'), `${folder}-secret`]) {
      await mkdir(secret);
      await writeFile(join(secret, 'file'), 'secret');
    }
    const query = querySegments(folder, segments, sql.replace('$folder', folder));
    await expect(query).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a query changes nothing', () => {
  test.each([
    `copy (select 1) to '$folder/new.csv'`,
    `copy (select 1) to '$segment'`,
    `copy (select 1) to '/tmp/zoom-chat-archiver-query-test.csv'`,
    `select 1; copy (select 1) to '$folder/new.csv'`,
    `explain analyze copy (select 1) to '$folder/new.csv'`,
    `export database '$folder/all'`,
    `attach '$folder/new.db'`,
    `create table x as select 1`,
    `drop view messages`,
    `set enable_external_access = true`,
    `reset enable_external_access`,
    `set allowed_directories = ['/']`,
    `pragma enable_profiling`,
    `install httpfs`,
    `load httpfs`,
  ])('%s', async (sql) => {
    const { folder, segments } = await archive();
    const before = await fingerprint(folder);
    const path = segments[0]?.path ?? '';
    const query = querySegments(folder, segments, sql.replace('$folder', folder).replace('$segment', path));
    await expect(query).rejects.toMatchObject({ code: 'usage' });
    expect(await fingerprint(folder)).toBe(before);
  });

  test.each([
    'with m as (from messages) select count(*) from m',
    'describe messages',
    'summarize messages',
    'show tables',
    'from messages',
    'values (1)',
  ])('but may be %s', async (sql) => {
    const { folder, segments } = await archive();
    await querySegments(folder, segments, sql);
  });
});
