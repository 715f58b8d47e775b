/** Time windows as Zoom's reports take them. Pure. */
import { type Interval, utcDay } from '../record.ts';

export const DAY_MS = 86_400_000;

/** A window to ask for: whole UTC days, and the report dates with the overlap on each side. */
export interface ReportWindow extends Interval {
  readonly fromDate: string;
  readonly toDate: string;
}

/** With the overlap on both sides a window stays within the month that Zoom allows. */
const WINDOW_DAYS = 27;

/**
 * The earliest moment Zoom's reports serve: midnight UTC, six calendar months back (fact sheet sections 1 and 2).
 */
export function reportHorizon(now: number): number {
  const date = new Date(now);
  const month = date.getUTCMonth() - 6;
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), month + 1, 0)).getUTCDate();
  return Date.UTC(date.getUTCFullYear(), month, Math.min(date.getUTCDate(), lastDay));
}

export function startOfDay(time: number): number {
  return Math.floor(time / DAY_MS) * DAY_MS;
}

/**
 * `interval` cut into windows of at most 27 whole UTC days, oldest first. The dates asked for reach further, because
 * the zone of Zoom's report dates and whether `to` is included are not documented: a day before, and two dates past
 * the last day, for where Zoom's day is ahead of UTC and `to` is left out. They never reach before the horizon.
 */
export function reportWindows(interval: Interval, now: number): readonly ReportWindow[] {
  const horizon = reportHorizon(now);
  const windows: ReportWindow[] = [];
  let from = startOfDay(Math.max(interval.from, horizon));
  while (from < interval.to) {
    const to = Math.min(from + WINDOW_DAYS * DAY_MS, startOfDay(interval.to - 1) + DAY_MS);
    windows.push({
      from,
      to,
      fromDate: utcDay(Math.max(from - DAY_MS, horizon)),
      toDate: utcDay(to + DAY_MS),
    });
    from = to;
  }
  return windows;
}

/** The parts of `whole` that none of `covered` (in order, without overlap) holds. */
export function missing(whole: Interval, covered: readonly Interval[]): readonly Interval[] {
  const gaps: Interval[] = [];
  let from = whole.from;
  for (const part of covered) {
    if (part.to <= from) continue;
    if (part.from >= whole.to) break;
    if (part.from > from) gaps.push({ from, to: part.from });
    from = part.to;
  }
  if (from < whole.to) gaps.push({ from, to: whole.to });
  return gaps;
}
