/** Legal holds from a matter or a command to the flags at the store, among people who write. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Emulator } from '../../emulator/server.ts';
import { leadOnce, openSink } from '../../src/commands/context.ts';
import { placeEntries } from '../../src/commands/hold-entries.ts';
import { runRebuild } from '../../src/commands/rebuild.ts';
import type { Database } from '../../src/ledger/database.ts';
import { placeHold, readHolds } from '../../src/ledger/holds.ts';
import { EVERYTHING } from '../../src/retention/holds.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { copyBucket } from '../support/archive.ts';
import { type Archiver, openArchiver } from '../support/archiver.ts';
import { runArchiver, startArchiver, writeConfig } from '../support/command.ts';
import { readLog } from '../support/log.ts';
import { createSchema } from '../support/postgres.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { readStream } from '../support/stream-rows.ts';
import { emulate, NOON, workFolder } from './campaign.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ON = { enabled: true };
const STREAMS = { context: ON, files: ON, legalHold: ON };

interface Opened {
  readonly archiver: Archiver;
  readonly db: Database;
}

async function open(emulator: Emulator, folder: string): Promise<Opened> {
  let db: Database | undefined;
  const parts = {
    ledger: { url: (await createSchema()).url },
    streams: STREAMS,
    collection: { patience: '0s' },
  };
  const archiver = await openArchiver(emulator, folder, parts, {
    db(opened) {
      db = opened;
      return opened;
    },
  });
  onTestFinished(() => archiver.close());
  if (db === undefined) throw new Error('no ledger');
  return { archiver, db };
}

/** A pass, a seal, and the holds, as the daemon's jobs come one after the other. */
async function round({ archiver }: Opened): Promise<void> {
  await archiver.collect();
  await archiver.seal(true);
  await archiver.holds();
}

/** Keys of the segments of messages, and of the files, that hold something of these sessions; read with DuckDB alone. */
async function keysOf(root: string, sessions: ReadonlySet<string>): Promise<readonly string[]> {
  const messages = await readStream(root, 'messages');
  const files = await readStream(root, 'files');
  const mine = [...messages, ...files].filter(({ columns }) => sessions.has(String(columns.session_id)));
  return [
    ...mine.map(({ columns }) => String(columns.filename).slice(root.length + 1)),
    ...mine.flatMap(({ record }) => (record.object?.key === undefined ? [] : [record.object.key])),
  ];
}

async function heldKeys(sink: Sink): Promise<ReadonlySet<string>> {
  const held = new Set<string>();
  for (const prefix of ['segments/', 'objects/'])
    for await (const { key } of sink.list(prefix)) if ((await sink.head(key))?.held === true) held.add(key);
  return held;
}

/** The sessions in which a user was at work or listed, by the emulator's own account of it. */
function sessionsOf(emulator: Emulator, email: string): ReadonlySet<string> {
  const { users, channels } = emulator.context();
  const memberId = users.find((user) => user.email === email)?.memberId ?? '';
  return new Set(
    channels.filter(({ members }) => members.includes(memberId)).map(({ sessionId }) => sessionId),
  );
}

async function steps(archiver: Archiver): Promise<readonly string[]> {
  const sink = await openSink(archiver.context);
  try {
    const { entries } = await readLog(sink);
    return entries
      .filter(({ type }) => type === 'hold')
      .map((entry) => `${entry.action} ${entry.matter} ${entry.by}`);
  } finally {
    await sink.close();
  }
}

