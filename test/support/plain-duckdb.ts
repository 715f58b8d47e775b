import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

let instance: Promise<DuckDBInstance> | undefined;

/**
 * Works on a connection to a DuckDB without anything of ours, with all times in UTC. One instance for all tests of a
 * file: to make one and to close it costs more than to read a segment. It remembers nothing of files that it read.
 */
export async function withPlainDuckDB<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  instance ??= DuckDBInstance.create(':memory:', { threads: '1', enable_external_file_cache: 'false' });
  const connection = await (await instance).connect();
  try {
    await connection.run(`set TimeZone = 'UTC'`);
    return await work(connection);
  } finally {
    connection.closeSync();
  }
}
