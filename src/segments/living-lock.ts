import type { ObjectLock } from '../sinks/sink.ts';

/** Stores refuse a date in the past; what is due already is kept a little longer, for disposition to see. */
const LEAST_MS = 86_400_000;

/**
 * The lock of a plan as it can still be put: a plan may have waited longer than its lock was to last.
 * @param now milliseconds
 */
export function livingLock(lock: ObjectLock | null, now: number): ObjectLock | null {
  if (lock === null || lock.retainUntil.getTime() > now) return lock;
  return { mode: lock.mode, retainUntil: new Date(Math.ceil((now + LEAST_MS) / 1000) * 1000) };
}