test('a matter of Zoom becomes a hold, is widened, stays when it is gone, and comes back with a new ledger', async () => {
  const emulator = await emulate({
    now: NOON,
    frozen: true,
    source: { kind: 'generated', seed: 11, sessions: 8, messages: 300 },
  });
  emulator.setSwitches({ holdZipMinutes: 0 });
  for (const { matterId } of emulator.matters()) emulator.hold({ verb: 'close-matter', matterId });
  const folder = await workFolder();
  const opened = await open(emulator, folder);
  const { archiver, db } = opened;
  const { account } = archiver.context;
  await round(opened);
  await round(opened);
  expect(await readHolds(db, account)).toEqual([]);

  const [ann, bob] = emulator
    .context()
    .users.filter(({ id, email }) => id !== undefined && sessionsOf(emulator, email).size > 0);
  if (ann === undefined || bob === undefined) throw new Error('no two people in channels');
  const matterId = emulator.hold({
    verb: 'add-matter',
    name: 'Doe v. Acme',
    custodians: [ann.email],
    startDay: '2026-03-01',
  });
  emulator.moveClock(HOUR);
  await round(opened);
  const sink = await openSink(archiver.context);
  onTestFinished(() => sink.close());
  const covers = async (email: string): Promise<void> => {
    const isMeant = (key: string): boolean => (/date=([\d-]+)/.exec(key)?.[1] ?? '9') >= '2026-03-01';
    const wanted = await keysOf(archiver.root, sessionsOf(emulator, email));
    const held = await heldKeys(sink);
    const segments = wanted.filter((key) => key.startsWith('segments/') && isMeant(key));
    expect(segments.length).toBeGreaterThan(0);
    expect(segments.filter((key) => !held.has(key))).toEqual([]);
    expect([...held].filter((key) => !isMeant(key))).toEqual([]);
  };
  await covers(ann.email);
  expect(await archiver.metrics()).toMatch(/_holds_active\{source="zoom"\} 1$/m);
  expect(await archiver.metrics()).toMatch(/_hold_versions_waiting 0$/m);

  // Changed at Zoom, and people write on: what comes is covered as well.
  emulator.hold({ verb: 'add-custodian', matterId, custodian: bob.email });
  emulator.hold({ verb: 'rename-matter', matterId, name: 'Doe v. Acme and others' });
  emulator.act(40);
  emulator.moveClock(HOUR);
  await round(opened);
  await covers(ann.email);
  await covers(bob.email);

  // Gone at Zoom: it stays, and is said.
  const before = await heldKeys(sink);
  emulator.hold({ verb: 'close-matter', matterId });
  emulator.moveClock(HOUR);
  await round(opened);
  const [hold] = await readHolds(db, account);
  expect(hold).toMatchObject({
    source: 'zoom',
    zoomMatter: matterId,
    state: 'placed',
    goneAt: emulator.now(),
  });
  expect(await archiver.metrics()).toMatch(/_hold_matters_gone 1$/m);
  const after = await heldKeys(sink);
  expect([...before].filter((key) => !after.has(key))).toEqual([]);
  await archiver.seal(true);
  const logged = ['place Doe v. Acme zoom', 'change Doe v. Acme and others zoom'];
  expect(await steps(archiver)).toEqual(logged);

  // The ledger is lost: the holds come back from the log, what they cover from the segments, the flags are set again.
  const again = await open(emulator, folder);
  const { lease, release } = await leadOnce(again.archiver.context, again.db, new AbortController().signal);
  const stop = new AbortController().signal;
  await runRebuild({ context: again.archiver.context, db: again.db, lease, sink, stop });
  await release();
  const [restored] = await readHolds(again.db, account);
  expect(restored).toMatchObject({
    id: hold?.id,
    matter: hold?.matter,
    scope: hold?.scope,
    placed: hold?.placed,
  });
  const known = await heldKeys(sink);
  emulator.moveClock(HOUR);
  await round(again);
  const flagged = await heldKeys(sink);
  expect([...known].filter((key) => !flagged.has(key))).toEqual([]);
  const rows = await again.db.query<{ key: string }>(
    'select key from segments where held union select key from objects where held',
  );
  expect(rows.map(({ key }) => key).sort()).toEqual([...flagged].sort());
});

