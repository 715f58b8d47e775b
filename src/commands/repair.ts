import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { retryLinks } from '../ledger/links.ts';
import { retryUnits } from '../ledger/units.ts';
import { collectOnce } from './collect.ts';
import { type CommandIo, type CommonFlags, openContext, withLedger } from './context.ts';
import { gatherCoverage, printCoverage } from './coverage.ts';

/** `repair`: tries every hole again at once, whatever its back-off, and says what is left. */
export function repairCommand(io: CommandIo): Command {
  return new Command('repair')
    .description('collect the holes of the coverage now, and say what is left')
    .option('--json', 'print the coverage that is left as JSON')
    .addHelpText('after', '\nWhat is on record as lost stays so: Zoom does not have it any more.')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        await collectOnce(io, context, db, async () => {
          await retryUnits(db, context.account);
          await retryLinks(db, context.account);
        });
        const report = await gatherCoverage(context, db, flags);
        printCoverage(io, report, flags.json === true, context.now());
        const left = report.holes.filter(({ kind }) => kind !== 'lost').length + report.unnamed;
        if (left > 0) {
          io.fail(new ArchiverError('coverage-hole', 'holes are left', { detail: String(left) }));
        }
      });
    });
}
