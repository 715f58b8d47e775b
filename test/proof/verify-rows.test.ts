/** Leaf hashes of a segment's rows, against the SQL that docs/format.md gives to anyone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDuckDB } from '../../src/duckdb.ts';
import { readRows } from '../../src/proof/verify/rows.ts';

const ROWS = 45_000;

test.each(['messages', 'coverage'] as const)('rows of %s, over several row groups', async (stream) => {
  const folder = await mkdtemp(join(tmpdir(), 'rows-'));
  const duckdb = await openDuckDB({ threads: 1 });
  const connection = await duckdb.connect();
  onTestFinished(async () => {
    connection.closeSync();
    duckdb.closeSync();
    await rm(folder, { recursive: true });
  });
  const path = join(folder, 'segment.parquet');
  const session = stream === 'messages' ? 'to_json(session_id)' : `to_json('')`;
  const leaf = `sha256('\\x00'::blob || encode('{"account":' || to_json(account) || ',"kind":' || to_json(kind)
    || ',"observed_at":' || epoch_ms(observed_at) || ',"session_id":' || ${session}
    || ',"stream":"${stream}"}' || chr(10) || record))`;
  // Facts that change from row to row, that stay for long, and that only share their length; records of all sizes.
  await connection.run(`copy (
      select *, unhex(${leaf}) as record_hash from (
        select 'account-1' as account, case when i % 7 = 0 then 'edited' else 'sent' || chr(160 + i % 3) end as kind,
          make_timestamptz((1700000000000 + i // 5) * 1000) as observed_at,
          'ses"sion-' || (i // 1000 % 10) as session_id,
          case when i % 11 = 0 then '' when i = 30000 then repeat('ü', 100000)
            else '{"id":' || i || ',"message":"' || repeat('é', (i % 97)::int) || '"}' end as record
        from range(${ROWS}) as numbers(i)))
    to '${path}' (format parquet, compression zstd, row_group_size 20480)`);
  const truth = await connection.runAndReadAll(
    `select string_agg(lower(hex(record_hash)), '') from read_parquet('${path}')`,
  );
  let hashes = '';
  let stated = '';
  const starts: number[] = [];
  for await (const block of readRows(connection, path, stream, 'account-1', ROWS)) {
    starts.push(block.from);
    hashes += block.leaves.toString('hex');
    stated += block.stated;
    expect(block.foreign).toBe(0);
  }
  expect(starts).toEqual([0, 20_480, 40_960]);
  expect(hashes.length).toBe(64 * ROWS);
  expect(hashes === truth.getRows()[0]?.[0]).toBe(true);
  expect(stated === hashes).toBe(true);
});

test('rows beyond the stated number are read too, and those of another account are counted', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rows-'));
  const duckdb = await openDuckDB({ threads: 1 });
  const connection = await duckdb.connect();
  onTestFinished(async () => {
    connection.closeSync();
    duckdb.closeSync();
    await rm(folder, { recursive: true });
  });
  const path = join(folder, 'segment.parquet');
  await connection.run(`copy (
      select case when i = 3 then 'account-2' else 'account-1' end as account, 'sent' as kind, 's' as session_id,
        make_timestamptz(0) as observed_at, '{}' as record, null::blob as record_hash from range(25000) as numbers(i))
    to '${path}' (format parquet)`);
  let blocks = 0;
  for await (const { leaves, foreign, stated } of readRows(connection, path, 'messages', 'account-1', 10)) {
    blocks += 1;
    expect([leaves.length / 32, foreign]).toEqual([25_000, 1]);
    expect(stated === '-'.repeat(64 * 25_000)).toBe(true);
  }
  expect(blocks).toBe(1);
});