interface Scene {
  readonly sink: Sink;
  readonly config: string;
  run(code: number, ...args: string[]): Promise<string>;
  json(
    ...args: string[]
  ): Promise<Record<string, unknown> & { readonly holds: readonly Record<string, unknown>[] }>;
  copy(): Promise<string>;
}

async function scene(holds: object): Promise<Scene> {
  const emulator = await emulate({ source: { kind: 'generated', seed: 5, sessions: 6, messages: 60 } });
  const folder = await workFolder();
  const fake = await startS3Fake();
  const sink = s3SinkOn(fake);
  onTestFinished(async () => {
    // The probe breaks them on its own objects.
    expect(brokenRules(fake).filter((broken) => !broken.includes('/.probe/'))).toEqual([]);
    await sink.close();
    await fake.close();
  });
  const { bucket, url: endpoint } = fake;
  // The SDK marks the object that it is given.
  const { accessKeyId, secretAccessKey } = fake.credentials;
  const every = { cron: '* * * * * *', jitter: '0s' };
  const config = await writeConfig(folder, emulator.url, {
    sink: { s3: { bucket, prefix: PREFIX, endpoint, forcePathStyle: true, accessKeyId, secretAccessKey } },
    ledger: { url: (await createSchema()).url, lease: '2s' },
    streams: { files: ON },
    retention: { default: { keep: '1y', mode: 'governance' } },
    schedule: { seal: every, holds: every },
    metrics: { port: 0 },
    holds,
  });
  const run = async (code: number, ...args: string[]): Promise<string> => {
    const ended = await runArchiver([...args, '--config', config]);
    expect({ args, code: ended.code, stderr: code === 0 ? ended.stderr : '' }).toEqual({
      args,
      code,
      stderr: '',
    });
    return code === 0 ? ended.stdout : ended.stderr;
  };
  await run(0, 'init');
  await run(0, 'collect');
  await run(0, 'seal', '--all');
  return {
    sink,
    config,
    run,
    json: async (...args) => JSON.parse(await run(0, ...args, '--json')),
    async copy() {
      const root = join(folder, 'copy');
      await copyBucket(fake, PREFIX, root);
      return root;
    },
  };
}

const WHO = ['--by', 'B. Counsel', '--reason', 'letter of today'];

