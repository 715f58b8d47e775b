import type { Database } from './database.ts';

export interface AskedUnit {
  readonly scope: string;
  readonly mode: string;
  /** When the last finished unit began, milliseconds. */
  readonly askedAt: number;
}

/** When each scope of a stream was last asked for, in each mode. */
export async function askedUnits(
  db: Database,
  account: string,
  stream: string,
): Promise<readonly AskedUnit[]> {
  const rows = await db.query<{ scope: string; mode: string; asked_at: Date }>(
    'select scope, mode, asked_at from coverage where account = $1 and stream = $2',
    [account, stream],
  );
  return rows.map(({ scope, mode, asked_at: at }) => ({ scope, mode, askedAt: at.getTime() }));
}
