import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { createMetrics, createRegistry } from '../metrics/metrics.ts';
import { agreeWithPublished, publish } from '../segments/publish.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import { buildInfo } from './build-info.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  leadOnce,
  openContext,
  openSink,
  openZoom,
  signerOf,
  withLedger,
} from './context.ts';
import { warnAboutSettings } from './preflight.ts';
import { createProgress } from './progress.ts';
import { classesWith, locksOf } from './schedule-in-force.ts';
import { type CollectJob, runCollect } from './work.ts';

/** `collect`: one bounded pass over everything that is due. Interrupted, the next one goes on. */
export function collectCommand(io: CommandIo): Command {
  return new Command('collect')
    .description('collect everything that is due now, once, into the ledger')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nExample:\n  $ zoom-chat-archiver collect --config archiver.yaml && zoom-chat-archiver seal --config archiver.yaml',
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        const { seconds, ...result } = await collectOnce(io, context, db);
        const admitted = Object.fromEntries([...result.admitted].sort());
        const { done, failed, complete, errors, sightings, drift, pages, stages } = result;
        if (flags.json) {
          io.out(
            JSON.stringify({
              complete,
              units: { done, failed },
              errors: errors.map(({ stream, error }) => ({
                stream,
                code: error.code,
                message: error.message,
              })),
              admitted,
              sightings,
              drift,
              pages,
              stages,
              seconds: Number(seconds.toFixed(3)),
            }),
          );
        } else {
          io.out(
            `${done} units collected, ${failed} failed, in ${seconds.toFixed(1)} s${complete ? '' : ' (not complete)'}`,
          );
          for (const [name, count] of Object.entries(admitted))
            io.out(`  ${name}: ${count.toLocaleString('en-US')}`);
          io.out(
            `  seen again: ${sightings.toLocaleString('en-US')}, drift: ${drift.toLocaleString('en-US')}`,
          );
        }
        const [ended] = errors;
        if (ended !== undefined) {
          io.fail(ended.error);
        } else if (failed > 0) {
          io.fail(
            new ArchiverError('incomplete', 'the pass is not complete', {
              detail: `${failed} units failed`,
            }),
          );
        } else if (!complete) {
          io.fail(new ArchiverError('interrupted', 'collection was asked to stop'));
        }
      });
    });
}

/** What a pass by hand does beyond what is due. */
export interface CollectMore {
  /** Done once this process leads. */
  readonly before?: () => Promise<void>;
  readonly also?: CollectJob['also'];
}

/** One pass with its numbers, and a progress bar on a terminal. */
export async function collectOnce(
  io: CommandIo,
  context: Context,
  db: Database,
  { before, also }: CollectMore = {},
): Promise<Awaited<ReturnType<typeof runCollect>> & { readonly seconds: number }> {
  const sink = await openSink(context);
  const metrics = createMetrics(createRegistry(), buildInfo());
  const client = openZoom(context, metrics);
  try {
    const signer = signerOf(context);
    checkSigner(await checkIdentity(sink, context.account), signer);
    const leadership = await leadOnce(context, db, io.interrupt);
    const progress = createProgress(io, 'collecting');
    try {
      // A ledger that is lost, or half made again, would take all that Zoom has for new.
      await agreeWithPublished({ db, account: context.account, sink, signer });
      await before?.();
      await warnAboutSettings(context, client, metrics, io.interrupt);
      const started = performance.now();
      const result = await runCollect({
        context,
        db,
        client,
        sink,
        lease: leadership.lease,
        metrics,
        stop: { drain: io.drain, interrupt: AbortSignal.any([io.interrupt, leadership.lost]) },
        progress,
        ...(also === undefined ? {} : { also }),
      });
      const seconds = (performance.now() - started) / 1000;
      // Files stand in the archive already: the log has to name them, also where nobody seals for days.
      await publish({
        db,
        lease: leadership.lease,
        sink,
        signer,
        logLock: locksOf(await classesWith(context, db, context.config.retention.schedule), context).logLock,
        interrupt: AbortSignal.any([io.interrupt, leadership.lost]),
        log: context.log,
      });
      return { ...result, seconds };
    } finally {
      progress.stop();
      await leadership.release();
    }
  } finally {
    await client.close();
    await sink.close();
  }
}
