import { describe, expect, test } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import { NO_CONTENTS } from '../../src/ledger/segment-contents.ts';
import {
  commitSegment,
  type LockFor,
  openPlans,
  planSegments,
  type SealLimits,
  type SegmentPlan,
  stagedRows,
  stagedTotals,
} from '../../src/ledger/staging.ts';
import { ledgerStatus } from '../../src/ledger/status.ts';
import { type Candidate, instant } from '../../src/record.ts';
import { message, PROVENANCE, page } from './candidates.ts';
import { ACCOUNT, ENGINES, type Ledger, leaseOf, NOW, openLedger } from './ledgers.ts';

const HOUR = 3_600_000;
const LIMITS: SealLimits = { records: 100, bytes: 1_000_000, dueBefore: NOW - HOUR };
const LOCK = { mode: 'compliance', retainUntil: new Date('2033-11-20T00:00:00Z') } as const;

/** A page of `count` records of one day, observed at `observedAt`. */
async function stage(
  { db, lease, unit }: Ledger,
  name: string,
  count: number,
  observedAt = NOW,
  changes: Partial<Candidate> = {},
): Promise<void> {
  const candidates = Array.from({ length: count }, (_, index) => message(`${name} ${index}`, {}, changes));
  await admit(
    db,
    lease,
    unit,
    page(candidates, { provenance: { ...PROVENANCE, observedAt: instant(observedAt) } }),
  );
}

function plan(
  { db, lease }: { readonly db: Database; readonly lease: Lease },
  limits: Partial<SealLimits> = {},
  limit = 100,
  lockFor: LockFor = () => LOCK,
): Promise<readonly SegmentPlan[]> {
  return planSegments(db, lease, { ...LIMITS, ...limits }, lockFor, NOW, limit);
}

async function linesOf(db: Database, segment: SegmentPlan): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const rows of stagedRows(db, segment)) lines.push(...rows.map((row) => row.lines));
  return lines;
}

