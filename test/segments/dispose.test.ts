/** Disposals through the store: what goes, what stays, and every external write of it lost or reported failed. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import type { Database } from '../../src/ledger/database.ts';
import { beingDestroyed, notGivenBack } from '../../src/ledger/destroying.ts';
import { type Candidate, pastPeriod } from '../../src/ledger/disposals.ts';
import { type KeptVersion, keptVersions, noteKept } from '../../src/ledger/kept.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import { silentLog } from '../../src/log.ts';
import { parseNoteKey, parseSignerKey } from '../../src/proof/key.ts';
import { fetchedFiles } from '../../src/proof/local-files.ts';
import { type VerifyReport, verify } from '../../src/proof/verify/verify.ts';
import { dispose } from '../../src/segments/dispose.ts';
import { objectKey } from '../../src/segments/layout.ts';
import { storeFile } from '../../src/segments/objects.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import type { ObjectLock, Sink } from '../../src/sinks/sink.ts';
import { type Effect, faulty } from '../ledger/faulty.ts';
import { type Engine, leaseOf, NOW, openLedger, PGLITE, type Place, POSTGRES } from '../ledger/ledgers.ts';
import { PUBLIC_KEY, readLog, SIGNING_KEY } from '../support/log.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { folder } from './building.ts';
import { fillLedger, sealAll } from './sealing.ts';

const DAY = 86_400_000;
const OVER = NOW + 30 * DAY;
const LOCK: ObjectLock = { mode: 'compliance', retainUntil: new Date(OVER) };
const ORDER = { by: 'Ann', approvedBy: 'Bo', reason: 'its period is over' };
const FILE = 'the bytes of a file';
const FILE_KEY = objectKey(createHash('sha256').update(FILE).digest('hex'));
/** All that this archive lacks: `init` is not run. */
const NO_IDENTITY = [expect.objectContaining({ what: 'archive.json is missing' })];

/** What every part of a test goes by. */
interface Clock {
  now: number;
}

interface Opened {
  readonly sink: Sink;
  /** The next destruction, or the next checkpoint, fails: before it took effect, or after. */
  failNext(write: 'destroy' | 'checkpoint', effect: Effect): void;
  brokenRules(): readonly string[];
}

interface Store {
  readonly name: string;
  open(clock: Clock): Promise<Opened>;
}

const DIRECTORY: Store = {
  name: 'a directory',
  async open(clock) {
    const sink = createDirectorySink({ root: await folder(), now: () => clock.now });
    await sink.check('compliance');
    const faults = new Map<string, Effect>();
    const failing =
      <A extends unknown[], T>(write: string, call: (...args: A) => Promise<T>) =>
      async (...args: A): Promise<T> => {
        const effect = faults.get(write);
        faults.delete(write);
        if (effect === 'lost') throw new Error('EIO');
        const result = await call(...args);
        if (effect === 'applied') throw new Error('EIO');
        return result;
      };
    const wrapped: Sink = Object.create(sink, {
      destroy: { value: failing('destroy', sink.destroy.bind(sink)) },
      replace: { value: failing('checkpoint', sink.replace.bind(sink)) },
    });
    return {
      sink: bound(wrapped, sink),
      failNext: (write, effect) => void faults.set(write, effect),
      brokenRules: () => [],
    };
  },
};

/** The methods of a sink that has private fields, bound to it. */
function bound({ destroy, replace }: Sink, sink: Sink): Sink {
  return {
    head: sink.head.bind(sink),
    read: sink.read.bind(sink),
    current: sink.current.bind(sink),
    seesLocks: sink.seesLocks.bind(sink),
    list: sink.list.bind(sink),
    check: sink.check.bind(sink),
    probe: sink.probe.bind(sink),
    put: sink.put.bind(sink),
    lock: sink.lock.bind(sink),
    extend: sink.extend.bind(sink),
    placeHold: sink.placeHold.bind(sink),
    liftHold: sink.liftHold.bind(sink),
    close: sink.close.bind(sink),
    destroy,
    replace,
  };
}

function s3(name: string, options: object): Store {
  return {
    name,
    async open(clock) {
      const now = () => clock.now;
      const fake = await startS3Fake({
        ...options,
        prefix: PREFIX,
        requireLock: true,
        mayDestroy: true,
        now,
      });
      // One try, so that a fault reaches whoever disposes.
      const sink = s3SinkOn(fake, { now, attempts: 1 });
      onTestFinished(async () => {
        await sink.close();
        await fake.close();
      });
      return {
        sink,
        failNext(write, effect) {
          const [method, key] =
            write === 'destroy' ? (['DELETE', 'segments/'] as const) : (['PUT', 'log/checkpoint'] as const);
          fake.failNext({ method, keyPrefix: PREFIX + key, effect, how: 'reset' });
        },
        brokenRules: () => brokenRules(fake),
      };
    },
  };
}

