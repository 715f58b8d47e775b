/** What single records put back into a ledger, where their order or their number matters. */
import { describe, expect, test } from 'vitest';
import { contextCandidate, goneCandidate, type Sighted } from '../../src/collectors/context-records.ts';
import { coverageRecord } from '../../src/collectors/coverage.ts';
import { restoreRecords, restoreStanding, wantedRecords } from '../../src/collectors/restore.ts';
import { acquireLease } from '../../src/ledger/lease.ts';
import { finishRebuild } from '../../src/ledger/rebuild.ts';
import { knownSubjects } from '../../src/ledger/subjects.ts';
import {
  type ArchivedRecord,
  type Candidate,
  canonicalJson,
  instant,
  type KeyMonth,
} from '../../src/record.ts';
import { ACCOUNT, ENGINES, type Ledger, NOW, openLedger } from '../ledger/ledgers.ts';

const MINUTE = 60_000;
const LIMITS = { keysFrom: '2026-04-01' as KeyMonth, unitsSince: NOW - 30 * 86_400_000 };

function archived({ stream, kind, time, record }: Candidate, observedAt: number = time): ArchivedRecord {
  return { stream, kind, drift: false, time, observedAt: instant(observedAt), session: undefined, record };
}

/** That a session was collected for the minute before `at`. */
function covered(at: number): ArchivedRecord {
  const unit = { stream: 'messages', scope: 's', mode: 'modified', from: 0, to: at, attempt: 1 };
  const counts = { pages: 1, rows: 1, admitted: 1, sightings: 0, drift: 0 };
  const dates = { fromDate: '2026-11-19', toDate: '2026-11-21' };
  const times = { startedAt: at - 1, finishedAt: at, covers: { from: at - MINUTE, to: at } };
  return archived(coverageRecord(ACCOUNT, 'run', unit, { outcome: 'done', ...counts, ...dates, ...times }));
}

function withdrawn(at: number): ArchivedRecord {
  const iso = new Date(at).toISOString();
  const unit = { stream: 'messages', scope: '', mode: 'modified', from: iso, to: iso };
  const record = canonicalJson({ outcome: 'withdrawn', unit, covers: null });
  const time = instant(at);
  return {
    stream: 'coverage',
    kind: 'withdrawn',
    drift: false,
    time,
    observedAt: time,
    session: undefined,
    record,
  };
}

describe.each(ENGINES)('a ledger on $name', (engine) => {
  const restore = ({ db, lease }: Ledger, records: readonly ArchivedRecord[], entry = 1): Promise<void> =>
    restoreRecords(db, lease, records, entry, LIMITS);

  test('believes no coverage that was taken back, but all that came after; twice is as once', async () => {
    const ledger = await openLedger(engine);
    const records = [
      covered(NOW),
      withdrawn(NOW),
      covered(NOW),
      covered(NOW + 5 * MINUTE),
      covered(NOW + 6 * MINUTE),
    ];
    for (let times = 0; times < 2; times += 1) {
      await restore(ledger, records);
      const rows = await ledger.db.query('select covered::text as covered, asked_at from coverage');
      const asked = new Date(NOW + 6 * MINUTE - 1);
      const whole = `{[${NOW + 4 * MINUTE},${NOW + 6 * MINUTE})}`;
      expect(rows).toEqual([{ covered: whole, asked_at: asked }]);
    }
    await restore(ledger, [withdrawn(NOW + 7 * MINUTE)], 2);
    expect(await ledger.db.query('select covered::text as covered from coverage')).toEqual([
      { covered: '{}' },
    ]);
  });

  test('knows the latest state of each thing, in whatever order segments come', async () => {
    const ledger = await openLedger(engine);
    const { db, lease } = ledger;
    const look = (subject: string, name: string, at: number): ArchivedRecord => {
      const sighted: Sighted = { kind: 'user', subject, name, value: { name } };
      return archived(contextCandidate(sighted, ACCOUNT, at));
    };
    const gone = (subject: string, at: number): ArchivedRecord =>
      archived(goneCandidate({ kind: 'user', subject, name: '' }, ACCOUNT, at));
    await restore(
      ledger,
      [look('stays', 'newest', NOW + 3), gone('left', NOW + 3), look('back', 'back', NOW + 4)],
      5,
    );
    await restore(
      ledger,
      [look('stays', 'older', NOW + 2), look('left', 'was here', NOW), gone('back', NOW + 3)],
      9,
    );
    // Of one moment the one that came later into the log.
    await restore(ledger, [look('same', 'first', NOW)], 3);
    await restore(ledger, [look('same', 'second', NOW)], 4);
    await restoreStanding(db, lease);
    expect(await knownSubjects(db, ACCOUNT, 'user')).toEqual(
      new Map([
        ['back', 'back'],
        ['same', 'second'],
        ['stays', 'newest'],
      ]),
    );
    await finishRebuild(db, lease, {
      head: { size: 0, frontier: new Uint8Array(8) },
      locked: { size: 0, frontier: new Uint8Array(8) },
      entries: [],
      newEntries: [],
      askAgain: [],
    });
    expect(await db.query('select 1 from states')).toHaveLength(4);
    expect(await db.query('select 1 from rebuild_states')).toEqual([]);
  });

  test('is written by its leader alone', async () => {
    const ledger = await openLedger(engine);
    const { db } = ledger;
    await db.query(`update lease set expires_at = '-infinity'`);
    await acquireLease(db, ACCOUNT, 'another', MINUTE);
    await expect(restore(ledger, [covered(NOW)])).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await db.query('select 1 from coverage')).toEqual([]);
  });
});

test('what Zoom can serve no more is read for what it points to, or not at all', () => {
  const wanted = (stream: ArchivedRecord['stream'], day: string) => wantedRecords(stream, day, LIMITS);
  expect(wanted('messages', '2026-04-01')).toBe('all');
  expect(wanted('messages', '2026-03-31')).toBe('linking');
  expect(wanted('reactions', '2026-03-31')).toBe('none');
  expect(wanted('channel_activities', '2026-03-31')).toBe('none');
  for (const stream of [
    'sessions',
    'context',
    'files',
    'forwarded',
    'coverage',
    'matters',
    'hold_files',
  ] as const)
    expect(wanted(stream, '2020-01-01')).toBe('all');
});
