import type { Database } from './database.ts';

/** A unit that failed and is not asked again yet. */
export interface WaitingUnit {
  readonly scope: string;
  readonly mode: string;
  /** Milliseconds. */
  readonly from: number;
}

/** No failure holds a unit back for longer: a retry further off was set by a clock that was set back since. */
const LONGEST_RETRY_MS = 86_400_000;

/** Units of a stream whose retry lies ahead of `now`. */
export async function waitingUnits(
  db: Database,
  account: string,
  stream: string,
  now: number,
): Promise<readonly WaitingUnit[]> {
  return db.query<{ scope: string; mode: string; from: number }>(
    `select scope, mode, window_from as from from units
     where account = $1 and stream = $2 and outcome = 'failed' and retry_at > $3 and retry_at <= $4`,
    [account, stream, new Date(now), new Date(now + LONGEST_RETRY_MS)],
  );
}
