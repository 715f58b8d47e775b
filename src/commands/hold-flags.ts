/** What a command does for the flags at the store, after it took a step of a hold. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiverError, asArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
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

/**
 * Sets the flags where nobody leads, and publishes the log. Where an archiver runs it does so within a minute.
 * @param wait until it has
 */
export async function carryOutNow(
  io: CommandIo,
  context: Context,
  db: Database,
  wait: boolean,
): Promise<Flagging> {
  const { account } = context;
  try {
    for (;;) {
      const leadership = await leadIfFree(context, db, io.interrupt);
      if (leadership !== undefined) {
        const summary = await leadThrough(io, context, db, leadership);
        return { told: { by: 'command', ...summary }, error: missingError(summary) };
      }
      const waiting = await stillToDo(db, account);
      if (!wait || waiting === 0) return { told: { by: 'archiver', waiting }, error: undefined };
      await sleep(POLL_MS, undefined, { signal: AbortSignal.any([io.drain, io.interrupt]) });
    }
  } catch (error) {
    const stopped = io.drain.aborted || io.interrupt.aborted;
    return {
      told: { by: 'nobody', waiting: await stillToDo(db, account).catch(() => 0) },
      error:
        stopped && !hasCode(error, 'lease-lost')
          ? new ArchiverError('interrupted', 'setting flags was interrupted', { cause: error })
          : asArchiverError(error),
    };
  }
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
  const sink = openSink(context);
  const progress = createProgress(io, 'flagging');
  const interrupt = AbortSignal.any([io.interrupt, lost]);
  const stop = { drain: io.drain, interrupt };
  const metrics = createMetrics(createRegistry(), buildInfo());
  const { log } = context;
  try {
    const signer = signerOf(context);
    checkSigner(await checkIdentity(sink, context.account), signer);
    const summary = await runHolds({ context, db, sink, lease, metrics, stop, progress });
    const { logLock: lock } = await bringIntoForce({ context, db, sink, lease, interrupt });
    await publish({ db, lease, sink, signer, lock, interrupt, log });
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
