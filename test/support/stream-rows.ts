/** Rows of one stream of an archive in a folder, read with DuckDB alone, as an auditor without our program would. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JS } from '@duckdb/node-api';
import { withPlainDuckDB } from './plain-duckdb.ts';

// biome-ignore lint/suspicious/noExplicitAny: records of several streams
type Json = any;

export interface StreamRow {
  readonly kind: string;
  readonly drift: boolean;
  /** Milliseconds. */
  readonly eventAt: number;
  /** Milliseconds. */
  readonly observedAt: number;
  /** All columns, as DuckDB gives them, and `filename`. */
  readonly columns: Readonly<Record<string, JS>>;
  readonly record: Json;
}

/** All rows of a stream, in the order in which they were observed. */
export async function readStream(root: string, stream: string): Promise<readonly StreamRow[]> {
  const folder = join(root, 'segments', `stream=${stream}`);
  const files = (await readdir(folder, { recursive: true }).catch(() => []))
    .filter((name) => name.endsWith('.parquet'))
    .map((name) => `'${join(folder, name).replaceAll("'", "''")}'`);
  if (files.length === 0) return [];
  return withPlainDuckDB(async (connection) => {
    const reader = await connection.runAndReadAll(
      `select *, epoch_ms(event_at)::double as event_ms, epoch_ms(observed_at)::double as observed_ms
       from read_parquet([${files.join(', ')}], hive_partitioning = true, filename = true) order by observed_at`,
    );
    return reader.getRowObjectsJS().map((columns) => ({
      kind: String(columns.kind),
      drift: columns.drift === true,
      eventAt: Number(columns.event_ms),
      observedAt: Number(columns.observed_ms),
      columns,
      record: JSON.parse(String(columns.record)),
    }));
  });
}

/** Every object below `objects/`: its key and the SHA-256 of its bytes. */
export async function readObjects(root: string): Promise<ReadonlyMap<string, string>> {
  const names = await readdir(join(root, 'objects'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  const objects = new Map<string, string>();
  for (const entry of names) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    objects.set(path.slice(root.length + 1), sha256);
  }
  return objects;
}
