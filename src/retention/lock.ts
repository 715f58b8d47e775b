/** From the terms of a class to the lock of what is kept under it. Pure. */
import { ArchiverError } from '../errors.ts';
import type { ObjectLock } from '../sinks/sink.ts';
import { comparePeriods, type Period, periodEnd } from './period.ts';
import { LOCK_MODES, type LockMode, type Terms } from './terms.ts';

const DAY_MS = 86_400_000;

/** Terms by class. */
export type ClassTerms = ReadonlyMap<string, Terms>;

/** The end of a class' period for records of a UTC day (`yyyy-mm-dd`), counted from the end of that day; milliseconds. */
export function keptUntil({ keep }: Pick<Terms, 'keep'>, day: string): number {
  return periodEnd(Date.parse(`${day}T00:00:00Z`) + DAY_MS, keep);
}

/** The lock of records of a class and UTC day; null where nothing is locked. The date may be in the past. */
export function lockOf(terms: Terms, day: string): ObjectLock | null {
  const { mode } = terms;
  return mode === 'none' ? null : { mode, retainUntil: new Date(keptUntil(terms, day)) };
}

/** {@link lockOf} by the name of the class. Fails with `internal` for one that has no terms. */
export function lockByClass(classes: ClassTerms): (className: string, day: string) => ObjectLock | null {
  return (className, day) => {
    const terms = classes.get(className);
    if (terms === undefined) {
      throw new ArchiverError('internal', 'a retention class has no terms', { detail: className });
    }
    return lockOf(terms, day);
  };
}

/**
 * The lock of what the whole archive rests on, as firm and as long as that of any class: the log proves them all. In
 * compliance mode not longer than any class may be in it.
 */
export function lockOfAll(classes: ClassTerms, day: string, longestCompliance: Period): ObjectLock | null {
  const mode = strongestMode(classes);
  if (mode === 'none') return null;
  const locked = [...classes.values()].filter((terms) => terms.mode !== 'none');
  const longest = Math.max(...locked.map((terms) => keptUntil(terms, day)));
  const most = mode === 'compliance' ? keptUntil({ keep: longestCompliance }, day) : longest;
  return { mode, retainUntil: new Date(Math.min(longest, most)) };
}

/**
 * The lock that a version gets where `due` is asked for. A lock that has run out is as none, and no store takes a date in
 * the past. Terms are never mixed: governance terms do not lengthen a compliance lock, which nobody could take back, and
 * terms that end sooner do not turn a longer lock into compliance. What the lock does not keep then, the class does.
 * @param now milliseconds
 */
export function lengthenedLock(
  held: ObjectLock | null,
  due: ObjectLock | null,
  now: number,
): ObjectLock | null {
  if (due === null || due.retainUntil.getTime() <= now) return held;
  if (held === null || held.retainUntil.getTime() <= now) return due;
  if (held.mode === 'compliance' && due.mode === 'governance') return held;
  return held.retainUntil > due.retainUntil ||
    (held.mode === due.mode && +held.retainUntil === +due.retainUntil)
    ? held
    : due;
}

/** The firmest mode that any class asks for. */
export function strongestMode(classes: ClassTerms): LockMode {
  const modes = new Set([...classes.values()].map(({ mode }) => mode));
  return LOCK_MODES.find((mode) => modes.has(mode)) ?? 'none';
}

/** Whether the new terms promise less than the old ones did. */
export function isWeaker(now: Terms, before: Terms): boolean {
  const order = comparePeriods(now.keep, before.keep);
  return order === undefined || order < 0 || (before.mode === 'compliance' && now.mode !== 'compliance');
}

/** Classes by how long and how firmly they keep: of two, the one with the greater rank keeps at least what the other keeps. */
export function rankClasses(classes: ClassTerms): ReadonlyMap<string, number> {
  const names = [...classes].sort(([, one], [, other]) => {
    const order =
      comparePeriods(one.keep, other.keep) ?? keptUntil(one, SOME_DAY) - keptUntil(other, SOME_DAY);
    return order !== 0 ? order : LOCK_MODES.indexOf(other.mode) - LOCK_MODES.indexOf(one.mode);
  });
  return new Map(names.map(([name], rank) => [name, rank]));
}

/** Terms of two schedules may have no order of their own: `90d` of the one and `3m` of the other. */
const SOME_DAY = '2001-01-01';