const AWS = s3('an S3 like AWS', {});
const STORES = [DIRECTORY, AWS, s3('an S3 like Ceph RGW 16', CEPH_RGW_16)];

interface RunParts {
  readonly db: Database;
  readonly lease: Lease;
  readonly pick: (candidate: Candidate) => boolean;
  readonly staying: (candidate: Candidate) => string | undefined;
}

interface Told {
  readonly destroyed: readonly string[];
  readonly refused: readonly { readonly key: string; readonly why: string }[];
}

/** An archive with segments and a file, all of one class and locked until {@link OVER}. */
interface Archive extends Opened {
  readonly clock: Clock;
  readonly db: Database;
  readonly place: Place;
  /** Keys of segments and objects, as archived. */
  readonly keys: readonly string[];
  storeFile(): Promise<void>;
  run(parts?: Partial<RunParts>): Promise<Told>;
  verify(): Promise<VerifyReport>;
  /** Keys of the log's disposals. */
  disposed(): Promise<readonly string[]>;
}

async function archive(store: Store, engine: Engine = POSTGRES): Promise<Archive> {
  const clock = { now: NOW };
  const ledger = await openLedger(engine);
  await fillLedger(ledger);
  const { db, lease, place } = ledger;
  const opened = await store.open(clock);
  const { sink } = opened;
  const spool = await folder();
  const now = (): number => clock.now;
  const logLock = (): ObjectLock => ({ ...LOCK, retainUntil: new Date(clock.now + 90 * DAY) });
  const signal = new AbortController().signal;
  const path = join(spool, 'file');
  await writeFile(path, FILE);
  const file = { path, size: FILE.length, sha256: FILE_KEY.slice(-64), className: 'default' };
  const made = {
    ...opened,
    clock,
    db,
    place,
    async storeFile() {
      await storeFile({ db, lease, sink, lockFor: () => LOCK, now, interrupt: signal }, file);
      await sealAll({ db, lease, sink, spool }, { now, lockFor: () => LOCK, logLock });
    },
    async run(parts: Partial<RunParts> = {}) {
      const { pick = () => true, staying = () => undefined, ...used } = { db, lease, ...parts };
      const told = { destroyed: [] as string[], refused: [] as { key: string; why: string }[] };
      const batches = async function* (): AsyncGenerator<readonly Candidate[]> {
        const past = [{ class: 'default', day: '2099-01-01' }];
        for await (const batch of pastPeriod(used.db, lease.account, past)) yield batch.filter(pick);
      };
      const options = {
        ...used,
        sink,
        signer: parseSignerKey(SIGNING_KEY),
        logLock,
        staying,
        now,
        drain: signal,
        interrupt: signal,
        log: silentLog(),
        events: {
          destroyed: ({ key }: { key: string }) => void told.destroyed.push(key),
          refused: ({ key, why }: { key: string; why: string }) => void told.refused.push({ key, why }),
        },
      };
      await dispose(options, batches(), ORDER);
      return { ...told, destroyed: told.destroyed.sort() };
    },
    async verify() {
      const files = await fetchedFiles(sink, signal);
      try {
        return await verify({ sink, key: parseNoteKey(PUBLIC_KEY), files, signal, now });
      } finally {
        await files.close();
      }
    },
    async disposed() {
      const { entries } = await readLog(sink);
      return entries
        .filter(({ type }) => type === 'disposal')
        .map(({ key }) => String(key))
        .sort();
    },
  };
  await made.storeFile();
  return { ...made, keys: await keysOf(sink) };
}

async function keysOf(sink: Sink): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const prefix of ['objects/', 'segments/'])
    for await (const { key } of sink.list(prefix)) keys.push(key);
  return keys.sort();
}

const isMessages = ({ key }: Candidate): boolean => key.includes('stream=messages');

