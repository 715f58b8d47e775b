/** The whole archive, checked by somebody who trusts nothing but a public key (design sections 5 and 8). */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { ArchiverError, hasCode } from '../../errors.ts';
import { ARCHIVE_KEY, CHECKPOINT_KEY, objectsPrefix, segmentsPrefix } from '../../segments/layout.ts';
import type { ListedObject, ObjectLock, SinkReader, StoredObject } from '../../sinks/sink.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { EntryLock, LogEntry } from '../entry.ts';
import { inclusionPath, inclusionRoot } from '../inclusion.ts';
import { formatVerifierKey, type NoteKey, type WitnessKey } from '../key.ts';
import { type PlacedEntry, type PublishedLog, readEntries } from '../published.ts';
import { entryHash } from '../tree.ts';
import type { Testimony } from '../witness.ts';
import { checkCoverage } from './coverage.ts';
import type { Finding, Report } from './finding.ts';
import { checkEntries, checkHead, checkHistory } from './log.ts';
import { type CoveredTime, SegmentChecker } from './segment.ts';

/** Brings segments to local disk, where DuckDB can read them. */
export interface LocalFiles {
  file(key: string, version: string): Promise<string>;
  /** Frees what was copied. */
  release(key: string): Promise<void>;
}

export interface VerifyOptions {
  readonly sink: SinkReader;
  readonly key: NoteKey;
  readonly files: LocalFiles;
  /** Witnesses that must have cosigned the head. */
  readonly witnesses?: readonly WitnessKey[];
  /** A head saved earlier, as a signed note: only what came since is looked at. */
  readonly since?: string;
  /** Read so many objects, chosen at random; of the others only presence, size and lock are looked at. Default: all. */
  readonly sample?: number;
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
  /** Whether the coverage was looked at: all of its records had to be read. */
  readonly coverage: boolean;
  /** Legal holds in force, as far as the entries that were looked at say. */
  readonly holds: number;
}

type StoredEntry = Extract<LogEntry, { type: 'segment' | 'object' }>;

const AT_ONCE = 4;

/**
 * Verifies an archive. What is wrong is a finding, not an error; it fails with `sink-*`, `archive-missing`,
 * `interrupted`, and `proof-invalid` where `since` is no checkpoint of this key.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const { sink, key, since, signal, now = Date.now } = options;
  const findings: Finding[] = [];
  const report: Report = (finding) => {
    findings.push(finding);
    options.onFinding?.(finding);
  };
  const testimonies: Testimony[] = [];
  const totals = {
    entries: 0,
    objects: 0,
    read: 0,
    records: 0,
    bytes: 0,
    lost: 0,
    testimonies,
    coverage: false,
    holds: 0,
  };
  const log = await checkHead(sink, key, options.witnesses ?? [], report, (said) => testimonies.push(said));
  if (log === undefined) return { checkpoint: undefined, text: '', findings, ...totals };
  const { checkpoint, text: note } = log;
  const older = since === undefined ? undefined : await checkHistory(log, since, key, report);
  const from = older?.size ?? 0;

  const named = new KeySet();
  const holds = new Set<string>();
  const first = createHash('sha256');
  let zero: PlacedEntry | undefined;
  const sound = await checkEntries(sink, log, from, report, (placed) => {
    const { entry, bytes, index } = placed;
    if (index === 0) zero = placed;
    totals.entries += 1;
    first.update(bytes);
    if (entry.type === 'archive' && index > 0) {
      report({
        check: 'identity',
        what: 'a second entry says whose archive it is',
        key: 'log',
        found: `entry ${index}`,
      });
    }
    if (entry.type === 'hold' && entry.action === 'place') holds.add(entry.hold);
    if (entry.type === 'hold' && entry.action === 'end') holds.delete(entry.hold);
    if (!isStored(entry)) return;
    if (named.has(entry.key)) {
      report({ check: 'log', what: 'two entries name one object', key: entry.key, found: `entry ${index}` });
    }
    named.add(entry.key);
  });
  totals.holds = holds.size;
  // Entries that are not the log's would blame objects that are right.
  if (!sound) return { checkpoint, text: note, findings, ...totals };
  const identity = zero ?? (await provenFirst(sink, log, report));
  if (identity === undefined) return { checkpoint, text: note, findings, ...totals };
  const account = await checkIdentity(sink, identity.entry, key, report);

  const isChosen = choice(Math.max(from, 1), checkpoint.size, options);
  const times: CoveredTime[] = [];
  let coverageIsWhole = from === 0;
  const again = createHash('sha256');
  const checker = await SegmentChecker.create();
  try {
    let done = 0;
    const entries = readEntries(sink, from, checkpoint.size);
    const work = async (): Promise<void> => {
      for (;;) {
        if (signal.aborted) throw new ArchiverError('interrupted', 'verification was interrupted');
        const { value } = await entries.next();
        if (value === undefined) return;
        again.update(value.bytes);
        const { entry, index } = value;
        if (isStored(entry)) {
          const object = await checkPresence(sink, entry, now(), report);
          totals.objects += 1;
          const reads = object !== undefined && isChosen(index);
          const intact = reads && (await checkContent(options, checker, entry, account, times, report));
          if (entry.type === 'segment' && entry.stream === 'coverage' && !intact) coverageIsWhole = false;
          if (reads) {
            totals.read += 1;
            totals.bytes += entry.bytes;
            if (entry.type === 'segment') totals.records += entry.count;
          }
        }
        done += 1;
        options.onProgress?.({ expected: totals.entries, done });
      }
    };
    const workers = Array.from({ length: AT_ONCE }, work);
    await Promise.allSettled(workers);
    await Promise.all(workers);
  } finally {
    checker.close();
  }
  if (first.digest('hex') !== again.digest('hex')) {
    report({ check: 'log', what: 'the entries changed while they were read', key: CHECKPOINT_KEY });
  }
  // Of a part of the coverage nothing can be said; what took the rest away is a finding already.
  totals.coverage = coverageIsWhole;
  if (coverageIsWhole) totals.lost = checkCoverage(times, report);
  if (from === 0) await checkUnlogged(options, named, checkpoint.size, report);
  return { checkpoint, text: note, findings, ...totals };
}

function isStored(entry: LogEntry): entry is StoredEntry {
  return entry.type === 'segment' || entry.type === 'object';
}

/** Keys by hash, in memory that their length does not matter for. */
class KeySet {
  readonly #hashes = new Set<string>();

