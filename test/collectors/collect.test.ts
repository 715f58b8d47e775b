import { expect, test } from 'vitest';
import { type CollectOptions, collect } from '../../src/collectors/collect.ts';
import type { PlacementEvidence } from '../../src/collectors/placement.ts';
import { DAY_MS } from '../../src/collectors/windows.ts';
import { readLearned, writeLearned } from '../../src/ledger/learned.ts';
import { silentLog } from '../../src/log.ts';
import { until } from '../e2e/campaign.ts';
import { stagedRecords } from '../ledger/candidates.ts';
import { openLedger, POSTGRES } from '../ledger/ledgers.ts';
import { connectTo, NOON, type Scripted, serve } from '../zoom/connect.ts';

const EVIDENCE = 'modification-placement';
const SESSIONS = ['asks', 'proves', 'disproves'].map((id) => ({
  id,
  type: 'Group',
  last_message_sent_time: '2026-06-15T11:00:00Z',
}));
const SILENT: CollectOptions['events'] = {
  planned: () => undefined,
  pageAdmitted: () => undefined,
  spent: () => undefined,
  unitEnded: () => undefined,
  streamComplete: () => undefined,
  oldestUncollected: () => undefined,
  windowLost: () => undefined,
  surveyed: () => undefined,
  sourceSetting: () => undefined,
};

const row = (id: string) => ({ id, timestamp: NOON - 2 * DAY_MS, action_timestamp: NOON - DAY_MS });

test('a unit that took the first page for all covers nothing once that is overturned, whenever it began', async () => {
  const { db, lease } = await openLedger(POSTGRES);
  await writeLearned(db, lease, EVIDENCE, { whole: 2, spread: 0 });
  const learned = (part: keyof PlacementEvidence, count: number): Promise<void> =>
    until(async () => {
      const evidence = (await readLearned(db, lease.account, EVIDENCE)) as PlacementEvidence;
      return evidence[part] === count;
    });

  let asked = 0;
  const answers: Readonly<Record<string, (token: string | null) => Promise<Scripted>>> = {
    // Begins while two units are not enough to trust the first page, and begins anew when a third agreed.
    async 'asks true'(token) {
      if (token !== null) {
        await learned('whole', 3);
        return { status: 400, body: { code: 300, message: 'The next page token is invalid or expired.' } };
      }
      asked += 1;
      if (asked === 2) await learned('spread', 1);
      return { body: { messages: [], next_page_token: `token ${asked}` } };
    },
    async 'proves true'(token) {
      await until(() => asked === 1);
      return token === null
        ? { body: { messages: [], edited_messages: [row('m')], next_page_token: 'next' } }
        : { body: { messages: [row('m')] } };
    },
    async 'disproves false'(token) {
      await until(() => asked === 2);
      return token === null
        ? { body: { messages: [], next_page_token: 'next' } }
        : { body: { messages: [], edited_messages: [row('m')] } };
    },
  };
  const server = await serve(async (path) => {
    const { pathname, searchParams } = new URL(path, 'http://zoom');
    const [, session] = /\/sessions\/(.+)$/.exec(pathname) ?? [];
    if (session === undefined) return { body: { sessions: SESSIONS } };
    // Of the windows only the newest matters.
    const answer = answers[`${session} ${searchParams.get('query_all_modifications')}`];
    if (answer === undefined || searchParams.get('to') !== '2026-06-17') return { body: { messages: [] } };
    return await answer(searchParams.get('next_page_token'));
  });
  const { client } = connectTo(server.url);
  const { signal } = new AbortController();
  const { complete } = await collect({
    db,
    client,
    lease,
    policy: {
      settleMs: 60_000,
      sweepMs: 7 * DAY_MS,
      relistMs: DAY_MS,
      modifications: [{ youngerThanMs: DAY_MS, everyMs: 60_000 }],
    },
    classes: { of: async () => () => 'default' },
    parallel: SESSIONS.length,
    now: () => NOON,
    drain: signal,
    interrupt: new AbortController().signal,
    log: silentLog(),
    events: SILENT,
  });

  expect({ complete, asked }).toEqual({ complete: true, asked: 2 });
  const records = (await stagedRecords(db))
    .filter(({ stream }) => stream === 'coverage')
    .map(({ record }) => JSON.parse(record));
  const withdrawn = records.filter(({ outcome }) => outcome === 'withdrawn');
  expect(withdrawn[0]).toMatchObject({
    unit: { stream: 'messages', scope: '', mode: 'modified' },
    covers: null,
  });
  const covers = records
    .filter(({ outcome }) => outcome !== 'withdrawn')
    .filter(({ unit, asked: dates }) => unit.mode === 'modified' && dates.to === '2026-06-17')
    .map(({ unit, covers }) => [unit.scope, covers !== null]);
  expect(Object.fromEntries(covers)).toMatchObject({ asks: false, proves: true });
});
