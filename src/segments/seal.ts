import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { ArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import {
  commitSegment,
  type LockFor,
  openPlans,
  type PutSegment,
  planSegments,
  type SealLimits,
  type SegmentPlan,
  stagedRows,
} from '../ledger/staging.ts';
import type { Logger } from '../log.ts';
import { entryBytes, entryLock, type LogEntry } from '../proof/entry.ts';
import type { SignerKey } from '../proof/key.ts';
import type { ObjectLock, Sink } from '../sinks/sink.ts';
import type { BuiltSegment, SegmentBuilder } from './build.ts';
import { segmentKey } from './layout.ts';
import { livingLock } from './living-lock.ts';
import { publish } from './publish.ts';

export type SealStep = 'plan' | 'build' | 'put' | 'commit' | 'publish';

/** What sealing tells whoever watches: metrics, a progress bar. */
export interface SealEvents {
  planned(plans: readonly SegmentPlan[]): void;
  step(step: SealStep, seconds: number): void;
  sealed(plan: SegmentPlan, size: number): void;
  /** @param size entries that the published checkpoint covers */
  published(size: number): void;
}

export interface SealOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly builder: SegmentBuilder;
  readonly limits: (now: number) => SealLimits;
  readonly lockFor: LockFor;
  /** For what of the log never changes. */
  readonly logLock: () => ObjectLock | null;
  /** Signs the log's heads. */
  readonly signer: SignerKey;
  readonly now: () => number;
  /** Finish the segment in hand, begin no other. */
  readonly drain: AbortSignal;
  readonly interrupt: AbortSignal;
  readonly log: Logger;
  readonly events: SealEvents;
}

export interface SealSummary {
  readonly segments: number;
  readonly records: number;
  /** Bytes of the objects put. */
  readonly bytes: number;
}

const PLANS_AT_A_TIME = 256;
/** Segments underway, the one whose turn it is included; each holds its records in memory while it is built. */
const AHEAD = 2;

/**
 * Seals everything that is due: the whole write path, in reading order. A crash at any point is repaired by calling
 * this again, which is also what start-up does (design section 6).
 *
 * Fails with `lease-lost`, `sink-conflict`, other `sink-*`, `spool-full`, `ledger-unreachable`. Records stay staged
 * until their segment is committed, so no failure loses any.
 */
export async function seal(options: SealOptions): Promise<SealSummary> {
  const { db, lease, drain, interrupt, events, now } = options;
  const summary = { segments: 0, records: 0, bytes: 0 };
  const publishing = async (): Promise<void> => {
    const { size } = await timed(events, 'publish', () => publish(options));
    events.published(size);
  };
  try {
    // Before anything is written: what was committed and not published, and that ledger and archive agree.
    await publishing();
    // What a crash left planned comes before anything new: same records, same bytes, same key.
    let plans = await openPlans(db, lease.account);
    for (;;) {
      if (plans.length === 0) {
        plans = await timed(events, 'plan', () =>
          // PLAN. Durable: the plan. A crash right after leaves it open; the line above takes it up.
          planSegments(db, lease, options.limits(now()), options.lockFor, now(), PLANS_AT_A_TIME),
        );
      }
      if (plans.length === 0) return summary;
      events.planned(plans);
      await sealInOrder(options, plans, (plan, size) => {
        summary.segments += 1;
        summary.records += plan.records;
        summary.bytes += size;
      });
      // PUBLISH. Durable: auditors see what was committed. A crash before leaves it to the first lines.
      await publishing();
      if (drain.aborted) return summary;
      plans = [];
    }
  } catch (error) {
    if (!interrupt.aborted) throw error;
    if (hasCode(interrupt.reason, 'lease-lost')) throw interrupt.reason;
    throw new ArchiverError('interrupted', 'sealing was interrupted', { cause: error });
  }
}

/** A plan on its way to the sink. */
interface Underway {
  readonly plan: SegmentPlan;
  readonly sealed: Promise<PutSegment>;
}

