import { Command } from 'commander';
import { channelActivitiesRepair } from '../collectors/activities.ts';
import { DAY_MS } from '../collectors/windows.ts';
import { ArchiverError } from '../errors.ts';
import { retryLinks } from '../ledger/links.ts';
import { retryUnits } from '../ledger/units.ts';
import { collectOnce } from './collect.ts';
import { type CommandIo, type CommonFlags, openContext, withLedger } from './context.ts';
import { gatherCoverage, printCoverage, startOfDate } from './coverage.ts';

/** How far back one channel's log is asked for when no day is given. */
const CHANNEL_LOG_MS = 30 * DAY_MS;

interface RepairFlags extends CommonFlags {
  readonly channel?: string;
  /** Milliseconds. */
  readonly from?: number;
  readonly to?: number;
}

/** `repair`: tries every hole again at once, whatever its back-off, and says what is left. */
export function repairCommand(io: CommandIo): Command {
  return new Command('repair')
    .description('collect the holes of the coverage now, and say what is left')
    .option('--channel <id>', 'ask the activity log of this channel again, also where it is covered')
    .option(
      '--from <yyyy-mm-dd>',
      'with --channel: from this UTC day on; 30 days back otherwise',
      startOfDate,
    )
    .option('--to <yyyy-mm-dd>', 'with --channel: up to this UTC day', startOfDate)
    .option('--json', 'print the coverage that is left as JSON')
    .addHelpText('after', '\nWhat is on record as lost stays so: Zoom does not have it any more.')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RepairFlags>();
      const context = openContext(flags, 'warn');
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        const { channel, from = context.now() - CHANNEL_LOG_MS, to = context.now() } = flags;
        await collectOnce(io, context, db, {
          async before() {
            await retryUnits(db, context.account);
            await retryLinks(db, context.account);
          },
          ...(channel === undefined
            ? {}
            : { also: (tools) => [channelActivitiesRepair(tools, channel, { from, to })] }),
        });
        const report = await gatherCoverage(context, db, {});
        printCoverage(io, report, flags.json === true, context.now());
        const left = report.holes.filter(({ kind }) => kind !== 'lost').length + report.unnamed;
        if (left > 0) {
          io.fail(new ArchiverError('coverage-hole', 'holes are left', { detail: String(left) }));
        }
      });
    });
}
