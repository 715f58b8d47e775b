/** Which days of the activity logs are due. Pure. */
import { type Interval, utcDay } from '../record.ts';
import { DAY_MS, missing, type ReportWindow, startOfDay } from './windows.ts';

export interface ActivityPolicy {
  /** The logs may lack what happened in the last moments; that much is not counted as covered. Milliseconds. */
  readonly settleMs: number;
  /** How often the newest days are asked for. */
  readonly everyMs: number;
  /** How far back the first run goes. */
  readonly lookBackMs: number;
}

/** One UTC day of the logs of all channels. */
export interface ActivityUnit {
  readonly stream: 'channel_activities';
  readonly scope: '';
  readonly mode: 'log';
  readonly window: ReportWindow;
  /** Ends `settleMs` before now. */
  readonly covers: Interval;
}

export interface ActivityState {
  readonly covered: readonly Interval[];
  /** Out of Zoom's reach, and on record as such. */
  readonly lost: readonly Interval[];
  /** Beginnings of the days that failed and are not asked again yet, milliseconds. */
  readonly waiting: ReadonlySet<number>;
}

/**
 * Stretches without coverage, oldest first; the newest one may not be due yet. They begin a day after the oldest date
 * within the policy, because the date before a gap is asked for too; after an outage, where coverage began.
 */
export function activityGaps(
  state: Pick<ActivityState, 'covered' | 'lost'>,
  policy: ActivityPolicy,
  now: number,
): readonly Interval[] {
  const settled = [...state.covered, ...state.lost].sort((one, other) => one.from - other.from);
  const lookBack = startOfDay(now - policy.lookBackMs) + DAY_MS;
  return missing({ from: Math.min(lookBack, settled[0]?.from ?? lookBack), to: now }, settled);
}

/**
 * Days that are due, oldest first: those of every hole, and the newest ones when the policy says so. A unit asks for its
 * own date; at the ends of a gap for a date more, where inside of one the neighbours ask for it. So a call never has
 * more than three dates, and every moment is asked for in whatever zone Zoom's dates are.
 */
export function dueDays(state: ActivityState, policy: ActivityPolicy, now: number): readonly ActivityUnit[] {
  return activityGaps(state, policy, now)
    .filter(
      (gap) =>
        gap.to < now || state.covered.length === 0 || now - gap.from >= policy.everyMs + policy.settleMs,
    )
    .flatMap((gap) => daysOf(gap, now - policy.settleMs))
    .filter(({ window }) => !state.waiting.has(window.from));
}

function daysOf(gap: Interval, settled: number): readonly ActivityUnit[] {
  const units: ActivityUnit[] = [];
  for (let from = startOfDay(gap.from); from < gap.to; from += DAY_MS) {
    const to = from + DAY_MS;
    units.push({
      stream: 'channel_activities',
      scope: '',
      mode: 'log',
      window: {
        from,
        to,
        fromDate: utcDay(from <= gap.from ? from - DAY_MS : from),
        toDate: utcDay(to >= gap.to ? to : from),
      },
      covers: { from: Math.max(from, gap.from), to: Math.min(to, gap.to, settled) },
    });
  }
  return units;
}
