/** The rows of one stream as an auditor reads them: DuckDB over the Parquet files of a folder, nothing of `src`. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance, type JS } from '@duckdb/node-api';

export interface ArchivedRow {
  readonly kind: string;
  readonly drift: boolean;
  readonly columns: Readonly<Record<string, JS>>;
  // biome-ignore lint/suspicious/noExplicitAny: records of several streams
  readonly record: any;
}

export async function readRows(root: string, stream: string): Promise<readonly ArchivedRow[]> {
  const names = await readdir(join(root, 'segments'), { recursive: true }).catch(() => []);
  const files = names.filter((name) => name.includes(`stream=${stream}/`) && name.endsWith('.parquet'));
  if (files.length === 0) return [];
  const list = files.map((name) => `'${join(root, 'segments', name).replaceAll("'", "''")}'`).join(', ');
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run(`set TimeZone = 'UTC'`);
    const reader = await connection.runAndReadAll(`select * from read_parquet([${list}])`);
    return reader.getRowObjectsJS().map((columns) => ({
      kind: String(columns.kind),
      drift: columns.drift === true,
      columns,
      record: JSON.parse(String(columns.record)),
    }));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
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