describe.each(ENGINES)('planning on $name', (engine) => {
  test('plans nothing while a group is neither full nor old', async () => {
    const ledger = await openLedger(engine);
    expect(await plan(ledger)).toEqual([]);
    await stage(ledger, 'a', 99);
    expect(await plan(ledger)).toEqual([]);
    // Old is before the moment, not at it.
    expect(await plan(ledger, { dueBefore: NOW })).toEqual([]);
  });

  test('plans a group that is full by records', async () => {
    const ledger = await openLedger(engine);
    await stage(ledger, 'a', 60);
    await stage(ledger, 'b', 40);
    expect(await plan(ledger)).toMatchObject([
      { stream: 'messages', className: 'default', day: '2026-11-19', records: 100, lock: LOCK },
    ]);
    expect(await plan(ledger)).toEqual([]);
  });

  test('plans a group that is full by bytes', async () => {
    const ledger = await openLedger(engine);
    await stage(ledger, 'a', 5);
    const { bytes } = await stagedTotals(ledger.db, ACCOUNT);
    expect(await plan(ledger, { bytes: bytes + 1 })).toEqual([]);
    expect(await plan(ledger, { bytes })).toMatchObject([{ records: 5, bytes }]);
  });

  test('plans a group whose oldest record has waited, however small', async () => {
    const ledger = await openLedger(engine);
    await stage(ledger, 'old', 1, NOW - HOUR - 1);
    await stage(ledger, 'new', 1);
    await stage(ledger, 'other', 1, NOW, { stream: 'reactions', kind: 'state' });
    expect(await plan(ledger)).toMatchObject([{ stream: 'messages', records: 2 }]);
    expect(await plan(ledger)).toEqual([]);
    expect(await stagedTotals(ledger.db, ACCOUNT)).toMatchObject({ records: 3, oldest: NOW - HOUR - 1 });
  });

  test('cuts a large group into full segments and lets the rest wait', async () => {
    const ledger = await openLedger(engine);
    for (let number = 0; number < 9; number += 1) await stage(ledger, `p${number}`, 30);
    const plans = await plan(ledger);
    expect(plans.map(({ records }) => records)).toEqual([120, 90]);
    expect(await plan(ledger)).toEqual([]);
    // The rest is 60 records; with two pages more it is full.
    await stage(ledger, 'more', 30);
    await stage(ledger, 'and more', 30);
    expect(await plan(ledger)).toMatchObject([{ records: 120 }]);
    const lines = (await Promise.all(plans.map((one) => linesOf(ledger.db, one)))).map((one) => one.length);
    expect(lines).toEqual([4, 3]);
  });

  test('keeps streams, classes and days apart', async () => {
    const ledger = await openLedger(engine);
    const { db, lease, unit } = ledger;
    const candidates = ['2026-11-18', '2026-11-19'].flatMap((day) =>
      ['messages', 'reactions'].map((stream) =>
        message(`${day} ${stream}`, {}, { stream: stream as 'messages', time: instant(Date.parse(day)) }),
      ),
    );
    for (const className of ['short', 'long']) {
      const renamed = candidates.map((one) => ({
        ...one,
        key: one.key.replace(/.$/, className === 'long' ? '0' : '1'),
      }));
      await admit(db, lease, unit, page(renamed as Candidate[], { classOf: () => className }));
    }
    const plans = await plan(ledger, { dueBefore: NOW + 1 });
    expect(plans.map((one) => `${one.stream} ${one.className} ${one.day}`).sort()).toEqual([
      'messages long 2026-11-18',
      'messages long 2026-11-19',
      'messages short 2026-11-18',
      'messages short 2026-11-19',
      'reactions long 2026-11-18',
      'reactions long 2026-11-19',
      'reactions short 2026-11-18',
      'reactions short 2026-11-19',
    ]);
  });

  test('coverage waits until all that was staged before it is committed', async () => {
    const ledger = await openLedger(engine);
    const { db, lease } = ledger;
    const coverage = { stream: 'coverage' } as const;
    await stage(ledger, 'a', 1);
    await stage(ledger, 'coverage of a', 1, NOW - 2 * HOUR, coverage);
    await stage(ledger, 'b', 1);
    expect(await plan(ledger)).toEqual([]);
    const [first] = await plan(ledger, { dueBefore: NOW + 1 });
    expect(first).toMatchObject({ stream: 'messages', records: 2 });
    await stage(ledger, 'c', 1);
    await stage(ledger, 'coverage of c', 1, NOW - 2 * HOUR, coverage);
    // Planned is not committed.
    expect(await plan(ledger)).toEqual([]);
    const sealed = {
      key: 'k',
      version: 'v',
      sha256: 's',
      size: 1,
      root: 'r',
      lock: null,
      contents: NO_CONTENTS,
    };
    if (first !== undefined) await commitSegment(db, lease, first, sealed, '{}', NOW);
    const [second] = await plan(ledger);
    expect(second).toMatchObject({ stream: 'coverage', records: 1 });
  });

  test('plans at most `limit` at a time, the oldest first, and the rest next time', async () => {
    const ledger = await openLedger(engine);
    for (const [index, day] of ['2026-11-10', '2026-11-11', '2026-11-12'].entries()) {
      await stage(ledger, day, 2, NOW - 2 * HOUR - index, { time: instant(Date.parse(day)) });
    }
    const first = await plan(ledger, {}, 2);
    expect(first.map(({ day }) => day)).toEqual(['2026-11-12', '2026-11-11']);
    expect((await plan(ledger, {}, 2)).map(({ day }) => day)).toEqual(['2026-11-10']);
  });

  test('plans all or nothing', async () => {
    const ledger = await openLedger(engine);
    for (const day of ['2026-11-10', '2026-11-11'])
      await stage(ledger, day, 1, NOW, { time: instant(Date.parse(day)) });
    let asked = 0;
    const failing: LockFor = () => {
      asked += 1;
      if (asked === 2) throw new Error('no lock for this one');
      return LOCK;
    };
    await expect(plan(ledger, { dueBefore: NOW + 1 }, 10, failing)).rejects.toThrow('no lock');
    expect(await openPlans(ledger.db, ACCOUNT)).toEqual([]);
    expect(await ledger.db.query('select 1 from staged where segment_id is not null')).toEqual([]);
  });

  test('after a crash the open plans are the same, with the same records', async () => {
    const ledger = await openLedger(engine);
    for (let number = 0; number < 70; number += 1) await stage(ledger, `p${number}`, 2);
    const plans = await plan(ledger, {}, 10, () => LOCK);
    const lines = await Promise.all(plans.map((one) => linesOf(ledger.db, one)));
    expect(lines[0]).toHaveLength(50);

    const db = await ledger.place.open();
    await leaseOf(db);
    const open = await openPlans(db, ACCOUNT);
    expect(open).toEqual(plans);
    expect(await Promise.all(open.map((one) => linesOf(db, one)))).toEqual(lines);
  });

  test('what arrives after the plan is not in it', async () => {
    const ledger = await openLedger(engine);
    await stage(ledger, 'before', 3);
    const [planned] = await plan(ledger, { dueBefore: NOW + 1 });
    await stage(ledger, 'after', 3);
    expect(planned && (await linesOf(ledger.db, planned))).toHaveLength(1);
    expect(await plan(ledger, { dueBefore: NOW + 1 })).toMatchObject([{ records: 3 }]);
  });

  test('committing drops the records of the plan and no others; twice is as once', async () => {
    const ledger = await openLedger(engine);
    const { db, lease } = ledger;
    await stage(ledger, 'sealed', 3);
    const [planned] = await plan(ledger, { dueBefore: NOW + 1 });
    if (planned === undefined) throw new Error('nothing was planned');
    await stage(ledger, 'waiting', 2);
    const sealed = {
      key: 'k',
      version: 'v',
      sha256: 's',
      size: 7,
      root: 'r',
      lock: null,
      contents: NO_CONTENTS,
    };
    await commitSegment(db, lease, planned, sealed, '{}', NOW);
    await commitSegment(db, lease, planned, sealed, '{}', NOW);
    expect(await stagedTotals(db, ACCOUNT)).toMatchObject({ records: 2 });
    expect(await db.query('select entry, entry_index from log_entries')).toEqual([
      { entry: '{}', entry_index: null },
    ]);
    expect(await openPlans(db, ACCOUNT)).toEqual([]);
    expect(await ledgerStatus(db, ACCOUNT)).toMatchObject({
      units: { running: 1, done: 0, failed: 0 },
      segments: { planned: 0, committed: 1, records: 3, bytes: 7 },
    });
  });

  test('committing what nobody planned is a bug, not a success', async () => {
    const { db, lease } = await openLedger(engine);
    const never = {
      id: 7,
      stream: 'messages',
      className: 'default',
      day: '2026-11-19',
      records: 1,
      bytes: 1,
    } as const;
    const sealed = {
      key: 'k',
      version: 'v',
      sha256: 's',
      size: 7,
      root: 'r',
      lock: null,
      contents: NO_CONTENTS,
    };
    const committing = commitSegment(db, lease, { ...never, lock: null }, sealed, '{}', NOW);
    await expect(committing).rejects.toMatchObject({ code: 'internal' });
  });

  test('counts only its own account', async () => {
    const ledger = await openLedger(engine);
    const other = await leaseOf(ledger.db, 'account-2');
    await stage(ledger, 'a', 3);
    expect(await plan({ db: ledger.db, lease: other }, { dueBefore: NOW + 1 })).toEqual([]);
    expect(await stagedTotals(ledger.db, 'account-2')).toEqual({ records: 0, bytes: 0, oldest: undefined });
    await plan(ledger, { dueBefore: NOW + 1 });
    expect(await openPlans(ledger.db, 'account-2')).toEqual([]);
  });
});
