import pg from 'pg';
import { describe, expect, inject, test } from 'vitest';
import { createSchema } from './postgres.ts';

describe('createSchema', () => {
  test('gives each call a schema of its own, first in the search path', async () => {
    const [one, two] = [await createSchema(), await createSchema()];
    await query(one.url, 'create table thing (name text)');
    await query(one.url, `insert into thing values ('mine')`);

    expect(await query(one.url, 'select current_schema() as schema')).toEqual([{ schema: one.schema }]);
    expect(await query(one.url, 'select name from thing')).toEqual([{ name: 'mine' }]);
    await expect(query(two.url, 'select name from thing')).rejects.toThrow('does not exist');
  });

  test('drop removes the schema and what is in it, also when called twice', async () => {
    const { url, schema, drop } = await createSchema();
    await query(url, 'create table thing (name text)');
    await Promise.all([drop(), drop()]);

    const left = await query(inject('postgresUrl'), `select 1 from pg_namespace where nspname = '${schema}'`);
    expect(left).toEqual([]);
  });
});

describe('the server of the run', () => {
  test('flushes commits to disk', async () => {
    expect(await query(inject('postgresUrl'), 'show fsync')).toEqual([{ fsync: 'on' }]);
  });
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
