import { resolve } from 'node:path';
import { Command } from 'commander';
import { loadSchedule } from '../config.ts';
import { hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { stagedByClass } from '../ledger/kept.ts';
import { countUnindexed } from '../ledger/segment-contents.ts';
import { type ClassTerms, keptUntil } from '../retention/lock.ts';
import { type Schedule, termsByClass } from '../retention/schedule.ts';
import { assess } from './assessment.ts';
import { type CommandIo, type CommonFlags, type Context, openContext, withLedger } from './context.ts';
import { classesInForce, classesWith } from './schedule-in-force.ts';
import { renderTable } from './table.ts';

interface PlanFlags extends CommonFlags {
  readonly file?: string;
}

/** `retention plan`: what a schedule would change, before it is applied. */
export function retentionPlanCommand(io: CommandIo): Command {
  return new Command('plan')
    .description('show what a schedule would change of what is sealed, and change nothing')
    .option('--file <schedule>', 'a schedule in a file of its own; without it that of the configuration')
    .option('--json', 'print the plan as JSON')
    .addHelpText(
      'after',
      `
Exit code 26 when the schedule takes back what compliance data was promised; the daemon would refuse it.

Example:
  $ zoom-chat-archiver retention plan --file new-retention.yaml`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<PlanFlags>();
      const context = openContext(flags, 'warn');
      const { retention } = context.config;
      const schedule =
        flags.file === undefined
          ? retention.schedule
          : loadSchedule(resolve(flags.file), retention.longestCompliance);
      await withLedger(context, async (db) => {
        const plan = await planRetention(context, db, schedule);
        if (flags.json) io.out(JSON.stringify(plan));
        else print(io, plan);
        await classesWith(context, db, schedule).catch((error: unknown) => {
          if (!hasCode(error, 'retention-weaker')) throw error;
          io.fail(error);
        });
      });
    });
}

/** What is kept by a class, before and after. Times are ISO 8601; null where nothing is kept by it. */
interface ClassTotals {
  readonly segments: number;
  readonly objects: number;
  readonly records: number;
  readonly bytes: number;
  readonly earliest: string | null;
  readonly latest: string | null;
}

interface PlannedClass {
  readonly class: string;
  /** Terms that hold, and that would; null where there are none. */
  readonly now: string | null;
  readonly next: string | null;
  readonly before: ClassTotals;
  readonly after: ClassTotals;
  /** Of those after, versions whose lock or class would change. */
  readonly changed: number;
  /** Records that are collected and not sealed: they go by the terms then. */
  readonly unsealed: number;
}

export interface RetentionPlan {
  readonly versions: number;
  /** Segments of a rebuilt ledger of which it is not known yet what they hold: rules were not asked about them. */
  readonly unknown: number;
  readonly changed: number;
  readonly classes: readonly PlannedClass[];
}

interface Tally {
  segments: number;
  objects: number;
  records: number;
  bytes: number;
  earliest: number;
  latest: number;
}

/** What the schedule would change against the archive as the ledger knows it. */
export async function planRetention(
  context: Pick<Context, 'account' | 'now'>,
  db: Database,
  schedule: Schedule,
): Promise<RetentionPlan> {
  const { account } = context;
  const now = await classesInForce(db, account);
  const then: ClassTerms = new Map([...now, ...termsByClass(schedule)]);
  const before = new Map<string, Tally>();
  const after = new Map<string, Tally>();
  const changed = new Map<string, number>();
  let versions = 0;
  for await (const batch of assess(context, db, schedule, then)) {
    versions += batch.length;
    for (const { version, class: name, lock, changes } of batch) {
      const due = (terms: ClassTerms, className: string, held: typeof lock): number => {
        const known = terms.get(className);
        return (
          held?.retainUntil.getTime() ?? (known === undefined ? Number.NaN : keptUntil(known, version.day))
        );
      };
      add(before, version.governedBy, version, due(now, version.governedBy, version.lock));
      add(after, name, version, due(then, name, lock));
      if (changes) changed.set(name, (changed.get(name) ?? 0) + 1);
    }
  }
  const unsealed = new Map((await stagedByClass(db, account)).map((each) => [each.class, each.records]));
  const names = new Set([...then.keys(), ...before.keys(), ...after.keys()]);
  const classes = [...names].sort().map((name): PlannedClass => {
    const words = (terms: ClassTerms): string | null => {
      const known = terms.get(name);
      return known === undefined ? null : `${known.keep}, ${known.mode}, then ${known.disposition}`;
    };
    return {
      class: name,
      now: words(now),
      next: words(then),
      before: kept(before.get(name)),
      after: kept(after.get(name)),
      changed: changed.get(name) ?? 0,
      unsealed: unsealed.get(name) ?? 0,
    };
  });
  const unknown = await countUnindexed(db, account);
  return {
    versions,
    unknown,
    changed: [...changed.values()].reduce((sum, count) => sum + count, 0),
    classes,
  };
}

function add(
  into: Map<string, Tally>,
  name: string,
  version: { readonly segment: number | undefined; readonly records: number; readonly bytes: number },
  until: number,
): void {
  const none = { segments: 0, objects: 0, records: 0, bytes: 0, earliest: Number.NaN, latest: Number.NaN };
  const tally = into.get(name) ?? none;
  if (version.segment === undefined) tally.objects += 1;
  else tally.segments += 1;
  tally.records += version.records;
  tally.bytes += version.bytes;
  if (!(tally.earliest <= until)) tally.earliest = until;
  if (!(tally.latest >= until)) tally.latest = until;
  into.set(name, tally);
}

function kept(tally: Tally | undefined): ClassTotals {
  if (tally === undefined)
    return { segments: 0, objects: 0, records: 0, bytes: 0, earliest: null, latest: null };
  const iso = (time: number): string | null => (Number.isNaN(time) ? null : new Date(time).toISOString());
  return { ...tally, earliest: iso(tally.earliest), latest: iso(tally.latest) };
}

function print(io: CommandIo, { versions, unknown, changed, classes }: RetentionPlan): void {
  const day = (time: string | null): string => time?.slice(0, 10) ?? '';
  const span = ({ earliest, latest }: ClassTotals): string =>
    earliest === null ? '' : `${day(earliest)} to ${day(latest)}`;
  io.out(
    renderTable(
      [
        'class',
        'terms',
        'would be',
        'segments',
        'files',
        'records',
        'MB',
        'kept until',
        'would be',
        'changed',
        'unsealed',
      ],
      classes.map((each) => [
        each.class,
        each.now,
        each.next === each.now ? 'the same' : each.next,
        each.after.segments,
        each.after.objects,
        each.after.records,
        Number((each.after.bytes / 1e6).toFixed(1)),
        span(each.before),
        span(each.after) === span(each.before) ? 'the same' : span(each.after),
        each.changed,
        each.unsealed,
      ]),
    ),
  );
  const number = (count: number): string => count.toLocaleString('en-US');
  if (unknown > 0)
    io.out(
      `what ${number(unknown)} segments hold is not known since the ledger was rebuilt; \`retention apply\` reads them`,
    );
  io.out(
    changed === 0
      ? `nothing of ${number(versions)} versions would change`
      : `${number(changed)} of ${number(versions)} versions would be kept longer; nothing would be kept for less`,
  );
}
