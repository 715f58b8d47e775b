import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { askEvery, byUrgency, type CollectionPolicy, dueUnits } from '../../src/collectors/planner.ts';
import {
  keptSince,
  lostWindows,
  periodBefore,
  type SourceRetention,
  untilLoss,
} from '../../src/collectors/source-retention.ts';
import { Survey, sessionHoles } from '../../src/collectors/survey.ts';
import { DAY_MS, missing, reportHorizon } from '../../src/collectors/windows.ts';
import type { KnownSession } from '../../src/ledger/registry.ts';
import { sessionId } from '../../src/record.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-06-15T12:00:00Z');
const HORIZON = reportHorizon(NOW);

const POLICY: CollectionPolicy = {
  settleMs: 120_000,
  sweepMs: 7 * DAY_MS,
  relistMs: DAY_MS,
  modifications: [{ youngerThanMs: 200 * DAY_MS, everyMs: 7 * DAY_MS }],
};

function session(facts: Partial<KnownSession> = {}): KnownSession {
  return {
    id: sessionId('s'),
    type: 'Group',
    name: 'team',
    channelId: 'channel',
    lastMessageAt: NOW - HOUR,
    lastActivityAt: NOW - HOUR,
    firstSeenAt: NOW - 100 * DAY_MS,
    expectedFrom: HORIZON,
    sent: [{ from: HORIZON, to: NOW }],
    modified: [{ from: HORIZON, to: NOW }],
    lost: { sent: [], modified: [] },
    hintedAt: 0,
    ...facts,
  };
}

describe('what Zoom keeps', () => {
  test.each<[string, string | undefined]>([
    ['1d', '2026-06-14T12:00:00Z'],
    ['90d', '2026-03-17T12:00:00Z'],
    ['1m', '2026-05-15T12:00:00Z'],
    ['30m', '2023-12-15T12:00:00Z'],
    ['7y', '2019-06-15T12:00:00Z'],
    ['', undefined],
    ['for ever', undefined],
  ])('%s reaches back to %s', (period, since) => {
    expect(periodBefore(NOW, period)).toBe(since === undefined ? undefined : Date.parse(since));
  });

  test('a month before the 31st is the last day of a shorter one', () => {
    expect(periodBefore(Date.parse('2026-03-31T08:00:00Z'), '1m')).toBe(Date.parse('2026-02-28T08:00:00Z'));
    expect(periodBefore(Date.parse('2024-02-29T00:00:00Z'), '1y')).toBe(Date.parse('2023-02-28T00:00:00Z'));
  });

  test.each<[string, Partial<KnownSession>, Record<string, string>, number]>([
    ['no policy: six months', {}, {}, HORIZON],
    ['a longer one: six months all the same', {}, { channels: '2y', direct: '2y' }, HORIZON],
    ["the channel's own", {}, { channels: '2y', direct: '2y', channel: '1d' }, NOW - DAY_MS],
    [
      'own but longer than the account',
      {},
      { channels: '1d', direct: '1d', channel: '30d' },
      NOW - 30 * DAY_MS,
    ],
    ['switched off again', {}, { channels: '10d', direct: '2y', channel: '' }, NOW - 10 * DAY_MS],
    ['perhaps a group chat: the shorter', {}, { channels: '2y', direct: '5d' }, NOW - 5 * DAY_MS],
    ['1:1', { type: '1:1', channelId: '' }, { channels: '1d', direct: '5d' }, NOW - 5 * DAY_MS],
  ])('%s', (_name, facts, policies, since) => {
    const retention: SourceRetention = new Map(Object.entries(policies));
    expect(keptSince(session(facts), retention, NOW)).toBe(since);
  });
});

