import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planRetention } from '../src/commands/retention-plan.ts';
import { coveredObjects, coveredSegments, membersOf, placesOf } from '../src/ledger/contents.ts';
import { type Database, openPostgres } from '../src/ledger/database.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { openPglite } from '../src/ledger/pglite.ts';
import { silentLog } from '../src/log.ts';
import { parsePeriod } from '../src/retention/period.ts';
import { readSchedule, type Schedule, scheduleSchema } from '../src/retention/schedule.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { markdown, whole } from './table.ts';

export const ACCOUNT = 'bench';
const SESSIONS = 500;
const PEOPLE = 2_000;
const IN_A_SESSION = 40;
const PER_SEGMENT = 100;
const DAYS = 1_000;

/** (i) What a hold or a schedule covers, in an archive of a million records in ten thousand small segments. */
export async function retention(): Promise<string> {
  const segments = Number(process.env.BENCH_SEGMENTS ?? 10_000);
  const server = await startPostgres();
  const folder = mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-bench-'));
  try {
    const postgres = await openPostgres({ url: server.url, connections: 4, log: silentLog() });
    const pglite = await openPglite({ directory: join(folder, 'ledger') });
    const rows = new Map<string, string[]>();
    for (const db of [postgres, pglite]) {
      try {
        await fill(db, segments);
        for (const [question, answer, seconds] of await ask(db)) {
          const row = rows.get(question) ?? [question, answer];
          rows.set(question, [...row, seconds.toFixed(2)]);
        }
      } finally {
        await db.close();
      }
    }
    return markdown(['question', 'answer', 'Postgres, seconds', 'PGlite, seconds'], [...rows.values()]);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** From what needs the least to what needs all that the ledger knows. */
const SCHEDULES = {
  'by session': { rules: [{ class: 'long', match: { channel: ['channel-7'] }, keep: '8y' }] },
  'by member': { rules: [{ class: 'long', match: { member: 'person7@*' }, keep: '8y' }] },
  'by sender': { rules: [{ class: 'long', match: { sender: 'person7@*' }, keep: '8y' }] },
} as const;

function scheduleOf(written: object): Schedule {
  const longest = parsePeriod('10y');
  if (longest === undefined) throw new Error('no period');
  return readSchedule(scheduleSchema.parse(written), longest).schedule;
}

type Answer = readonly [question: string, answer: string, seconds: number];

async function ask(db: Database): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  const measure = async <T>(question: string, work: () => Promise<T>, say: (result: T) => string) => {
    const started = performance.now();
    const result = await work();
    answers.push([question, say(result), (performance.now() - started) / 1000]);
    return result;
  };
  const covered = (list: readonly { readonly records: number }[]): string =>
    `${whole(list.length)} segments, ${whole(list.reduce((sum, { records }) => sum + records, 0))} records`;
  const counted = (list: { readonly length: number }): string => whole(list.length);

  const places = await measure(
    'places of a custodian',
    () => placesOf(db, ACCOUNT, ['Person7@company.example']),
    ({ size }) => whole(size),
  );
  const custodian = [...places];
  await measure(
    'segments of a custodian',
    () => coveredSegments(db, ACCOUNT, { places: custodian }),
    covered,
  );
  await measure('objects of a custodian', () => coveredObjects(db, ACCOUNT, { places: custodian }), counted);
  const channel = ['channel-7', 'session-7'];
  await measure('segments of a channel', () => coveredSegments(db, ACCOUNT, { places: channel }), covered);
  const range = { fromDay: '2024-01-01', toDay: '2024-03-31' };
  await measure(
    'segments of a custodian in three months',
    () => coveredSegments(db, ACCOUNT, { places: custodian, ...range }),
    covered,
  );
  await measure(
    'all of three months',
    () => coveredSegments(db, ACCOUNT, { places: null, ...range }),
    covered,
  );
  const sessions = Array.from({ length: SESSIONS }, (_, index) => `session-${index}`);
  await measure(
    'members of all sessions',
    () => membersOf(db, ACCOUNT, sessions),
    (members) => whole([...members.values()].reduce((sum, { size }) => sum + size, 0)),
  );
  const context = { account: ACCOUNT, now: Date.now };
  for (const [name, schedule] of Object.entries(SCHEDULES)) {
    const plan = await measure(
      `retention plan, ${name}`,
      () => planRetention(context, db, scheduleOf(schedule)),
      ({ versions, changed }) => `${whole(changed)} of ${whole(versions)} versions`,
    );
    if (plan.versions === 0) throw new Error('nothing is kept');
  }
  return answers;
}

/** Each segment holds one record of a hundred people in sessions that they are in; each person has an address and an id. */
export async function fill(db: Database, segments: number): Promise<void> {
  await migrate(db);
  await db.query(
    `insert into people select $1, 'person' || n || '@company.example', 'member-' || n from generate_series(0, $2 - 1) n`,
    [ACCOUNT, PEOPLE],
  );
  await db.query(
    `insert into registry select $1, 'session-' || n, 'Group', '', 'channel-' || n, now(), now(), now(), now()
     from generate_series(0, $2 - 1) n`,
    [ACCOUNT, SESSIONS],
  );
  await db.query(
    `insert into participants
     select $1, name, 'session-' || s from generate_series(0, $2 - 1) s, generate_series(0, $4 - 1) m,
       lateral (select (s * 4 + m * 7) % $3::integer as n) p,
       lateral (values ('person' || n || '@company.example'), ('member-' || n)) as named (name)
     on conflict do nothing`,
    [ACCOUNT, SESSIONS, PEOPLE, IN_A_SESSION],
  );
  await db.query(
    `insert into segments
       (account, stream, class, governed_by, day, state, records, bytes, planned_at, key, size, indexed)
     select $1, 'messages', 'default', 'default', date '2023-01-01' + (n % $3::integer), 'committed', $4, 0, now(),
       'segment ' || n, 20000, true
     from generate_series(1, $2) n`,
    [ACCOUNT, segments, DAYS, PER_SEGMENT],
  );
  await db.query(
    `insert into segment_contents
     select id, 'session-' || s, 'person' || (s * 4 + (id + r) % $4 * 7) % $3::integer || '@company.example', 1
     from segments, generate_series(1, $2) r, lateral (select (id * 31 + r * 5) % $5::integer as s) place
     where account = $1 on conflict do nothing`,
    [ACCOUNT, PER_SEGMENT, PEOPLE, IN_A_SESSION, SESSIONS],
  );
  await db.query(
    `insert into objects
       (account, sha256, state, size, class, governed_by, key, planned_at)
     select $1, md5(n::text), 'committed', 1000, 'default', 'default', 'object ' || n, now() from generate_series(1, $2) n`,
    [ACCOUNT, segments],
  );
  await db.query(
    `insert into file_objects select $1, 'file-' || n, md5(n::text) from generate_series(1, $2) n`,
    [ACCOUNT, segments],
  );
  await db.query(
    `insert into file_places
     select $1, 'file-' || n, 'session-' || n % $3::integer, '', date '2023-01-01' + (n % $4::integer)
     from generate_series(1, $2) n`,
    [ACCOUNT, segments, SESSIONS, DAYS],
  );
}