/** Commits plans one after the other, in their order, while the next ones are built and put. */
async function sealInOrder(
  options: SealOptions,
  plans: readonly SegmentPlan[],
  committed: (plan: SegmentPlan, size: number) => void,
): Promise<void> {
  const { db, lease, log, events, drain, interrupt, now } = options;
  const waiting = [...plans];
  const ahead: Underway[] = [];
  const goAhead = (): void => {
    while (ahead.length < AHEAD && !drain.aborted && !interrupt.aborted) {
      const plan = waiting.shift();
      if (plan === undefined) return;
      const sealed = buildAndPut(options, plan);
      // Its failure counts when its turn comes, or not at all if an earlier plan failed.
      sealed.catch(() => undefined);
      ahead.push({ plan, sealed });
    }
  };
  try {
    for (goAhead(); ahead.length > 0; goAhead()) {
      const next = ahead[0];
      if (next === undefined) return;
      const { plan } = next;
      const sealed = await next.sealed;
      interrupt.throwIfAborted();

      // COMMIT. Durable: the segment exists, its staged rows are gone, its entry waits for a place in the log. An unknown outcome ends this run; the next
      // one finds the plan open (and adopts the object) or committed.
      const at = now();
      const entry = entryBytes(segmentEntry(plan, sealed, at)).toString();
      await timed(events, 'commit', () => commitSegment(db, lease, plan, sealed, entry, at));
      ahead.shift();
      log.debug({ key: sealed.key, records: plan.records, size: sealed.size }, 'segment sealed');
      events.sealed(plan, sealed.size);
      committed(plan, sealed.size);
    }
  } finally {
    await Promise.allSettled(ahead.map(({ sealed }) => sealed));
  }
}

async function buildAndPut(options: SealOptions, plan: SegmentPlan): Promise<PutSegment> {
  const { db, lease, sink, builder, log, events, interrupt } = options;

  // BUILD. Durable: nothing. A crash right after leaves a spool file, which the next build overwrites.
  const built = await timed(events, 'build', () => builder.build(lease.account, plan, stagedRows(db, plan)));
  try {
    interrupt.throwIfAborted();
    const { stream, className, day } = plan;
    const { root, contents } = built;
    const key = segmentKey({ stream, className, day, root });
    const lock = livingLock(plan.lock, options.now());

    // PUT, create-only, lock read back by the sink. A crash right after leaves an object that no one knows of; the
    // open plan builds the same records for the same key, and the sink adopts it.
    const put = async ({ path, size, sha256 }: SegmentFile) => {
      const contentType = 'application/vnd.apache.parquet';
      const request = { key, body: { path }, size, sha256, lock, contentType };
      const { outcome, object } = await sink.put(request, interrupt);
      return { outcome, version: object.version, size, sha256 };
    };
    const { outcome, ...stored } = await timed(events, 'put', () =>
      put(built).catch(async (error) => {
        const standing = hasCode(error, 'sink-conflict') ? await sameSegment(options, key, built) : undefined;
        if (standing === undefined) throw error;
        return put(standing);
      }),
    );
    if (outcome === 'identical') log.info({ key, plan: plan.id }, 'segment was there already and is adopted');
    return { key, root, lock, contents, ...stored };
  } finally {
    await rm(built.path, { force: true });
    await rm(standingPath(built), { force: true });
  }
}

type SegmentFile = Pick<BuiltSegment, 'path' | 'size' | 'sha256'>;

function standingPath({ path }: SegmentFile): string {
  return `${path}.standing`;
}

/** A file of so many times the size is not the same segment in another encoding, and must not fill the disk. */
const MOST_TIMES_LARGER = 16;

/**
 * What stands at the key of a built segment, where it differs in nothing but its encoding: a version of DuckDB before or
 * after this one wrote it. Undefined where it holds anything else.
 */
async function sameSegment(
  { sink, builder, interrupt }: SealOptions,
  key: string,
  built: BuiltSegment,
): Promise<SegmentFile | undefined> {
  const standing = await sink.head(key);
  if (standing === null || standing.size > MOST_TIMES_LARGER * built.size) return undefined;
  const path = standingPath(built);
  const hash = createHash('sha256');
  const passing = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(await sink.read(key, standing.version), passing, createWriteStream(path), {
    signal: interrupt,
  });
  if (!(await builder.holdsSame(built, path))) return undefined;
  return { path, size: standing.size, sha256: hash.digest('hex') };
}

function segmentEntry(plan: SegmentPlan, sealed: PutSegment, at: number): LogEntry {
  const { key, version, sha256, size, root, lock } = sealed;
  return {
    type: 'segment',
    at: new Date(at).toISOString(),
    key,
    version,
    sha256,
    bytes: size,
    count: plan.records,
    root,
    stream: plan.stream,
    class: plan.className,
    date: plan.day,
    lock: entryLock(lock),
  };
}

async function timed<T>(events: SealEvents, step: SealStep, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    events.step(step, (performance.now() - started) / 1000);
  }
}
