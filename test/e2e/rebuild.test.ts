/** A lost ledger is made again from the archive: the next pass archives nothing twice, and later ones all there is. */
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Emulator, EmulatorOptions } from '../../emulator/server.ts';
import { revisionCandidate } from '../../src/collectors/revisions.ts';
import { leadOnce, openSink, signerOf } from '../../src/commands/context.ts';
import { type RebuildSummary, runRebuild } from '../../src/commands/rebuild.ts';
import type { KnownHeads } from '../../src/commands/rebuild-head.ts';
import { admit, dropOldKeys } from '../../src/ledger/admit.ts';
import { placesOf } from '../../src/ledger/contents.ts';
import type { Database } from '../../src/ledger/database.ts';
import { dropOldLinks } from '../../src/ledger/links.ts';
import { dropOldUnits, startUnit } from '../../src/ledger/units.ts';
import { entryBytes } from '../../src/proof/entry.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import { fetchedFiles } from '../../src/proof/local-files.ts';
import { type VerifyReport, verify } from '../../src/proof/verify/verify.ts';
import { instant, scopeTag } from '../../src/record.ts';
import { indexSegments } from '../../src/segments/index-contents.ts';
import { agreeWithPublished } from '../../src/segments/publish.ts';
import { SegmentReader } from '../../src/segments/read.ts';
import type { Sink, SinkReader } from '../../src/sinks/sink.ts';
import { boundSink } from '../segments/sealing.ts';
import { readArchive } from '../support/archive.ts';
import { type Archiver, openArchiver, type Sections } from '../support/archiver.ts';
import { PUBLIC_KEY, readLog } from '../support/log.ts';
import { createSchema } from '../support/postgres.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { readStream } from '../support/stream-rows.ts';
import { beginning, emulate, NOON, reckon, workFolder } from './campaign.ts';
import { compareContent } from './content.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const ON = { enabled: true };
const ALL_STREAMS = { activities: ON, context: ON, files: ON, forwarded: ON, legalHold: ON };

/** An archiver with its ledger at hand. */
interface Ledgered {
  readonly archiver: Archiver;
  readonly db: Database;
}

async function open(
  emulator: Emulator,
  folder: string,
  ledger: object,
  parts: Sections = {},
  sink: (sink: Sink) => Sink = (own) => own,
): Promise<Ledgered> {
  let opened: Database | undefined;
  const archiver = await openArchiver(
    emulator,
    folder,
    { streams: ALL_STREAMS, collection: { patience: '0s' }, ledger, ...parts },
    {
      db(db) {
        opened = db;
        return db;
      },
      sink,
    },
  );
  onTestFinished(() => archiver.close());
  if (opened === undefined) throw new Error('no ledger');
  return { archiver, db: opened };
}

async function rebuild(
  { archiver: { context }, db }: Ledgered,
  through: (sink: SinkReader) => SinkReader = (sink) => sink,
  known: KnownHeads = {},
): Promise<RebuildSummary> {
  const sink = await openSink(context);
  const { lease, release } = await leadOnce(context, db, new AbortController().signal);
  try {
    const stop = new AbortController().signal;
    return await runRebuild({ context, db, lease, sink: through(sink), stop, known });
  } finally {
    await release();
    await sink.close();
  }
}

/** @returns how many segments were not indexed yet */
async function index({ archiver: { context }, db }: Ledgered): Promise<number> {
  const sink = await openSink(context);
  const reader = await SegmentReader.create(await workFolder());
  const { signal } = new AbortController();
  const { lease, release } = await leadOnce(context, db, signal);
  try {
    return await indexSegments({ db, lease, sink, reader, signal });
  } finally {
    await release();
    await reader.close();
    await sink.close();
  }
}

/** For each day with a message there is a segment more of each stream: some to be interrupted among, not hundreds. */
const SOURCE = { kind: 'generated', seed: 11, sessions: 8, messages: 600, days: 60 } as const;