describe.each(STORES)('in $name', (store) => {
  test('nothing goes before its date, all of it afterwards, and the archive verifies', async () => {
    const one = await archive(store);
    expect(one.keys.length).toBeGreaterThan(6);
    one.clock.now = OVER - 1;
    const early = await one.run();
    expect(early.destroyed).toEqual([]);
    expect(early.refused.map(({ key }) => key).sort()).toEqual(one.keys);
    expect(await one.disposed()).toEqual([]);
    expect((await one.verify()).findings).toEqual(NO_IDENTITY);

    one.clock.now = OVER;
    const { destroyed, refused } = await one.run();
    expect({ destroyed, refused }).toEqual({ destroyed: one.keys, refused: [] });
    expect(await keysOf(one.sink)).toEqual([]);
    expect(await one.disposed()).toEqual(one.keys);
    one.clock.now = OVER + 2 * DAY;
    expect(await one.verify()).toMatchObject({
      findings: NO_IDENTITY,
      disposed: one.keys.length,
      objects: 0,
    });
    expect(await one.run()).toEqual({ destroyed: [], refused: [] });
    expect(one.brokenRules()).toEqual([]);
    const forgotten = 'select 1 from segment_contents union all select 1 from file_places';
    expect(await one.db.query(forgotten)).toEqual([]);
  });

  test('a hold keeps what it covers, whenever it is placed; the rest goes', async () => {
    const one = await archive(store);
    one.clock.now = OVER;
    const [first = '', second = ''] = one.keys.filter((key) => key.includes('stream=messages'));
    const version = async (key: string): Promise<string> => (await one.sink.head(key))?.version ?? '';
    await one.sink.placeHold(first, await version(first));
    await one.db.query('update segments set held = true where key = $1', [second]);
    const { destroyed, refused } = await one.run({ pick: isMessages });
    expect(destroyed).not.toContain(first);
    expect(destroyed).not.toContain(second);
    expect(refused.map(({ key, why }) => `${key} ${why}`).sort()).toEqual(
      [`${first} it is under a legal hold at the store`, `${second} it has to be kept since`].sort(),
    );
    expect(await one.disposed()).toEqual(destroyed);

    // Placed between the entry and the destruction.
    await one.sink.liftHold(first, await version(first));
    one.failNext('destroy', 'lost');
    await expect(one.run({ pick: ({ key }) => key === first })).rejects.toThrow();
    await one.sink.placeHold(first, await version(first));
    const kept = await one.run({ pick: () => false });
    expect(kept).toMatchObject({ destroyed: [], refused: [{ key: first }] });
    await one.db.query('update segments set held = true where key = $1', [first]);
    expect((await one.run({ pick: () => false })).refused).toMatchObject([
      { why: expect.stringContaining('hold') },
    ]);
    expect((await one.verify()).findings).toEqual(NO_IDENTITY);
    one.clock.now = OVER + DAY + 1;
    expect((await one.verify()).findings).toContainEqual(
      expect.objectContaining({ check: 'disposal', key: first }),
    );
    await one.sink.liftHold(first, await version(first));
    await one.db.query('update segments set held = false');
    expect((await one.run({ pick: () => false })).destroyed).toEqual([first]);
    expect((await one.verify()).findings).toEqual(NO_IDENTITY);
    expect(one.brokenRules()).toEqual([]);
  });

  test('the same content comes again after its disposal, and goes again', async () => {
    const one = await archive(store);
    one.clock.now = OVER;
    const isFile = ({ key }: Candidate): boolean => key === FILE_KEY;
    one.failNext('checkpoint', 'lost');
    await expect(one.run({ pick: isFile })).rejects.toThrow();
    // Its entry waits, and nothing may count on its bytes any more.
    await expect(one.storeFile()).rejects.toMatchObject({ code: 'incomplete' });
    expect((await one.run({ pick: () => false })).destroyed).toEqual([FILE_KEY]);
    await one.storeFile();
    expect(await keysOf(one.sink)).toEqual(one.keys);
    one.clock.now = OVER + 10 * DAY;
    expect((await one.verify()).findings).toEqual(NO_IDENTITY);
    expect((await one.run({ pick: isFile })).destroyed).toEqual([FILE_KEY]);
    one.clock.now = OVER + 12 * DAY;
    expect(await one.verify()).toMatchObject({ findings: NO_IDENTITY, disposed: 2 });
    expect(one.brokenRules()).toEqual([]);
  });
});

test('what is missing is not disposed of: the loss stays a finding', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  const [gone = ''] = one.keys.filter((key) => key.includes('stream=messages'));
  await one.sink.destroy(gone);
  const { destroyed, refused } = await one.run();
  expect(destroyed).toEqual(one.keys.filter((key) => key !== gone));
  expect(refused).toEqual([{ key: gone, why: 'it does not stand at the store as it was archived' }]);
  expect((await one.verify()).findings).toContainEqual(
    expect.objectContaining({ check: 'object', what: 'the object is missing', key: gone }),
  );
});

