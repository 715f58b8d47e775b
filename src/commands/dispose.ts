import { Command, InvalidArgumentError } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { DisposalOrder } from '../ledger/disposals.ts';
import { createMetrics, createRegistry } from '../metrics/metrics.ts';
import { folded } from '../retention/glob.ts';
import type { ClassTerms } from '../retention/lock.ts';
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
import { utcDate } from './coverage.ts';
import {
  type DispositionPlan,
  type DispositionScope,
  type PlannedItem,
  planDisposition,
  runDispose,
} from './disposition.ts';
import { createProgress } from './progress.ts';
import { classesWith } from './schedule-in-force.ts';
import { renderTable } from './table.ts';

interface PlanFlags extends CommonFlags {
  readonly class?: string;
  readonly before?: string;
}

interface ListFlags extends PlanFlags {
  readonly list?: boolean;
}

interface RunFlags extends PlanFlags {
  readonly by: string;
  readonly approveBy?: string;
  readonly reason: string;
  readonly limit?: number;
  readonly yes?: boolean;
}

/** `dispose`: what is past its date, and its destruction. */
export function disposeCommand(io: CommandIo): Command {
  return new Command('dispose')
    .description('list what is past its retention period, and destroy what may go')
    .addCommand(planCommand(io))
    .addCommand(runCommand(io));
}

function scoped(command: Command): Command {
  return command
    .option('--class <class>', 'only what this retention class keeps')
    .option('--before <date>', 'only what is of an earlier day (UTC, yyyy-mm-dd)', utcDate);
}

/** `dispose plan`: changes nothing. */
function planCommand(io: CommandIo): Command {
  return scoped(new Command('plan'))
    .description('list what is past the period of its class, and what keeps it all the same')
    .option('--list', 'name each segment and object, too')
    .option('--json', 'print the plan as JSON, each segment and object in it')
    .addHelpText('after', '\nExample:\n  $ zoom-chat-archiver dispose plan --class chat --before 2024-01-01')
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<ListFlags>();
      const context = openContext(flags, 'warn');
      await withLedger(context, async (db) => {
        const classes = await classesWith(context, db, context.config.retention.schedule);
        const plan = await planDisposition(context, db, classes, scopeOf(flags, classes));
        if (flags.json) return io.out(JSON.stringify(plan));
        io.out(tableOf(plan));
        if (flags.list && plan.items.length > 0) io.out(listOf(plan));
      });
    });
}

