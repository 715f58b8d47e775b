import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { migrate } from '../ledger/migrate.ts';
import type { WitnessKey } from '../proof/key.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import {
  type CommandIo,
  type CommonFlags,
  leadOnce,
  openContext,
  openLedger,
  openSink,
  signerOf,
} from './context.ts';
import { createProgress } from './progress.ts';
import { witnessKeys } from './public-keys.ts';
import { runRebuild } from './rebuild.ts';

interface RebuildFlags extends CommonFlags {
  readonly since?: string;
  readonly requireWitness?: readonly WitnessKey[];
}

/** `rebuild-ledger`: a ledger from the archive alone. Interrupted, it goes on when it is run again. */
export function rebuildLedgerCommand(io: CommandIo): Command {
  return new Command('rebuild-ledger')
    .description('make an empty ledger from the archive, where the one that wrote it is lost')
    .option('--since <file>', 'a checkpoint saved before: the published log must extend it')
    .option('--require-witness <key>', 'a witness that must have cosigned; may be repeated', witnessKeys)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Name a new database, schema or directory in the configuration, then:
  $ zoom-chat-archiver rebuild-ledger --config archiver.yaml
  $ zoom-chat-archiver collect --config archiver.yaml`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RebuildFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      const known = {
        ...(flags.since === undefined ? {} : { since: readFileSync(flags.since, 'utf8') }),
        ...(flags.requireWitness === undefined ? {} : { witnesses: flags.requireWitness }),
      };
      const sink = await openSink(context);
      const progress = createProgress(io, 'rebuilding');
      try {
        checkSigner(await checkIdentity(sink, context.account), signerOf(context));
        const db = await openLedger(context);
        try {
          await migrate(db);
          const leadership = await leadOnce(context, db, io.interrupt);
          try {
            const stop = AbortSignal.any([io.drain, io.interrupt, leadership.lost]);
            const summary = await runRebuild({
              context,
              db,
              sink,
              lease: leadership.lease,
              stop,
              progress,
              known,
            });
            progress.stop();
            const { entries, segments, objects, records, resumedAt, abandoned } = summary;
            if (flags.json) io.out(JSON.stringify(summary));
            else {
              const number = (count: number): string => count.toLocaleString('en-US');
              const what = `${number(segments)} segments, ${number(objects)} objects, ${number(records)} records`;
              io.out(`the ledger is made from ${number(entries)} entries of the log: ${what}`);
              if (resumedAt > 0) io.out(`(${number(resumedAt)} entries were done before)`);
              if (abandoned > 0)
                io.out(
                  `${number(abandoned)} segments and objects were put and never logged; the log will say so`,
                );
            }
          } finally {
            await leadership.release();
          }
        } finally {
          await db.close();
        }
      } finally {
        progress.stop();
        await sink.close();
      }
    });
}