test('where nobody runs the commands do it all: place, show, release, cancel, and the end after the cool-off', async () => {
  const { sink, run, json, copy } = await scene({ coolOff: '0s' });
  const [message] = await readStream(await copy(), 'messages');
  const session = String(message?.columns.session_id);
  const name = String(message?.columns.session_name);
  for (const args of [
    ['--matter', 'Doe'],
    ['--matter', 'Doe', '--all', '--channel', 'c1'],
    ['--matter', 'Doe', '--all', '--from', '2026-02-01', '--to', '2026-01-01'],
    ['--matter', 'Doe', '--all', '--from', 'yesterday'],
    ['--matter', 'Doe', '--all', '--from', '2026-02-30'],
    ['--matter', ' ', '--all'],
    ['--all'],
  ])
    await run(2, 'hold', 'place', ...args, ...WHO);
  await run(2, 'hold', 'place', '--matter', 'Doe', '--all', '--reason', 'x');
  expect(await json('hold', 'list')).toEqual({ holds: [] });

  const placed = await json(
    'hold',
    'place',
    '--matter',
    'Doe',
    '--session',
    session,
    '--custodian',
    'Eve@x.example',
    ...WHO,
  );
  const { id } = placed.hold as { id: string };
  expect(placed).toEqual({
    hold: {
      id,
      matter: 'Doe',
      state: 'placed',
      scope: expect.objectContaining({ custodians: ['eve@x.example'] }),
    },
    unknown: ['eve@x.example'],
    overtaken: [],
    flags: { by: 'command', flagged: expect.any(Number), lifted: 0, missing: 0 },
  });
  const wanted = new Set(await keysOf(await copy(), new Set([session])));
  expect(wanted.size).toBeGreaterThan(1);
  const held = await heldKeys(sink);
  expect([...wanted].filter((key) => !held.has(key))).toEqual([]);

  const messages = (await readStream(await copy(), 'messages')).filter(
    ({ columns }) => columns.session_id === session,
  );
  const shown = await json('hold', 'show', id);
  expect(shown).toEqual({ holds: [expect.any(Object)], unread: 0 });
  expect(shown.holds[0]).toMatchObject({
    id,
    source: 'own',
    zoomMatter: null,
    state: 'placed',
    placed: { by: 'B. Counsel', at: expect.any(String), reason: 'letter of today' },
    released: null,
    endsAt: null,
    goneAt: null,
    versions: held.size,
    waiting: 0,
    covered: { segments: expect.any(Number), objects: expect.any(Number), recordsAlong: expect.any(Number) },
  });
  const { covered } = shown.holds[0] as { covered: Record<string, number> };
  expect((covered.segments ?? 0) + (covered.objects ?? 0)).toBe(held.size);
  expect(covered.records).toBeGreaterThanOrEqual(messages.length);
  expect(await run(0, 'hold', 'show', id)).toContain('records kept along with them');
  expect(await run(0, 'hold', 'list')).toContain('B. Counsel');
  // By name, twice the same: each hold is one.
  await run(0, 'hold', 'place', '--matter', 'Doe', '--session', name === '' ? session : name, ...WHO);
  expect((await json('hold', 'show', '--matter', 'Doe')).holds).toHaveLength(2);
  expect((await json('verify')).holds).toBe(2);

  await run(2, 'hold', 'release', 'nothing', ...WHO);
  await run(2, 'hold', 'cancel', id, ...WHO);
  await run(2, 'hold', 'release', ...WHO);
  // Without a cool-off it is over at once, and the other one keeps what both cover.
  expect(await json('hold', 'release', id, ...WHO)).toEqual({
    holds: [{ id, state: 'releasing', endsAt: expect.any(String) }],
    flags: { by: 'command', flagged: 0, lifted: 0, missing: 0 },
  });
  expect((await heldKeys(sink)).size).toBeGreaterThanOrEqual(held.size);
  await run(2, 'hold', 'release', id, ...WHO);
  await run(0, 'hold', 'release', '--matter', 'Doe', ...WHO);
  expect((await heldKeys(sink)).size).toBe(0);
  const { holds } = await json('hold', 'list');
  expect(holds.map(({ state, versions }) => [state, versions])).toEqual([
    ['ended', 0],
    ['ended', 0],
  ]);
  expect((await json('verify')).holds).toBe(0);
  const { entries } = await readLog(sink);
  expect(entries.filter(({ type }) => type === 'hold').map(({ action }) => action)).toEqual([
    'place',
    'place',
    ...(name === '' ? [] : ['change']),
    'release',
    'end',
    'release',
    'end',
  ]);
});

test('while the archiver runs a hold needs no maintenance window, and a release can be cancelled', async () => {
  const { sink, config, run, json } = await scene({});
  const daemon = startArchiver(['run', '--config', config]);
  await daemon.line((line) => line.includes('"msg":"leading"'));
  const placed = await json('hold', 'place', '--matter', 'Roe', '--all', '--wait', ...WHO);
  const { id } = placed.hold as { id: string };
  expect(placed).toMatchObject({ unknown: [], flags: { by: 'archiver', waiting: 0 } });
  const all: string[] = [];
  for (const prefix of ['segments/', 'objects/'])
    for await (const { key } of sink.list(prefix)) all.push(key);
  expect([...(await heldKeys(sink))].sort()).toEqual(all.sort());

  const { holds } = await json('hold', 'release', id, ...WHO);
  const ends = Date.parse(String(holds[0]?.endsAt));
  expect(Math.round((ends - Date.now()) / DAY)).toBe(14);
  expect(await run(0, 'hold', 'list')).toContain('releasing until');
  expect(await json('hold', 'cancel', id, ...WHO)).toMatchObject({
    holds: [{ id, state: 'placed', endsAt: null }],
  });
  expect([...(await heldKeys(sink))].sort()).toEqual(all.sort());
  daemon.signal('SIGTERM');
  expect(await daemon.ended).toMatchObject({ code: 0 });
  await run(0, 'seal');
  const { entries } = await readLog(sink);
  expect(entries.filter(({ type }) => type === 'hold').map(({ action, by }) => `${action} ${by}`)).toEqual(
    ['place', 'release', 'cancel'].map((action) => `${action} B. Counsel`),
  );
  expect((await json('verify')).holds).toBe(1);
});

