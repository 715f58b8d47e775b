import type { ObjectLock } from '../sinks/sink.ts';

/** Stores refuse a date in the past; what is due already is kept a day longer, for disposition to see. */
const LEAST_MS = 86_400_000;

/**
 * The lock as it can still be put: what it is for may be older than it was to last, or a plan waited too long.
 * @param now milliseconds
 */
export function livingLock(lock: ObjectLock | null, now: number): ObjectLock | null {
  const least = now + LEAST_MS;
  if (lock === null || lock.retainUntil.getTime() >= least) return lock;
  return { mode: lock.mode, retainUntil: new Date(Math.ceil(least / 1000) * 1000) };
}
