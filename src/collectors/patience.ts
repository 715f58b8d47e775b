/** When a refusal counts as Zoom's last word. Pure. */
import { hasCode } from '../errors.ts';
import type { Refusal } from '../ledger/links.ts';

/**
 * Why a link was refused for now: 404; 403, or 401 about the file; an address that must not be asked; a page in place
 * of a file, which Zoom shows to whoever lacks the right (fact sheet section 5.1). All may pass: a role gets its right
 * back, a name resolves elsewhere. Documented in docs/format.md.
 */
export type RefusedReason = (typeof REFUSED_REASONS)[number];
const REFUSED_REASONS = ['not-found', 'restricted', 'unsafe-link', 'html-page'] as const;

/** Fewer answers say little, however far apart: the archiver may have stood still between them. */
const LEAST_REFUSALS = 3;

/** The reason when an error is a refusal; undefined for any other error. */
export function refusedReason(error: unknown): RefusedReason | undefined {
  if (hasCode(error, 'zoom-not-found')) return 'not-found';
  if (hasCode(error, 'zoom-permission')) return 'restricted';
  if (hasCode(error, 'zoom-address')) return 'unsafe-link';
  return undefined;
}

/** The row of refusals with one more; another reason begins a new one. @param now milliseconds */
export function countRefusal(before: Refusal | undefined, reason: RefusedReason, now: number): Refusal {
  if (before?.reason !== reason) return { reason, times: 1, since: now };
  // A beginning in the future is of a clock since set back.
  return { reason, times: before.times + 1, since: Math.min(before.since, now) };
}

/**
 * The refusals that made `reason` the last word, as far as the record of it tells; undefined for a reason that is none
 * of Zoom's refusals. @param since milliseconds
 */
export function pastRefusal(reason: string, since: number): Refusal | undefined {
  const refused = REFUSED_REASONS.some((known) => known === reason);
  return refused ? { reason, times: LEAST_REFUSALS, since } : undefined;
}

/** True when nothing else is to be expected. @param patienceMs 0 takes the first refusal for the last word */
export function isLastWord({ times, since }: Refusal, patienceMs: number, now: number): boolean {
  return patienceMs === 0 || (times >= LEAST_REFUSALS && now - since >= patienceMs);
}