  add(key: string): void {
    this.#hashes.add(hashOf(key));
  }

  has(key: string): boolean {
    return this.#hashes.has(hashOf(key));
  }
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('base64url').slice(0, 22);
}

/** Who the archive says it is. @returns the account of entry 0 */
async function checkIdentity(
  sink: SinkReader,
  first: LogEntry,
  key: NoteKey,
  report: Report,
): Promise<string> {
  if (first.type !== 'archive') {
    report({ check: 'identity', what: 'entry 0 does not say whose archive it is', key: 'log' });
    return '';
  }
  const { type: _type, at: _at, ...identity } = first;
  const told = { check: 'identity', key: ARCHIVE_KEY } as const;
  if ((await sink.head(ARCHIVE_KEY)) === null) {
    report({ ...told, what: 'archive.json is missing' });
    return identity.account;
  }
  let stated: unknown;
  try {
    stated = JSON.parse(await text(await sink.read(ARCHIVE_KEY)));
  } catch {
    stated = {};
  }
  for (const [name, expected] of Object.entries(identity)) {
    const found = String((stated as Record<string, unknown>)[name]);
    if (found === String(expected)) continue;
    report({
      ...told,
      what: `archive.json says another ${name} than entry 0`,
      expected: String(expected),
      found,
    });
  }
  const expected = formatVerifierKey(key);
  if (identity.key !== expected) {
    report({ ...told, what: 'entry 0 is of another log', expected, found: identity.key });
  }
  return identity.account;
}

/** Entry 0, where it was read before the head saved earlier: shown to be in the tree; a finding says where it is not. */
async function provenFirst(
  sink: SinkReader,
  { checkpoint: { size, root }, readSubtree }: PublishedLog,
  report: Report,
): Promise<PlacedEntry | undefined> {
  try {
    const { value } = await readEntries(sink, 0, size).next();
    if (value === undefined) return undefined;
    const path = await inclusionPath(readSubtree, 0, size);
    if (Buffer.compare(inclusionRoot(entryHash(value.bytes), 0, size, path), root) === 0) return value;
    report({ check: 'log', what: 'entry 0 is not in the log', key: 'log' });
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    report({ check: 'log', what: error.phrase, key: error.detail ?? 'log' });
  }
  return undefined;
}

/** Which entries' objects are read. */
function choice(
  from: number,
  to: number,
  { sample, random = Math.random }: VerifyOptions,
): (index: number) => boolean {
  if (sample === undefined || sample >= to - from) return () => true;
  const places = new Set<number>();
  while (places.size < sample) places.add(from + Math.floor(random() * (to - from)));
  return (index) => places.has(index);
}

