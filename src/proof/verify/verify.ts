/** The whole archive, checked by somebody who trusts nothing but a public key (design sections 5 and 8). */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { openDuckDB } from '../../duckdb.ts';
import { ArchiverError } from '../../errors.ts';
import { CHECKPOINT_KEY } from '../../segments/layout.ts';
import type { SinkReader } from '../../sinks/sink.ts';
import { isStored, ObjectChanges, type StoredEntry } from '../changes.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { LogEntry } from '../entry.ts';
import type { NoteKey, WitnessKey } from '../key.ts';
import type { StoredFiles } from '../local-files.ts';
import { type PlacedEntry, type PublishedLog, readEntries } from '../published.ts';
import type { Testimony } from '../witness.ts';
import { Coverage, type CoveredStream } from './coverage.ts';
import type { Finding, Report } from './finding.ts';
import { checkIdentity, provenFirst } from './identity.ts';
import { checkHiddenLog, checkListing, versionName } from './listing.ts';
import { checkEntries, checkHead, checkHistory } from './log.ts';
import { Named } from './named.ts';
import { ObjectChecker } from './objects.ts';

export interface VerifyOptions {
  readonly sink: SinkReader;
  readonly key: NoteKey;
  readonly files: StoredFiles;
  /** Witnesses that must have cosigned the head. */
  readonly witnesses?: readonly WitnessKey[];
  /** A head saved earlier, as a signed note: only what came since is looked at. */
  readonly since?: string;
  /** Read so many objects, chosen at random; of the others only presence, size and lock are looked at. Default: all. */
  readonly sample?: number;
  /**
   * With `since`: of what was archived before, look at so many objects, chosen at random, and read all of the coverage.
   * Default: nothing of it, and no listing either.
   */
  readonly past?: number;
  readonly random?: () => number;
  /** Milliseconds. */
  readonly now?: () => number;
  readonly signal: AbortSignal;
  readonly onFinding?: Report;
  /** Told how many objects are to be looked at, then each. */
  readonly onProgress?: (progress: { readonly expected: number; readonly done: number }) => void;
}

export interface VerifyReport {
  /** The head that was verified; undefined when there is none of this key. */
  readonly checkpoint: Checkpoint | undefined;
  /** The signed note of the head, for `since` the next time. */
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly entries: number;
  /** Objects and segments looked at, and those of them that were read to the last byte. */
  readonly objects: number;
  readonly read: number;
  readonly records: number;
  readonly bytes: number;
  /** Windows on record as out of reach: no finding, the archive says so itself. */
  readonly lost: number;
  /** What the witnesses asked for said: how far, and when. */
  readonly testimonies: readonly Testimony[];
  /** Objects that a lost ledger put and never logged, as the log says: not part of the archive, and no finding. */
  readonly abandoned: number;
  /** Objects whose lock these credentials are not shown: nothing is known of it. */
  readonly locksUnseen: number;
  /** Objects and segments that the log says were disposed of. */
  readonly disposed: number;
  /** Legal holds in force, as far as the entries that were looked at say. */
  readonly holds: number;
  /** Whether the coverage was looked at: all of its records had to be read. */
  readonly coverage: boolean;
  /** From when to when each stream is covered; empty where the coverage was not looked at. */
  readonly covered: readonly CoveredStream[];
}

/** Objects that are looked at side by side. */
const AT_ONCE = 4;

/** Megabytes of DuckDB: four row groups of the largest records that a segment takes. What is more goes to disk. */
const DUCKDB_MEMORY = 512;

/**
 * Verifies an archive. What is wrong is a finding, not an error; it fails with `sink-*`, `archive-missing`,
 * `interrupted`, `spool-full`, and `proof-invalid` where `since` is no checkpoint of this key.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const findings: Finding[] = [];
  const report: Report = (finding) => {
    findings.push(finding);
    options.onFinding?.(finding);
  };
  const testimonies: Testimony[] = [];
  const log = await checkHead(options.sink, options.key, options.witnesses ?? [], report, (said) =>
    testimonies.push(said),
  );
  const checked =
    log === undefined ? NOTHING : { ...NOTHING, ...(await withDuckDB(options, log, report, checkLog)) };
  return { checkpoint: log?.checkpoint, text: log?.text ?? '', findings, testimonies, ...checked };
}

/** What was looked at. */
type Checked = Omit<VerifyReport, 'checkpoint' | 'text' | 'findings' | 'testimonies'>;

