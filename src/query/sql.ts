import { type DuckDBConnection, type Json as DuckDBJson, StatementType } from '@duckdb/node-api';
import { literal, openDuckDB } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import { STREAMS } from '../record.ts';
import { columns } from '../segments/format.ts';
import { parseSegmentKey } from '../segments/layout.ts';

/** A segment's key and where its bytes lie on local disk. */
export interface LocalSegment {
  readonly key: string;
  readonly path: string;
}

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly DuckDBJson[])[];
}

/**
 * Runs one SQL statement over segments: each stream is a view of its name (`messages`, `reactions`, `sessions`,
 * `coverage`) with the segment's columns and `stream`, `class` and `date`. DuckDB may read nothing but `folder`,
 * and nothing can be written. Fails with `usage` and DuckDB's words when the statement is wrong.
 * @param folder where all of the segments lie
 */
export async function querySegments(
  folder: string,
  segments: readonly LocalSegment[],
  sql: string,
): Promise<QueryResult> {
  const instance = await openDuckDB();
  const connection = await instance.connect();
  try {
    for (const stream of STREAMS) {
      const paths = segments
        .filter((segment) => parseSegmentKey(segment.key)?.stream === stream)
        .map(({ path }) => path);
      await connection.run(view(stream, paths));
    }
    await connection.run(`set allowed_directories = [${literal(folder)}]`);
    await connection.run('set enable_external_access = false');
    await connection.run('set lock_configuration = true');
    return await run(connection, sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/**
 * DuckDB may write where it may read, so what only reads is told by the kind of statement: COPY, ATTACH and EXPLAIN
 * ANALYZE of either would change the archive in the folder.
 */
async function run(connection: DuckDBConnection, sql: string): Promise<QueryResult> {
  try {
    const statements = await connection.extractStatements(sql);
    if (statements.count !== 1) throw new ArchiverError('usage', 'a query is one statement');
    const statement = await statements.prepare(0);
    if (statement.statementType !== StatementType.SELECT)
      throw new ArchiverError('usage', 'a query may only select');
    const reader = await statement.runAndReadAll();
    return { columns: reader.columnNames(), rows: reader.getRowsJson() };
  } catch (cause) {
    if (cause instanceof ArchiverError) throw cause;
    throw new ArchiverError('usage', 'the query failed', {
      cause,
      detail: cause instanceof Error ? cause.message : String(cause),
    });
  }
}

/** Own parts of a segment's key. DuckDB's Hive reading would take `name=value` folders above the archive too. */
const KEY_PARTS = '/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+$';

function view(stream: (typeof STREAMS)[number], paths: readonly string[]): string {
  if (paths.length === 0) {
    const empty = columns(stream).map(({ name, type }) => `null::${type} as "${name}"`);
    return `create view ${stream} as select ${empty.join(', ')}, '' as stream, '' as class, null::date as date limit 0`;
  }
  const part = (group: number): string =>
    `url_decode(regexp_extract(filename, ${literal(KEY_PARTS)}, ${group}))`;
  return `create view ${stream} as
    select * exclude (filename), ${part(1)} as stream, ${part(2)} as class, ${part(3)}::date as date
    from read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false, union_by_name = true,
      filename = true)`;
}
