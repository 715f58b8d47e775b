import type { Database } from './database.ts';
import type { Lease } from './lease.ts';

/** What was learned about an account under `name`; undefined when nothing was. The caller checks its shape. */
export async function readLearned(db: Database, account: string, name: string): Promise<unknown> {
  const [row] = await db.query<{ value: string }>(
    'select value::text as value from learned where account = $1 and name = $2',
    [account, name],
  );
  return row === undefined ? undefined : JSON.parse(row.value);
}

/** Keeps what was learned; nothing happens when the lease was lost. */
export async function writeLearned(db: Database, lease: Lease, name: string, value: unknown): Promise<void> {
  await db.query(
    `insert into learned as l (account, name, value)
     select $1, $3, $4::jsonb from lease where account = $1 and generation = $2
     on conflict (account, name) do update set value = excluded.value`,
    [lease.account, lease.generation, name, JSON.stringify(value)],
  );
}
