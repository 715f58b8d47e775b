/** Makes a ledger from the archive alone, where the one that wrote it is lost. */
import { join } from 'node:path';
import {
  ASK_AGAIN,
  type RestoreLimits,
  restoreMessagesOf,
  restoreRecords,
  restoreStanding,
  wantedRecords,
} from '../collectors/restore.ts';
import { ArchiverError, hasCode } from '../errors.ts';
import { oldestKeyMonth } from '../ledger/admit.ts';
import type { Database } from '../ledger/database.ts';
import { restoreHold } from '../ledger/holds.ts';
import type { Lease } from '../ledger/lease.ts';
import {
  beginRebuild,
  finishRebuild,
  type LoggedObject,
  rebuildProgress,
  restoreObjects,
  restoreSegment,
} from '../ledger/rebuild.ts';
import type { SegmentContents } from '../ledger/segment-contents.ts';
import type { SegmentPlan } from '../ledger/staging.ts';
import { unitsKeptSince } from '../ledger/units.ts';
import { type Fate, ObjectChanges, type StoredEntry } from '../proof/changes.ts';
import type { EntryLock, LogEntry, SegmentEntry } from '../proof/entry.ts';
import { type Frontier, frontierBytes } from '../proof/frontier.ts';
import { noteKeyOf } from '../proof/key.ts';
import { openPublished, type PlacedEntry, type PublishedLog } from '../proof/published.ts';
import { frontierAt, replay, tailFrom } from '../proof/replay.ts';
import { TILE_WIDTH } from '../proof/tiles.ts';
import { scopeTag } from '../record.ts';
import { widened } from '../retention/holds.ts';
import { ENTRIES_AT_A_TIME } from '../segments/publish.ts';
import { type LocalSegment, SegmentReader } from '../segments/read.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { abandonedEntries } from './abandoned.ts';
import { restoreSchedule } from './archived-schedule.ts';
import { type Context, signerOf } from './context.ts';
import { holdStep } from './hold-entries.ts';
import type { Progress } from './progress.ts';
import { type KnownHeads, requireNewest } from './rebuild-head.ts';

interface RebuildJob {
  readonly context: Context;
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: SinkReader;
  /** Ends the work between two statements; the next run goes on. */
  readonly stop: AbortSignal;
  readonly progress?: Progress;
  readonly known?: KnownHeads;
}

export interface RebuildSummary {
  /** Entries of the log. */
  readonly entries: number;
  /** Done now; less than in the log where an earlier run was interrupted. */
  readonly segments: number;
  readonly objects: number;
  /** Records looked at now: what Zoom can serve no more is passed over. */
  readonly records: number;
  /** Entries that an earlier run had done. */
  readonly resumedAt: number;
  /** Segments and objects at the sink that the log did not name; the next publishing says so. */
  readonly abandoned: number;
}

/**
 * Restores what the next pass needs so that it archives nothing twice: the log's head, segments and objects from the
 * log; dedup keys, states, sessions, coverage, units, links from the records. Until its last step the ledger has no
 * log, so whatever writes refuses it; a crash at any point is repaired by calling this again.
 *
 * Fails with `ledger-not-empty`, `archive-missing`, `log-diverged` where the published head is not the newest there was,
 * `proof-invalid` naming what does not hold, `lease-lost`, `sink-*`, `ledger-unreachable`, `interrupted`.
 */
export async function runRebuild(job: RebuildJob): Promise<RebuildSummary> {
  const { context, stop } = job;
  const { seal } = context.config;
  const reader = await SegmentReader.create(join(seal.spool, `rebuild-${scopeTag(context.account, '')}`));
  try {
    return await rebuild(job, reader);
  } catch (error) {
    if (!stop.aborted) throw error;
    if (hasCode(stop.reason, 'lease-lost')) throw stop.reason;
    throw new ArchiverError('interrupted', 'rebuilding was interrupted', { cause: error });
  } finally {
    await reader.close();
  }
}

