import type { ObjectLock } from './sink.ts';

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
