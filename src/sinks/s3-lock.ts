import type { ObjectLock } from './sink.ts';

interface Retention {
  readonly Mode: 'COMPLIANCE' | 'GOVERNANCE';
  readonly RetainUntilDate: Date;
}

/**
 * The lock as S3's PutObjectRetention takes it. Some stores cut the date to whole seconds: it is rounded up
 * here, so that what they keep is never earlier than asked.
 */
export function retentionOf(lock: ObjectLock): Retention {
  return {
    Mode: lock.mode === 'compliance' ? 'COMPLIANCE' : 'GOVERNANCE',
    RetainUntilDate: new Date(Math.ceil(lock.retainUntil.getTime() / 1000) * 1000),
  };
}

/** The same lock as PutObject takes it; nothing for none. */
export function lockFields(lock: ObjectLock | null) {
  if (lock === null) return {};
  const { Mode, RetainUntilDate } = retentionOf(lock);
  return { ObjectLockMode: Mode, ObjectLockRetainUntilDate: RetainUntilDate };
}

/** The lock that an answer to HeadObject tells, `null` when it tells none. */
export function lockOf(answer: {
  readonly ObjectLockMode?: string | undefined;
  readonly ObjectLockRetainUntilDate?: Date | undefined;
}): ObjectLock | null {
  const { ObjectLockMode: mode, ObjectLockRetainUntilDate: retainUntil } = answer;
  if (retainUntil === undefined) return null;
  if (mode === 'COMPLIANCE') return { mode: 'compliance', retainUntil };
  return mode === 'GOVERNANCE' ? { mode: 'governance', retainUntil } : null;
}
