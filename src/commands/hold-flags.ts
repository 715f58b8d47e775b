/** What a command does for the flags at the store, after it took a step of a hold. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiverError, asArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { leaseHolder } from '../ledger/lease.ts';
import { createMetrics, createRegistry } from '../metrics/metrics.ts';
import type { Leadership } from '../scheduler/leadership.ts';
import type { HoldSummary } from '../segments/holds.ts';
import { publish } from '../segments/publish.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import { buildInfo } from './build-info.ts';
import { type CommandIo, type Context, leadOnce, openSink, signerOf } from './context.ts';
import { runHolds, stillToDo } from './holds.ts';
import { createProgress } from './progress.ts';
import { bringIntoForce } from './schedule-in-force.ts';

/** Who sets flags, and how far that is. */
export interface Flagging {
  readonly told:
    | ({ readonly by: 'command' } & HoldSummary)
    | { readonly by: 'archiver'; readonly waiting: number }
    | { readonly by: 'nobody'; readonly waiting: number };
  /** Why not all flags are set though this command was to set them. The step itself was taken. */
  readonly error: ArchiverError | undefined;
}

const POLL_MS = 1000;
/** The archiver looks at holds each minute (`schedule.holds`). */
const PATIENCE_MS = 90_000;

/**
 * Sets the flags where nobody leads, and publishes the log. Whoever leads may be the archiver, which looks at the hold
 * within a minute, or a command that does something else: until the hold was looked at nobody is said to do it.
 * @param wait until all flags are set
 * @param patienceMs how long the hold may stay unlooked at while somebody leads
 */
export async function carryOutNow(
  io: CommandIo,
  context: Context,
  db: Database,
  wait: boolean,
  patienceMs = PATIENCE_MS,
): Promise<Flagging> {
  const { account } = context;
  const started = performance.now();
  try {
    for (;;) {
      const leadership = await leadIfFree(context, db, io.interrupt);
      if (leadership !== undefined) {
        const summary = await leadThrough(io, context, db, leadership);
        return { told: { by: 'command', ...summary }, error: missingError(summary) };
      }
      const { flags, unlooked } = await stillToDo(db, account);
      const waiting = flags + unlooked;
      if (waiting === 0 || (!wait && unlooked === 0))
        return { told: { by: 'archiver', waiting }, error: undefined };
      if (!wait && performance.now() - started >= patienceMs) {
        throw new ArchiverError('incomplete', 'whoever holds the lease has not looked at the hold', {
          detail: (await leaseHolder(db, account))?.holder ?? account,
        });
      }
      await sleep(POLL_MS, undefined, { signal: AbortSignal.any([io.drain, io.interrupt]) });
    }
  } catch (error) {
    const stopped = io.drain.aborted || io.interrupt.aborted;
    return {
      told: { by: 'nobody', waiting: await waitingOr0(db, account) },
      error:
        stopped && !hasCode(error, 'lease-lost')
          ? new ArchiverError('interrupted', 'setting flags was interrupted', { cause: error })
          : asArchiverError(error),
    };
  }
}

async function waitingOr0(db: Database, account: string): Promise<number> {
  const left = await stillToDo(db, account).catch(() => undefined);
  return left === undefined ? 0 : left.flags + left.unlooked;
}

async function leadIfFree(
  context: Context,
  db: Database,
  signal: AbortSignal,
): Promise<Leadership | undefined> {
  try {
    return await leadOnce(context, db, signal, 0);
  } catch (error) {
    if (hasCode(error, 'lease-held')) return undefined;
    throw error;
  }
}

async function leadThrough(
  io: CommandIo,
  context: Context,
  db: Database,
  { lease, lost, release }: Leadership,
): Promise<HoldSummary> {
  const sink = await openSink(context);
  const progress = createProgress(io, 'flagging');
  const interrupt = AbortSignal.any([io.interrupt, lost]);
  const stop = { drain: io.drain, interrupt };
  const metrics = createMetrics(createRegistry(), buildInfo());
  const { log } = context;
  try {
    const signer = signerOf(context);
    checkSigner(await checkIdentity(sink, context.account), signer);
    const summary = await runHolds({ context, db, sink, lease, metrics, stop, progress });
    const { logLock } = await bringIntoForce({ context, db, sink, lease, interrupt });
    await publish({ db, lease, sink, signer, logLock, interrupt, log });
    return summary;
  } finally {
    progress.stop();
    await release();
    await sink.close();
  }
}

function missingError({ missing }: HoldSummary): ArchiverError | undefined {
  if (missing === 0) return undefined;
  return new ArchiverError('proof-invalid', 'versions under legal hold are not at the store', {
    detail: `${missing}; the log names them`,
  });
}

export function inWords({ told }: Flagging): string {
  const number = (count: number): string => count.toLocaleString('en-US');
  switch (told.by) {
    case 'command': {
      const lifted = told.lifted === 0 ? '' : `, ${number(told.lifted)} lifted`;
      return `${number(told.flagged)} flags set${lifted}`;
    }
    case 'archiver':
      return told.waiting === 0
        ? 'all flags are set'
        : 'the running archiver sets the flags; `hold show` says how far it is';
    case 'nobody':
      return 'not all flags are set yet; the archiver sets them when it runs';
    default:
      return told satisfies never;
  }
}
