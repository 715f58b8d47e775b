import { admit } from '../src/ledger/admit.ts';
import { type Database, openPostgres } from '../src/ledger/database.ts';
import { acquireLease, type Lease } from '../src/ledger/lease.ts';
import { migrate } from '../src/ledger/migrate.ts';
import { startUnit } from '../src/ledger/units.ts';
import { silentLog } from '../src/log.ts';
import { type Candidate, contentHash, instant, keyMonth, recordKey, scopeTag } from '../src/record.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import { markdown, whole } from './table.ts';

const SESSIONS_AT_ONCE = 8;
const PAGE = 100;
const PAGES = 50;
const DAY = 86_400_000;

/** (d) Admission on an empty ledger, and with ten million keys already seen; a sealed ledger otherwise. */
export async function seen(): Promise<string> {
  const rounds = 3;
  const measured = 200_000;
  const filled = Number(process.env.BENCH_SEEN ?? 10_000_000);
  const server = await startPostgres();
  const db = await openPostgres({ url: server.url, connections: 10, log: silentLog() });
  try {
    await migrate(db);
    const lease = await acquireLease(db, 'bench', 'bench', 3_600_000);
    if (lease === undefined) throw new Error('no lease');
    let session = 0;
    const round = async (): Promise<number> => {
      const from = session;
      const to = from + measured / PAGE / PAGES;
      session = to;
      const started = performance.now();
      await admitSessions(db, lease, from, to);
      const rate = measured / ((performance.now() - started) / 1000);
      await db.query('truncate staged');
      return rate;
    };
    await round();
    const empty: number[] = [];
    for (let index = 0; index < rounds; index += 1) empty.push(await round());
    await fill(db, filled);
    const full: number[] = [];
    await round();
    for (let index = 0; index < rounds; index += 1) full.push(await round());
    const best = (rates: readonly number[]): number => [...rates].sort((a, b) => a - b)[1] ?? 0;
    return markdown(
      ['keys seen', 'records admitted/s (median of 3)', 'of the empty ledger'],
      [
        ['empty', whole(best(empty)), '100%'],
        [whole(filled), whole(best(full)), `${((100 * best(full)) / best(empty)).toFixed(0)}%`],
      ],
    );
  } finally {
    await db.close();
    await server.stop();
  }
}

async function admitSessions(db: Database, lease: Lease, from: number, to: number): Promise<void> {
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < to) await admitSession(db, lease, `session-${next++}`);
  };
  await Promise.all(Array.from({ length: SESSIONS_AT_ONCE }, worker));
}

async function admitSession(db: Database, lease: Lease, session: string): Promise<void> {
  const begin = Date.now() - 150 * DAY;
  const tag = scopeTag('bench', session);
  const unit = await startUnit(
    db,
    lease,
    { stream: 'messages', scope: session, mode: 'sent', from: 0, to: DAY },
    Date.now(),
  );
  for (let page = 0; page < PAGES; page += 1) {
    const candidates: Candidate[] = [];
    for (let row = 0; row < PAGE; row += 1) {
      const number = page * PAGE + row;
      const time = begin + number * 2_400_000;
      const record = JSON.stringify({
        id: `${session}-${number}`,
        message: 'lorem ipsum '.repeat(35),
        timestamp: time,
      });
      candidates.push({
        stream: 'messages',
        kind: 'sent',
        key: recordKey(tag, time, ['messages', session, String(number)]),
        content: contentHash(record),
        rule: 'once',
        time: instant(time),
        keyMonth: keyMonth(time),
        record,
      });
    }
    await admit(db, lease, unit, {
      rows: PAGE,
      candidates,
      provenance: { run: 'bench', requestId: 'bench', trackingId: '', observedAt: instant(Date.now()) },
      classOf: () => 'default',
    });
  }
}

/** Keys as 2,000 sessions would have left them: scope tag, second, hash, spread over the five months measured. */
async function fill(db: Database, count: number): Promise<void> {
  const sessions = 2_000;
  await db.query(
    `insert into seen (month, key, content)
     select date_trunc('month', at)::date,
       (lpad(to_hex(s.tag), 8, '0') || lpad(to_hex(extract(epoch from at)::bigint), 8, '0')
         || substr(md5(s.tag::text || n::text), 1, 16))::uuid,
       md5(n::text)::uuid
     from (select (random() * 4294967295)::bigint as tag from generate_series(1, ${sessions})) s,
       generate_series(1, ${Math.round(count / sessions)}) n,
       lateral (select now() - interval '150 days' + n * interval '1 second' * ${Math.floor((139 * 86_400) / (count / sessions))} as at) t
     on conflict do nothing`,
  );
  await db.query('vacuum analyze seen');
  await db.query('checkpoint');
}
