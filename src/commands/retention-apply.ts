import { Command, InvalidArgumentError } from 'commander';
import { ArchiverError } from '../errors.ts';
import { publish } from '../segments/publish.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import {
  type CommandIo,
  type CommonFlags,
  leadOnce,
  openContext,
  openSink,
  signerOf,
  withLedger,
} from './context.ts';
import { LENGTHENED_A_SECOND, lengthen } from './lengthen.ts';
import { createProgress } from './progress.ts';
import { bringIntoForce, lockModeOf } from './schedule-in-force.ts';

interface ApplyFlags extends CommonFlags {
  readonly rate: number;
}

/** `retention apply`: lengthens what is sealed to what the schedule asks for. */
export function retentionApplyCommand(io: CommandIo): Command {
  return new Command('apply')
    .description(
      'bring the schedule into force, and lengthen the locks of what is sealed where it asks for more',
    )
    .option('--rate <n>', 'versions a second at most', perSecond, LENGTHENED_A_SECOND)
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
        const sink = await openSink(context);
        const progress = createProgress(io, 'lengthening');
        try {
          const signer = signerOf(context);
          checkSigner(await checkIdentity(sink, context.account), signer);
          await sink.check(lockModeOf(context));
          const { lease, lost, release } = await leadOnce(context, db, io.interrupt);
          const interrupt = AbortSignal.any([io.interrupt, lost]);
          try {
            const { log } = context;
            const locks = await bringIntoForce({ context, db, sink, lease, interrupt });
            const { rate } = flags;
            const stop = { drain: io.drain, interrupt };
            const summary = await lengthen({ context, db, sink, lease, locks, rate, stop, progress });
            await publish({ db, lease, sink, signer, logLock: locks.logLock, interrupt, log });
            progress.stop();
            if (flags.json) io.out(JSON.stringify(summary));
            else io.out(`${summary.lengthened} of ${summary.versions} versions are kept longer now`);
            if (summary.failed > 0)
              io.fail(
                new ArchiverError('incomplete', 'some locks could not be raised', {
                  detail: `${summary.failed} versions; the log names them`,
                }),
              );
            if (!summary.complete) io.fail(new ArchiverError('interrupted', 'lengthening was asked to stop'));
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