test('a hold that was just placed keeps everything until it is known what it covers; then that alone', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  await one.db.query(
    `insert into holds (account, id, matter, source, custodians, channels, sessions, state, placed_by, placed_at,
       placed_reason)
     values ('account-1', 'h1', 'Project Blue', 'own', '{}', '{}', '{session-1}', 'placed', 'Ann', now(), 'a letter')`,
  );
  const early = await one.run();
  expect(early.destroyed).toEqual([]);
  expect(early.refused.map(({ key }) => key).sort()).toEqual(one.keys);

  const [covered = ''] = one.keys.filter((key) => key.includes('stream=messages'));
  await one.db.query(`update holds set refreshed_at = now(), refreshed_to = (select max(id) from segments)`);
  await one.db.query(
    `insert into hold_versions (account, hold, segment_id) select account, 'h1', id from segments where key = $1`,
    [covered],
  );
  const { destroyed, refused } = await one.run();
  expect(destroyed).toEqual(one.keys.filter((key) => key !== covered));
  expect(refused).toEqual([{ key: covered, why: 'it has to be kept since' }]);
  await one.db.query(`update holds set state = 'ended'`);
  expect((await one.run()).destroyed).toEqual([covered]);
});

/** `db`, but something happens once before any statement with this part. */
function before(db: Database, where: string, happens: () => Promise<unknown>): Database {
  let happened: Promise<unknown> | undefined;
  return {
    ...db,
    async query(text, values) {
      if (text.includes(where)) {
        happened ??= happens();
        await happened;
      }
      return db.query(text, values);
    },
  };
}

const HOLD = `insert into holds (account, id, matter, source, custodians, channels, sessions, state, placed_by, placed_at,
  placed_reason) values ('account-1', 'h1', 'Project Blue', 'own', '{}', '{}', '{}', 'placed', 'Ann', now(), 'a letter')`;

test('a hold placed while a batch is destroyed keeps what is not destroyed yet, and is told of what is', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  let told: readonly string[] = [];
  const db = before(one.db, 'set destroying = true', async () => {
    // Read, logged and published; not one of them was said to go.
    await one.db.query(HOLD);
    told = (await beingDestroyed(one.db, 'account-1')).map(({ key }) => key);
  });
  const { destroyed, refused } = await one.run({ db });
  expect({ destroyed, told }).toEqual({ destroyed: [], told: [] });
  expect(refused.length).toBeGreaterThan(0);
  // The file is met after the segments, and not logged at all.
  expect(new Set(refused.map(({ why }) => why))).toEqual(
    new Set(['a legal hold was placed on it', 'it has to be kept since']),
  );
  expect(await beingDestroyed(one.db, 'account-1')).toEqual([]);
  await one.db.query('delete from holds');

  // Too late for those that were looked at already: whoever places it is told of them.
  let underway: Awaited<ReturnType<typeof beingDestroyed>> = [];
  const { destroy } = one.sink;
  let placing: Promise<unknown> | undefined;
  one.sink.destroy = async (key, signal) => {
    placing ??= one.db.query(HOLD).then(async () => {
      underway = await beingDestroyed(one.db, 'account-1');
    });
    await placing;
    return destroy(key, signal);
  };
  const after = await one.run({ pick: () => false });
  expect(underway.map(({ key }) => key)).toEqual(expect.arrayContaining([...after.destroyed]));
  const ids = underway.map(({ id }) => id);
  expect((await notGivenBack(one.db, 'account-1', ids)).map(({ key }) => key).sort()).toEqual(
    after.destroyed,
  );
});

test('a process whose lease is over destroys nothing of what it logged', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  const db = before(one.db, 'set destroying = true', () =>
    one.db.query(`update lease set expires_at = clock_timestamp()`),
  );
  await expect(one.run({ db, pick: isMessages })).rejects.toMatchObject({ code: 'lease-lost' });
  expect(await keysOf(one.sink)).toEqual(one.keys);
});

test('what is logged is judged once more: what has to be kept by now stays, and is said', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  one.failNext('checkpoint', 'lost');
  await expect(one.run({ pick: isMessages })).rejects.toThrow();
  const kept = await one.run({ pick: () => false, staying: () => 'its class keeps for good now' });
  expect(kept.destroyed).toEqual([]);
  expect(kept.refused.length).toBeGreaterThan(0);
  expect(await keysOf(one.sink)).toEqual(one.keys);
  expect((await one.run({ pick: () => false })).destroyed).toHaveLength(kept.refused.length);
});