/** `dispose run`: destroys. Needs the lease. */
function runCommand(io: CommandIo): Command {
  return scoped(new Command('run'))
    .description('destroy what is past its date and may go, for good')
    .requiredOption('--by <name>', 'who has it destroyed; stands in the log')
    .requiredOption('--reason <text>', 'why; stands in the log')
    .option('--approve-by <name>', 'who approves what asks for a review: somebody else')
    .option('--limit <n>', 'destroy at most so many segments and objects', count)
    .option('--yes', 'do not ask')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Exit code 24: the store or a hold keeps some of it; it is named, and the rest is destroyed. What was begun is finished by
the next run.

Example:
  $ zoom-chat-archiver dispose run --by "Ann Lee" --approve-by "Bo Cole" --reason "retention period over"`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<RunFlags>();
      const context = openContext(flags, 'warn');
      const order = orderOf(flags);
      io.drainWithin(context.config.drain);
      await withLedger(context, async (db) => {
        const sink = await openSink(context);
        const progress = createProgress(io, 'destroying');
        try {
          checkSigner(await checkIdentity(sink, context.account), signerOf(context));
          const classes = await classesWith(context, db, context.config.retention.schedule);
          const scope = scopeOf(flags, classes);
          const plan = await planDisposition(context, db, classes, scope);
          requireApproval(plan, order);
          if (flags.yes !== true && !(await confirmed(io, plan, flags.limit))) return;
          const leadership = await leadOnce(context, db, io.interrupt);
          try {
            const summary = await runDispose({
              context,
              db,
              sink,
              lease: leadership.lease,
              metrics: createMetrics(createRegistry(), buildInfo()),
              stop: { drain: io.drain, interrupt: AbortSignal.any([io.interrupt, leadership.lost]) },
              progress,
              scope,
              order,
              // What became due since is for the next run: nobody agreed to it.
              agreed: new Set(plan.items.filter(mayGo).map(({ key }) => key)),
              ...(flags.limit === undefined ? {} : { limit: flags.limit }),
            });
            progress.stop();
            const { segments, objects, bytes, refused } = summary;
            if (flags.json) io.out(JSON.stringify(summary));
            else {
              if (refused.length > 0)
                io.out(renderTable(['class', 'key', 'why it stays'], refused.map(Object.values)));
              io.out(`${segments} segments and ${objects} objects destroyed: ${(bytes / 1e6).toFixed(1)} MB`);
            }
            if (refused.length > 0) {
              const detail = `${refused.length} segments and objects`;
              io.fail(new ArchiverError('sink-locked', 'some of it is kept', { detail }));
            }
          } finally {
            await leadership.release();
          }
        } finally {
          progress.stop();
          await sink.close();
        }
      });
    });
}

/** Fails with `usage` for a class that no schedule named. */
function scopeOf({ class: className, before }: PlanFlags, classes: ClassTerms): DispositionScope {
  if (className !== undefined && !classes.has(className)) {
    const known = [...classes.keys()].join(', ');
    throw new ArchiverError('usage', 'there is no such retention class', {
      detail: `${className}; there are ${known}`,
    });
  }
  return { ...(className === undefined ? {} : { className }), ...(before === undefined ? {} : { before }) };
}

/** Fails with `usage` where a name or the reason is blank, or the second name is the first. */
function orderOf({ by, approveBy, reason }: RunFlags): DisposalOrder {
  for (const [option, text] of Object.entries({
    '--by': by,
    '--approve-by': approveBy,
    '--reason': reason,
  })) {
    if (text?.trim() === '') throw new ArchiverError('usage', 'an option is blank', { detail: option });
  }
  if (approveBy !== undefined && sameName(by, approveBy)) {
    throw new ArchiverError('usage', 'who approves must be somebody else', { detail: approveBy });
  }
  return { by, approvedBy: approveBy ?? null, reason };
}

function sameName(one: string, other: string): boolean {
  const plain = (text: string): string => folded(text).replace(/\s+/gu, '');
  return plain(one) === plain(other);
}

/** By then a second name approved what asks for a review. */
function mayGo({ standing }: PlannedItem): boolean {
  return standing === 'due' || standing === 'review';
}

function requireApproval({ rows }: DispositionPlan, { approvedBy }: DisposalOrder): void {
  const waiting = rows.filter(({ standing }) => standing === 'review').map((row) => row.class);
  if (approvedBy !== null || waiting.length === 0) return;
  throw new ArchiverError('usage', 'a second name has to approve', {
    detail: `--approve-by for ${waiting.join(', ')}, or --class for another one`,
  });
}

/** Fails with `usage` where nobody can be asked. */
async function confirmed(io: CommandIo, plan: DispositionPlan, limit: number | undefined): Promise<boolean> {
  if (io.ask === undefined) {
    throw new ArchiverError('usage', 'nobody can be asked whether to destroy', {
      detail: 'give --yes where there is no terminal',
    });
  }
  io.out(tableOf(plan));
  const most = limit === undefined ? '' : ` at most ${limit} of`;
  const answer = await io.ask(`Destroy${most} what is due, for good? Type yes: `);
  if (answer.trim().toLowerCase() === 'yes') return true;
  io.out('nothing was destroyed');
  return false;
}

const MEANING = {
  due: 'may be destroyed',
  review: 'review not approved',
  held: 'on hold',
  keep: 'its class keeps for good',
  dated: '',
} as const;

const WAITS_FOR: Readonly<Record<string, string>> = {
  period: 'its period',
  lock: 'its lock',
  records: 'records that point to it',
};

function meaningOf({
  standing,
  because,
  until,
}: Pick<PlannedItem, 'standing' | 'because' | 'until'>): string {
  if (standing !== 'dated') return MEANING[standing];
  return `kept by ${WAITS_FOR[because ?? ''] ?? ''} until ${until?.slice(0, 10) ?? ''}`;
}

/** A line each, fields apart by tabs: keys are longer than a table is wide. */
function listOf({ items }: DispositionPlan): string {
  return items
    .map((item) => [item.key, item.class, item.day, item.records, item.bytes, meaningOf(item)].join('\t'))
    .join('\n');
}

function tableOf({ rows, unindexed }: DispositionPlan): string {
  const unread =
    unindexed === 0
      ? ''
      : `\n${unindexed} segments were not read since the ledger was rebuilt: files that they point to may be kept longer`;
  if (rows.length === 0) return `nothing is past its period${unread}`;
  const table = renderTable(
    ['class', 'disposition', 'standing', 'segments', 'objects', 'records', 'bytes', 'oldest', 'newest'],
    rows.map((row) => [
      row.class,
      row.disposition,
      meaningOf(row),
      row.segments,
      row.objects,
      row.records,
      row.bytes,
      row.oldest,
      row.newest,
    ]),
  );
  return `${table}${unread}`;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}