test('a session that a hold found by its name stays in it when it is renamed', async () => {
  const emulator = await emulate({
    now: NOON,
    frozen: true,
    source: { kind: 'generated', seed: 11, sessions: 6, messages: 120 },
  });
  for (const { matterId } of emulator.matters()) emulator.hold({ verb: 'close-matter', matterId });
  const opened = await open(emulator, await workFolder());
  const { archiver, db } = opened;
  const { account } = archiver.context;
  await round(opened);
  const [session] = await db.query<{ session_id: string; name: string }>(
    `select session_id, name from registry where name <> '' order by name, session_id limit 1`,
  );
  if (session === undefined) throw new Error('no session with a name');
  const scope = { ...EVERYTHING, sessions: [session.name, 'to come'] };
  const placed = { by: 'B. Counsel', at: archiver.context.now(), reason: 'letter' };
  const hold = { id: 'h1', matter: 'Doe', source: 'own', zoomMatter: undefined, scope, placed } as const;
  await placeHold(db, account, hold, placeEntries(hold));
  await archiver.holds();
  const sink = await openSink(archiver.context);
  onTestFinished(() => sink.close());
  expect((await heldKeys(sink)).size).toBeGreaterThan(0);

  // Another one gets a name of the hold, and what is sealed of the first one from here on has no name that it knows.
  await db.query(`update registry set name = 'renamed' where name = $1`, [session.name]);
  await db.query(`update registry set name = 'to come' where session_id in
    (select session_id from registry where name <> 'renamed' order by session_id limit 1)`);
  await db.query(
    `with again as (
       insert into segments (account, stream, class, governed_by, day, state, records, bytes, planned_at, key, version,
         sha256, size, root, committed_at, indexed)
       select s.account, s.stream, s.class, s.governed_by, s.day, s.state, s.records, s.bytes, now(), s.key || '.later',
         s.version, s.sha256, s.size, s.root || '.later', now(), true
       from segments s join segment_contents c on c.segment_id = s.id
       where c.place = $1 and s.stream = 'messages' limit 1 returning id
     ) insert into segment_contents select id, $1, '', 1 from again`,
    [session.session_id],
  );
  await archiver.holds();
  const [later] = await readHolds(db, account);
  expect(later?.scope.sessions).toEqual(
    expect.arrayContaining([session.session_id, session.name, 'to come']),
  );
  expect(later?.scope.sessions).toHaveLength(4);
  const uncovered = await db.query(
    `select 1 from segment_contents c
     where c.place = $1 and not exists (select 1 from hold_versions v where v.segment_id = c.segment_id)`,
    [session.session_id],
  );
  expect(uncovered).toEqual([]);
  await db.query(
    `delete from segment_contents where segment_id in (select id from segments where key like '%.later')`,
  );
  await db.query(
    `delete from hold_versions where segment_id in (select id from segments where key like '%.later')`,
  );
  await db.query(`delete from segments where key like '%.later'`);
  await archiver.seal(true);
  expect(await steps(archiver)).toEqual([
    'place Doe B. Counsel',
    'change Doe archiver',
    'change Doe archiver',
  ]);
});