test('no promise follows an entry that something is disposed of', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  const lease = await leaseOf(one.db);
  const versions = async (): Promise<readonly KeptVersion[]> => {
    const found: KeptVersion[] = [];
    for await (const batch of keptVersions(one.db, 'account-1')) found.push(...batch);
    return found;
  };
  const all = await versions();
  expect(all.map(({ key }) => key).sort()).toEqual(one.keys);
  one.sink.destroy = async () => {
    throw new ArchiverError('sink-locked', 'a hold of somebody else');
  };
  expect((await one.run({ lease })).refused).toHaveLength(all.length);
  expect(await versions()).toEqual([]);
  const waiting = async () => (await one.db.query('select 1 from log_entries')).length;
  const before = await waiting();
  for (const version of all)
    await noteKept(one.db, lease, version, { governedBy: 'other', lock: LOCK, entry: 'no entry' });
  expect(await waiting()).toBe(before);
});

test('credentials that may not destroy leave one entry, however much is due', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  one.sink.destroy = async () => {
    throw new ArchiverError('sink-denied', 'no');
  };
  await expect(one.run()).rejects.toMatchObject({ code: 'sink-denied' });
  const rows = await one.db.query('select 1 from disposals');
  expect(rows).toHaveLength(1);
});

test('what came since a hold was looked at may show its custodian in an old place: that is kept till then', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  await one.db.query(HOLD);
  await one.db.query(`update holds set custodians = '{ann@x.example}', refreshed_at = now(),
    refreshed_to = (select max(id) from segments) - 1`);
  expect((await one.run()).destroyed).toEqual([]);
  await one.db.query('update holds set refreshed_to = (select max(id) from segments)');
  expect((await one.run()).destroyed).toEqual(one.keys);
});

test('content that came again meanwhile is not destroyed by the older judgement', async () => {
  const one = await archive(DIRECTORY);
  one.clock.now = OVER;
  let came = false;
  const pick = ({ key }: Candidate): boolean => key === FILE_KEY;
  const db: Database = {
    ...one.db,
    query: (...args) => one.db.query(...args),
    async transaction(work) {
      if (!came) {
        came = true;
        await one.storeFile();
      }
      return one.db.transaction(work);
    },
  };
  expect(await one.run({ db, pick })).toEqual({
    destroyed: [],
    refused: [{ key: FILE_KEY, why: 'it has to be kept since' }],
  });
});

/** What is written, in order; `where` is a part of a statement to the ledger. */
const WRITES = [
  { write: 'log', where: 'insert into disposals' },
  { write: 'place', where: 'update log_heads set size' },
  { write: 'checkpoint', where: undefined },
  { write: 'destroy', where: undefined },
  { write: 'done', where: 'update disposals set done_at' },
] as const;
const TABLE = WRITES.flatMap((each) => (['lost', 'applied'] as const).map((effect) => ({ ...each, effect })));

describe.each([
  { engine: POSTGRES, store: AWS },
  { engine: PGLITE, store: DIRECTORY },
])('from $engine.name into $store.name', ({ engine, store }) => {
  test.each(TABLE)('$write $effect', async ({ write, where, effect }) => {
    const one = await archive(store, engine);
    one.clock.now = OVER;
    if (where === undefined) one.failNext(write, effect);
    const db = where === undefined ? one.db : faulty(one.db, where, effect, 1);
    await expect(one.run({ db, pick: isMessages })).rejects.toThrow();
    expect((await one.verify()).findings.filter(({ check }) => check !== 'identity')).toEqual([]);

    // A process that starts later finds all of it, and finishes it.
    const restarted = await one.place.open();
    await one.run({ db: restarted, lease: await leaseOf(restarted), pick: isMessages });
    const messages = one.keys.filter((key) => key.includes('stream=messages'));
    expect(await one.disposed()).toEqual(messages);
    expect(await keysOf(one.sink)).toEqual(one.keys.filter((key) => !messages.includes(key)));
    one.clock.now = OVER + 2 * DAY;
    expect(await one.verify()).toMatchObject({ findings: NO_IDENTITY, disposed: messages.length });
    expect(await restarted.query('select 1 from disposals where done_at is null')).toEqual([]);
    expect(one.brokenRules()).toEqual([]);
  });
});
