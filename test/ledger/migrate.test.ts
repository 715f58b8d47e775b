import { describe, expect, test } from 'vitest';
import { checkVersion, migrate, migrations } from '../../src/ledger/migrate.ts';
import { ENGINES, POSTGRES } from './ledgers.ts';

const NAMES = migrations().map(({ name }) => name);

describe.each(ENGINES)('migrate on $name', (engine) => {
  test('brings an empty database to this version, and finds nothing to do the second time', async () => {
    const db = await (await engine.place()).open();
    await expect(checkVersion(db)).rejects.toMatchObject({ code: 'ledger-behind' });
    expect(await migrate(db)).toEqual(NAMES);
    expect(await migrate(db)).toEqual([]);
    await checkVersion(db);
  });

  test('survives the process', async () => {
    const place = await engine.migrated();
    await (await place.open()).close();
    await checkVersion(await place.open());
  });

  test('refuses a ledger of a newer version and leaves it as it is', async () => {
    const db = await (await engine.migrated()).open();
    await db.query(`insert into migrations (version, name) values (9999, '9999-future.sql')`);
    await expect(checkVersion(db)).rejects.toMatchObject({ code: 'ledger-ahead' });
    await expect(migrate(db)).rejects.toMatchObject({ code: 'ledger-ahead' });
  });

  test('a migration that fails leaves nothing of itself', async () => {
    const db = await (await engine.place()).open();
    await db.query('create table staged (in_the_way text)');
    await expect(migrate(db)).rejects.toThrow(/staged/);
    const left = await db.query(`select to_regclass('lease') as lease, to_regclass('seen') as seen`);
    expect(left).toEqual([{ lease: null, seen: null }]);
    await expect(checkVersion(db)).rejects.toMatchObject({ code: 'ledger-behind' });
  });

  test('every table and column says what it is for', async () => {
    const db = await (await engine.migrated()).open();
    const silent = await db.query(
      `select c.relname || coalesce('.' || a.attname, '') as name
       from pg_class c
       left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
         and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
       order by 1`,
    );
    expect(silent).toEqual([]);
  });
});

test('several processes may migrate at once', async () => {
  for (let round = 0; round < 5; round += 1) {
    const place = await POSTGRES.place();
    const processes = await Promise.all(Array.from({ length: 4 }, () => place.open()));
    const applied = await Promise.all(processes.map((db) => migrate(db)));
    expect(applied.flat().sort()).toEqual(NAMES);
    await Promise.all(processes.map((db) => checkVersion(db)));
  }
});
