/** A ledger of which one statement fails: before it took effect, or after. */
import { ArchiverError } from '../../src/errors.ts';
import type { Database, Queryable } from '../../src/ledger/database.ts';

export type Effect = 'lost' | 'applied';

function lost(): ArchiverError {
  return new ArchiverError('ledger-unreachable', 'the ledger did not answer');
}

/** `db`, but the transaction with the `nth` statement that has `where` is not sent, or is sent and reported failed. */
export function faulty(db: Database, where: string, effect: Effect, nth: number): Database {
  let seen = 0;
  const hits = (text: string): boolean => {
    if (text.includes(where)) seen += 1;
    return text.includes(where) && seen === nth;
  };
  return {
    engine: db.engine,
    async query(text, values) {
      const hit = hits(text);
      if (hit && effect === 'lost') throw lost();
      const rows = await db.query(text, values);
      if (hit) throw lost();
      return rows as never;
    },
    async transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T> {
      let hit = false;
      const result = await db.transaction((tx) =>
        work({
          async query(text, values) {
            if (hits(text)) hit = true;
            if (hit && effect === 'lost') throw lost();
            return (await tx.query(text, values)) as never;
          },
        }),
      );
      if (hit) throw lost();
      return result;
    },
    close: () => db.close(),
  };
}
