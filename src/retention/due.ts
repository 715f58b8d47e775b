/** What may be destroyed: the decision about one segment or object. Pure. */
import { type ClassTerms, keptUntil } from './lock.ts';
import type { Disposition, Terms } from './terms.ts';

const DAY_MS = 86_400_000;

/** Classes of what the archive itself needs begin with a dot, which no class of a schedule does. They stay for good. */
export function isForGood(className: string): boolean {
  return className.startsWith('.');
}

/** A class of records and a UTC day (`yyyy-mm-dd`) of theirs. */
export interface ClassDay {
  readonly class: string;
  readonly day: string;
}

/** What is known of a segment or an object. */
export interface Kept extends ClassDay {
  /** End of the lock that was promised, milliseconds; undefined where none was. */
  readonly lockedUntil: number | undefined;
  readonly onHold: boolean;
  /** Of an object: classes and days of the records that point to it and are still there. */
  readonly pointing: readonly ClassDay[];
}

/**
 * Why something stays, or that it may go:
 * - `dated`: its date has not come; `until` is when it does, milliseconds;
 * - `held`: a legal hold covers it; `keep`: its class keeps for good; `review`: somebody else has to approve;
 * - `due`: it may be destroyed.
 */
export type Standing =
  | { readonly state: 'dated'; readonly until: number; readonly because: 'period' | 'lock' | 'records' }
  | { readonly state: 'held' | 'keep' | 'review' | 'due' };

/**
 * The standing of something at a moment. Its date is the latest of three: the end of its class' period, of its lock,
 * and of the period of every record that points to it. A class without terms keeps for good.
 * @param now milliseconds
 * @param approved whether a second person approves what asks for a review
 */
export function standingOf(kept: Kept, classes: ClassTerms, now: number, approved: boolean): Standing {
  const terms = classes.get(kept.class);
  if (terms === undefined || isForGood(kept.class)) return { state: 'keep' };
  const pointing = kept.pointing.map((each) => endOf(each, classes));
  if (pointing.includes(undefined)) return { state: 'keep' };
  const dates = [
    { until: keptUntil(terms, kept.day), because: 'period' },
    { until: kept.lockedUntil ?? Number.NEGATIVE_INFINITY, because: 'lock' },
    ...pointing.map((until = 0) => ({ until, because: 'records' }) as const),
  ] as const;
  const last = dates.reduce((latest, date) => (date.until > latest.until ? date : latest));
  if (last.until > now) return { state: 'dated', ...last };
  if (terms.disposition === 'keep') return { state: 'keep' };
  if (kept.onHold) return { state: 'held' };
  return { state: mayGo(terms.disposition, approved) ? 'due' : 'review' };
}

function mayGo(disposition: Exclude<Disposition, 'keep'>, approved: boolean): boolean {
  switch (disposition) {
    case 'destroy':
      return true;
    case 'review':
      return approved;
    default:
      return disposition satisfies never;
  }
}

/** Undefined for good. */
function endOf({ class: className, day }: ClassDay, classes: ClassTerms): number | undefined {
  const terms = classes.get(className);
  return terms === undefined ? undefined : keptUntil(terms, day);
}

/** The month of records of January 30 runs over into March, and ends after that of records of January 31. */
const RUN_OVER_DAYS = 3;

/**
 * The last UTC day whose records are past the period of their class at `now` (milliseconds); undefined where no day
 * since 1970 is. The days before are past it too, but for a few at the end of a month that ran over into the next.
 */
export function lastDayPast(terms: Pick<Terms, 'keep'>, now: number): string | undefined {
  const dayOf = (number: number): string => new Date(number * DAY_MS).toISOString().slice(0, 10);
  const isPast = (number: number): boolean => keptUntil(terms, dayOf(number)) <= now;
  let [past, kept] = [-1, Math.max(0, Math.floor(now / DAY_MS)) + 1];
  while (kept - past > 1) {
    const middle = Math.floor((past + kept) / 2);
    if (isPast(middle)) past = middle;
    else kept = middle;
  }
  for (let later = past + RUN_OVER_DAYS; later > past; later -= 1) if (isPast(later)) past = later;
  return past < 0 ? undefined : dayOf(past);
}
