import type { Database, Queryable } from './database.ts';

/** The plans of the ledger's other statements touch a page of rows by key; these read much of the index at once. */
export const SOME = `set_config('enable_hashjoin', 'on', true), set_config('plan_cache_mode', 'force_custom_plan', true)`;
/** What reads all of it. Without statistics Postgres would look up each row by itself. */
export const ALL = `${SOME}, set_config('enable_seqscan', 'on', true), set_config('enable_nestloop', 'off', true), set_config('enable_sort', 'off', true),
  set_config('work_mem', '64MB', true)`;

export async function inBulk<T>(
  db: Database,
  settings: typeof SOME | typeof ALL,
  work: (tx: Queryable) => Promise<T>,
): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.query(`select ${settings}`);
    return work(tx);
  });
}
