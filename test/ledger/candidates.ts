import type { Page } from '../../src/ledger/admit.ts';
import type { Database } from '../../src/ledger/database.ts';
import { FIELD_SEPARATOR, type Provenance, RECORD_SEPARATOR } from '../../src/ledger/staged.ts';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  instant,
  type Json,
  keyMonth,
  recordKey,
  scopeTag,
} from '../../src/record.ts';
import { ACCOUNT, NOW } from './ledgers.ts';

export const DAY = 86_400_000;

/** A message as the collectors make it of Zoom's row; `fields` say what is different. */
export function message(
  name: string,
  fields: Readonly<Record<string, Json>> = {},
  changes: Partial<Candidate> = {},
): Candidate {
  const time = changes.time ?? instant(NOW - DAY);
  const record = canonicalJson({ id: name, timestamp: time, message: `text of ${name}`, ...fields });
  return {
    stream: 'messages',
    kind: 'sent',
    key: recordKey(scopeTag(ACCOUNT, 'session-1'), time, ['messages', 'session-1', name]),
    content: contentHash(record),
    rule: 'once',
    time,
    keyMonth: keyMonth(time),
    record,
    ...changes,
  };
}

export const PROVENANCE: Provenance = {
  run: 'run-1',
  requestId: 'request-1',
  trackingId: 'tracking-1',
  observedAt: instant(NOW),
  session: { id: 'session-1', type: 'Group', name: 'General', channelId: 'channel-1' },
};

export function page(candidates: readonly Candidate[], changes: Partial<Page> = {}): Page {
  return {
    rows: candidates.length,
    candidates,
    provenance: PROVENANCE,
    classOf: () => 'default',
    ...changes,
  };
}

/** A record as it waits in `staged`. */
export interface StagedRecord {
  readonly stream: string;
  readonly day: string;
  readonly drift: boolean;
  readonly key: string;
  readonly time: number;
  readonly kind: string;
  readonly record: string;
}

/** Everything staged, in order of arrival. */
export async function stagedRecords(db: Database): Promise<readonly StagedRecord[]> {
  const rows = await db.query<{ stream: string; day: string; lines: string; records: number }>(
    'select stream, day::text as day, lines, records from staged order by id',
  );
  return rows.flatMap(({ stream, day, lines, records }) => {
    const parsed = lines.split(RECORD_SEPARATOR).map((line) => {
      const [flag = '', key = '', time = '', kind = '', record = ''] = line.split(FIELD_SEPARATOR);
      return { stream, day, drift: flag === '1', key, time: Number(time), kind, record };
    });
    if (parsed.length !== records) throw new Error(`a staged row says ${records}, holds ${parsed.length}`);
    return parsed;
  });
}

export interface UnitCounters {
  readonly pages: number;
  readonly rows: number;
  readonly admitted: number;
  readonly sightings: number;
  readonly drift: number;
}

export async function unitCounters(db: Database, scope = 'session-1'): Promise<UnitCounters> {
  const [row] = await db.query<UnitCounters & Record<string, unknown>>(
    `select pages, rows, admitted, sightings, drift from units where scope = $1`,
    [scope],
  );
  if (row === undefined) throw new Error('no such unit');
  return row;
}
