import { createHash } from 'node:crypto';
import pg from 'pg';
import { ArchiverError } from '../errors.ts';
import type { Logger } from '../log.ts';

export type Row = Record<string, unknown>;

/** What a statement can be sent to: the database, or one transaction on it. */
export interface Queryable {
  /** Rows of one statement. `values` follow pg's conventions; Dates, numbers, strings, buffers, null. */
  query<R extends Row>(text: string, values?: readonly unknown[]): Promise<R[]>;
}

/** The seam between the ledger and its two engines: a Postgres server, and PGlite in a directory. */
export interface Database extends Queryable {
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
  readonly engine: 'postgres' | 'pglite';
}

export interface PostgresOptions {
  readonly url: string;
  readonly connections: number;
  readonly log: Logger;
}

const INT8 = 20;
const NUMERIC = 1700;

/** int8 and numeric fit a double here: they are counts, bytes and milliseconds. */
const TYPES = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === INT8 || oid === NUMERIC ? Number : pg.types.getTypeParser(oid, format as 'text'),
};

/**
 * The ledger's plans are fixed on purpose: its statements touch a page of rows by key, in tables that grow by
 * thousands of rows a second, and statistics from a minute ago would make Postgres scan them. Partitions are not
 * pruned at run time: Postgres 18.4 crashed there (`perform_pruning_base_step`) when one was added meanwhile.
 */
export const PLAN_SETTINGS =
  'set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; set jit = off; ' +
  'set plan_cache_mode = force_generic_plan; set enable_partition_pruning = off';

/** Between two statements of a transaction nothing of ours takes so long. */
const FROZEN_MS = 5_000;

/** Postgres 14 or later. Fails with `ledger-unreachable`. */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connections,
    application_name: 'zoom-chat-archiver',
    connectionTimeoutMillis: 10_000,
    // A process that froze within a transaction holds the lease's row: Postgres ends it, or no standby could take over.
    idle_in_transaction_session_timeout: FROZEN_MS,
    types: TYPES,
    onConnect: (client) => client.query(PLAN_SETTINGS).then(() => undefined),
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', (error) => options.log.warn({ err: error.message }, 'idle ledger connection broke'));
  const names = new Map<string, string>();
  const statement = (text: string, values: readonly unknown[] | undefined): pg.QueryConfig => {
    if (values === undefined) return { text };
    let name = names.get(text);
    if (name === undefined) {
      name = createHash('sha256').update(text).digest('hex').slice(0, 32);
      names.set(text, name);
    }
    return { name, text, values: [...values] };
  };
  const ask = async <R extends Row>(
    target: pg.Pool | pg.PoolClient,
    text: string,
    values?: readonly unknown[],
  ): Promise<R[]> => {
    try {
      return (await target.query<R>(statement(text, values))).rows;
    } catch (error) {
      throw postgresError(error);
    }
  };
  const database: Database = {
    engine: 'postgres',
    query: (text, values) => ask(pool, text, values),
    async transaction(work) {
      const client = await pool.connect().catch((error: unknown) => {
        throw postgresError(error);
      });
      // Between two statements nobody but this listener hears that the server went away; unheard, it ends the process.
      let cut: Error | undefined;
      const hear = (error: Error): void => {
        cut ??= error;
      };
      client.on('error', hear);
      let broken = false;
      try {
        await client.query('begin');
        const result = await work({ query: (text, values) => ask(client, text, values) });
        await client.query('commit');
        return result;
      } catch (error) {
        await client.query('rollback').catch(() => {
          broken = true;
        });
        throw error instanceof ArchiverError ? error : postgresError(cut ?? error);
      } finally {
        client.release(broken || cut !== undefined);
        client.off('error', hear);
      }
    },
    close: () => pool.end(),
  };
  try {
    await database.query('select 1');
  } catch (error) {
    await pool.end();
    throw error;
  }
  return database;
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  'EAI_AGAIN',
]);

/**
 * SQLSTATE classes that say the server is gone, starting, full, or refuses us, not that a statement is wrong. Among them
 * a session that was ended because this process stood still in a transaction (25P03), and one of two that waited for each
 * other (40): the next try may succeed.
 */
const UNAVAILABLE = /^(08|25P03|28|3D|40|53|57P)/;

/** Errors of the driver in our words; our own errors pass through, a wrong statement stays what it is. */
export function postgresError(error: unknown): unknown {
  if (error instanceof ArchiverError || !(error instanceof Error)) return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const gone =
    CONNECTION_CODES.has(code) ||
    UNAVAILABLE.test(code) ||
    /Connection terminated|timeout exceeded when trying to connect|password must be a string/.test(
      error.message,
    );
  if (!gone) return error;
  return new ArchiverError('ledger-unreachable', 'the ledger did not answer', {
    cause: error,
    detail: error.message,
  });
}
