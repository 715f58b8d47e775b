/** Time that was collected and time that was not, from the archive's own coverage records. */
import { openDuckDB } from '../duckdb.ts';
import { Coverage, type CoveredStream, type Uncovered } from '../proof/verify/coverage.ts';
import { type Interval, intersection } from '../record.ts';
import { parseSegmentKey } from '../segments/layout.ts';
import type { OpenArchive } from './archive.ts';
import type { CoverageHole } from './calendar-form.ts';
import type { AuditContext } from './reader.ts';

/** Of what coverage is asked for; what is undefined leaves nothing out. */
export interface CoverageQuestion {
  readonly streams?: readonly string[] | undefined;
  /**
   * Ids of sessions: then of streams that are collected by session only these, and of streams of the whole account all.
   * Nothing tells of a session that has no coverage of its own.
   */
  readonly sessions?: readonly string[] | undefined;
  /** Milliseconds, half-open. */
  readonly within?: Interval | undefined;
}

export interface ToldCoverage {
  /** By stream and time. */
  readonly holes: readonly CoverageHole[];
  /** When each stream was collected in any of its scopes, milliseconds, in order, without overlap; within the question. */
  readonly covered: readonly CoveredStream[];
}

const DAY_MS = 86_400_000;

/**
 * Holes by name, and what is covered. Of time before the last day of which coverage records were disposed of nothing is
 * missing that can be told. Fails with `proof-invalid` where a segment of `coverage` was altered.
 */
export async function coverageOf(
  { archive }: Pick<AuditContext, 'archive'>,
  { streams, sessions, within = ALWAYS }: CoverageQuestion,
): Promise<ToldCoverage> {
  const paths = await coveragePaths(archive);
  const duckdb = await openDuckDB();
  try {
    const coverage = await Coverage.open(duckdb);
    try {
      const scopes = sessions === undefined ? undefined : [...sessions, ''];
      await coverage.read(paths, { streams, scopes });
      const told = tellableFrom(archive);
      return {
        holes: (await coverage.uncovered()).flatMap((hole) => holeWithin(hole, told, within)),
        covered: (await coverage.covered()).flatMap((part) => {
          const common = intersection(part, within);
          return common === undefined ? [] : [{ stream: part.stream, ...common }];
        }),
      };
    } finally {
      coverage.close();
    }
  } finally {
    duckdb.closeSync();
  }
}

/** {@link coverageOf} without what is covered. */
export async function holesOf(
  ctx: Pick<AuditContext, 'archive'>,
  question: CoverageQuestion,
): Promise<readonly CoverageHole[]> {
  return (await coverageOf(ctx, question)).holes;
}

/**
 * Time of the question that lies before or behind all that is covered of a stream: nobody looked then, and no record
 * says so. Where the question is open at an end, nothing is told of it.
 */
export function outsideCoverage(
  covered: readonly CoveredStream[],
  streams: readonly string[],
  { from, to }: Interval,
): readonly CoverageHole[] {
  const hole = (stream: string, part: Interval, reason: string): readonly CoverageHole[] =>
    Number.isFinite(part.from) && Number.isFinite(part.to) && part.from < part.to
      ? [{ stream, session: '', from: iso(part.from), to: iso(part.to), why: 'not-looked-at', reason }]
      : [];
  return streams.flatMap((stream) => {
    const own = covered.filter((part) => part.stream === stream);
    if (own.length === 0) return hole(stream, { from, to }, 'no coverage');
    const first = own.reduce((least, part) => Math.min(least, part.from), Number.POSITIVE_INFINITY);
    const last = own.reduce((most, part) => Math.max(most, part.to), Number.NEGATIVE_INFINITY);
    return [
      ...hole(stream, { from, to: first }, 'before all coverage'),
      ...hole(stream, { from: last, to }, 'after all coverage'),
    ];
  });
}

const ALWAYS: Interval = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };

async function coveragePaths(archive: OpenArchive): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const { entry } of archive.segments({ streams: ['coverage'] }))
    paths.push(await archive.files.intact(entry));
  return paths;
}

/** End of the last day of which coverage records were disposed of; what covered the time before is not known any more. */
function tellableFrom({ deeds }: OpenArchive): number {
  const ends = deeds.flatMap(({ entry }) => {
    const parts = entry.type === 'disposal' ? parseSegmentKey(entry.key) : undefined;
    return parts?.stream === 'coverage' ? [Date.parse(`${parts.day}T00:00:00Z`) + DAY_MS] : [];
  });
  return ends.reduce((last, end) => Math.max(last, end), Number.NEGATIVE_INFINITY);
}

/** What is on record as gone is known, whatever was disposed of. */
function holeWithin(
  { stream, scope, from, to, why, reason }: Uncovered,
  told: number,
  within: Interval,
): readonly CoverageHole[] {
  const since = why === 'lost' || why === 'refused' ? from : Math.max(from, told);
  if (since > to || (since === to && from < to)) return [];
  // A look that failed has a moment and no length.
  const part =
    since === to && since >= within.from && since < within.to
      ? { from: since, to }
      : intersection({ from: since, to }, within);
  if (part === undefined) return [];
  return [{ stream, session: scope, from: iso(part.from), to: iso(part.to), why, reason }];
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
