import { Command } from 'commander';
import { migrate } from '../ledger/migrate.ts';
import { type CommandIo, type CommonFlags, openContext, openLedger } from './context.ts';

/** `migrate`: brings the ledger to this version; several replicas may run it at once. */
export function migrateCommand(io: CommandIo): Command {
  return new Command('migrate')
    .description('bring the ledger to the version of this program')
    .option('--json', 'print the result as JSON')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const db = await openLedger(openContext(flags, 'warn'));
      const applied = await migrate(db).finally(() => db.close());
      if (flags.json) io.out(JSON.stringify({ applied }));
      else io.out(applied.length === 0 ? 'ledger is up to date' : `applied ${applied.join(', ')}`);
    });
}
