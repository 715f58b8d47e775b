import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { ArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { noteKept } from '../ledger/kept.ts';
import type { Lease } from '../ledger/lease.ts';
import { entryBytes, entryLock } from '../proof/entry.ts';
import { publish } from '../segments/publish.ts';
import type { Sink } from '../sinks/sink.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import { type Assessed, assess } from './assessment.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  leadOnce,
  openContext,
  openSink,
  signerOf,
  withLedger,
} from './context.ts';
import { createProgress, type Progress } from './progress.ts';
import { bringIntoForce, type Locks, lockModeOf } from './schedule-in-force.ts';

interface ApplyFlags extends CommonFlags {
  readonly rate: number;
}

/** `retention apply`: lengthens what is sealed to what the schedule asks for. */
export function retentionApplyCommand(io: CommandIo): Command {
  return new Command('apply')
    .description(
      'bring the schedule into force, and lengthen the locks of what is sealed where it asks for more',
    )
    .option('--rate <n>', 'versions a second at most', perSecond, 100)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Only ever lengthens. Interrupted, it goes on when it is run again; the daemon does the same every day.

Example:
  $ zoom-chat-archiver retention plan && zoom-chat-archiver retention apply`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ApplyFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        const sink = openSink(context);
        const progress = createProgress(io, 'lengthening');
        try {
          const signer = signerOf(context);
          checkSigner(await checkIdentity(sink, context.account), signer);
          await sink.check(lockModeOf(context));
          const { lease, lost, release } = await leadOnce(context, db, io.interrupt);
          const stop = AbortSignal.any([io.drain, io.interrupt, lost]);
          try {
            const { log } = context;
            const locks = await bringIntoForce({ context, db, sink, lease, interrupt: stop });
            const { rate } = flags;
            const summary = await lengthen({ context, db, sink, lease, locks, rate, stop, progress });
            await publish({ db, lease, sink, signer, lock: locks.logLock, interrupt: stop, log });
            progress.stop();
            if (flags.json) io.out(JSON.stringify(summary));
            else io.out(`${summary.lengthened} of ${summary.versions} versions are kept longer now`);
          } catch (error) {
            if (!stop.aborted || hasCode(error, 'lease-lost')) throw error;
            throw new ArchiverError('interrupted', 'lengthening was interrupted', { cause: error });
          } finally {
            await release();
          }
        } finally {
          progress.stop();
          await sink.close();
        }
      });
    });
}

function perSecond(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 10_000)) throw new InvalidArgumentError('must be above 0 and at most 10000');
  return value;
}

export interface LengthenJob {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly locks: Locks;
  /** Versions a second at most. */
  readonly rate: number;
  readonly stop: AbortSignal;
  readonly progress?: Progress;
}

export interface LengthenSummary {
  /** In the archive. */
  readonly versions: number;
  /** Of which are kept longer, or by another class, now. */
  readonly lengthened: number;
}

const AT_ONCE = 16;

/**
 * Raises the lock of each version that the schedule asks more for, and notes it with an entry of the log, one after the
 * other: what was done is done, and the next call goes on. Fails with `lease-lost`, `sink-*`, `ledger-unreachable`, and
 * with the reason of `stop`.
 */
export async function lengthen(job: LengthenJob): Promise<LengthenSummary> {
  const { context, db, lease, locks, rate, stop, progress } = job;
  // Each request to the store in flight listens to it several times.
  setMaxListeners(0, stop);
  let versions = 0;
  let lengthened = 0;
  let next = performance.now();
  for await (const batch of assess(db, lease.account, context.config.retention.schedule, locks.classes)) {
    const waiting = batch.filter(({ changes }) => changes);
    versions += batch.length;
    progress?.expect(waiting.length);
    const work = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const at = Math.max(next, performance.now());
        next = at + 1000 / rate;
        await sleep(at - performance.now(), undefined, { signal: stop });
        await lengthenOne(job, one).catch((error: unknown) => {
          // The others finish what they have in hand.
          waiting.length = 0;
          throw error;
        });
        lengthened += 1;
        progress?.finish('');
      }
    };
    const workers = Array.from({ length: AT_ONCE }, work);
    await Promise.allSettled(workers);
    await Promise.all(workers);
  }
  return { versions, lengthened };
}

async function lengthenOne({ context, db, sink, lease, stop }: LengthenJob, one: Assessed): Promise<void> {
  const { version, class: className, lock } = one;
  // LENGTHEN. Durable: the lock at the store. A crash right after leaves one that is stricter than the ledger knows; the
  // next call asks for the same again.
  if (lock !== null && lock !== version.lock) {
    await sink.extend(version.key, version.version, lock, stop);
  }
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
}
