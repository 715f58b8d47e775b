/** Lengthens the locks of what is sealed, as `retention apply`, the daemon and disposition alike do it. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { type KeptVersion, noteKept } from '../ledger/kept.ts';
import type { Lease } from '../ledger/lease.ts';
import { entryBytes, entryLock } from '../proof/entry.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import type { ObjectLock, Sink } from '../sinks/sink.ts';
import { type Assessed, assess } from './assessment.ts';
import type { Context } from './context.ts';
import { indexFirst } from './index-first.ts';
import type { Progress } from './progress.ts';
import type { Locks } from './schedule-in-force.ts';
import { inTurn } from './turns.ts';

/** Versions; a bucket takes much more, and others want to write too. */
export const LENGTHENED_A_SECOND = 100;

export interface LengthenJob {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly locks: Locks;
  /** Versions a second at most. */
  readonly rate: number;
  readonly stop: StopSignals;
  readonly progress?: Progress;
}

export interface LengthenSummary {
  /** In the archive. */
  readonly versions: number;
  /** Of which are kept longer, or by another class, now. */
  readonly lengthened: number;
  /** Versions that are not there, or whose lock may not be changed; the log names them, and the next call tries again. */
  readonly failed: number;
  /** False when it was asked to stop before the end. */
  readonly complete: boolean;
}

const AT_ONCE = 16;

/**
 * Raises the lock of each version that the schedule asks more for, and notes it with an entry of the log, one after the
 * other: what was done is done, and the next call goes on. A version whose lock cannot be raised keeps no other from it.
 * Asked to drain, it finishes what is in hand. Fails with `lease-lost`, `interrupted`, `sink-*` where the store itself
 * does not answer, `ledger-unreachable`.
 */
export function lengthen(job: LengthenJob): Promise<LengthenSummary> {
  // Disposition lengthens too.
  return inTurn(job.db, 'lengthen', () => lengthenAll(job));
}

async function lengthenAll(job: LengthenJob): Promise<LengthenSummary> {
  const { context, db, lease, sink, locks, stop, progress } = job;
  const { drain, interrupt } = stop;
  let failed = 0;
  // Each request to the store in flight listens to it several times.
  setMaxListeners(0, interrupt);
  await indexFirst(context, { db, lease, sink, stop });
  const either = AbortSignal.any([drain, interrupt]);
  setMaxListeners(0, either);
  const pace = paced(job.rate, either);
  let versions = 0;
  let lengthened = 0;
  try {
    for await (const batch of assess(context, db, context.config.retention.schedule, locks.classes)) {
      const waiting = batch.filter(({ changes }) => changes);
      versions += batch.length;
      progress?.expect(waiting.length);
      const work = async (): Promise<void> => {
        for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
          await pace();
          if (drain.aborted) return;
          interrupt.throwIfAborted();
          const done = await lengthenOne(job, one).catch((error: unknown) => {
            // The others finish what they have in hand.
            waiting.length = 0;
            throw error;
          });
          if (done) lengthened += 1;
          else failed += 1;
          progress?.finish('');
        }
      };
      const workers = Array.from({ length: AT_ONCE }, work);
      await Promise.allSettled(workers);
      await Promise.all(workers);
      if (drain.aborted) return { versions, lengthened, failed, complete: false };
    }
    return { versions, lengthened, failed, complete: true };
  } catch (error) {
    if (!interrupt.aborted) throw error;
    if (hasCode(interrupt.reason, 'lease-lost')) throw interrupt.reason;
    throw new ArchiverError('interrupted', 'lengthening was interrupted', { cause: error });
  }
}

/** Resolves so many times a second at most, and at once when `stop` says so. */
function paced(rate: number, stop: AbortSignal): () => Promise<void> {
  let next = performance.now();
  return async () => {
    const at = Math.max(next, performance.now());
    next = at + 1000 / rate;
    await sleep(at - performance.now(), undefined, { signal: stop }).catch(() => undefined);
  };
}

/** @returns whether the lock is as it should be; the class is noted in any case, for disposition to go by */
async function lengthenOne(
  job: LengthenJob,
  { version, class: className, lock: asked }: Assessed,
): Promise<boolean> {
  const { context, db, lease } = job;
  // LENGTHEN. Durable: the lock at the store. A crash right after leaves one that is stricter than the ledger knows; the
  // next call asks for the same again.
  const raised = asked === null || asked === version.lock || (await extended(job, version, asked));
  if (!raised && className === version.governedBy) return false;
  const lock = raised ? asked : version.lock;
  // NOTE. Durable: the promise, in ledger and log.
  const entry = entryBytes({
    type: 'lock',
    at: new Date(context.now()).toISOString(),
    key: version.key,
    version: version.version,
    class: className,
    lock: entryLock(lock),
  });
  await noteKept(db, lease, version, { governedBy: className, lock, entry: entry.toString() });
  return raised;
}

/** Whether the store raised the lock; not where the version is not there, or where it is denied to this one alone. */
async function extended(
  { context, sink, stop }: LengthenJob,
  { key, version }: KeptVersion,
  lock: ObjectLock,
): Promise<boolean> {
  try {
    await sink.extend(key, version, lock, stop.interrupt);
    return true;
  } catch (error) {
    const isAlone =
      hasCode(error, 'sink-denied') ||
      (hasCode(error, 'sink-unreachable') && (await sink.head(key, version)) === null);
    if (!isAlone) throw error;
    context.log.error({ key, version, code: error.code }, 'the lock of a version cannot be raised');
    return false;
  }
}
