import { spawn } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { createInterface } from 'node:readline';
import { PutObjectCommand, PutObjectLegalHoldCommand } from '@aws-sdk/client-s3';
import { type Database, openPostgres } from '../src/ledger/database.ts';
import { newestSegment, refreshHold } from '../src/ledger/hold-coverage.ts';
import { placeHold, readHolds } from '../src/ledger/holds.ts';
import { acquireLease, type Lease } from '../src/ledger/lease.ts';
import { silentLog } from '../src/log.ts';
import type { HoldScope } from '../src/record.ts';
import { EVERYTHING } from '../src/retention/holds.ts';
import { carryOutHolds } from '../src/segments/holds.ts';
import { createClient } from '../src/sinks/s3-client.ts';
import type { Sink } from '../src/sinks/sink.ts';
import { startPostgres } from '../test/support/postgres-server.ts';
import type { S3Fake } from '../test/support/s3-fake.ts';
import { s3SinkOn } from '../test/support/s3-sink.ts';
import { ACCOUNT, fill } from './retention.ts';
import { markdown, whole } from './table.ts';

interface Version {
  readonly key: string;
  readonly version: string;
}

const OBJECTS = 1000;
const ROUNDS = 3;
const AT_ONCE = 16;

/** (j) Legal holds: what a new one covers among a million records, and how fast the store is told. */
export async function holds(): Promise<string> {
  const server = await startPostgres();
  try {
    const db = await openPostgres({ url: server.url, connections: 4, log: silentLog() });
    try {
      await fill(db, Number(process.env.BENCH_SEGMENTS ?? 10_000));
      await db.query(`insert into log_heads values ($1, 0, '', 0, '')`, [ACCOUNT]);
      const lease = await acquireLease(db, ACCOUNT, 'bench', 3_600_000);
      if (lease === undefined) throw new Error('no lease');
      return `${await covering(db, lease)}\n\n${await flagging(db, lease)}`;
    } finally {
      await db.close();
    }
  } finally {
    await server.stop();
  }
}

async function place(db: Database, id: string, scope: Partial<HoldScope>): Promise<void> {
  const placed = { by: 'bench', at: Date.now(), reason: 'bench' };
  const hold = { id, matter: id, source: 'own', zoomMatter: undefined, placed } as const;
  await placeHold(db, ACCOUNT, { ...hold, scope: { ...EVERYTHING, ...scope } }, []);
}

async function covering(db: Database, lease: Lease): Promise<string> {
  const scopes: Readonly<Record<string, Partial<HoldScope>>> = {
    'a custodian': { custodians: ['person7@company.example'] },
    'a channel': { channels: ['channel-7'] },
    everything: {},
  };
  const rows: (readonly string[])[] = [];
  for (const [name, scope] of Object.entries(scopes)) {
    await place(db, name, scope);
    const hold = (await readHolds(db, ACCOUNT)).find(({ id }) => id === name);
    if (hold === undefined) throw new Error('no hold');
    const begun = performance.now();
    const newest = await newestSegment(db, ACCOUNT);
    await refreshHold(db, lease, hold, { newest, full: false, now: Date.now() });
    const seconds = (performance.now() - begun) / 1000;
    const [row] = await db.query<{ segments: number; objects: number }>(
      `select count(*) filter (where segment_id <> 0) as segments, count(*) filter (where sha256 <> '') as objects
       from hold_versions where hold = $1`,
      [name],
    );
    const covers = `${whole(row?.segments ?? 0)} segments, ${whole(row?.objects ?? 0)} objects`;
    rows.push([name, covers, seconds.toFixed(2)]);
  }
  return markdown(['a new hold on', 'covers', 'found and noted, seconds'], rows);
}

/** Holds a second that the store takes as plain requests, that the sink places, and that the ledger has placed; best of some rounds. */
async function flagging(db: Database, lease: Lease): Promise<string> {
  const store = spawn(process.execPath, ['--import', 'tsx', 'bench/s3-store.ts'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: store.stdout }), 'line')) as [string];
  const fake = JSON.parse(line) as S3Fake;
  const { url: endpoint, region, credentials, bucket: Bucket } = fake;
  const sink = s3SinkOn(fake, { prefix: '' });
  const client = createClient({ endpoint, region, forcePathStyle: true, credentials });
  const objects: Version[] = [];
  await forEach(OBJECTS, async (at) => {
    const Key = `segments/${at}`;
    const { VersionId = '' } = await client.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    objects[at] = { key: Key, version: VersionId };
  });
  const plain = (Status: 'ON' | 'OFF') =>
    rate(objects, ({ key: Key, version: VersionId }) =>
      client.send(new PutObjectLegalHoldCommand({ Bucket, Key, VersionId, LegalHold: { Status } })),
    );
  const best = { plain: 0, sink: 0, hold: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    best.plain = Math.max(best.plain, await plain('ON'));
    await plain('OFF');
    best.sink = Math.max(best.sink, await rate(objects, ({ key, version }) => sink.placeHold(key, version)));
    await rate(objects, ({ key, version }) => sink.liftHold(key, version));
    best.hold = Math.max(best.hold, await holdRate(db, lease, sink, objects));
  }
  await sink.close();
  client.destroy();
  store.stdin.end();
  await once(store, 'close');
  const share = (rate: number): string => `${Math.round((100 * rate) / best.plain)}%`;
  return markdown(
    [`${AT_ONCE} at once`, 'holds/s', 'requests/s', 'of the store'],
    [
      ['PutObjectLegalHold alone', whole(best.plain), whole(best.plain), '100%'],
      ['placeHold, read back', whole(best.sink), whole(2 * best.sink), share(2 * best.sink)],
      ['a hold, from the ledger', whole(best.hold), whole(2 * best.hold), share(2 * best.hold)],
    ],
  );
}

/** Versions a second that a new hold on all of these flags. */
async function holdRate(
  db: Database,
  lease: Lease,
  sink: Sink,
  objects: readonly Version[],
): Promise<number> {
  for (const table of ['segments', 'objects', 'hold_versions', 'holds'])
    await db.query(`delete from ${table}`);
  await db.query(
    `insert into segments
       (account, stream, class, governed_by, day, state, records, bytes, planned_at, key, version, size, indexed)
     select $1, 'messages', 'default', 'default', date '2026-01-01', 'committed', 1, 0, now(), s.key, s.version, 1, true
     from unnest($2::text[], $3::text[]) as s (key, version)`,
    [ACCOUNT, objects.map(({ key }) => key), objects.map(({ version }) => version)],
  );
  await place(db, 'all', {});
  const never = new AbortController().signal;
  setMaxListeners(0, never);
  const stops = { drain: never, interrupt: never };
  const begun = performance.now();
  const { flagged } = await carryOutHolds({ db, lease, sink, now: Date.now, ...stops, log: silentLog() });
  return (flagged * 1000) / (performance.now() - begun);
}

/** Calls a second. */
async function rate(
  objects: readonly Version[],
  call: (object: Version) => Promise<unknown>,
): Promise<number> {
  const begun = performance.now();
  await forEach(objects.length, async (at) => {
    const object = objects[at];
    if (object !== undefined) await call(object);
  });
  return (objects.length * 1000) / (performance.now() - begun);
}

async function forEach(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
