/** What time it is at least, for what cannot be taken back. */
import { ArchiverError } from '../errors.ts';
import { lastAskedAt } from './coverage.ts';
import type { Database } from './database.ts';

/** As much as the clocks of two machines with NTP never differ. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * The moment that has surely come: `now`, but no later than when Zoom answered last, whose clock agreed with ours then.
 * Fails with `clock-skew` where `now` is ahead of the ledger's clock; an embedded ledger has none of its own.
 * @param now by this machine's clock, milliseconds
 * @returns milliseconds; 0 where Zoom was never asked
 */
export async function trustedNow(db: Database, account: string, now: number): Promise<number> {
  const [row] = await db.query<{ at: Date }>('select clock_timestamp() as at');
  const ahead = now - (row?.at.getTime() ?? now);
  if (ahead > TOLERANCE_MS) {
    throw new ArchiverError('clock-skew', "our clock is ahead of the ledger's", {
      detail: `by ${Math.round(ahead / 1000)} s`,
    });
  }
  return Math.min(now, await lastAskedAt(db, account));
}
