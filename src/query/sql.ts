import {
  type DuckDBConnection,
  type Json as DuckDBJson,
  type DuckDBPreparedStatement,
  StatementType,
} from '@duckdb/node-api';
import { z } from 'zod';
import { literal, openDuckDB } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import { STREAMS, type Stream } from '../record.ts';
import { parseSegmentKey } from '../segments/layout.ts';
import { emptyView, streamView, type ViewedSegment } from './views.ts';

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly DuckDBJson[])[];
}

/**
 * Runs one SQL statement over segments: each stream is a view of its name, see {@link streamView}. DuckDB may read
 * nothing but these segments, and nothing can be written. Fails with `usage` and DuckDB's words when the statement is
 * wrong.
 * @param bring the segments of the streams that the statement reads, on local disk; asked once
 */
export async function querySegments(
  sql: string,
  bring: (streams: readonly Stream[]) => Promise<readonly ViewedSegment[]>,
): Promise<QueryResult> {
  const streams = await streamsRead(sql);
  const segments = await bring(streams);
  return withConnection(async (connection) => {
    for (const stream of STREAMS) {
      const own = segments.filter(({ key }) => parseSegmentKey(key)?.stream === stream);
      // A stream that was not brought must not look as if it were empty.
      const view = streams.includes(stream)
        ? streamView(stream, own)
        : emptyView(stream, `error('stream ${stream} was not fetched')`);
      await connection.run(`create view ${stream} as ${view}`);
    }
    await connection.run(
      `set allowed_paths = [${segments.map(({ path }) => literal(path)).join(', ')}]::varchar[]`,
    );
    await lock(connection);
    return asked(async () => {
      const statement = await prepare(connection, sql);
      const reader = await statement.runAndReadAll();
      return { columns: reader.columnNames(), rows: reader.getRowsJson() };
    });
  });
}

/** What an explained plan tells of a table; other members are DuckDB's. */
interface PlanNode {
  readonly children: readonly PlanNode[];
  readonly extra_info: { readonly Table?: string | undefined };
}
const planNode: z.ZodType<PlanNode> = z.object({
  children: z.lazy(() => z.array(planNode)),
  extra_info: z.object({ Table: z.string().optional() }),
});

/** The streams whose rows the statement reads, as DuckDB plans it over empty tables. Fails as {@link querySegments} does. */
async function streamsRead(sql: string): Promise<readonly Stream[]> {
  return withConnection(async (connection) => {
    for (const stream of STREAMS) {
      await connection.run(`create table ${stream} as ${emptyView(stream, 'false')}`);
    }
    // The optimizer knows that the tables are empty, and would leave them out.
    await connection.run('pragma disable_optimizer');
    await lock(connection);
    const plan = await asked(async () => {
      await prepare(connection, sql);
      return connection.runAndReadAll(`explain (format json) ${sql}`);
    });
    const tables = new Set<string>();
    const collect = ({ children, extra_info: { Table: table } }: PlanNode): void => {
      if (table !== undefined) tables.add(table);
      for (const child of children) collect(child);
    };
    for (const [, json] of plan.getRows())
      for (const node of z.array(planNode).parse(JSON.parse(String(json)))) collect(node);
    return STREAMS.filter((stream) => tables.has(`memory.main.${stream}`));
  });
}

async function withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const instance = await openDuckDB();
  const connection = await instance.connect();
  try {
    return await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** From here on nothing outside of the database can be reached but `allowed_paths`, and no setting changes. */
async function lock(connection: DuckDBConnection): Promise<void> {
  await connection.run('set enable_external_access = false');
  await connection.run('set lock_configuration = true');
}

/**
 * DuckDB may write where it may read, so what only reads is told by the kind of statement: COPY, ATTACH and EXPLAIN
 * ANALYZE of either would change the archive in the folder.
 */
async function prepare(connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  const statements = await connection.extractStatements(sql);
  if (statements.count !== 1) throw new ArchiverError('usage', 'a query is one statement');
  const statement = await statements.prepare(0);
  if (statement.statementType !== StatementType.SELECT)
    throw new ArchiverError('usage', 'a query may only select');
  return statement;
}

/** What DuckDB refuses is wrong in the question. */
async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ArchiverError) throw cause;
    throw new ArchiverError('usage', 'the query failed', {
      cause,
      detail: cause instanceof Error ? cause.message : String(cause),
    });
  }
}
