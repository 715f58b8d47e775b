/** DuckDB alone reads every column of every segment below the folder given: the scan that verification is compared with. */
import { DuckDBInstance } from '@duckdb/node-api';

const [, , archive = ''] = process.argv;
const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
const streams = await connection.runAndReadAll(
  `select distinct regexp_extract(file, '/stream=([^/]+)/', 1) from glob('${archive}/segments/**/*.parquet')`,
);
for (const [stream] of streams.getRows()) {
  const from = `read_parquet('${archive}/segments/stream=${String(stream)}/**/*.parquet', hive_partitioning = false)`;
  const names = await connection.runAndReadAll(`select column_name from (describe select * from ${from})`);
  const sums = names.getRows().map(([name]) => `max(hash("${String(name)}"))`);
  await connection.runAndReadAll(`select ${sums.join(', ')} from ${from}`);
}
