import { ArchiverError } from '../errors.ts';
import type { ObjectLock, StoredObject } from './sink.ts';

/** True when `held` forbids at least what `asked` forbids, for at least as long. */
export function isAtLeast(held: ObjectLock | null, asked: ObjectLock | null): boolean {
  if (asked === null) return true;
  if (held === null) return false;
  return (
    held.retainUntil.getTime() >= asked.retainUntil.getTime() &&
    (held.mode === 'compliance' || asked.mode === 'governance')
  );
}

/** The weakest lock that is at least as strict as both. */
export function stricter(a: ObjectLock | null, b: ObjectLock | null): ObjectLock | null {
  if (a === null || b === null) return a ?? b;
  return {
    mode: a.mode === 'compliance' || b.mode === 'compliance' ? 'compliance' : 'governance',
    retainUntil: a.retainUntil.getTime() >= b.retainUntil.getTime() ? a.retainUntil : b.retainUntil,
  };
}

/**
 * Fails with `sink-locked` while a legal hold, or a lock that is not over at `now` (milliseconds since the epoch),
 * protects a version. `subject` names the key as errors do.
 */
export function requireUnprotected(
  { version, lock, held }: Pick<StoredObject, 'version' | 'lock' | 'held'>,
  subject: string,
  now: number,
): void {
  const locked = lock !== null && lock.retainUntil.getTime() > now;
  if (!held && !locked) return;
  const why = held ? 'is under a legal hold' : `is locked until ${lock?.retainUntil.toISOString()}`;
  throw new ArchiverError('sink-locked', 'what is protected cannot be destroyed', {
    detail: `${subject} version ${version} ${why}`,
  });
}
