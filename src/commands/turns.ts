import type { Database } from '../ledger/database.ts';

/**
 * What several jobs of a process do, and must not do at the same time; other processes do not lead. Disposing takes the
 * turn of `lengthen`: a lock is raised at the store before it is noted, and must not be in between.
 */
export type Turn = 'holds' | 'index' | 'lengthen' | 'schedule';

const turns = new WeakMap<Database, Map<Turn, Promise<unknown>>>();

/** Does `work` once all of the same kind is over that was asked for before on this ledger, whether it failed or not. */
export async function inTurn<T>(db: Database, turn: Turn, work: () => Promise<T>): Promise<T> {
  const underway = turns.get(db) ?? new Map<Turn, Promise<unknown>>();
  turns.set(db, underway);
  const before = underway.get(turn) ?? Promise.resolve();
  const mine = before.then(work);
  underway.set(
    turn,
    mine.catch(() => undefined),
  );
  return mine;
}