async function populated(
  options: Partial<EmulatorOptions> = {},
  parts: Sections = {},
): Promise<{
  readonly emulator: Emulator;
  readonly folder: string;
  readonly old: Ledgered;
}> {
  const emulator = await emulate({ now: NOON, frozen: true, source: SOURCE, ...options });
  emulator.setSwitches({ holdZipMinutes: 0 });
  const folder = await workFolder();
  const old = await open(emulator, folder, { url: (await createSchema()).url }, parts);
  return { emulator, folder, old };
}

/**
 * What a ledger says, in a form in which equal is the same. Left out is what a rebuilt one does not know: when three
 * lists were asked for last, whose answers are not whole in the archive, so that they are read anew; how often links
 * were tried; bytes of JSON, back-off and failures in a row, which only say what is to be done next.
 */
async function contents(db: Database): Promise<Readonly<Record<string, readonly string[]>>> {
  const tables: Readonly<Record<string, string>> = {
    seen: 'select month::text, key::text, content::text from seen',
    states: 'select month::text, key::text, content::text from states',
    registry: `select session_id, type, name, channel_id, last_message_at, last_activity_at, first_seen_at from registry`,
    coverage: `select stream, scope, mode, covered::text, lost::text,
      case when (stream, mode) in (('sessions', 'sweep'), ('matters', 'list'), ('hold_files', 'list')) then null else asked_at end
      from coverage`,
    subjects: 'select kind, id, name from subjects',
    classes: 'select class, keep, mode, disposition, schedule, since from retention_classes',
    links: `select kind, id, open, error, found_at from links`,
    objects: `select sha256, state, size, class, key, version, lock_mode, retain_until from objects`,
    segments: `select key, version, sha256, size, root, records, stream, class, day::text, state, lock_mode, retain_until from segments`,
    log_heads: `select size, encode(frontier, 'hex') from log_heads`,
    // A rebuilt one keeps more of them, until what they fill is known to be locked.
    log_entries: `select entry_index, entry from log_entries where entry_index is null
      or entry_index >= (select size / 256 * 256 from log_heads)`,
    units: `select stream, scope, mode, window_from, window_to, attempt, outcome, pages, rows, admitted, started_at from units`,
    // That a channel has no policy of its own is no record; the next look at it tells.
    retention: `select scope, period from source_retention where period <> ''`,
    segment_contents: `select s.key, c.place, c.sender, c.records from segments s left join segment_contents c on c.segment_id = s.id where s.indexed`,
    participants: 'select person, place from participants',
    people: 'select email, member_id from people',
    object_contents: 'select sha256, place, sender, day::text from object_contents',
    matters: `select m from learned, jsonb_array_elements(value) as m where name = 'legal-hold-matters'`,
  };
  const found: Record<string, readonly string[]> = {};
  for (const [name, sql] of Object.entries(tables)) {
    const rows = await db.query(sql);
    found[name] = rows.map((row) => JSON.stringify(Object.values(row))).sort();
  }
  return found;
}

