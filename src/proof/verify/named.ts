/** What the log names against what the store lists. */
import { hash } from 'node:crypto';
import type { DuckDBAppender, DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ListedObject } from '../../sinks/sink.ts';

/** A scan of all names a batch: rarely enough not to count, and a few megabytes each. */
const BATCH = 20_000;

/** Two entries that name one key, by their places. */
export interface Repeated {
  readonly before: number;
  readonly place: number;
}

/**
 * The keys that the log names, as 16 bytes of their SHA-256 and their place in a table of DuckDB: 24 bytes each, and on
 * disk beyond what its memory takes.
 */
export class Named {
  readonly #connection: DuckDBConnection;
  readonly #named: DuckDBAppender;
  readonly #asked: DuckDBAppender;

  private constructor(connection: DuckDBConnection, named: DuckDBAppender, asked: DuckDBAppender) {
    this.#connection = connection;
    this.#named = named;
    this.#asked = asked;
  }

  /** @param duckdb keeps them until it is closed */
  static async open(duckdb: DuckDBInstance): Promise<Named> {
    const connection = await duckdb.connect();
    await connection.run('create table named (key uhugeint, place bigint)');
    await connection.run('create table asked (key uhugeint, place bigint)');
    const [named, asked] = [
      await connection.createAppender('named'),
      await connection.createAppender('asked'),
    ];
    return new Named(connection, named, asked);
  }

  /** An entry of the log names `key`. @param place of the entry, from 0 */
  add(key: string, place: number): void {
    append(this.#named, key, place);
  }

  /** Each place of an entry that names a key once more, and the place of the entry that named it last before. */
  async repeated(): Promise<readonly Repeated[]> {
    this.#named.flushSync();
    const reader = await this.#connection.runAndReadAll(
      `select before::double, place::double from (
         select place, lag(place) over (partition by key order by place) as before
         from named semi join (select key from named group by key having count(*) > 1) using (key)
       ) where before is not null order by place`,
    );
    return reader.getRows().map(([before, place]) => ({ before: Number(before), place: Number(place) }));
  }

  /** Those of `objects` that no entry names, in their order. */
  async *without(objects: AsyncIterable<ListedObject>): AsyncGenerator<ListedObject> {
    let batch: ListedObject[] = [];
    for await (const object of objects) {
      if (batch.push(object) < BATCH) continue;
      yield* await this.#unnamed(batch);
      batch = [];
    }
    yield* await this.#unnamed(batch);
  }

  async #unnamed(objects: readonly ListedObject[]): Promise<readonly ListedObject[]> {
    this.#named.flushSync();
    await this.#connection.run('delete from asked');
    for (const [place, { key }] of objects.entries()) append(this.#asked, key, place);
    this.#asked.flushSync();
    const reader = await this.#connection.runAndReadAll(
      'select place::double from asked anti join named using (key) order by place',
    );
    return reader.getRows().flatMap(([place]) => objects[Number(place)] ?? []);
  }

  close(): void {
    this.#named.closeSync();
    this.#asked.closeSync();
    this.#connection.closeSync();
  }
}

function append(to: DuckDBAppender, key: string, place: number): void {
  to.appendUHugeInt(BigInt(`0x${hash('sha256', key).slice(0, 32)}`));
  to.appendBigInt(BigInt(place));
  to.endRow();
}
