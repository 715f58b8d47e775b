/** Time that nobody looked at, from what the archive itself says was looked at; docs/format.md says what that can tell. */
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../../duckdb.ts';
import type { Report } from './finding.ts';

/** From when to when a stream is covered at all, milliseconds. */
export interface CoveredStream {
  readonly stream: string;
  readonly from: number;
  readonly to: number;
}

export interface CoverageVerdict {
  /** How many windows are on record as lost or refused. */
  readonly lost: number;
  readonly covered: readonly CoveredStream[];
}

const DAY_MS = 86_400_000;

/**
 * What all coverage records together say. They stand in a table of DuckDB, which puts on disk what memory does not hold.
 */
export class Coverage {
  readonly #connection: DuckDBConnection;

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /** @param duckdb keeps them until it is closed */
  static async open(duckdb: DuckDBInstance): Promise<Coverage> {
    const connection = await duckdb.connect();
    await connection.run(
      `create table told (stream varchar, scope varchar, mode varchar, outcome varchar, said bigint, since bigint, until bigint)`,
    );
    return new Coverage(connection);
  }

  /** Takes in a segment of the stream `coverage`, whose bytes are those of its entry. */
  async read(path: string): Promise<void> {
    // A unit that is done covers what it says it does; of the others the window counts.
    await this.#connection.run(`insert into told
      select unit_stream, session_id, mode, outcome, epoch_ms(event_at),
        epoch_ms(case when outcome = 'done' then covers_from else window_from end),
        epoch_ms(case when outcome = 'done' then covers_to else window_to end)
      from read_parquet(${literal(path)}, hive_partitioning = false)`);
  }

  /**
   * Reports what is not covered; times are milliseconds.
   * @param from of the time before, records of coverage were disposed of: nothing is missing there that can be told
   */
  async check(now: number, from: number, report: Report): Promise<CoverageVerdict> {
    await this.#connection.run(STANDING);
    for (const [what, found, sql] of [
      ['time that nobody looked at', 'no coverage record', GAPS],
      ['time that could not be collected', 'the attempts failed', failedBefore(now - DAY_MS)],
    ] as const) {
      const reader = await this.#connection.runAndReadAll(sql);
      for (const [stream, name, scope, since, until] of reader.getRows()) {
        // What covered the part before may have been disposed of.
        if (Number(until) <= from) continue;
        report({
          check: 'coverage',
          what,
          key: `${String(stream)} ${String(name)} ${String(scope)}`.trimEnd(),
          expected: `covered from ${iso(Math.max(Number(since), from))} to ${iso(Number(until))}`,
          found,
        });
      }
    }
    const lost = await this.#connection.runAndReadAll(
      `select count(*) from standing where outcome in ('lost', 'refused')`,
    );
    const covered = await this.#connection.runAndReadAll(
      `select stream, min(since)::double, max(until)::double from standing
       where outcome = 'done' and since is not null group by stream order by stream`,
    );
    return {
      lost: Number(lost.getRows()[0]?.[0]),
      covered: covered
        .getRows()
        .map(([stream, from, to]) => ({ stream: String(stream), from: Number(from), to: Number(to) })),
    };
  }

  close(): void {
    this.#connection.closeSync();
  }
}

const iso = (time: number): string => new Date(time).toISOString();

/**
 * What was not taken back. The lists of sessions of the newest days, and of all six months once a day, make one coverage
 * together.
 */
const STANDING = `create temp table standing as
  select told.*, case when stream = 'sessions' then 'list' else mode end as name
  from told left join (
    select stream, mode, max(said) as withdrawn from told where outcome = 'withdrawn' group by all
  ) using (stream, mode)
  where outcome <> 'withdrawn' and (withdrawn is null or said >= withdrawn)`;

/** A repair looks where it is told to. Time on record as lost is no gap: the archive says so itself. */
const COVERING = `from standing where outcome <> 'failed' and mode <> 'repair'`;

const GAPS = `select stream, name, scope, reached::double, since::double from (
    select stream, name, scope, since, max(until) over (
      partition by stream, name, scope order by since rows between unbounded preceding and 1 preceding) as reached
    ${COVERING})
  where since > reached order by all`;

/**
 * Units whose attempts failed, the first of them before `then`, as far as their window lies before all that was covered
 * of their scope, or behind it, or nothing was. A window begins with its day, so up to a day before the first coverage is
 * none that was asked for; and the end counts only where nothing within the window came through later. A look has no
 * window.
 */
const failedBefore = (then: number): string => `
  with reach as (select stream, name, scope, min(since) as first, max(until) as last ${COVERING} group by all),
    failed as (
      select f.*, least(f.until, f.said) as ended, first, last, exists (
        select 1 from standing as d where d.outcome <> 'failed' and d.stream = f.stream and d.name = f.name
          and d.scope = f.scope and d.said >= f.said
          and (f.since >= f.until or (d.until > f.since and d.since < f.until))) as resumed
      from standing as f left join reach using (stream, name, scope)
      where f.outcome = 'failed' and f.mode <> 'repair'),
    parts as (
      select stream, name, scope, said, since, ended as until from failed
        where since < until and first is null
      union all select stream, name, scope, said, since, least(ended, first) from failed
        where since < until and since + ${DAY_MS} < first
      union all select stream, name, scope, said, greatest(since, last), ended from failed
        where since < until and ended > last and not resumed
      union all select stream, name, scope, said, coalesce(last, said), said from failed
        where since >= until and not resumed)
  select stream, name, scope, min(since)::double, max(until)::double from parts
  group by all having min(said) < ${then} order by all`;