describe('a ledger made again from the archive', () => {
  test('knows what the old one knew; nothing is archived twice, and nothing is missed later', async () => {
    const { emulator, folder, old } = await populated();
    const start = beginning(emulator);
    await old.archiver.collect();
    emulator.act(200);
    emulator.moveClock(2 * DAY);
    expect(await old.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    emulator.act(100);
    emulator.moveClock(20 * MINUTE);
    expect(await old.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await old.archiver.seal(true);

    await checkPlaces(emulator, old);
    const made = await open(emulator, folder, { url: (await createSchema()).url });
    const summary = await rebuild(made);
    expect(summary).toMatchObject({ resumedAt: 0 });
    const before = await contents(old.db);
    const after = await contents(made.db);
    expect(after).toEqual(before);

    const again = await made.archiver.collect();
    expect(again).toMatchObject({ complete: true, failed: 0, drift: 0 });
    expect([...again.admitted]).toEqual([]);

    emulator.act(200);
    emulator.moveClock(2 * DAY);
    await made.archiver.collect();
    emulator.moveClock(20 * MINUTE);
    const last = emulator.now();
    expect(await made.archiver.collect()).toMatchObject({ complete: true, failed: 0, drift: 0 });
    await made.archiver.seal(true);
    reckon(emulator, await readArchive(made.archiver.root), start, last);
    expect(await compareContent(emulator, made.archiver.root)).toEqual([]);
  });

  test('asks again for what was staged and never sealed', async () => {
    const { emulator, folder, old } = await populated();
    const start = beginning(emulator);
    await old.archiver.collect();
    await old.archiver.seal(true);
    emulator.act(200);
    // So long that no overlap of windows hides what is missing.
    emulator.moveClock(3 * DAY);
    emulator.inject({ kind: 'status', status: 404, endpoint: 'messages', times: 1000 });
    expect((await old.archiver.collect()).failed).toBeGreaterThan(0);
    emulator.clearFaults();
    emulator.moveClock(50 * MINUTE);
    expect((await old.archiver.collect()).admitted.size).toBeGreaterThan(0);
    emulator.moveClock(20 * MINUTE);
    // What waited for an hour is sealed: what the last pass found is not, so its coverage must not be either.
    await old.archiver.seal();
    expect(await old.db.query('select 1 from staged limit 1')).toHaveLength(1);
    const sealed = await readArchive(old.archiver.root);

    const made = await open(emulator, folder, { url: (await createSchema()).url });
    await rebuild(made);
    const last = emulator.now();
    expect(await made.archiver.collect()).toMatchObject({ complete: true, failed: 0, drift: 0 });
    await made.archiver.seal(true);
    const archive = await readArchive(made.archiver.root);
    expect(archive.messages.length).toBeGreaterThan(sealed.messages.length);
    reckon(emulator, archive, start, last);
    expect(await compareContent(emulator, made.archiver.root)).toEqual([]);
    const { entries } = await readLog(await openSink(made.archiver.context));
    expect(entries.filter(({ type }) => type === 'segment')).toHaveLength(archive.segments);
  });

  test('goes on where it was interrupted, and is no ledger until then', async () => {
    const { emulator, folder, old } = await populated();
    await old.archiver.collect();
    await old.archiver.seal(true);
    const made = await open(emulator, folder, { url: (await createSchema()).url });
    let reads = 0;
    const failing = (sink: SinkReader): SinkReader => ({
      head: (key, version) => sink.head(key, version),
      seesLocks: (key, version) => sink.seesLocks(key, version),
      current: (key) => sink.current(key),
      list: (prefix) => sink.list(prefix),
      close: () => sink.close(),
      read(key, version) {
        if (key.startsWith('segments/')) reads += 1;
        if (reads === 70) throw new Error('EIO');
        return sink.read(key, version);
      },
    });
    await expect(rebuild(made, failing)).rejects.toThrow('EIO');
    expect(await made.db.query('select 1 from segments limit 1')).toHaveLength(1);
    const { context } = made.archiver;
    const sink = await openSink(context);
    const ledger = { db: made.db, account: context.account, sink, signer: signerOf(context) };
    await expect(agreeWithPublished(ledger)).rejects.toMatchObject({ code: 'log-diverged' });

    const { resumedAt } = await rebuild(made);
    expect(resumedAt).toBeGreaterThan(50);
    expect(await contents(made.db)).toEqual(await contents(old.db));
    expect(await made.db.query('select 1 from rebuilds union all select 1 from rebuild_states')).toEqual([]);
    expect([...(await made.archiver.collect()).admitted]).toEqual([]);
    await expect(rebuild(made)).rejects.toMatchObject({ code: 'ledger-not-empty' });
  });

  test('stops at a segment that is not what the log says, and names it', async () => {
    const { emulator, folder, old } = await populated();
    await old.archiver.collect();
    await old.archiver.seal(true);
    const { entries } = await readLog(await openSink(old.archiver.context));
    const [{ key = '' } = {}] = entries.filter(({ stream }) => stream === 'messages').slice(20);
    const path = join(old.archiver.root, key);
    const bytes = await readFile(path);
    await chmod(path, 0o600);
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    await writeFile(path, bytes);
    const made = await open(emulator, folder, { url: (await createSchema()).url });
    const named = { code: 'proof-invalid', detail: expect.stringMatching(`^${key}, version `) };
    await expect(rebuild(made)).rejects.toMatchObject(named);
    await rm(path);
    await expect(rebuild(made)).rejects.toMatchObject(named);
    bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    await writeFile(path, bytes);
    await rebuild(made);
    expect(await contents(made.db)).toEqual(await contents(old.db));
  });

  test('on the embedded ledger, with drift', async () => {
    const { emulator, folder, old } = await populated({ source: { ...SOURCE, sessions: 2, messages: 60 } });
    await old.archiver.collect();
    await drift(old);
    await old.archiver.seal(true);
    const made = await open(emulator, folder, { directory: './made' });
    await rebuild(made);
    expect(await contents(made.db)).toEqual(await contents(old.db));
    expect([...(await made.archiver.collect()).admitted]).toEqual([]);
    // The text that was seen first, and the drift, are both known.
    expect(await drift(made)).toEqual({ admitted: 0, sightings: 2 });
  });

  test('of an archive that is older than what Zoom serves', async () => {
    const { emulator, folder, old } = await populated({ source: { ...SOURCE, sessions: 4, messages: 200 } });
    await old.archiver.collect();
    await old.archiver.seal(true);
    emulator.moveClock(240 * DAY);
    emulator.act(40);
    emulator.moveClock(20 * MINUTE);
    await old.archiver.collect();
    await old.archiver.seal(true);
    await maintain(old, emulator.now());
    const made = await open(emulator, folder, { url: (await createSchema()).url });
    await rebuild(made);
    // Nothing of those months, also before the first maintenance.
    const { seen, states } = await contents(made.db);
    await maintain(made, emulator.now());
    const after = await contents(made.db);
    expect({ seen, states }).toEqual({ seen: after.seen, states: after.states });
    // Reactions and activities of those months were not read.
    expect(await index(made)).toBeGreaterThan(0);
    expect(await contents(made.db)).toEqual(await contents(old.db));
    expect(await index(made)).toBe(0);
    expect([...(await made.archiver.collect()).admitted]).toEqual([]);
  });

  test.each(['checkpoint', 'lock'] as const)(
    'after a crash before the %s of entries that fill tiles',
    async (write) => {
      const emulator = await emulate({
        now: NOON,
        frozen: true,
        source: { ...SOURCE, sessions: 3, messages: 90 },
      });
      const folder = await workFolder();
      const parts = { retention: { default: { mode: 'governance', keep: '7y' } } };
      let dying = false;
      let dead = false;
      const old = await open(emulator, folder, { url: (await createSchema()).url }, parts, (sink) => ({
        ...boundSink(sink),
        async put(request, signal) {
          if (dying && !dead && request.key.startsWith('segments/')) {
            dead = true;
            await fillTiles(old.db);
          }
          return sink.put(request, signal);
        },
        async replace(key, ...rest) {
          if (dead && write === 'checkpoint' && key === 'log/checkpoint') throw new Error('killed');
          return sink.replace(key, ...rest);
        },
        async lock(...args) {
          if (dead && write === 'lock') throw new Error('killed');
          return sink.lock(...args);
        },
      }));
      const start = beginning(emulator);
      await old.archiver.collect();
      await old.archiver.seal(true);
      const saved =
        (await (await openSink(old.archiver.context)).current('log/checkpoint'))?.bytes.toString() ?? '';
      emulator.act(60);
      emulator.moveClock(3 * DAY);
      await old.archiver.collect();
      dying = true;
      await expect(old.archiver.seal(true)).rejects.toThrow('killed');

      const made = await open(emulator, folder, { url: (await createSchema()).url }, parts);
      const { abandoned } = await rebuild(made);
      expect(abandoned > 0).toBe(write === 'checkpoint');
      emulator.moveClock(20 * MINUTE);
      const last = emulator.now();
      expect(await made.archiver.collect()).toMatchObject({ complete: true, failed: 0, drift: 0 });
      await fillTiles(made.db);
      await made.archiver.seal(true);
      const sink = await openSink(made.archiver.context);
      const report = await verifyAll(sink, saved);
      const left = await leftBehind(sink);
      expect(report).toMatchObject({ findings: [], abandoned: left.length });
      expect(left.some((key) => key.startsWith('segments/'))).toBe(write === 'checkpoint');
      // Full ones, and no others, stand under a lock.
      const tiles: string[] = [];
      for await (const { key } of sink.list('log/tile/')) {
        tiles.push(key);
        expect([key, (await sink.current(key))?.lock?.mode]).toEqual([
          key,
          key.includes('.p/') ? undefined : 'governance',
        ]);
      }
      expect(tiles).toContain('log/tile/0/000');
      for (const key of left) await rm(join(made.archiver.root, key));
      reckon(emulator, await readArchive(made.archiver.root), start, last);

      // From the head of before, a log would be made that is not this one.
      await writeFile(join(made.archiver.root, 'log/checkpoint'), saved);
      const forked = await open(emulator, folder, { url: (await createSchema()).url }, parts);
      await expect(rebuild(forked)).rejects.toMatchObject({
        code: 'log-diverged',
        detail: expect.stringContaining('log/tile/'),
      });
      expect(await forked.db.query('select 1 from rebuilds')).toEqual([]);
    },
  );

  test('from S3, under Object Lock', async () => {
    const prefix = 'zoom/';
    const s3 = await startS3Fake({ prefix });
    onTestFinished(() => s3.close());
    const parts = {
      sink: { s3: { bucket: s3.bucket, prefix, endpoint: s3.url, forcePathStyle: true, ...s3.credentials } },
      retention: { default: { mode: 'compliance', keep: '7y' } },
    };
    const { emulator, folder, old } = await populated(
      { source: { ...SOURCE, sessions: 2, messages: 60 } },
      parts,
    );
    await old.archiver.collect();
    await old.archiver.seal(true);
    const made = await open(emulator, folder, { url: (await createSchema()).url }, parts);
    await rebuild(made);
    expect(await contents(made.db)).toEqual(await contents(old.db));
    emulator.act(20);
    emulator.moveClock(20 * MINUTE);
    await made.archiver.collect();
    await made.archiver.seal(true);
    expect(s3.violations).toEqual([]);
  });
});

/** What the ledger says of places against what is so, and against the rows of the archive. */
async function checkPlaces(emulator: Emulator, { archiver, db }: Ledgered): Promise<void> {
  const participants = await db.query<{ place: string; person: string }>('select * from participants');
  const seen = new Set(participants.map(({ place, person }) => `${place} ${person}`));
  const { channels, users } = emulator.context();
  const absent = channels
    .filter(({ deleted }) => !deleted)
    .flatMap(({ id, members }) => members.filter((member) => !seen.has(`${id} ${member}`)));
  expect(absent).toEqual([]);
  const user = users.find(({ memberId = '' }) =>
    channels.some(({ members, deleted }) => !deleted && members.includes(memberId)),
  );
  const his = channels.filter(({ members, deleted }) => !deleted && members.includes(user?.memberId ?? ''));
  const places = await placesOf(db, archiver.context.account, [user?.email.toUpperCase() ?? '']);
  for (const { id, sessionId } of his) {
    expect(places).toContain(id);
    if (emulator.sessions().some((session) => session.id === sessionId && session.messages > 0))
      expect(places).toContain(sessionId);
  }

  const senders = new Map<string, number>();
  for (const { columns } of await readStream(archiver.root, 'messages')) {
    const sender = String(columns.sender_email || columns.sender_member_id).toLowerCase();
    const name = `${columns.session_id} ${sender}`;
    senders.set(name, (senders.get(name) ?? 0) + 1);
  }
  const counted = await db.query<{ place: string; sender: string; records: number }>(
    `select c.place, c.sender, sum(c.records) as records from segment_contents c join segments s on s.id = c.segment_id
     where s.stream = 'messages' group by c.place, c.sender`,
  );
  expect(
    new Map(counted.map(({ place, sender, records }) => [`${place} ${sender.toLowerCase()}`, records])),
  ).toEqual(senders);

  const stored = new Set<string>();
  for await (const file of emulator.files())
    if (file.condition === 'normal') stored.add(`${file.sha256} ${file.sessionId}`);
  const standing = await db.query<{ sha256: string; place: string; sender: string }>(
    'select sha256, place, sender from object_contents',
  );
  const known = new Set(standing.map(({ sha256, place }) => `${sha256} ${place}`));
  expect([...stored].filter((name) => !known.has(name))).toEqual([]);
  // A hold on a place covers what stands there; only the pictures of emoji stand in none that people are in.
  expect(standing.filter(({ place, sender }) => !place.startsWith('emoji:') && sender === '')).toEqual([]);
}

/** Entries enough for a full tile. */
async function fillTiles(db: Database): Promise<void> {
  const at = new Date(NOON).toISOString();
  const entries = Array.from({ length: 256 }, (_, number) =>
    entryBytes({ type: 'config', at, sha256: 'ab'.repeat(32), what: `setting ${number}` }).toString(),
  );
  await db.query(
    'insert into log_entries (account, entry) select account, unnest($1::text[]) from log_heads',
    [entries],
  );
}

/** As an auditor does who has the key and an old head, long after all was put. */
async function verifyAll(sink: Sink, saved: string): Promise<VerifyReport> {
  const key = parseNoteKey(PUBLIC_KEY);
  const { signal } = new AbortController();
  const files = await fetchedFiles(sink, signal);
  const now = (): number => Date.now() + DAY;
  try {
    expect((await verify({ sink, key, files, signal, now, since: saved })).findings).toEqual([]);
    return await verify({ sink, key, files, signal, now });
  } finally {
    await files.close();
  }
}

/** What the log calls abandoned and does not name otherwise: it is not part of the archive. */
async function leftBehind(sink: Sink): Promise<readonly string[]> {
  const { entries } = await readLog(sink);
  const stored = new Set(entries.filter(({ type }) => type !== 'abandoned').map(({ key }) => key));
  return entries.filter(({ type, key }) => type === 'abandoned' && !stored.has(key)).map(({ key }) => key);
}

/** As the daemon does once a day. */
async function maintain({ archiver, db }: Ledgered, now: number): Promise<void> {
  const { lease, release } = await leadOnce(archiver.context, db, new AbortController().signal);
  await dropOldUnits(db, lease, now);
  await dropOldLinks(db, lease, now);
  await dropOldKeys(db, now);
  await release();
}

/** A message of a known session as it came, then with another text. */
async function drift({ archiver, db }: Ledgered): Promise<{ admitted: number; sightings: number }> {
  const { lease, release } = await leadOnce(archiver.context, db, new AbortController().signal);
  const at = NOON - 100 * DAY;
  const [session] = await db.query<{ id: string; type: string; name: string; channelId: string }>(
    'select session_id as id, type, name, channel_id as "channelId" from registry order by id limit 1',
  );
  if (session === undefined) throw new Error('no session');
  const row = { id: '{D}', timestamp: at, action_timestamp: at, message: 'first' };
  const tag = scopeTag(lease.account, session.id);
  const candidates = ['first', 'second'].map((message) =>
    revisionCandidate('sent', { ...row, message }, session.id, tag),
  );
  const unit = { stream: 'messages', scope: 'drifting', mode: 'sent', from: 0, to: DAY };
  const started = await startUnit(db, lease, unit, NOON);
  const provenance = { run: 'r', requestId: 'q', trackingId: 't', observedAt: instant(NOON), session };
  const admission = await admit(db, lease, started, {
    rows: 2,
    candidates,
    provenance,
    classOf: () => 'default',
  });
  await db.query(`delete from units where scope = 'drifting'`);
  await release();
  return { admitted: admission.admitted.length, sightings: admission.sightings };
}
