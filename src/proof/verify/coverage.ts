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

/** Time of one scope and mode that is not collected, milliseconds. */
export interface Uncovered {
  readonly stream: string;
  readonly mode: string;
  /** Session, channel or matter; empty for the whole account. */
  readonly scope: string;
  readonly from: number;
  readonly to: number;
  readonly why: 'not-looked-at' | 'failed' | 'lost' | 'refused';
  /** As the newest record of it says; empty where there is none. */
  readonly reason: string;
}

/** Which coverage records are taken in; what is undefined leaves nothing out. */
export interface CoverageOf {
  readonly streams?: readonly string[] | undefined;
  readonly scopes?: readonly string[] | undefined;
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
      `create table told (stream varchar, scope varchar, mode varchar, outcome varchar, said bigint, since bigint, until bigint, reason varchar)`,
    );
    return new Coverage(connection);
  }

  /** Takes in segments of the stream `coverage`, whose bytes are those of their entries. */
  async read(paths: readonly string[], { streams, scopes }: CoverageOf = {}): Promise<void> {
    if (paths.length === 0) return;
    const among = (column: string, names: readonly string[] | undefined): string =>
      names === undefined
        ? 'true'
        : `list_contains([${names.map(literal).join(', ')}]::varchar[], ${column})`;
    // A unit that is done covers what it says it does; of the others the window counts.
    await this.#connection.run(`insert into told
      select unit_stream, session_id, mode, outcome, epoch_ms(event_at),
        epoch_ms(case when outcome = 'done' then covers_from else window_from end),
        epoch_ms(case when outcome = 'done' then covers_to else window_to end),
        case when outcome in ('failed', 'lost', 'refused') then ${REASON} end
      from read_parquet([${paths.map(literal).join(', ')}], hive_partitioning = false)
      where ${among('unit_stream', streams)} and (${among('session_id', scopes)} or outcome = 'withdrawn')`);
  }

  /**
   * Reports what is not covered; times are milliseconds.
   * @param from of the time before, records of coverage were disposed of: nothing is missing there that can be told
   */
  async check(now: number, from: number, report: Report): Promise<CoverageVerdict> {
    await this.#stand();
    const missing = [...(await this.#holes(GAPS)), ...(await this.#holes(failedBefore(now - DAY_MS)))];
    for (const { stream, mode, scope, why, ...hole } of missing) {
      // What covered the part before may have been disposed of.
      if (hole.to <= from) continue;
      const isGap = why === 'not-looked-at';
      report({
        check: 'coverage',
        what: isGap ? 'time that nobody looked at' : 'time that could not be collected',
        key: `${stream} ${mode} ${scope}`.trimEnd(),
        expected: `covered from ${iso(Math.max(hole.from, from))} to ${iso(hole.to)}`,
        found: isGap ? 'no coverage record' : 'the attempts failed',
      });
    }
    const [lost] = await this.#rows(`select count(*) from standing where outcome in ('lost', 'refused')`);
    const covered = await this.#rows(
      `select stream, min(since)::double, max(until)::double from standing
       where outcome = 'done' and since is not null group by stream order by stream`,
    );
    return { lost: Number(lost?.[0]), covered: covered.map(coveredStream) };
  }

  /**
   * All time that is not collected, on record as gone or not, by stream, mode, scope and time. A unit that failed counts
   * at once: whoever reads an archive does not know when it is tried again.
   */
  async uncovered(): Promise<readonly Uncovered[]> {
    await this.#stand();
    return this.#holes(
      `from (${[GAPS, failedBefore(Number.MAX_SAFE_INTEGER), GONE].map((sql) => `(${sql})`).join(' union all ')}) order by all`,
    );
  }

  /** When each stream was collected in any of its scopes, in order, without overlap. */
  async covered(): Promise<readonly CoveredStream[]> {
    await this.#stand();
    return (await this.#rows(ISLANDS)).map(coveredStream);
  }

  async #stand(): Promise<void> {
    await this.#connection.run(STANDING);
  }

  async #rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    return (await this.#connection.runAndReadAll(sql)).getRows();
  }

  async #holes(sql: string): Promise<readonly Uncovered[]> {
    return (await this.#rows(sql)).map(([stream, mode, scope, from, to, why, reason]) => ({
      stream: String(stream),
      mode: String(mode),
      scope: String(scope),
      from: Number(from),
      to: Number(to),
      why: whyOf(why),
      reason: reason === null ? '' : String(reason),
    }));
  }

  close(): void {
    this.#connection.closeSync();
  }
}

/** A failed unit names its error, what is gone why nobody can ask for it any more. */
const REASON = `coalesce(record ->> '$.error', 'Zoom kept it since ' || (record ->> '$.source_kept_since'),
  'Zoom serves from ' || (record ->> '$.first_served') || ' on', '')`;

function coveredStream([stream, from, to]: readonly unknown[]): CoveredStream {
  return { stream: String(stream), from: Number(from), to: Number(to) };
}

function whyOf(value: unknown): Uncovered['why'] {
  switch (value) {
    case 'failed':
    case 'lost':
    case 'refused':
      return value;
    default:
      return 'not-looked-at';
  }
}

const iso = (time: number): string => new Date(time).toISOString();

/**
 * What was not taken back. The lists of sessions of the newest days, and of all six months once a day, make one coverage
 * together.
 */
const STANDING = `create or replace temp table standing as
  select told.*, case when stream = 'sessions' then 'list' else mode end as name
  from told left join (
    select stream, mode, max(said) as withdrawn from told where outcome = 'withdrawn' group by all
  ) using (stream, mode)
  where outcome <> 'withdrawn' and (withdrawn is null or said >= withdrawn)`;

/** A repair looks where it is told to. Time on record as lost is no gap: the archive says so itself. */
const COVERING = `from standing where outcome <> 'failed' and mode <> 'repair'`;

const GAPS = `select stream, name, scope, reached::double, since::double, 'not-looked-at', null from (
    select stream, name, scope, since, max(until) over (
      partition by stream, name, scope order by since rows between unbounded preceding and 1 preceding) as reached
    ${COVERING})
  where since > reached order by all`;

const GONE = `select stream, name, scope, since::double, until::double, outcome, reason from standing
  where outcome in ('lost', 'refused') and mode <> 'repair'`;

const ISLANDS = `with covers as (
    select stream, since, until, max(until) over (
      partition by stream order by since, until rows between unbounded preceding and 1 preceding) as reached
    from standing where outcome = 'done' and since < until),
  numbered as (
    select *, count(*) filter (where reached is null or since > reached) over (
      partition by stream order by since, until rows unbounded preceding) as island
    from covers)
  select stream, min(since)::double, max(until)::double from numbered group by stream, island order by all`;

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
      select stream, name, scope, said, since, ended as until, reason from failed
        where since < until and first is null
      union all select stream, name, scope, said, since, least(ended, first), reason from failed
        where since < until and since + ${DAY_MS} < first
      union all select stream, name, scope, said, greatest(since, last), ended, reason from failed
        where since < until and ended > last and not resumed
      union all select stream, name, scope, said, coalesce(last, said), said, reason from failed
        where since >= until and not resumed)
  select stream, name, scope, min(since)::double, max(until)::double, 'failed', arg_max(reason, said) from parts
  group by all having min(said) < ${then} order by all`;
