/** A segment from the inside: every record's hash from its bytes, the root from the hashes. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { canonicalJson } from '../../record.ts';
import { ARCHIVE_FORMAT, isInSession } from '../../segments/format.ts';
import type { SegmentEntry } from '../entry.ts';
import { HASH_BYTES, RootBuilder } from '../tree.ts';
import type { Report } from './finding.ts';

/** What a coverage segment says was looked at. Milliseconds. */
export interface CoveredTime {
  readonly stream: string;
  readonly scope: string;
  readonly mode: string;
  /**
   * `done` covers; `lost` and `refused` say that the time is out of reach for good; `withdrawn` takes back what all
   * earlier ones of its stream and mode said, in any scope.
   */
  readonly outcome: string;
  /** When it was said. */
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** Checks segments with DuckDB; several may be underway at once. */
export class SegmentChecker {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  static async create(): Promise<SegmentChecker> {
    return new SegmentChecker(
      await DuckDBInstance.create(':memory:', {
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      }),
    );
  }

  /**
   * Reads the file at `path`, whose bytes are those of the entry.
   * @param account whose archive it is
   */
  async check(path: string, entry: SegmentEntry, account: string, report: Report): Promise<void> {
    const connection = await this.#instance.connect();
    const told = { key: entry.key, version: entry.version } as const;
    try {
      await connection.run(`set TimeZone = 'UTC'`);
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

  /** What a segment of the stream `coverage` says. */
  async coverage(path: string): Promise<readonly CoveredTime[]> {
    const connection = await this.#instance.connect();
    try {
      const reader = await connection.runAndReadAll(
        `select unit_stream, session_id, mode, outcome,
           coalesce(epoch_ms(covers_from), epoch_ms(window_from), 0)::double,
           coalesce(epoch_ms(covers_to), epoch_ms(window_to), 0)::double, epoch_ms(event_at)::double
         from read_parquet(${literal(path)}, hive_partitioning = false)
         where covers_from is not null or outcome in ('lost', 'refused', 'withdrawn')`,
      );
      return reader.getRows().map(([stream, scope, mode, outcome, from, to, at]) => ({
        stream: String(stream),
        scope: String(scope),
        mode: String(mode),
        outcome: String(outcome),
        from: Number(from),
        to: Number(to),
        at: Number(at),
      }));
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}

async function metadata(connection: DuckDBConnection, path: string): Promise<ReadonlyMap<string, string>> {
  const reader = await connection.runAndReadAll(
    `select decode(key), decode(value) from parquet_kv_metadata(${literal(path)})`,
  );
  return new Map(reader.getRows().map(([name, value]) => [String(name), String(value)]));
}

/** The record's hash by docs/format.md, over the fact as canonical JSON: DuckDB does it without handing out the rows. */
function hashOf({ stream }: SegmentEntry): string {
  return `sha256('\\x00'::blob || encode('{"account":' || to_json(account) || ',"kind":' || to_json(kind)
    || ',"observed_at":' || epoch_ms(observed_at) || ',"session_id":' || ${isInSession(stream) ? 'to_json(session_id)' : `'""'`}
    || ${literal(`,"stream":${canonicalJson(stream)}}`)} || chr(10) || record))`;
}

const MOST_NAMED = 20;

async function checkRows(
  connection: DuckDBConnection,
  path: string,
  entry: SegmentEntry,
  account: string,
  report: Report,
): Promise<void> {
  const told = { key: entry.key, version: entry.version } as const;
  // The order of the rows in the file is that of the tree's leaves.
  const reader = await connection.runAndReadAll(
    `select count(*)::integer, count(*) filter (where stated is distinct from hash)::integer,
       count(*) filter (where account is distinct from ${literal(account)})::integer, string_agg(hash, '' order by place)
     from (select file_row_number as place, account, lower(hex(record_hash)) as stated, ${hashOf(entry)} as hash
       from read_parquet(${literal(path)}, file_row_number = true, hive_partitioning = false))`,
  );
  const [count, wrong, foreign, hashes] = reader.getRows()[0] ?? [];
  if (count !== entry.count) {
    const [expected, found] = [`${entry.count} records`, `${String(count)} records`];
    report({ check: 'segment', what: 'the segment has another number of records', ...told, expected, found });
  }
  if (foreign !== 0) {
    const found = `${String(foreign)} records of another account`;
    report({ check: 'segment', what: 'records are of another account', ...told, expected: account, found });
  }
  if (wrong !== 0) await nameRows(connection, path, entry, report);
  const leaves = Buffer.from(String(hashes ?? ''), 'hex');
  const tree = new RootBuilder();
  for (let at = 0; at < leaves.length; at += HASH_BYTES) tree.add(leaves.subarray(at, at + HASH_BYTES));
  const root = Buffer.from(tree.root()).toString('hex');
  if (root === entry.root) return;
  report({
    check: 'segment',
    what: 'the records give another root',
    ...told,
    expected: entry.root,
    found: root,
  });
}

async function nameRows(
  connection: DuckDBConnection,
  path: string,
  entry: SegmentEntry,
  report: Report,
): Promise<void> {
  const reader = await connection.runAndReadAll(
    `select place::integer, stated, hash from (
       select file_row_number as place, lower(hex(record_hash)) as stated, ${hashOf(entry)} as hash
       from read_parquet(${literal(path)}, file_row_number = true, hive_partitioning = false)
     ) where stated is distinct from hash order by place limit ${MOST_NAMED}`,
  );
  for (const [row, stated, hash] of reader.getRows()) {
    report({
      check: 'record',
      what: 'the record has another hash than is stated beside it',
      key: `${entry.key}#${String(row)}`,
      version: entry.version,
      expected: String(stated),
      found: String(hash),
    });
  }
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
