import type { Database, Queryable } from './database.ts';

/** Runs what reads much of the index at once, for which the plans of the ledger's other statements are wrong. */
export async function inBulk<T>(db: Database, work: (tx: Queryable) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.query('set local enable_seqscan = on');
    await tx.query('set local enable_hashjoin = on');
    await tx.query('set local plan_cache_mode = force_custom_plan');
    await tx.query(`set local work_mem = '64MB'`);
    return work(tx);
  });
}
