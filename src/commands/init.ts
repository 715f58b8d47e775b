import { mkdir } from 'node:fs/promises';
import { Command } from 'commander';
import { migrate } from '../ledger/migrate.ts';
import { utcDay } from '../record.ts';
import { checkIdentity, readIdentity, writeIdentity } from './archive.ts';
import {
  type CommandIo,
  type CommonFlags,
  EMBEDDED_LEDGER_NOTE,
  lockFor,
  openContext,
  openLedger,
  openSink,
} from './context.ts';

/** `init`: proves that the sink can keep its promise, prepares the ledger and creates the archive. Safe to repeat. */
export function initCommand(io: CommandIo): Command {
  return new Command('init')
    .description('create the archive: check the sink, migrate the ledger, write archive.json')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  $ zoom-chat-archiver init --config archiver.yaml')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const { config, account, now } = context;
      // Only init makes the folder: later a missing one is a missing mount, not a new archive.
      if (config.sink.kind === 'directory') await mkdir(config.sink.path, { recursive: true });
      const sink = openSink(context);
      try {
        await sink.check(config.retention.mode);
        const db = await openLedger(context);
        const applied = await migrate(db).finally(() => db.close());
        const existing = await readIdentity(sink);
        const archive =
          existing === undefined
            ? await writeIdentity(sink, account, lockFor(config, now)('', utcDay(now())), now())
            : await checkIdentity(sink, account);
        const created = existing === undefined;
        if (flags.json) {
          io.out(JSON.stringify({ created, archive, migrations: applied }));
        } else {
          io.out(
            created
              ? `archive created for account ${account}`
              : `archive of account ${account} was there already`,
          );
          io.out(applied.length === 0 ? 'ledger is up to date' : `ledger migrated: ${applied.join(', ')}`);
          if ('directory' in config.ledger) io.out(`note: ${EMBEDDED_LEDGER_NOTE}`);
        }
      } finally {
        await sink.close();
      }
    });
}
