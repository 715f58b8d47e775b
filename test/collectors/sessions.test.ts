import { describe, expect, test } from 'vitest';
import { coverageRecord, type UnitReport } from '../../src/collectors/coverage.ts';
import { listedSession, sessionCandidate } from '../../src/collectors/sessions.ts';
import type { UnitKey } from '../../src/ledger/units.ts';
import { canonicalJson, instant, type Json, LASTING } from '../../src/record.ts';

const SEEN = instant(Date.parse('2026-06-15T12:00:00Z'));
const ROW = {
  id: 'abc/def',
  type: 'Group',
  name: 'General',
  channel_id: 'c',
  status: 'active',
  has_external_member: false,
  last_message_sent_time: '2026-06-15T11:59:58Z',
};

describe('a session', () => {
  const candidate = (change: object = {}) => sessionCandidate({ ...ROW, ...change }, 'account', SEEN);

  test('is kept as Zoom sent it, as a state that may change', () => {
    expect(candidate()).toMatchObject({
      stream: 'sessions',
      kind: 'description',
      rule: 'state',
      time: SEEN,
      keyMonth: LASTING,
    });
    expect(candidate().record).toBe(canonicalJson(ROW as Json));
  });

  test.each<object>([{ last_message_sent_time: '2026-06-15T12:00:00Z' }, { has_external_member: true }])(
    'has not changed with %j',
    (change) => {
      expect(candidate(change)).toMatchObject({ key: candidate().key, content: candidate().content });
    },
  );

  test.each<object>([
    { name: 'Other' },
    { status: 'deleted' },
    { channel_id: 'd' },
    { type: '1:1' },
    { invented: 1 },
  ])('has changed with %j, and is still the same session', (change) => {
    expect(candidate(change).key).toBe(candidate().key);
    expect(candidate(change).content).not.toBe(candidate().content);
  });

  test('of another id or account is another', () => {
    expect(candidate({ id: 'x' }).key).not.toBe(candidate().key);
    expect(sessionCandidate(ROW, 'other', SEEN).key).not.toBe(candidate().key);
  });

  test('falls under the rules of its session', () => {
    expect(candidate().about).toEqual({ session: { type: 'Group', name: 'General' }, channel: 'c' });
    const direct = { type: '1:1', name: undefined, channel_id: undefined };
    expect(candidate(direct).about).toEqual({ session: { type: '1:1', name: '' } });
  });

  test('is registered with what the planner needs', () => {
    expect(listedSession(ROW)).toEqual({
      id: 'abc/def',
      type: 'Group',
      name: 'General',
      channelId: 'c',
      lastMessageAt: Date.parse('2026-06-15T11:59:58Z'),
      external: false,
    });
    expect(
      listedSession({ id: 'x', type: '1:1', last_message_sent_time: '2026-06-15T13:59:58+02:00' }),
    ).toEqual({
      id: 'x',
      type: '1:1',
      name: '',
      channelId: '',
      lastMessageAt: Date.parse('2026-06-15T11:59:58Z'),
    });
  });

  test('keeps a name that Postgres could not hold', () => {
    const name = 'half \ud83d and \0, whole 😀';
    expect(JSON.parse(candidate({ name }).record)).toMatchObject({ name });
  });
});

describe('a coverage record', () => {
  const from = Date.parse('2026-06-01T00:00:00Z');
  const UNIT: UnitKey = {
    stream: 'messages',
    scope: 's',
    mode: 'sent',
    from,
    to: from + 86_400_000,
    attempt: 2,
  };
  const REPORT: UnitReport = {
    outcome: 'done',
    pages: 1,
    rows: 0,
    admitted: 0,
    sightings: 0,
    drift: 0,
    startedAt: SEEN,
    finishedAt: SEEN + 1500,
    fromDate: '2026-05-31',
    toDate: '2026-06-02',
    covers: { from, to: from + 3_600_000 },
  };
  const record = (report: Partial<UnitReport> = {}, unit: Partial<UnitKey> = {}) =>
    coverageRecord('account', 'run', { ...UNIT, ...unit }, { ...REPORT, ...report });

  test('says what was asked, what it covers and what it found, also when that is nothing', () => {
    const candidate = record();
    expect(candidate).toMatchObject({
      stream: 'coverage',
      kind: 'done',
      rule: 'once',
      time: SEEN + 1500,
      keyMonth: LASTING,
    });
    expect(JSON.parse(candidate.record)).toEqual({
      account: 'account',
      run: 'run',
      unit: {
        stream: 'messages',
        scope: 's',
        mode: 'sent',
        from: '2026-06-01T00:00:00.000Z',
        to: '2026-06-02T00:00:00.000Z',
      },
      attempt: 2,
      asked: { from: '2026-05-31', to: '2026-06-02' },
      covers: { from: '2026-06-01T00:00:00.000Z', to: '2026-06-01T01:00:00.000Z' },
      outcome: 'done',
      pages: 1,
      rows: 0,
      admitted: 0,
      sightings: 0,
      drift: 0,
      started_at: '2026-06-15T12:00:00.000Z',
      finished_at: '2026-06-15T12:00:01.500Z',
    });
    expect(candidate.record).toBe(canonicalJson(JSON.parse(candidate.record)));
  });

  test('of a failure names the error and covers nothing', () => {
    expect(JSON.parse(record({ outcome: 'failed', error: 'zoom-response' }).record)).toMatchObject({
      outcome: 'failed',
      error: 'zoom-response',
      covers: null,
    });
  });

  test('covers nothing when the unit lies within the last moments', () => {
    expect(JSON.parse(record({ covers: { from, to: from } }).record).covers).toBeNull();
    expect(JSON.parse(record({ covers: { from, to: from - 1 } }).record).covers).toBeNull();
  });

  test('is one per attempt', () => {
    const keys = [
      record(),
      record({}, { attempt: 3 }),
      record({}, { mode: 'modified' }),
      record({}, { scope: 't' }),
    ].map(({ key }) => key);
    expect(new Set(keys).size).toBe(4);
    expect(record().key).toBe(record().key);
  });
});
