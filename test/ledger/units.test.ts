import { describe, expect, test } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import { accountCoverage } from '../../src/ledger/coverage.ts';
import { eachKnownSession, hintSession, registerSessions } from '../../src/ledger/registry.ts';
import { endUnit, failingUnits, startUnit } from '../../src/ledger/units.ts';
import { sessionId } from '../../src/record.ts';
import { DAY, message, page, stagedRecords, unitCounters } from './candidates.ts';
import { ACCOUNT, ENGINES, type Ledger, NOW, openLedger, UNIT } from './ledgers.ts';
import { unitEnd } from './unit-end.ts';

const WEEK = 7 * DAY;

const LISTED = {
  id: sessionId('session-1'),
  type: 'Group',
  name: 'General',
  channelId: 'channel-1',
  lastMessageAt: NOW - DAY,
};

async function knownSession({ db }: Ledger) {
  for await (const [session] of eachKnownSession(db, ACCOUNT)) return session;
  return undefined;
}

/** Collects the listing of `from` to `to` weeks, for better or worse. */
async function list(
  { db, lease }: Ledger,
  from: number,
  to: number,
  outcome: 'done' | 'failed' = 'done',
): Promise<void> {
  const window = { stream: 'sessions', scope: '', mode: 'recent', from: from * WEEK, to: to * WEEK };
  const unit = await startUnit(db, lease, window, NOW + from);
  await endUnit(db, lease, unit, unitEnd(unit, { outcome, startedAt: NOW + from }));
}

