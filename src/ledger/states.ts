import type { Interval, RecordKey } from '../record.ts';
import type { Database } from './database.ts';

/**
 * Keys of the states of one scope that are known, of things whose time lies in `interval`. Keys lead with scope and
 * second, so this reads one stretch of the index.
 * @param tag scope tag, the first 8 digits of the keys
 */
export async function knownStates(db: Database, tag: string, interval: Interval): Promise<Set<RecordKey>> {
  const bound = (time: number, rest: string): string => {
    const seconds = Math.min(Math.max(Math.floor(time / 1000), 0), 0xffff_ffff);
    return `${tag}${seconds.toString(16).padStart(8, '0')}${rest.repeat(16)}`;
  };
  const rows = await db.query<{ key: string }>(
    'select key::text as key from states where key between $1::uuid and $2::uuid',
    [bound(interval.from, '0'), bound(interval.to, 'f')],
  );
  // The ledger gives back keys as they went in, but for the dashes.
  return new Set(rows.map((row) => row.key.replaceAll('-', '') as RecordKey));
}
