/** What of each stream is collected, as the ledger knows it. */
import type { Interval } from '../record.ts';
import type { Database } from './database.ts';

/** What a stream of the whole account was collected for, what is lost, and when it was asked last (0: never). */
export async function accountCoverage(
  db: Database,
  account: string,
  stream: string,
  mode: string,
): Promise<{
  readonly covered: readonly Interval[];
  readonly lost: readonly Interval[];
  readonly askedAt: number;
}> {
  const [row] = await db.query<{ covered: string; lost: string; asked_at: Date }>(
    `select covered::text as covered, lost::text as lost, asked_at from coverage
     where account = $1 and stream = $2 and scope = '' and mode = $3`,
    [account, stream, mode],
  );
  return {
    covered: parseMultirange(row?.covered ?? null),
    lost: parseMultirange(row?.lost ?? null),
    askedAt: row?.asked_at.getTime() ?? 0,
  };
}

/** What one stream was collected for, in one scope and mode. */
export interface StreamCoverage {
  readonly stream: string;
  readonly scope: string;
  readonly mode: string;
  readonly covered: readonly Interval[];
  /** Out of Zoom's reach before it was collected, as it is on record. */
  readonly lost: readonly Interval[];
  readonly askedAt: number;
}

/** Coverage of one stream, or of all but messages, whose coverage comes with their sessions. */
export async function streamCoverage(
  db: Database,
  account: string,
  stream?: string,
): Promise<readonly StreamCoverage[]> {
  const rows = await db.query<{
    stream: string;
    scope: string;
    mode: string;
    covered: string;
    lost: string;
    asked_at: Date;
  }>(
    `select stream, scope, mode, covered::text as covered, lost::text as lost, asked_at from coverage
     where account = $1 and stream <> 'messages' and ($2::text is null or stream = $2) order by stream, scope, mode`,
    [account, stream ?? null],
  );
  return rows.map(({ covered, lost, asked_at, ...row }) => ({
    ...row,
    covered: parseMultirange(covered),
    lost: parseMultirange(lost),
    askedAt: asked_at.getTime(),
  }));
}

/**
 * When anything of the account was last asked for, with an answer (ms; 0: never). Zoom's clock agreed with ours then, so
 * that this moment may be relied on where ours alone may not.
 */
export async function lastAskedAt(db: Database, account: string): Promise<number> {
  const [row] = await db.query<{ at: Date | null }>(
    'select max(asked_at) as at from coverage where account = $1',
    [account],
  );
  return row?.at?.getTime() ?? 0;
}

/** `{[1,5),[7,9)}` as intervals; Postgres prints int8 ranges half-open and in order. */
export function parseMultirange(text: string | null): readonly Interval[] {
  if (text === null || text === '{}') return [];
  return [...text.matchAll(/\[(-?\d+),(-?\d+)\)/g)].map((match) => ({
    from: Number(match[1]),
    to: Number(match[2]),
  }));
}