describe.each(ENGINES)('units on $name', (engine) => {
  test('an attempt begins with its counters at zero and a number of its own', async () => {
    const ledger = await openLedger(engine);
    const { db, lease, unit } = ledger;
    expect(unit.attempt).toBe(1);
    await admit(db, lease, unit, page([message('m1'), message('m1')]));
    expect(await unitCounters(db)).toEqual({ pages: 1, rows: 2, admitted: 1, sightings: 1, drift: 0 });
    const second = await startUnit(db, lease, UNIT, NOW);
    expect(second).toEqual({ ...UNIT, attempt: 2, failures: 0 });
    expect(await unitCounters(db)).toEqual({ pages: 0, rows: 0, admitted: 0, sightings: 0, drift: 0 });
  });

  test('an attempt that another one replaced neither counts nor ends', async () => {
    const { db, lease, unit } = await openLedger(engine);
    await startUnit(db, lease, UNIT, NOW);
    await admit(db, lease, unit, page([message('m1')]));
    expect(await unitCounters(db)).toMatchObject({ pages: 0, admitted: 0 });
    await expect(endUnit(db, lease, unit, unitEnd(unit))).rejects.toMatchObject({ code: 'internal' });
    expect(await stagedRecords(db)).toHaveLength(1);
  });

  test('what was covered merges, and stays apart where there is a gap', async () => {
    const ledger = await openLedger(engine);
    const covered = async () => {
      const found = await accountCoverage(ledger.db, ACCOUNT, 'sessions', 'recent');
      return found.covered.map(({ from, to }) => [from / WEEK, to / WEEK]);
    };
    expect(await covered()).toEqual([]);
    await list(ledger, 10, 12);
    await list(ledger, 14, 16);
    expect(await covered()).toEqual([
      [10, 12],
      [14, 16],
    ]);
    await list(ledger, 11, 13);
    await list(ledger, 16, 17);
    await list(ledger, 14, 15);
    expect(await covered()).toEqual([
      [10, 13],
      [14, 17],
    ]);
    await list(ledger, 13, 14);
    expect(await covered()).toEqual([[10, 17]]);
    expect(await accountCoverage(ledger.db, ACCOUNT, 'sessions', 'sweep')).toEqual({
      covered: [],
      lost: [],
      askedAt: 0,
    });
  });

  test('a failure ends with the success of another unit that covers its time, and not before', async () => {
    const { db, lease } = await openLedger(engine);
    const unit = { stream: 'matters', scope: '', mode: 'list' };
    const day = Math.floor(NOW / DAY) * DAY;
    const failing = async () => (await failingUnits(db, ACCOUNT, 10)).length;
    const first = await startUnit(db, lease, { ...unit, from: day, to: day + DAY }, NOW);
    const at = day + DAY - 600_000;
    await endUnit(
      db,
      lease,
      first,
      unitEnd(first, { outcome: 'failed', error: 'zoom-unreachable', now: at }),
    );
    const part = await startUnit(db, lease, { ...unit, from: day + DAY, to: day + 2 * DAY }, NOW);
    await endUnit(db, lease, part, unitEnd(part, { covers: { from: day + DAY, to: day + DAY + 1 } }));
    expect(await failing()).toBe(1);
    const whole = await startUnit(db, lease, { ...unit, from: day + DAY, to: day + 3 * DAY }, NOW);
    await endUnit(db, lease, whole, unitEnd(whole, { covers: { from: day, to: day + DAY + 2 } }));
    expect(await failing()).toBe(0);
  });

  test('a failed unit covers nothing, says when to ask again, and is on record', async () => {
    const ledger = await openLedger(engine);
    const { db, lease, unit } = ledger;
    await registerSessions(db, lease, [LISTED], NOW);
    const failed = unitEnd(unit, { outcome: 'failed', error: 'zoom-response', retryAt: NOW + 60_000 });
    await endUnit(db, lease, unit, failed);
    expect(await knownSession(ledger)).toEqual({
      ...LISTED,
      lastActivityAt: LISTED.lastMessageAt,
      firstSeenAt: NOW,
      expectedFrom: undefined,
      sent: [],
      modified: [],
      lost: { sent: [], modified: [] },
      hintedAt: 0,
    });
    expect(await failingUnits(db, lease.account, 10)).toMatchObject([
      { stream: UNIT.stream, scope: UNIT.scope, error: 'zoom-response', failures: 1, retryAt: NOW + 60_000 },
    ]);
    const again = await startUnit(db, lease, UNIT, NOW);
    await endUnit(db, lease, again, unitEnd(again, { latestAction: NOW - 1_000 }));
    expect(await knownSession(ledger)).toMatchObject({
      lastActivityAt: NOW - 1_000,
      sent: [{ from: UNIT.from, to: UNIT.to }],
      modified: [],
    });
    const staged = await stagedRecords(db);
    expect(staged.map(({ stream, kind, record }) => [stream, kind, JSON.parse(record).attempt])).toEqual([
      ['coverage', 'failed', 1],
      ['coverage', 'done', 2],
    ]);
    expect(staged.map(({ record }) => JSON.parse(record).covers)).toEqual([
      null,
      { from: '2026-11-01T00:00:00.000Z', to: '2026-11-20T00:00:00.000Z' },
    ]);
  });

  test('a unit that covers no time is done all the same', async () => {
    const ledger = await openLedger(engine);
    await list(ledger, 12, 12);
    await list(ledger, 13, 12);
    expect(await accountCoverage(ledger.db, ACCOUNT, 'sessions', 'recent')).toEqual({
      covered: [],
      lost: [],
      askedAt: NOW + 13,
    });
  });

  test('what is known of a session is never taken back', async () => {
    const ledger = await openLedger(engine);
    const { db, lease } = ledger;
    await registerSessions(db, lease, [LISTED, { ...LISTED, name: 'Same page' }], NOW);
    await registerSessions(db, lease, [{ ...LISTED, name: 'Renamed', lastMessageAt: NOW - WEEK }], NOW + 1);
    expect(await knownSession(ledger)).toMatchObject({
      name: 'Renamed',
      lastMessageAt: LISTED.lastMessageAt,
    });
    await registerSessions(db, lease, [], NOW);
  });

  test('a hint names a session by its id or its channel, lasts, and needs no lease', async () => {
    const ledger = await openLedger(engine);
    const { db, lease } = ledger;
    await registerSessions(db, lease, [LISTED, { ...LISTED, id: sessionId('direct'), channelId: '' }], NOW);
    const hintedAt = async (): Promise<number | undefined> => {
      for await (const sessions of eachKnownSession(db, ACCOUNT))
        return sessions.find(({ id }) => id === LISTED.id)?.hintedAt;
      return undefined;
    };
    expect(await hintSession(db, ACCOUNT, LISTED.channelId, NOW + 5)).toBe(true);
    expect(await hintedAt()).toBe(NOW + 5);
    expect(await hintSession(db, ACCOUNT, LISTED.id, NOW + 3)).toBe(true);
    await registerSessions(db, lease, [LISTED], NOW + 9);
    expect(await hintedAt()).toBe(NOW + 5);
    for (const name of ['', 'memberA:memberB', 'half \ud83d and \0'])
      expect(await hintSession(db, ACCOUNT, name, NOW + 7)).toBe(false);
    expect(await hintSession(db, 'another account', LISTED.id, NOW + 7)).toBe(false);
    expect(await hintedAt()).toBe(NOW + 5);
  });

  test('a session may have any text for name, type and channel', async () => {
    const ledger = await openLedger(engine);
    const { db, lease } = ledger;
    for (const [text, stored = text] of [
      ['half \ud83d and \0, whole 😀', 'half \ufffd and \ufffd, whole 😀'],
      [`quote ' " \\ {}`],
      ['a,b'],
      [''],
      ['NULL'],
    ] as const) {
      await registerSessions(db, lease, [{ ...LISTED, name: text, type: text, channelId: text }], NOW);
      expect(await knownSession(ledger)).toMatchObject({ name: stored, type: stored, channelId: stored });
    }
  });
});