/** The version that the entry names, its size and its lock. */
async function checkPresence(
  sink: SinkReader,
  entry: StoredEntry,
  now: number,
  report: Report,
): Promise<StoredObject | undefined> {
  const told = { key: entry.key, version: entry.version } as const;
  const object = await sink.head(entry.key, entry.version);
  if (object === null) {
    const other = await sink.head(entry.key);
    const found = other === null ? 'no object' : `version ${other.version}`;
    const what = other === null ? 'the object is missing' : 'the object has another version';
    report({ check: 'object', what, ...told, expected: `version ${entry.version}`, found });
    return undefined;
  }
  if (object.size !== entry.bytes) {
    const [expected, found] = [`${entry.bytes} bytes`, `${object.size} bytes`];
    report({ check: 'object', what: 'the object has another size', ...told, expected, found });
  }
  if (!keepsLock(object.lock, entry.lock, now)) {
    const what = 'the lock is weaker than the entry says';
    report({ check: 'lock', what, ...told, expected: lockText(entry.lock), found: lockText(object.lock) });
  }
  return object;
}

function keepsLock(held: ObjectLock | null, said: EntryLock, now: number): boolean {
  if (said === null) return true;
  // A lock that has run out need not be there any more.
  if (held === null) return Date.parse(said.retain_until) < now;
  return (
    held.retainUntil.getTime() >= Date.parse(said.retain_until) &&
    (held.mode === 'compliance' || said.mode === 'governance')
  );
}

function lockText(lock: ObjectLock | EntryLock): string {
  if (lock === null) return 'none';
  return `${lock.mode} until ${'retainUntil' in lock ? lock.retainUntil.toISOString() : lock.retain_until}`;
}

/** @returns whether its bytes are those of the entry */
async function checkContent(
  { sink, files }: VerifyOptions,
  checker: SegmentChecker,
  entry: StoredEntry,
  account: string,
  times: CoveredTime[],
  report: Report,
): Promise<boolean> {
  const { key, version, sha256: expected } = entry;
  const what = 'the object has other bytes';
  if (entry.type === 'object') {
    const found = await sha256Of(await sink.read(key, version));
    if (found !== expected) report({ check: 'object', what, key, version, expected, found });
    return found === expected;
  }
  const path = await files.file(key, version);
  try {
    const found = await sha256Of(createReadStream(path, { highWaterMark: 1 << 20 }));
    if (found !== expected) report({ check: 'object', what, key, version, expected, found });
    // Also of other bytes: what exactly is wrong with them helps whoever has to explain it.
    await checker.check(path, entry, account, report);
    const intact = found === expected;
    if (entry.stream === 'coverage' && intact) times.push(...(await checker.coverage(path)));
    return intact;
  } finally {
    await files.release(key);
  }
}

async function sha256Of(bytes: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Where a store lets a second put through, the same bytes may stand there twice; then nothing is hidden. */
async function isSameAsCurrent(sink: SinkReader, { key, version }: ListedObject): Promise<boolean> {
  // What is no object at all has no version.
  const current = version === '' ? null : await sink.current(key);
  if (current === null) return false;
  const first = await sha256Of(await sink.read(key, version));
  return createHash('sha256').update(current.bytes).digest('hex') === first;
}

/** A crash between putting an object and naming it in the log is repaired within this time, or somebody looks into it. */
const UNDERWAY_MS = 3_600_000;

/**
 * Objects that the log does not name. One that was put a moment ago has its entry in a head to come: the log is asked once
 * more about those, and what is younger than an hour is left to the next time.
 */
async function checkUnlogged(
  { sink, key, now = Date.now }: VerifyOptions,
  named: KeySet,
  size: number,
  report: Report,
): Promise<void> {
  const unlogged: ListedObject[] = [];
  for (const prefix of [segmentsPrefix(), objectsPrefix()]) {
    for await (const object of sink.list(prefix)) {
      if (object.hidden && !(await isSameAsCurrent(sink, object))) {
        const what = 'a later version or a delete marker hides the object';
        report({ check: 'object', what, key: object.key, version: object.version });
      }
      if (!named.has(object.key)) unlogged.push(object);
    }
  }
  if (unlogged.length === 0) return;
  const later = new Set<string>();
  const newer = await checkHead(sink, key, [], report);
  if (newer !== undefined && newer.checkpoint.size > size) {
    const sound = await checkEntries(sink, newer, size, report, ({ entry }) => {
      if (isStored(entry)) later.add(entry.key);
    });
    if (!sound) later.clear();
  }
  for (const { key: unknown, version, storedAt } of unlogged) {
    const age = now() - storedAt.getTime();
    // What claims to be of the future is no younger for that.
    if (later.has(unknown) || (age >= 0 && age < UNDERWAY_MS)) continue;
    report({ check: 'unlogged', what: 'the log does not name the object', key: unknown, version });
  }
}
