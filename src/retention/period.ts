/** Retention periods: `90d`, `18m`, `7y`. Months and years are calendar ones, in UTC. */
import type { Brand } from '../record.ts';

export type Period = Brand<string, 'Period'>;

/** S3 locks for 100 years at most; 36500 days, 999 months and 99 years stay below. */
export const PERIOD_PATTERN =
  /^((?:[1-9]\d{0,3}|[12]\d{4}|3[0-5]\d{3}|36[0-4]\d{2}|36500)d|[1-9]\d{0,2}m|[1-9]\d?y)$/;

export const PERIOD_FORM =
  'must be a number and a unit: d (up to 36500), m (months, up to 999) or y (up to 99), as in 7y';

/** @returns undefined where `text` is no period */
export function parsePeriod(text: string): Period | undefined {
  return PERIOD_PATTERN.test(text) ? (text as Period) : undefined;
}

/**
 * The end of a period that begins at `from`; both milliseconds. A day that its month lacks moves into the next month:
 * a month after January 31 ends in March, never early.
 */
export function periodEnd(from: number, period: Period): number {
  const { months, days } = partsOf(period);
  const date = new Date(from);
  date.setUTCMonth(date.getUTCMonth() + months);
  date.setUTCDate(date.getUTCDate() + days);
  return date.getTime();
}

/**
 * Which of two periods is longer, whenever they begin: negative for the first, positive for the second, 0 for equal
 * ones. Undefined where that depends on the day: 3 months have 89 to 92 days, so `3m` and `90d` have no order.
 */
export function comparePeriods(one: Period, other: Period): number | undefined {
  const [a, b] = [partsOf(one), partsOf(other)];
  // Parts of one unit need no calendar.
  if (a.days === b.days) return a.months - b.months;
  if (a.months === b.months) return a.days - b.days;
  const [first, second] = [daysOf(a), daysOf(b)];
  if (first.least > second.most) return 1;
  if (first.most < second.least) return -1;
  return undefined;
}

interface Parts {
  readonly months: number;
  readonly days: number;
}

function partsOf(period: Period): Parts {
  const count = Number(period.slice(0, -1));
  switch (period.at(-1)) {
    case 'd':
      return { months: 0, days: count };
    case 'm':
      return { months: count, days: 0 };
    default:
      return { months: count * 12, days: 0 };
  }
}

/** How many days a period may have, with two to spare for months that run over and for leap years. */
function daysOf({ months, days }: Parts): { readonly least: number; readonly most: number } {
  if (months === 0) return { least: days, most: days };
  const mean = (months * 146_097) / 4800;
  return { least: Math.floor(mean) - 3, most: Math.ceil(mean) + 3 };
}