async function rebuild(job: RebuildJob, reader: SegmentReader): Promise<RebuildSummary> {
  const { context, db, lease, sink, progress } = job;
  const key = noteKeyOf(signerOf(context));
  const published = await openPublished(sink, key);
  const { checkpoint } = published;
  const resumedAt = await rebuildProgress(db, lease.account, checkpoint);
  const done = await frontierAt(sink, checkpoint, resumedAt);

  // CHECK. Durable: nothing. Before anything of the log is believed.
  await requireNewest(sink, published, key, job.known ?? {});
  const { segments: ahead, lastAt, edge, changes } = await survey(job, published, done);
  progress?.expect(ahead);

  // MARK. Durable: the ledger is one that is being made. A crash right after leaves an empty ledger with a mark.
  await beginRebuild(db, lease, checkpoint);

  // ENTRIES, in their order. Durable: each, with all that it tells, before the next. A crash leaves some of what the
  // entry in hand tells; it is done once more, which changes nothing.
  // A clock that runs ahead must not forget what Zoom can serve again.
  const now = Math.min(context.now(), lastAt);
  const limits: RestoreLimits = { keysFrom: oldestKeyMonth(now), unitsSince: unitsKeptSince(now) };
  const counts = { segments: 0, objects: 0, records: 0 };
  const objects: LoggedObject[] = [];
  const begin = async (placed: PlacedEntry): Promise<Fetched> =>
    fetched(job, reader, placed, changes, limits);
  for await (const { placed, local } of inOrder(replay(sink, checkpoint, done), begin)) {
    const { index, entry } = placed;
    if (entry.type === 'object') {
      const kept = await outcome(sink, changes, index, entry);
      // Of content that was archived once more after its disposal the last time counts.
      if (!kept.isAgain) objects.push(loggedObject(entry, kept));
      counts.objects += 1;
    }
    if (objects.length === OBJECTS_AT_A_TIME || (entry.type !== 'object' && objects.length > 0))
      await restoreObjects(db, lease, objects.splice(0), entry.type === 'object' ? index + 1 : index);
    if (entry.type === 'config') await restoreSchedule(job, entry);
    if (entry.type === 'hold') await restoreHold(db, lease, holdStep(entry), index + 1, widened);
    if (entry.type !== 'segment') continue;
    job.stop.throwIfAborted();
    let contents: SegmentContents | undefined;
    if (local !== undefined) {
      counts.records += await restoreSegmentRecords(job, reader, local, index, limits);
      contents = await reader.contents(local);
      await reader.discard(local);
    }
    const kept = await outcome(sink, changes, index, entry);
    await restoreSegment(db, lease, { ...loggedSegment(entry, kept), contents }, index + 1);
    counts.segments += 1;
    progress?.finish(`${counts.records.toLocaleString('en-US')} records`);
  }
  await restoreObjects(db, lease, objects, checkpoint.size);

  // FINISH. Durable: the ledger has its log, and is one like any other. A crash before leaves it to the next run.
  await restoreStanding(db, lease);
  const { account } = lease;
  const newEntries = await abandonedEntries({ db, account, sink, stop: job.stop }, checkpoint, context.now());
  // The lost ledger may have ended before the full tiles of the last checkpoint were locked; the next publishing does it.
  const bundles = Math.floor(Math.max(0, checkpoint.size - ENTRIES_AT_A_TIME) / TILE_WIDTH);
  const { frontier, entries } = await tailFrom(sink, checkpoint, bundles * TILE_WIDTH);
  await finishRebuild(db, lease, {
    head: { size: edge.size, frontier: frontierBytes(edge) },
    locked: { size: frontier.size, frontier: frontierBytes(frontier) },
    entries: entries.map((bytes) => Buffer.from(bytes).toString()),
    newEntries,
    askAgain: ASK_AGAIN,
  });
  return { entries: checkpoint.size, resumedAt, ...counts, abandoned: newEntries.length };
}

const OBJECTS_AT_A_TIME = 1000;

/** What lies ahead. Reads all entries that are to be done, so that none of a log that does not hold is used. */
async function survey(
  { sink, stop }: RebuildJob,
  { checkpoint }: PublishedLog,
  done: Frontier,
): Promise<{
  readonly segments: number;
  readonly lastAt: number;
  readonly edge: Frontier;
  readonly changes: ObjectChanges;
}> {
  let segments = 0;
  const changes = new ObjectChanges();
  let lastAt = Number.NEGATIVE_INFINITY;
  const entries = replay(sink, checkpoint, done);
  for (let next = await entries.next(); ; next = await entries.next()) {
    if (next.done === true)
      return {
        segments,
        lastAt: segments === 0 ? Number.POSITIVE_INFINITY : lastAt,
        edge: next.value,
        changes,
      };
    stop.throwIfAborted();
    const { entry, index } = next.value;
    changes.note(index, entry);
    if (entry.type !== 'segment') continue;
    segments += 1;
    lastAt = Math.max(lastAt, Date.parse(entry.at));
  }
}

/** An entry, and the segment it is about where something of it is wanted. */
interface Fetched {
  readonly placed: PlacedEntry;
  readonly local: LocalSegment | undefined;
}

