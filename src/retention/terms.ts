/** What a retention class promises. */
import type { Period } from './period.ts';

/** From the firmest. */
export const LOCK_MODES = ['compliance', 'governance', 'none'] as const;
/** Object Lock mode; `none` locks nothing. */
export type LockMode = (typeof LOCK_MODES)[number];

export const DISPOSITIONS = ['keep', 'review', 'destroy'] as const;
/** What becomes of records whose period is over. */
export type Disposition = (typeof DISPOSITIONS)[number];

export interface Terms {
  readonly keep: Period;
  readonly mode: LockMode;
  readonly disposition: Disposition;
}
