/** What the log names against what the store lists. */
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ListedObject } from '../../sinks/sink.ts';
import type { ObjectChanges } from '../changes.ts';
import type { Report } from './finding.ts';

/**
 * Keys of the log and keys of the store, in tables of DuckDB: about 150 bytes each in its memory, and on disk beyond what
 * it may take.
 */
export class Named {
  readonly #connection: DuckDBConnection;
  readonly #named: DuckDBAppender;
  readonly #listed: DuckDBAppender;

  private constructor(connection: DuckDBConnection, named: DuckDBAppender, listed: DuckDBAppender) {
    this.#connection = connection;
    this.#named = named;
    this.#listed = listed;
  }

  /** @param duckdb keeps them until it is closed */
  static async open(duckdb: DuckDBInstance): Promise<Named> {
    const connection = await duckdb.connect();
    await connection.run('create table named (key varchar, place bigint)');
    await connection.run('create table listed (key varchar, version varchar, stored_at bigint)');
    return new Named(
      connection,
      await connection.createAppender('named'),
      await connection.createAppender('listed'),
    );
  }

  /** An entry of the log names `key`. @param place of the entry, from 0 */
  name(key: string, place: number): void {
    this.#named.appendVarchar(key);
    this.#named.appendBigInt(BigInt(place));
    this.#named.endRow();
  }

  list({ key, version, storedAt }: ListedObject): void {
    this.#listed.appendVarchar(key);
    this.#listed.appendVarchar(version);
    this.#listed.appendBigInt(BigInt(storedAt.getTime()));
    this.#listed.endRow();
  }

  /** Reports keys that two entries name, with no disposal in between. */
  async checkTwice(changes: ObjectChanges, report: Report): Promise<void> {
    this.#named.flushSync();
    const reader = await this.#connection.runAndReadAll(
      `select key, place::double, before::double from (
         select key, place, lag(place) over (partition by key order by place) as before from named
       ) where before is not null order by key, place`,
    );
    for (const [key, place, before] of reader.getRows()) {
      if (changes.disposedBetween(String(key), Number(before), Number(place))) continue;
      const found = `entry ${String(place)}`;
      report({ check: 'log', what: 'two entries name one object', key: String(key), found });
    }
  }

  /** What is listed and not named. */
  async unnamed(): Promise<readonly Omit<ListedObject, 'hidden'>[]> {
    this.#named.flushSync();
    this.#listed.flushSync();
    const reader = await this.#connection.runAndReadAll(
      'select key, version, stored_at::double from listed anti join named using (key) order by key',
    );
    return reader.getRows().map(([key, version, storedAt]) => ({
      key: String(key),
      version: String(version),
      storedAt: new Date(Number(storedAt)),
    }));
  }

  close(): void {
    this.#named.closeSync();
    this.#listed.closeSync();
    this.#connection.closeSync();
  }
}
