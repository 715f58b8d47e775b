import { Command } from 'commander';
import { createMetrics, createRegistry } from '../metrics/metrics.ts';
import { SegmentBuilder } from '../segments/build.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import { buildInfo } from './build-info.ts';
import {
  type CommandIo,
  type CommonFlags,
  leadOnce,
  openContext,
  openSink,
  signerOf,
  withLedger,
} from './context.ts';
import { runHolds } from './holds.ts';
import { createProgress } from './progress.ts';
import { lockModeOf } from './schedule-in-force.ts';
import { runSeal } from './work.ts';

/** `seal`: turns staged records into segments at the sink. */
export function sealCommand(io: CommandIo): Command {
  return new Command('seal')
    .description('write what is due as immutable segments to the sink')
    .option('--all', 'also what is neither full nor old enough yet')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  $ zoom-chat-archiver seal --all --config archiver.yaml')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags & { all?: boolean }>();
      const context = openContext(flags, 'warn');
      const { config } = context;
      io.drainWithin(config.drain);
      await withLedger(context, async (db) => {
        const sink = openSink(context);
        const builder = await SegmentBuilder.create({ spool: config.seal.spool });
        const progress = createProgress(io, 'sealing');
        try {
          checkSigner(await checkIdentity(sink, context.account), signerOf(context));
          await sink.check(lockModeOf(context));
          const leadership = await leadOnce(context, db, io.interrupt);
          try {
            const job = {
              context,
              db,
              sink,
              lease: leadership.lease,
              metrics: createMetrics(createRegistry(), buildInfo()),
              stop: { drain: io.drain, interrupt: AbortSignal.any([io.interrupt, leadership.lost]) },
            };
            const summary = await runSeal({ ...job, builder, all: flags.all === true, progress });
            // What was sealed just now may be covered by a hold.
            await runHolds(job);
            progress.stop();
            const { segments, records, bytes } = summary;
            if (flags.json) io.out(JSON.stringify(summary));
            else {
              io.out(
                `${segments} segments sealed: ${records.toLocaleString('en-US')} records, ${(bytes / 1e6).toFixed(1)} MB`,
              );
            }
          } finally {
            await leadership.release();
          }
        } finally {
          progress.stop();
          builder.close();
          await sink.close();
        }
      });
    });
}
