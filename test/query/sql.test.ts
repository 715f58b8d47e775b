import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { querySegments } from '../../src/query/sql.ts';
import type { ViewedSegment } from '../../src/query/views.ts';
import { STREAMS } from '../../src/record.ts';
import { message } from '../ledger/candidates.ts';
import { archivedRecords, buildSegment } from '../segments/building.ts';

interface Archive {
  readonly folder: string;
  readonly segments: readonly ViewedSegment[];
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
  return { folder, segments: [{ key, entry: 7, path }] };
}

const over = (segments: readonly ViewedSegment[], sql: string) => querySegments(sql, async () => segments);

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
    const { segments } = await archive();
    const sql = 'select message_id, text, stream, class, date from messages order by message_id';
    expect(await over(segments, sql)).toEqual({
      columns: ['message_id', 'text', 'stream', 'class', 'date'],
      rows: ['a', 'b', 'c'].map((id) => [id, `text of ${id}`, 'messages', 'default', '2026-11-19']),
    });
  });

  test('says where each row stands: segment, entry of the log, row', async () => {
    const { segments } = await archive();
    const key = segments[0]?.key ?? '';
    const sql = 'select _segment, _entry::int, _row::int, message_id from messages order by _row';
    const { rows } = await over(segments, sql);
    const records = await archivedRecords(segments[0]?.path ?? '');
    expect(rows).toEqual(records.map(({ record }, row) => [key, 7, row, JSON.parse(record).id]));
  });

  test('knows the entry of a row also where a condition leaves segments out', async () => {
    const first = await archive('one', 'first');
    const second = await archive('two', 'second');
    const segments = [...first.segments, ...second.segments.map((segment) => ({ ...segment, entry: 9 }))];
    const sql = `select distinct class, _entry::int from messages where class = 'second'`;
    expect((await over(segments, sql)).rows).toEqual([['second', 9]]);
  });

  test('finds every view also where the archive is empty, with the same columns', async () => {
    const { segments } = await archive();
    for (const stream of STREAMS) {
      expect((await over([], `select * from ${stream}`)).rows).toEqual([]);
    }
    const described = 'select column_name, column_type from (describe messages)';
    expect(await over([], described)).toEqual(await over(segments, described));
  });

  test('shows times in UTC', async () => {
    const { segments } = await archive();
    const { rows } = await over(segments, 'select sent_at from messages limit 1');
    expect(rows).toEqual([['2026-11-19 08:00:00+00']]);
  });

  test.each([`it's here`, 'with blank', 'account=1', 'ümlaut'])(
    'reads from a folder named %s',
    async (name) => {
      const { segments } = await archive(name);
      const { rows } = await over(segments, 'select distinct account, class from messages');
      expect(rows).toEqual([['account-1', 'default']]);
    },
  );

  test('gives a class its name back', async () => {
    const { segments } = await archive('archive', 'a%20b%2Fc');
    const { rows } = await over(segments, 'select distinct class from messages');
    expect(rows).toEqual([['a b/c']]);
  });

  test.each(['selec 1', 'select * from nowhere', 'select no_such_column from messages', '', ';'])(
    'that is wrong is the user’s: %j',
    async (sql) => {
      const { segments } = await archive();
      await expect(over(segments, sql)).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('a query asks for the segments of the streams that it reads', () => {
  test.each<[string, readonly string[]]>([
    ['select * from MESSAGES', ['messages']],
    ['select * from main."messages" where false', ['messages']],
    [`select 'from reactions' from messages -- sessions`, ['messages']],
    ['with sessions as (from messages) from sessions', ['messages']],
    ['with messages as (select 1) from messages', []],
    ['from messages where session_id in (select session_id from sessions)', ['messages', 'sessions']],
    ['select (select count(*) from coverage) from messages', ['messages', 'coverage']],
    ['from messages union all by name from reactions', ['messages', 'reactions']],
    [`from query('from reactions')`, ['reactions']],
    [`from query_table(['messages', 'reactions'], true)`, ['messages', 'reactions']],
    ['summarize files', ['files']],
    ['describe messages', []],
    ['show tables', []],
    ['select 1', []],
  ])('%s', async (sql, streams) => {
    const asked: (readonly string[])[] = [];
    await querySegments(sql, async (some) => {
      asked.push(some);
      return [];
    });
    expect(asked).toEqual([streams]);
  });

  test.each(['selec 1', `copy (select 1) to '/tmp/x'`, `from read_text('/etc/passwd')`])(
    'and for none where it is refused: %s',
    async (sql) => {
      const never = async (): Promise<never> => {
        throw new Error('segments were asked for');
      };
      await expect(querySegments(sql, never)).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('a query reads nothing but its segments', () => {
  test.each([
    `select * from read_csv('/etc/passwd')`,
    `select * from read_text('/etc/hostname')`,
    `select * from '/etc/passwd'`,
    `select * from glob('/etc/*')`,
    `select * from read_text('$folder/../secret/file')`,
    `select * from read_text('$folder/log/checkpoint')`,
    `select * from read_parquet('$folder/segments/**/*.parquet')`,
    `select * from glob('$folder/**')`,
    `select * from read_text('$folder-secret/file')`,
    `select * from read_text('https://example.com/')`,
  ])('%s', async (sql) => {
    const { folder, segments } = await archive();
    for (const secret of [join(dirname(folder), 'secret'), `${folder}-secret`]) {
      await mkdir(secret);
      await writeFile(join(secret, 'file'), 'secret');
    }
    await mkdir(join(folder, 'log'));
    await writeFile(join(folder, 'log/checkpoint'), 'secret');
    const query = over(segments, sql.replace('$folder', folder));
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
    const query = over(segments, sql.replace('$folder', folder).replace('$segment', path));
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
    const { segments } = await archive();
    await over(segments, sql);
  });
});
