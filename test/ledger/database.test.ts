import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openPostgres } from '../../src/ledger/database.ts';
import { openPglite } from '../../src/ledger/pglite.ts';
import { silentLog } from '../../src/log.ts';
import { folder } from '../segments/building.ts';
import { createSchema } from '../support/postgres.ts';
import { ENGINES, POSTGRES, temporaryPglite } from './ledgers.ts';

describe.each(ENGINES)('the database seam on $name', (engine) => {
  test('commits what resolves and rolls back what rejects', async () => {
    const place = await engine.place();
    const db = await place.open();
    await db.query('create table t (n int8)');
    await db.query('insert into t values (1), (2)');
    await db.transaction((tx) => tx.query('insert into t values ($1)', [3]));
    const failing = db.transaction(async (tx) => {
      await tx.query('insert into t values ($1)', [4]);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await expect(db.transaction((tx) => tx.query('insert into nowhere values (1)'))).rejects.toThrow(
      /nowhere/,
    );
    expect(await db.query('select n from t order by n')).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test('gives counts, sums and moments back as numbers and dates', async () => {
    const db = await (await engine.place()).open();
    const [row] = await db.query(
      `select count(*) as count, sum(n) as sum, $1::timestamptz as at, $2::text as text, null as nothing
       from generate_series(1::int8, 3) n`,
      [new Date('2026-11-20T08:00:00.123Z'), 'ü'],
    );
    expect(row).toEqual({
      count: 3,
      sum: 6,
      at: new Date('2026-11-20T08:00:00.123Z'),
      text: 'ü',
      nothing: null,
    });
  });
});

describe('Postgres', () => {
  test('that is not there is ledger-unreachable', async () => {
    const options = { connections: 1, log: silentLog() };
    for (const url of ['postgres://nobody@127.0.0.1:1/none', 'postgres://nobody@host.invalid/none']) {
      await expect(openPostgres({ ...options, url })).rejects.toMatchObject({ code: 'ledger-unreachable' });
    }
    const { url } = await createSchema();
    const wrong = url.replace(/:[^:@/]+@/, ':wrong@');
    await expect(openPostgres({ ...options, url: wrong })).rejects.toMatchObject({
      code: 'ledger-unreachable',
    });
  });

  test('that ends a connection in a transaction fails that transaction and nothing else', async () => {
    const place = await POSTGRES.place();
    const [db, other] = [await place.open(), await place.open()];
    await db.query('create table t (n int8)');
    const cut = db.transaction(async (tx) => {
      await tx.query('insert into t values (1)');
      const [{ pid } = {}] = await tx.query('select pg_backend_pid() as pid');
      await other.query('select pg_terminate_backend($1, 10000)', [pid]);
      // The server is gone before this process hears of it; then between two statements nobody listens.
      await new Promise((resolve) => setImmediate(resolve));
      await tx.query('insert into t values (2)');
    });
    await expect(cut).rejects.toMatchObject({ code: 'ledger-unreachable' });
    await db.transaction((tx) => tx.query('insert into t values (3)'));
    expect(await db.query('select n from t')).toEqual([{ n: 3 }]);
  });
});

test('Postgres ends the transaction of a process that stands still, which the next try may get over', async () => {
  const place = await POSTGRES.place();
  const db = await place.open();
  const standing = db.transaction(async (tx) => {
    const [row] = await tx.query<{ pid: number }>(
      `select pg_backend_pid() as pid, set_config('idle_in_transaction_session_timeout', '1', true)`,
    );
    const isThere = 'select 1 from pg_stat_activity where pid = $1';
    while ((await db.query(isThere, [row?.pid])).length > 0);
    await tx.query('select 1');
  });
  await expect(standing).rejects.toMatchObject({ code: 'ledger-unreachable' });
  expect(await db.query('select 1 as n')).toEqual([{ n: 1 }]);
});

describe('PGlite', () => {
  test('is opened by one at a time, also in one process', async () => {
    const directory = await folder();
    const db = await openPglite({ directory });
    await expect(openPglite({ directory })).rejects.toMatchObject({ code: 'ledger-in-use' });
    await db.query('select 1');
    await db.close();
    await (await openPglite({ directory })).close();
  });

  test('is refused while another process has it', async () => {
    const directory = await folder();
    await writeFile(join(directory, 'archiver.lock'), String(process.ppid));
    await expect(openPglite({ directory })).rejects.toMatchObject({ code: 'ledger-in-use' });
  });

  test.each([
    ['a process that is gone', '99999999'],
    ['a dead predecessor with our own number', String(process.pid)],
  ])('is taken over from %s', async (_who, content) => {
    const directory = await temporaryPglite();
    await writeFile(join(directory, 'archiver.lock'), content);
    await (await openPglite({ directory })).close();
  });

  test('that cannot be opened is ledger-unreachable, and stays free', async () => {
    const directory = await folder();
    await writeFile(join(directory, 'data'), 'not a directory');
    await expect(openPglite({ directory })).rejects.toMatchObject({ code: 'ledger-unreachable' });
    await expect(openPglite({ directory })).rejects.toMatchObject({ code: 'ledger-unreachable' });
  });
});