const NOTHING: Checked = {
  entries: 0,
  objects: 0,
  read: 0,
  records: 0,
  bytes: 0,
  lost: 0,
  abandoned: 0,
  locksUnseen: 0,
  disposed: 0,
  holds: 0,
  coverage: false,
  covered: [],
};

interface Archive {
  readonly options: VerifyOptions;
  readonly log: PublishedLog;
  readonly report: Report;
  readonly duckdb: DuckDBInstance;
}

async function withDuckDB(
  options: VerifyOptions,
  log: PublishedLog,
  report: Report,
  check: (archive: Archive) => Promise<Partial<Checked>>,
): Promise<Partial<Checked>> {
  const temporary = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-verify-'));
  try {
    // A thread each: rows stay in order, and several segments are read side by side all the same.
    const duckdb = await openDuckDB({ threads: 1, temporary, memory: DUCKDB_MEMORY });
    try {
      return await check({ options, log, report, duckdb });
    } finally {
      duckdb.closeSync();
    }
  } catch (error) {
    // Also what was being fetched ends then, with an error of its own.
    if (!options.signal.aborted) throw error;
    throw new ArchiverError('interrupted', 'verification was interrupted', { cause: error });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The log first; only where its entries are those of the head do they say what must be there. */
async function checkLog(archive: Archive): Promise<Partial<Checked>> {
  const { options, log, report, duckdb } = archive;
  const { sink, key, since, past, now = Date.now } = options;
  const { size } = log.checkpoint;
  const older = since === undefined ? undefined : await checkHistory(log, since, key, report);
  const recent = older?.size ?? 0;
  const from = past === undefined ? recent : 0;

  const named = await Named.open(duckdb);
  try {
    const entries = await readLog(archive, from, named);
    if (entries.zero === undefined) return { entries: entries.count };
    const account = await checkIdentity(sink, entries.zero, key, report);
    const coverage = await Coverage.open(duckdb);
    const checks = { ...options, report, duckdb, coverage, account, now };
    const plan = planOf(options, from, recent, size);
    const steps = [
      checkObjects(archive, new ObjectChecker(checks), from, entries, plan),
      from === 0
        ? checkListing({ sink, key, named, abandoned: entries.abandoned, size, now: now(), report })
        : 0,
      from === 0 && recent === 0 ? checkHiddenLog(sink, report) : undefined,
    ] as const;
    // Nothing may be underway any more when this ends, also by a failure.
    await Promise.allSettled(steps);
    const [{ coveredFrom, ...objects }, abandoned] = await Promise.all(steps);
    if (from === 0) checkChanges(entries.changes, report);
    // Of a part of the coverage nothing can be said; what took the rest away is a finding already.
    const said = objects.coverage ? await coverage.check(now(), coveredFrom, report) : {};
    coverage.close();
    return { entries: entries.count, holds: entries.holds, abandoned, ...objects, ...said };
  } finally {
    named.close();
  }
}

interface ReadLog {
  readonly count: number;
  /** SHA-256 of all of them, one after the other. */
  readonly sha256: string;
  /** Versions that a lost ledger left; by {@link versionName}. */
  readonly abandoned: ReadonlySet<string>;
  /** Undefined where the entries are not those of the head. */
  readonly zero: LogEntry | undefined;
  readonly changes: ObjectChanges;
  /** Holds in force. */
  readonly holds: number;
}

async function readLog({ options, log, report }: Archive, from: number, named: Named): Promise<ReadLog> {
  const all = createHash('sha256');
  const abandoned = new Set<string>();
  const changes = new ObjectChanges();
  const holds = new Set<string>();
  let count = 0;
  let zero: PlacedEntry | undefined;
  const sound = await checkEntries(options.sink, log, from, report, (placed) => {
    const { entry, bytes, index } = placed;
    if (index === 0) zero = placed;
    count += 1;
    all.update(bytes);
    if (isStored(entry)) named.add(entry.key, index);
    if (entry.type === 'abandoned') abandoned.add(versionName(entry));
    changes.note(index, entry);
    if (entry.type === 'hold' && entry.action === 'place') holds.add(entry.hold);
    if (entry.type === 'hold' && entry.action === 'end') holds.delete(entry.hold);
    if (entry.type === 'archive' && index > 0) {
      const what = 'a second entry says whose archive it is';
      report({ check: 'identity', what, key: 'log', found: `entry ${index}` });
    }
  });
  const said = { count, sha256: all.digest('hex'), abandoned, changes, holds: holds.size };
  // Entries that are not the log's would blame objects that are right.
  if (!sound) return { ...said, zero: undefined };
  for (const { before, place } of await named.repeated()) {
    const { value } = await readEntries(options.sink, place, log.checkpoint.size).next();
    if (value === undefined || !isStored(value.entry)) continue;
    const { key } = value.entry;
    if (changes.disposedBetween(key, before, place)) continue;
    report({ check: 'log', what: 'two entries name one object', key, found: `entry ${place}` });
  }
  return { ...said, zero: (zero ?? (await provenFirst(options.sink, log, report)))?.entry };
}

/** What is done about the object of the entry at `index`: nothing, a look at it, or all of it is read. */
type Plan = (index: number, entry: StoredEntry) => 'pass' | 'look' | 'read';

function planOf(
  { sample, past, random = Math.random }: VerifyOptions,
  from: number,
  recent: number,
  size: number,
): Plan {
  if (past !== undefined) {
    const isChosen = choice(1, recent, past, random);
    return (index, entry) => (index >= recent || isChosen(index) || isCoverage(entry) ? 'read' : 'pass');
  }
  const isChosen = choice(Math.max(from, 1), size, sample ?? size, random);
  return (index) => (isChosen(index) ? 'read' : 'look');
}

/** So many of the places from `from` to before `to`, at random. */
function choice(from: number, to: number, many: number, random: () => number): (index: number) => boolean {
  if (many >= to - from) return () => true;
  const places = new Set<number>();
  while (places.size < many) places.add(from + Math.floor(random() * (to - from)));
  return (index) => places.has(index);
}

function isCoverage(entry: StoredEntry): boolean {
  return entry.type === 'segment' && entry.stream === 'coverage';
}

function endOfDay(entry: StoredEntry): number {
  return entry.type === 'segment'
    ? Date.parse(`${entry.date}T00:00:00Z`) + 86_400_000
    : Number.NEGATIVE_INFINITY;
}

/** What lengthened a lock or was disposed of must have been archived before. */
function checkChanges(changes: ObjectChanges, report: Report): void {
  for (const { index, entry } of changes.unclaimed()) {
    const what = `nothing was archived that the ${entry.type} could be of`;
    report({ check: 'log', what, key: entry.key, version: entry.version, found: `entry ${index}` });
  }
}

async function checkObjects(
  { options, log, report }: Archive,
  checker: ObjectChecker,
  from: number,
  expected: ReadLog,
  plan: Plan,
): Promise<Partial<Checked> & { readonly coveredFrom: number }> {
  const { sink, signal, onProgress } = options;
  const { changes } = expected;
  const totals = { objects: 0, read: 0, records: 0, bytes: 0, disposed: 0, coverage: from === 0 };
  // End of the last day of which records of coverage were disposed of.
  let coveredFrom = Number.NEGATIVE_INFINITY;
  const again = createHash('sha256');
  let done = 0;
  const entries = readEntries(sink, from, log.checkpoint.size);
  const checkOne = async (index: number, stored: StoredEntry): Promise<void> => {
    const { lock, disposal, problems } = changes.fateOf(index, stored);
    for (const problem of problems) report({ check: 'log', key: stored.key, ...problem });
    if (disposal !== undefined) {
      if (isCoverage(stored)) coveredFrom = Math.max(coveredFrom, endOfDay(stored));
      return;
    }
    const entry = { ...stored, lock };
    const planned = plan(index, entry);
    if (planned === 'pass') return;
    const reads = (await checker.checkPresence(entry)) && planned === 'read';
    const intact = reads && (await checker.checkContent(entry));
    totals.objects += 1;
    if (isCoverage(entry) && !intact) totals.coverage = false;
    if (!reads) return;
    totals.read += 1;
    totals.bytes += entry.bytes;
    if (entry.type === 'segment') totals.records += entry.count;
  };
  const work = async (): Promise<void> => {
    for (;;) {
      signal.throwIfAborted();
      const { value } = await entries.next();
      if (value === undefined) return;
      again.update(value.bytes);
      const { entry, index } = value;
      if (isStored(entry)) await checkOne(index, entry);
      if (entry.type === 'disposal') {
        totals.disposed += 1;
        if (!changes.isArchivedAfter(index, entry)) await checker.checkAbsence(entry);
      }
      done += 1;
      onProgress?.({ expected: expected.count, done });
    }
  };
  const workers = Array.from({ length: AT_ONCE }, work);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  if (expected.sha256 !== again.digest('hex')) {
    report({ check: 'log', what: 'the entries changed while they were read', key: CHECKPOINT_KEY });
  }
  return { ...totals, coveredFrom, locksUnseen: checker.locksUnseen };
}
