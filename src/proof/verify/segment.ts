/** A segment from the inside: every record's hash from its bytes, the root from the hashes. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../../duckdb.ts';
import { ARCHIVE_FORMAT } from '../../segments/format.ts';
import type { SegmentEntry } from '../entry.ts';
import { HASH_BYTES, rootOver } from '../tree.ts';
import type { Report } from './finding.ts';
import { type RowBlock, readRows } from './rows.ts';

/**
 * Checks the file at `path`, whether its bytes are those of the entry or not. Several may be underway at once.
 * @param duckdb with one thread
 * @param account whose archive it is
 */
export async function checkSegment(
  duckdb: DuckDBInstance,
  path: string,
  entry: SegmentEntry,
  account: string,
  report: Report,
): Promise<void> {
  const connection = await duckdb.connect();
  const told = { key: entry.key, version: entry.version } as const;
  try {
    const found = await metadata(connection, path);
    const expected = {
      format: String(ARCHIVE_FORMAT),
      account,
      stream: entry.stream,
      class: entry.class,
      root: entry.root,
      count: String(entry.count),
    };
    for (const [name, value] of Object.entries(expected)) {
      if (found.get(name) === value) continue;
      const what = `the metadata says another ${name}`;
      report({ check: 'segment', what, ...told, expected: value, found: found.get(name) ?? 'nothing' });
    }
    await checkRows(connection, path, entry, account, report);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    report({ check: 'segment', what: 'the segment is not readable', ...told, found });
  } finally {
    connection.closeSync();
  }
}

async function metadata(connection: DuckDBConnection, path: string): Promise<ReadonlyMap<string, string>> {
  const reader = await connection.runAndReadAll(
    `select decode(key), decode(value) from parquet_kv_metadata(${literal(path)})`,
  );
  return new Map(reader.getRows().map(([name, value]) => [String(name), String(value)]));
}

async function checkRows(
  connection: DuckDBConnection,
  path: string,
  entry: SegmentEntry,
  account: string,
  report: Report,
): Promise<void> {
  const told = { check: 'segment', key: entry.key, version: entry.version } as const;
  const blocks: Buffer[] = [];
  let foreign = 0;
  let named = 0;
  for await (const block of readRows(connection, path, entry.stream, account, entry.count)) {
    blocks.push(block.leaves);
    foreign += block.foreign;
    named += nameRows(block, entry, MOST_NAMED - named, report);
  }
  const leaves = Buffer.concat(blocks);
  const count = leaves.length / HASH_BYTES;
  if (count !== entry.count) {
    const [expected, found] = [`${entry.count} records`, `${count} records`];
    report({ ...told, what: 'the segment has another number of records', expected, found });
  }
  if (foreign !== 0) {
    const found = `${foreign} records of another account`;
    report({ ...told, what: 'records are of another account', expected: account, found });
  }
  const root = Buffer.from(rootOver(leaves)).toString('hex');
  if (root !== entry.root)
    report({ ...told, what: 'the records give another root', expected: entry.root, found: root });
}

const MOST_NAMED = 20;

/** @returns how many rows have another hash than is stated beside them, of which `most` at most are named */
function nameRows(
  { from, leaves, stated }: RowBlock,
  entry: SegmentEntry,
  most: number,
  report: Report,
): number {
  const hashes = leaves.toString('hex');
  if (hashes === stated) return 0;
  let wrong = 0;
  for (let at = 0; at < hashes.length && wrong < most; at += 2 * HASH_BYTES) {
    const [expected, found] = [stated, hashes].map((text) => text.slice(at, at + 2 * HASH_BYTES));
    if (expected === found) continue;
    wrong += 1;
    report({
      check: 'record',
      what: 'the record has another hash than is stated beside it',
      key: `${entry.key}#${from + at / (2 * HASH_BYTES)}`,
      version: entry.version,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    });
  }
  return wrong;
}