describe('lost windows', () => {
  const hole = { from: NOW - 60 * DAY_MS, to: NOW - 50 * DAY_MS };
  const withHole = session({ sent: missing({ from: HORIZON, to: NOW }, [hole]) });

  test('are what was not collected and may be deleted by now', () => {
    expect(lostWindows(withHole, 'sent', HORIZON, NOW)).toEqual([]);
    const kept = NOW - 55 * DAY_MS;
    expect(lostWindows(withHole, 'sent', kept, NOW)).toEqual([{ from: hole.from, to: kept }]);
    expect(lostWindows(withHole, 'sent', NOW - DAY_MS, NOW)).toEqual([hole]);
    expect(lostWindows(withHole, 'modified', NOW - DAY_MS, NOW)).toEqual([]);
  });

  test('go on record once', () => {
    const recorded = { ...withHole, lost: { sent: [hole], modified: [] } };
    expect(lostWindows(recorded, 'sent', NOW - DAY_MS, NOW)).toEqual([]);
    expect(sessionHoles(recorded, POLICY, NOW - DAY_MS, NOW)).toEqual([
      { mode: 'sent', window: hole, kind: 'lost' },
    ]);
  });

  test('what Zoom had deleted before the session was seen is none', () => {
    const fresh = session({ sent: [], modified: [], expectedFrom: NOW - DAY_MS, firstSeenAt: NOW });
    expect(lostWindows(fresh, 'sent', NOW - DAY_MS, NOW)).toEqual([]);
    expect(lostWindows({ ...fresh, expectedFrom: undefined }, 'sent', NOW - DAY_MS, NOW)).toEqual([]);
  });

  test('the newest time holds no message when no listing showed one, but may hold edits', () => {
    const quiet = session({
      lastMessageAt: NOW - 40 * DAY_MS,
      sent: [{ from: HORIZON, to: NOW - 3 * DAY_MS }],
      modified: [{ from: HORIZON, to: NOW - 3 * DAY_MS }],
    });
    const kept = NOW - DAY_MS;
    expect(lostWindows(quiet, 'sent', kept, NOW)).toEqual([]);
    expect(lostWindows(quiet, 'modified', kept, NOW)).toEqual([{ from: NOW - 3 * DAY_MS, to: kept }]);
    expect(lostWindows({ ...quiet, lastMessageAt: NOW - 2 * DAY_MS }, 'sent', kept, NOW)).toHaveLength(1);
  });

  test('over any history, every moment is collected, lost, or still to be had', () => {
    const part = fc.record({ from: fc.nat(170), days: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.integer({ min: 1, max: 180 }), (parts, keeps) => {
        const sent = parts
          .map(({ from, days }) => ({ from: HORIZON + from * DAY_MS, to: HORIZON + (from + days) * DAY_MS }))
          .sort((a, b) => a.from - b.from)
          .reduce<{ from: number; to: number }[]>((list, next) => {
            const last = list.at(-1);
            if (last !== undefined && next.from <= last.to) last.to = Math.max(last.to, next.to);
            else list.push({ ...next });
            return list;
          }, [])
          .filter(({ from }) => from < NOW);
        const kept = Math.max(HORIZON, NOW - keeps * DAY_MS);
        const known = session({ sent, lastMessageAt: NOW });
        const lost = lostWindows(known, 'sent', kept, NOW);
        for (let at = HORIZON; at < NOW; at += DAY_MS / 2) {
          const within = (list: readonly { from: number; to: number }[]) =>
            list.some(({ from, to }) => at >= from && at < to);
          expect(within(lost)).toBe(!within(sent) && at < kept);
        }
      }),
    );
  });
});

describe('the retention-gap guard', () => {
  test('says how long until Zoom deletes the oldest thing that was not collected', () => {
    const open = session({ sent: [{ from: HORIZON, to: NOW - 2 * HOUR }] });
    expect(untilLoss(open, NOW - DAY_MS, NOW)).toBe(22 * HOUR);
    expect(untilLoss(session(), NOW - DAY_MS, NOW)).toBe(DAY_MS);
    expect(untilLoss(session({ sent: [] }), HORIZON, NOW)).toBe(0);
  });

  test('falls by an hour an hour, reaches 0 when Zoom deletes, and counts what is near', () => {
    const known = session({ sent: [{ from: HORIZON, to: NOW }] });
    const at = (hours: number) => {
      const now = NOW + hours * HOUR;
      const survey = new Survey(POLICY, now);
      survey.add(known, now - DAY_MS);
      return survey.state();
    };
    expect([0, 1, 18, 24].map((hours) => at(hours).untilLoss)).toEqual(
      [24, 23, 6, 0].map((left) => left * HOUR),
    );
    expect([0, 18, 24].map((hours) => at(hours).within.get('6h'))).toEqual([0, 1, 1]);
    expect([0, 18, 24].map((hours) => at(hours).within.get('0s'))).toEqual([0, 0, 1]);
    expect(at(12).untilLossRatio).toBe(0.5);
  });

  test('the planner asks several times while Zoom keeps it, and for the most endangered first', () => {
    expect(askEvery(7 * DAY_MS, NOW - DAY_MS, NOW)).toBe(6 * HOUR);
    expect(askEvery(7 * DAY_MS, HORIZON, NOW)).toBe(7 * DAY_MS);
    const old = session({ id: sessionId('old'), sent: [], modified: [] });
    const short = session({
      id: sessionId('short'),
      sent: [{ from: HORIZON, to: NOW - 20 * HOUR }],
      modified: [{ from: HORIZON, to: NOW - 20 * HOUR }],
    });
    const units = byUrgency([
      ...dueUnits(old, POLICY, HORIZON, NOW).filter(({ covers }) => covers.from > HORIZON + 30 * DAY_MS),
      ...dueUnits(short, POLICY, NOW - DAY_MS, NOW),
    ]);
    expect(units[0]?.scope).toBe('short');
  });
});
