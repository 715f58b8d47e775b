import { Command } from 'commander';
import { surveySessions } from '../collectors/messages.ts';
import type { CollectionPolicy } from '../collectors/planner.ts';
import type { Database } from '../ledger/database.ts';
import { leaseHolder } from '../ledger/lease.ts';
import { stagedTotals } from '../ledger/staging.ts';
import { ledgerStatus } from '../ledger/status.ts';
import { type CommandIo, type CommonFlags, collectionPolicy, openContext, withLedger } from './context.ts';
import { readUnknownShapes } from './shapes.ts';
import { renderTable } from './table.ts';

const iso = (time: number | undefined): string | null =>
  time === undefined ? null : new Date(time).toISOString();

const days = (seconds: number | null): string =>
  seconds === null ? 'nothing known' : `${(seconds / 86_400).toFixed(1)} days at the earliest`;

/** `status`: what the ledger knows about completeness and about what waits. */
export function statusCommand(io: CommandIo): Command {
  return new Command('status')
    .description('say how complete the archive is and what waits')
    .option('--json', 'print the result as JSON')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const status = await withLedger(context, (db) =>
        gather(db, context.account, collectionPolicy(context.config), context.now()),
      );
      if (flags.json) {
        io.out(JSON.stringify(status));
        return;
      }
      const holder = status.lease;
      io.out(
        renderTable(
          ['what', 'value'],
          [
            ['account', context.account],
            ['lease', holder === null ? 'free' : `${holder.holder} (generation ${holder.generation})`],
            ['sessions known', status.sessions],
            ['units done', status.units.done],
            ['units failed', status.units.failed],
            ['coverage holes', status.holes],
            ['windows lost', status.lost],
            ['oldest uncollected', status.oldestUncollected ?? 'nothing'],
            ['Zoom deletes uncollected data in', days(status.retentionGapSeconds)],
            ['staged records', status.staged.records],
            ['staged bytes', status.staged.bytes],
            ['segments', status.segments.committed],
            ['segments planned', status.segments.planned],
            ['records sealed', status.segments.records],
            ['bytes sealed', status.segments.bytes],
            ...status.unknownShapes.map(({ endpoint, name, type }) => [
              'unknown to this version',
              `${endpoint}: ${name} (${type})`,
            ]),
          ],
        ),
      );
    });
}

async function gather(db: Database, account: string, policy: CollectionPolicy, now: number) {
  const { holes, lost, oldestUncollected, untilLoss } = await surveySessions(db, account, policy, now);
  const staged = await stagedTotals(db, account);
  const holder = await leaseHolder(db, account);
  return {
    account,
    ...(await ledgerStatus(db, account)),
    staged: { records: staged.records, bytes: staged.bytes, oldest: iso(staged.oldest) },
    holes,
    lost,
    oldestUncollected: iso(oldestUncollected),
    retentionGapSeconds: untilLoss === undefined ? null : Math.round(untilLoss / 1000),
    unknownShapes: await readUnknownShapes(db, account),
    lease:
      holder === undefined || holder.expired
        ? null
        : { holder: holder.holder, generation: holder.generation },
  };
}
