/** (g) What a day of the steady state costs in requests, and a pass in planning. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DAY, MINUTE } from '../emulator/dates.ts';
import { Random } from '../emulator/random.ts';
import { surveySessions } from '../src/collectors/messages.ts';
import { askEvery, type CollectionPolicy, modificationCadence } from '../src/collectors/planner.ts';
import { reportHorizon } from '../src/collectors/windows.ts';
import { collectionPolicy } from '../src/commands/context.ts';
import type { Database } from '../src/ledger/database.ts';
import { FIELD_SEPARATOR, RECORD_SEPARATOR } from '../src/ledger/staged.ts';
import { type Archiver, openArchiver } from '../test/support/archiver.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import {
  type Purpose,
  type SteadySession,
  type SteadyZoom,
  serveSteady,
  steadySessions,
} from './steady-account.ts';
import { markdown, mb, whole } from './table.ts';

const START = Date.parse('2026-06-15T00:00:00Z');
const EVERY = 5 * MINUTE;
const SESSIONS = Number(process.env.BENCH_STEADY ?? 100_000);
const PASSES = Number(process.env.BENCH_STEADY_PASSES ?? DAY / EVERY);
/** Covered since long before what the reports reach. */
const COVERED_SINCE = START - 240 * DAY;

/** A simulated day with the default configuration, passes by the real collectors on a real ledger. */
export async function steady(): Promise<string> {
  const sessions = steadySessions({ sessions: SESSIONS, active: SESSIONS / 100, start: START });
  const folder = mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-bench-'));
  const postgres = await startPostgres();
  const zoom = await serveSteady(sessions, START);
  let db: Database | undefined;
  const archiver = await openArchiver(
    { url: zoom.url, now: () => zoom.now },
    folder,
    { ledger: { url: postgres.url }, collection: { modifications: undefined } } as never,
    {
      db(opened) {
        db = opened;
        return opened;
      },
    },
  );
  try {
    if (db === undefined) throw new Error('no ledger');
    const policy = collectionPolicy(archiver.context.config);
    await seed(db, archiver.context.account, sessions, policy);
    const seconds = await simulate(archiver, zoom);
    const found = await foundOfDay(db, sessions, zoom.now);
    const survey = await median(5, () =>
      surveySessions(db as Database, archiver.context.account, policy, zoom.now),
    );
    return [
      requestTable(zoom.requests, sessions),
      '',
      `A pass took ${(seconds / PASSES).toFixed(1)} s, a look at all sessions (a pass has two) ${survey.toFixed(2)} s; peak RSS of archiver and scripted Zoom in one process ${mb(process.resourceUsage().maxRSS * 1024)}. ${found}`,
    ].join('\n');
  } finally {
    await archiver.close();
    await zoom.close();
    await postgres.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The ledger as weeks of passes leave it: each session was asked last at some time within its cadence. */
export async function seed(
  db: Database,
  account: string,
  sessions: readonly SteadySession[],
  policy: CollectionPolicy,
): Promise<void> {
  const random = new Random(1);
  const BATCH = 10_000;
  for (let begin = 0; begin < sessions.length; begin += BATCH) {
    const rows = sessions.slice(begin, begin + BATCH).map(({ id, messages }) => {
      const last = messages.findLast((at) => at < START) ?? 0;
      const phase = random.fraction();
      const kept = reportHorizon(START);
      const sent = messages.length > 1 ? 0 : policy.sweepMs;
      const modified = modificationCadence(START - last, policy);
      const end = (everyMs: number): number =>
        Math.floor(START - policy.settleMs - phase * askEvery(everyMs, kept, START));
      // A listing showed the last message, so it was asked for then.
      return { id, last, sent: Math.max(end(sent), last + EVERY), modified: end(modified) };
    });
    await db.query(
      `insert into registry (account, session_id, type, name, channel_id, last_message_at, last_activity_at,
         first_seen_at, listed_at, expected_from)
       select $1, s.id, 'Group', s.id, s.id, s.last, s.last, $4, s.last, $4
       from unnest($2::text[], $3::timestamptz[]) as s (id, last)`,
      [account, rows.map(({ id }) => id), rows.map(({ last }) => new Date(last)), new Date(COVERED_SINCE)],
    );
    for (const mode of ['sent', 'modified'] as const) {
      await db.query(
        `insert into coverage (account, stream, scope, mode, covered, asked_at)
         select $1, 'messages', s.id, $3, int8multirange(int8range($4, s.upto)), to_timestamp(s.upto / 1000)
         from unnest($2::text[], $5::bigint[]) as s (id, upto)`,
        [account, rows.map(({ id }) => id), mode, COVERED_SINCE, rows.map((row) => row[mode])],
      );
    }
  }
  const swept = START - DAY / 2;
  for (const [mode, to] of [
    ['recent', START - policy.settleMs],
    ['sweep', swept],
  ] as const) {
    await db.query(
      `insert into coverage (account, stream, scope, mode, covered, asked_at)
       values ($1, 'sessions', '', $2, int8multirange(int8range($3, $4)), $5)`,
      [account, mode, COVERED_SINCE, to, new Date(swept)],
    );
  }
  await db.query('vacuum analyze');
}

/** @returns seconds that all passes took */
async function simulate(archiver: Archiver, zoom: SteadyZoom): Promise<number> {
  let seconds = 0;
  for (let pass = 1; pass <= PASSES; pass += 1) {
    zoom.now = START + pass * EVERY;
    const begun = performance.now();
    const summary = await archiver.collect();
    seconds += (performance.now() - begun) / 1000;
    if (!summary.complete) throw new Error(`pass ${pass} is not complete`);
    if (process.env.BENCH_STEADY_TRACE !== undefined)
      console.error(
        pass,
        ((performance.now() - begun) / 1000).toFixed(1),
        JSON.stringify([...zoom.requests]),
      );
  }
  return seconds;
}

/** How much of what happened on the simulated day is in the ledger: few requests are no use if they miss things. */
async function foundOfDay(db: Database, sessions: readonly SteadySession[], end: number): Promise<string> {
  const found = new Map<string, Set<string>>();
  const rows = await db.query<{ lines: string }>("select lines from staged where stream = 'messages'");
  for (const line of rows.flatMap(({ lines }) => lines.split(RECORD_SEPARATOR))) {
    const [, key = '', time, kind = ''] = line.split(FIELD_SEPARATOR);
    if (Number(time) < START) continue;
    const keys = found.get(kind) ?? new Set();
    found.set(kind, keys.add(key));
  }
  const happened = (times: (session: SteadySession) => readonly number[]): number =>
    sessions.flatMap(times).filter((at) => at >= START && at <= end).length;
  const messages = happened((session) => session.messages);
  const edits = happened((session) => session.edits.map(({ at }) => at));
  const archived = (kind: string): string => whole(found.get(kind)?.size ?? 0);
  return `Of ${whole(messages)} messages of the day ${archived('sent')} were archived by its end, of ${whole(edits)} edits ${archived('edited')}; the others were not due yet.`;
}

async function median(rounds: number, work: () => Promise<unknown>): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const begun = performance.now();
    await work();
    seconds.push((performance.now() - begun) / 1000);
  }
  return seconds.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
}

