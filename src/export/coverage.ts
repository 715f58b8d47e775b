/** `coverage.json` of an export: which time was collected of what it is of, and where nobody looked. */
import type { CoverageHole } from '../query/calendar.ts';
import { coverageOf, outsideCoverage } from '../query/coverage-holes.ts';
import type { AuditContext } from '../query/reader.ts';
import { visible, visibleTime } from '../query/visibility.ts';
import type { ExportSlice } from './slice.ts';

/** Whose holes can make messages of a conversation missing. */
const STREAMS = ['messages', 'sessions', 'channel_activities'];

export interface SliceCoverage {
  readonly holes: readonly CoverageHole[];
  readonly text: string;
}

/** @param sessions those that have messages in the slice: of others the archive does not know that they are missing */
export async function sliceCoverage(
  ctx: AuditContext,
  { window: { from, to } }: ExportSlice,
  sessions: ReadonlySet<string>,
): Promise<SliceCoverage> {
  const seen = visibleTime(await visible(ctx));
  const within = {
    from: Math.max(seen.from, from ?? Number.NEGATIVE_INFINITY),
    to: Math.min(seen.to, to ?? Number.POSITIVE_INFINITY),
  };
  const { holes: told, covered } = await coverageOf(ctx, {
    streams: STREAMS,
    sessions: [...sessions],
    within,
  });
  const holes = [...outsideCoverage(covered, ['messages'], within), ...told];
  const moment = (at: number): string | null => (Number.isFinite(at) ? new Date(at).toISOString() : null);
  const coverage = {
    from: moment(within.from),
    to: moment(within.to),
    sessions: sessions.size,
    covered: covered.map((one) => ({ stream: one.stream, from: moment(one.from), to: moment(one.to) })),
    holes,
  };
  return { holes, text: `${JSON.stringify(coverage, null, 2)}\n` };
}
