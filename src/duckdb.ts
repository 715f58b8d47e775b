/** DuckDB as every part of the program opens it. A leaf: the segments' writer and all of their readers use it. */
import { DuckDBInstance } from '@duckdb/node-api';

export interface DuckDBSettings {
  /** Threads of one query; each connection may run one beside. Default: as many as there are cores. */
  readonly threads?: number;
  /** Folder that it makes for what does not fit into its memory; without one such a query fails. */
  readonly temporary?: string;
  /** Megabytes of its memory; default 80% of the machine's. */
  readonly memory?: number;
  /** A new file that holds the database; default in memory. */
  readonly file?: string;
  /** Whether rows may come in another order than they were put; saves memory. */
  readonly unordered?: boolean;
}

/** Opens an empty database. It never downloads code, and takes times without a zone for UTC. The caller closes it. */
export async function openDuckDB({
  threads,
  temporary,
  memory,
  file = ':memory:',
  unordered = false,
}: DuckDBSettings = {}): Promise<DuckDBInstance> {
  const instance = await DuckDBInstance.create(file, {
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(threads === undefined ? {} : { threads: String(threads) }),
    ...(temporary === undefined ? {} : { temp_directory: temporary }),
    ...(unordered ? { preserve_insertion_order: 'false' } : {}),
    ...(memory === undefined ? {} : { memory_limit: `${memory}MB` }),
  });
  const connection = await instance.connect();
  try {
    await connection.run(`set global TimeZone = 'UTC'`);
  } finally {
    connection.closeSync();
  }
  return instance;
}

/** `text` as SQL writes it. A statement ends at a NUL, so that one within it is named. */
export function literal(text: string): string {
  const [first = '', ...others] = text.replaceAll("'", "''").split('\0');
  return others.length === 0
    ? `'${first}'`
    : `(${[first, ...others].map((part) => `'${part}'`).join(' || chr(0) || ')})`;
}