async function fetched(
  { sink, stop }: RebuildJob,
  reader: SegmentReader,
  placed: PlacedEntry,
  changes: ObjectChanges,
  limits: RestoreLimits,
): Promise<Fetched> {
  const { entry, index } = placed;
  if (entry.type !== 'segment' || wantedRecords(entry.stream, entry.date, limits) === 'none')
    return { placed, local: undefined };
  // What was disposed of need not be there, and what it said is to be forgotten.
  if (changes.fateOf(index, entry).disposal !== undefined) return { placed, local: undefined };
  return { placed, local: await reader.fetch(sink, entry, stop) };
}

/** Entries underway beside the one whose turn it is. */
const AHEAD = 4;

/** Begins the work on some items ahead, and gives the results in order. */
async function* inOrder<T, R>(items: AsyncIterable<T>, begin: (item: T) => Promise<R>): AsyncGenerator<R> {
  const underway: Promise<R>[] = [];
  try {
    for await (const item of items) {
      const result = begin(item);
      // Its failure counts when its turn comes.
      result.catch(() => undefined);
      underway.push(result);
      const first = underway.length > AHEAD ? underway.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (let next = underway.shift(); next !== undefined; next = underway.shift()) yield await next;
  } finally {
    await Promise.allSettled(underway);
  }
}

/** @returns how many records were looked at */
async function restoreSegmentRecords(
  { db, lease, stop }: RebuildJob,
  reader: SegmentReader,
  local: LocalSegment,
  index: number,
  limits: RestoreLimits,
): Promise<number> {
  const { stream, date } = local.entry;
  let count = 0;
  if (stream === 'messages') {
    for await (const sessions of reader.sessions(local)) await restoreMessagesOf(db, lease, sessions);
  }
  const wanted = wantedRecords(stream, date, limits) === 'linking' ? 'linking' : 'all';
  try {
    for await (const records of reader.records(local, wanted)) {
      stop.throwIfAborted();
      await restoreRecords(db, lease, records, index, limits);
      count += records.length;
    }
  } catch (cause) {
    if (stop.aborted || cause instanceof ArchiverError) throw cause;
    throw new ArchiverError('internal', 'a segment cannot be read back', { cause, detail: local.entry.key });
  }
  return count;
}

/** What became of an object, and whether the store has destroyed what the log says was disposed of. */
interface Outcome extends Omit<Fate, 'problems'> {
  readonly isGone: boolean;
  /** Whether the same content was archived later once more. */
  readonly isAgain: boolean;
}

async function outcome(
  sink: SinkReader,
  changes: ObjectChanges,
  index: number,
  entry: StoredEntry,
): Promise<Outcome> {
  const { problems: _checked, ...fate } = changes.fateOf(index, entry);
  if (fate.disposal === undefined) return { ...fate, isGone: false, isAgain: false };
  const isAgain = changes.isArchivedAfter(index, fate.disposal);
  return { ...fate, isAgain, isGone: isAgain || (await sink.head(entry.key)) === null };
}

function loggedSegment(
  entry: SegmentEntry,
  kept: Outcome,
): Omit<Parameters<typeof restoreSegment>[2], 'contents'> {
  const {
    stream,
    class: className,
    date: day,
    count: records,
    key,
    version,
    sha256,
    bytes,
    root,
    at,
  } = entry;
  return {
    stream,
    className,
    day,
    records,
    ...keptOf(kept),
    sealed: { key, version, sha256, size: bytes, root },
    at: Date.parse(at),
  };
}

function loggedObject(entry: LogEntry & { readonly type: 'object' }, kept: Outcome): LoggedObject {
  const { sha256, bytes: size, class: className, key, version, at } = entry;
  return { sha256, size, className, key, version, ...keptOf(kept), at: Date.parse(at) };
}

function keptOf({
  lock,
  class: governedBy,
  disposal,
  isGone,
}: Outcome): Pick<LoggedObject, 'lock' | 'governedBy' | 'disposal'> {
  if (disposal === undefined) return { lock: lockOf(lock), governedBy, disposal: undefined };
  const { at, by, approved_by: approvedBy, reason } = disposal;
  return {
    lock: lockOf(lock),
    governedBy,
    disposal: { at: Date.parse(at), by, approvedBy, reason, isGone },
  };
}

function lockOf(lock: EntryLock): SegmentPlan['lock'] {
  return lock === null ? null : { mode: lock.mode, retainUntil: new Date(lock.retain_until) };
}
