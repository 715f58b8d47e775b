import type { Database } from './database.ts';

/** Numbers for people: how much is known, collected, waiting and sealed. */
export interface LedgerStatus {
  readonly sessions: number;
  readonly units: { readonly running: number; readonly done: number; readonly failed: number };
  readonly segments: {
    readonly planned: number;
    readonly committed: number;
    readonly records: number;
    readonly bytes: number;
  };
}

export async function ledgerStatus(db: Database, account: string): Promise<LedgerStatus> {
  const [row] = await db.query<Record<string, number>>(
    `select
       (select count(*) from registry where account = $1) as sessions,
       u.running, u.done, u.failed, s.planned, s.committed, s.records, s.bytes
     from (
       select count(*) filter (where outcome = 'running') as running, count(*) filter (where outcome = 'done') as done,
         count(*) filter (where outcome = 'failed') as failed
       from units where account = $1
     ) u, (
       select count(*) filter (where state = 'planned') as planned,
         count(*) filter (where state = 'committed') as committed,
         coalesce(sum(records) filter (where state = 'committed'), 0) as records,
         coalesce(sum(size) filter (where state = 'committed'), 0) as bytes
       from segments where account = $1
     ) s`,
    [account],
  );
  const number = (name: string): number => row?.[name] ?? 0;
  return {
    sessions: number('sessions'),
    units: { running: number('running'), done: number('done'), failed: number('failed') },
    segments: {
      planned: number('planned'),
      committed: number('committed'),
      records: number('records'),
      bytes: number('bytes'),
    },
  };
}
