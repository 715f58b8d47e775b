import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { expect, onTestFinished } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import type { Database } from '../../src/ledger/database.ts';
import type { Lease } from '../../src/ledger/lease.ts';
import type { LockFor } from '../../src/ledger/staging.ts';
import { endUnit } from '../../src/ledger/units.ts';
import { silentLog } from '../../src/log.ts';
import { entryBytes } from '../../src/proof/entry.ts';
import { parseNoteKey, parseSignerKey } from '../../src/proof/key.ts';
import { fetchedFiles } from '../../src/proof/local-files.ts';
import { TILE_WIDTH } from '../../src/proof/tiles.ts';
import { verify } from '../../src/proof/verify/verify.ts';
import { type Candidate, instant } from '../../src/record.ts';
import { parseBundleKey, parseSegmentKey, parseTileKey } from '../../src/segments/layout.ts';
import { startLog } from '../../src/segments/publish.ts';
import { type SealOptions, type SealSummary, seal } from '../../src/segments/seal.ts';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import type { ObjectLock, Sink } from '../../src/sinks/sink.ts';
import { DAY, message, page, stagedRecords } from '../ledger/candidates.ts';
import type { Effect } from '../ledger/faulty.ts';
import { type Ledger, NOW, type Place } from '../ledger/ledgers.ts';
import { unitEnd } from '../ledger/unit-end.ts';
import { KINDS } from '../sinks/places.ts';
import { PUBLIC_KEY, readLog, SIGNING_KEY } from '../support/log.ts';
import { type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { archivedRecords, createBuilder, folder, leafHash, naiveRoot } from './building.ts';

/** A place to seal into, which fails on demand as the wire or the disk does. */
export interface FaultySink {
  readonly sink: Sink;
  /** The next write to a key with this prefix fails: before it took effect, or after. */
  failNextPut(effect: Effect, prefix: string): void;
  /** The same of the next lock that is put on what stands already. */
  failNextLock(effect: Effect, prefix: string): void;
  /** The same of the next legal-hold flag that is set or lifted. */
  failNextHold(effect: Effect, prefix: string): void;
  /** Rules broken and files left behind. */
  rubbish(): Promise<readonly string[]>;
}

export interface SinkKind {
  readonly name: string;
  open(): Promise<FaultySink>;
}

const NEXT_YEAR = new Date((Math.ceil(Date.now() / 1000) + 366 * 86_400) * 1000);
export const LOCK: ObjectLock = { mode: 'governance', retainUntil: NEXT_YEAR };

export const DIRECTORY: SinkKind = { name: 'a directory', open: openDirectory };

export const SINKS: readonly SinkKind[] = [
  DIRECTORY,
  { name: 'an S3 like AWS', open: () => openS3({}) },
  { name: 'an S3 like Ceph RGW 16', open: () => openS3(CEPH_RGW_16) },
];

async function openDirectory(): Promise<FaultySink> {
  const root = await folder();
  const sink = createDirectorySink({ root });
  await sink.check('governance');
  let fault: { readonly effect: Effect; readonly prefix: string } | undefined;
  const failing = async <T>(key: string, write: () => Promise<T>): Promise<T> => {
    const effect = fault !== undefined && key.startsWith(fault.prefix) ? fault.effect : undefined;
    const due = effect === undefined ? undefined : fault;
    if (effect !== undefined) fault = undefined;
    if (effect === 'lost') throw new Error('EIO');
    const result = await write().catch((error: unknown) => {
      // What was refused was not applied: the fault is still to come.
      fault ??= due;
      throw error;
    });
    if (effect === 'applied') throw new Error('EIO');
    return result;
  };
  return {
    sink: {
      ...boundSink(sink),
      put: (request, signal) => failing(request.key, () => sink.put(request, signal)),
      replace: (key, ...rest) => failing(key, () => sink.replace(key, ...rest)),
      placeHold: (key, ...rest) => failing(key, () => sink.placeHold(key, ...rest)),
      liftHold: (key, ...rest) => failing(key, () => sink.liftHold(key, ...rest)),
      lock: (key, ...rest) => failing(`lock ${key}`, () => sink.lock(key, ...rest)),
    },
    failNextPut(effect, prefix) {
      fault = { effect, prefix };
    },
    failNextLock(effect, prefix) {
      fault = { effect, prefix: `lock ${prefix}` };
    },
    failNextHold(effect, prefix) {
      fault = { effect, prefix };
    },
    rubbish: () => readdir(join(root, '.incoming')),
  };
}

/** A store named by the environment; see `test/sinks/places.ts`. Without faults. */
export async function openRealS3(): Promise<FaultySink> {
  const kind = KINDS.find(({ name }) => name === 'a real S3');
  const started = await kind?.start();
  const opened = await started?.open();
  if (started === undefined || opened === undefined) throw new Error('there is no real S3');
  onTestFinished(async () => {
    await opened.close();
    await started.stop();
  });
  return {
    sink: opened.sink,
    failNextPut: () => undefined,
    failNextLock: () => undefined,
    failNextHold: () => undefined,
    rubbish: () => opened.rubbish(),
  };
}

/** The methods of a sink that has private fields, bound to it, for one of them to be another. */
export function boundSink(sink: Sink): Sink {
  return {
    put: (...args) => sink.put(...args),
    replace: (...args) => sink.replace(...args),
    lock: (...args) => sink.lock(...args),
    head: (key, version) => sink.head(key, version),
    seesLocks: (key, version) => sink.seesLocks(key, version),
    read: (key, version) => sink.read(key, version),
    current: (key) => sink.current(key),
    list: (prefix) => sink.list(prefix),
    check: (mode) => sink.check(mode),
    probe: (mode, signal) => sink.probe(mode, signal),
    extend: (...args) => sink.extend(...args),
    placeHold: (...args) => sink.placeHold(...args),
    liftHold: (...args) => sink.liftHold(...args),
    destroy: (...args) => sink.destroy(...args),
    close: () => sink.close(),
  };
}

async function openS3(options: S3FakeOptions): Promise<FaultySink> {
  const fake = await startS3Fake({ ...options, prefix: PREFIX, requireLock: true });
  // One try, so that a fault reaches the sealer.
  const sink = s3SinkOn(fake, { attempts: 1 });
  onTestFinished(async () => {
    await sink.close();
    await fake.close();
  });
  return {
    sink,
    failNextPut: (effect, prefix) =>
      fake.failNext({ method: 'PUT', action: '', keyPrefix: PREFIX + prefix, effect, how: 'reset' }),
    failNextLock: (effect, prefix) =>
      fake.failNext({
        method: 'PUT',
        action: '?retention',
        keyPrefix: PREFIX + prefix,
        effect,
        how: 'reset',
      }),
    failNextHold: (effect, prefix) =>
      fake.failNext({
        method: 'PUT',
        action: '?legal-hold',
        keyPrefix: PREFIX + prefix,
        effect,
        how: 'reset',
      }),
    rubbish: async () => brokenRules(fake),
  };
}

/** What a ledger has admitted, as the archive has to show it in the end. */
export interface Admitted {
  readonly records: readonly string[];
}

/** Records of two streams, three days and several pages, and the coverage of their unit. */
export async function fillLedger({ db, lease, unit }: Ledger): Promise<Admitted> {
  for (let number = 0; number < 6; number += 1) {
    const candidates = Array.from({ length: 40 }, (_, index): Candidate => {
      const time = instant(NOW - DAY * (1 + (index % 3)));
      const text = `p${number} m${index} \u0000 \ud83d "quoted" \t`;
      return index % 10 === 0
        ? message(
            `p${number} r${index}`,
            { text },
            { time, stream: 'reactions', kind: 'state', rule: 'state' },
          )
        : message(`p${number} m${index}`, { text }, { time });
    });
    await admit(db, lease, unit, page(candidates));
  }
  await endUnit(db, lease, unit, unitEnd(unit));
  const created = new Date(NOW).toISOString();
  await startLog(db, lease.account, {
    type: 'archive',
    at: created,
    format: 1,
    account: lease.account,
    origin: 'archive.example.com/test',
    key: PUBLIC_KEY,
    created_at: created,
  });
  // So many that sealing fills a tile.
  const settings = Array.from({ length: TILE_WIDTH - 6 }, (_, number) =>
    configEntry(`setting ${number}`, created),
  );
  await db.query('insert into log_entries (account, entry) select $1, unnest($2::text[])', [
    lease.account,
    settings,
  ]);
  return { records: (await stagedRecords(db)).map(({ record }) => record).sort() };
}

function configEntry(what: string, at: string): string {
  return entryBytes({ type: 'config', at, sha256: sha256(Buffer.from(what)), what }).toString();
}

export interface SealRun {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly spool: string;
}

/** Seals all that is staged, as a process just started does: with a builder of its own. */
export async function sealAll(run: SealRun, changes: Partial<SealOptions> = {}): Promise<SealSummary> {
  const { spool, ...rest } = run;
  const lockFor: LockFor = () => LOCK;
  return seal({
    ...rest,
    builder: await createBuilder(spool),
    limits: () => ({ records: 60, bytes: 1_000_000, dueBefore: NOW + 1 }),
    lockFor,
    logLock: () => LOCK,
    signer: parseSignerKey(SIGNING_KEY),
    now: () => NOW,
    drain: new AbortController().signal,
    interrupt: new AbortController().signal,
    log: silentLog(),
    events: { planned() {}, step() {}, sealed() {}, published() {} },
    ...changes,
  });
}

/**
 * The whole archive as an auditor sees it: every object read back, with DuckDB and hashes of our own. Every admitted
 * record is there once, every object is one that the ledger knows, and nothing waits.
 */
export async function verifyArchive(place: Place, target: FaultySink, admitted: Admitted): Promise<void> {
  const db = await place.open();
  const local = await folder();
  const keys: string[] = [];
  const records: string[] = [];
  for await (const { key } of target.sink.list('')) {
    if (key.startsWith('log/')) {
      const isFull = parseTileKey(key)?.width === TILE_WIDTH || parseBundleKey(key)?.width === TILE_WIDTH;
      expect([key, (await target.sink.current(key))?.lock]).toEqual([key, isFull ? LOCK : null]);
      continue;
    }
    keys.push(key);
    expect((await target.sink.head(key))?.lock).toEqual(LOCK);
    const parts = parseSegmentKey(key);
    if (parts === undefined) throw new Error(`${key} is no segment`);
    const path = join(local, key);
    await mkdir(dirname(path), { recursive: true });
    await pipeline(await target.sink.read(key), createWriteStream(path));
    const ofAccount = parts.stream === 'sessions' || parts.stream === 'coverage';
    const rows = await archivedRecords(path, ofAccount ? `''` : 'session_id');
    const leaves = rows.map((row) => leafHash(parts.stream, row));
    expect(naiveRoot(leaves).toString('hex')).toBe(parts.root);
    records.push(...rows.map(({ record }) => record));
  }
  expect(records.sort()).toEqual(admitted.records);
  const committed = await db.query<{ key: string; version: string }>(
    `select key, version from segments where state = 'committed' order by key collate "C"`,
  );
  expect(committed.map(({ key }) => key)).toEqual(keys);
  const files = await fetchedFiles(target.sink, new AbortController().signal);
  const key = parseNoteKey(PUBLIC_KEY);
  // Entry 0 is all that its beginning writes here; archive.json is the business of `init`.
  const { findings } = await verify({ sink: target.sink, key, files, signal: new AbortController().signal });
  await files.close();
  expect(findings).toEqual([expect.objectContaining({ check: 'identity', what: 'archive.json is missing' })]);
  const { entries } = await readLog(target.sink);
  const [first, ...logged] = entries;
  expect(first).toMatchObject({ type: 'archive', account: 'account-1', key: PUBLIC_KEY });
  const stored = logged.filter(({ type }) => type !== 'config');
  expect(stored.map(({ type, key, version }) => `${type} ${key} ${version}`).sort()).toEqual(
    committed.map(({ key, version }) => `segment ${key} ${version}`),
  );
  for (const { key, version } of committed) expect(await target.sink.head(key, version)).not.toBeNull();
  expect(await db.query(`select id from segments where state <> 'committed'`)).toEqual([]);
  expect(await db.query('select id from staged')).toEqual([]);
  expect(await target.rubbish()).toEqual([]);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