/** (Session, pass) pairs with something new since the pass before. */
function newsBy(
  sessions: readonly SteadySession[],
  times: (session: SteadySession) => readonly number[],
): number {
  let pairs = 0;
  for (const session of sessions) {
    const passes = times(session).map((at) => Math.ceil((at - START) / EVERY));
    pairs += new Set(passes.filter((pass) => pass >= 1 && pass <= PASSES)).size;
  }
  return pairs;
}

function requestTable(requests: ReadonlyMap<Purpose, number>, sessions: readonly SteadySession[]): string {
  const made = (purpose: Purpose): number => requests.get(purpose) ?? 0;
  const listing = made('listing of the newest days');
  const cadence = made('modifications, active sessions');
  const necessary: Partial<Record<Purpose, number>> = {
    'listing of the newest days': listing,
    'messages, active sessions': newsBy(sessions, ({ messages }) => messages),
    'modifications, active sessions': cadence,
  };
  const least: Partial<Record<Purpose, number>> = {
    ...necessary,
    'modifications, active sessions': newsBy(sessions, ({ edits }) => edits.map(({ at }) => at)),
  };
  const purposes: readonly Purpose[] = [
    'listing of the newest days',
    'listing of six months',
    'messages, active sessions',
    'messages, quiet sessions',
    'modifications, active sessions',
    'modifications, quiet sessions',
  ];
  const sum = (by: (purpose: Purpose) => number): number =>
    purposes.reduce((total, purpose) => total + by(purpose), 0);
  const all = sum(made);
  const needed = sum((purpose) => necessary[purpose] ?? 0);
  const bare = sum((purpose) => least[purpose] ?? 0);
  const row = (name: string, ...numbers: readonly number[]): string[] => [name, ...numbers.map(whole)];
  return markdown(
    ['requests of a day', 'made', 'necessary', 'brought something'],
    [
      ...purposes.map((purpose) => row(purpose, made(purpose), necessary[purpose] ?? 0, least[purpose] ?? 0)),
      row('sum', all, needed, bare),
      ['made, of these', '', (all / needed).toFixed(2), (all / bare).toFixed(2)],
      [
        'without the sweep of quiet sessions',
        '',
        ((all - made('messages, quiet sessions')) / needed).toFixed(2),
        ((all - made('messages, quiet sessions')) / bare).toFixed(2),
      ],
    ],
  );
}
