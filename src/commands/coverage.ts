import { Command, InvalidArgumentError } from 'commander';
import { type CoverageReport, type NamedHole, reportCoverage } from '../collectors/coverage-report.ts';
import { DAY_MS } from '../collectors/windows.ts';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  collectionPolicy,
  openContext,
  withLedger,
} from './context.ts';
import { linkKinds, planningCollectors } from './streams.ts';
import { renderTable } from './table.ts';

/** What a coverage report is asked for. */
export interface CoverageFlags extends Partial<CommonFlags> {
  readonly session?: string;
  /** Milliseconds. */
  readonly from?: number;
  /** Milliseconds; the day itself is included. */
  readonly to?: number;
  readonly ignoreLost?: boolean;
}

/** `coverage`: what had to be collected against what was; exit code 0 only without holes. */
export function coverageCommand(io: CommandIo): Command {
  return new Command('coverage')
    .description('compare what had to be collected with what was, and name every hole')
    .option('--session <id or name>', 'only the messages of this session')
    .option('--from <yyyy-mm-dd>', 'only from this UTC day on', startOfDate)
    .option('--to <yyyy-mm-dd>', 'only up to this UTC day', startOfDate)
    .option('--ignore-lost', 'exit with 0 when all holes are on record as lost')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      '\nA period that was looked at and was empty is covered; one never looked at is a hole.\n\nExample:\n  $ zoom-chat-archiver coverage --session general --from 2026-06-01 --to 2026-06-30',
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CoverageFlags & CommonFlags>();
      const context = openContext(flags, 'warn');
      const report = await withLedger(context, (db) => gatherCoverage(context, db, flags));
      printCoverage(io, report, flags.json === true, context.now());
      const bad = report.holes.filter(({ kind }) => !(flags.ignoreLost === true && kind === 'lost')).length;
      if (bad + report.unnamed > 0) {
        io.fail(
          new ArchiverError('coverage-hole', 'the coverage has holes', { detail: `${bad + report.unnamed}` }),
        );
      }
    });
}

/** The report for the flags of `coverage`. */
export async function gatherCoverage(
  context: Context,
  db: Database,
  { session, from, to }: CoverageFlags,
): Promise<CoverageReport> {
  const now = context.now();
  return reportCoverage(
    db,
    context.account,
    {
      ...(session === undefined ? {} : { session }),
      window: { from: from ?? 0, to: to === undefined ? now : Math.min(to + DAY_MS, now) },
      policy: collectionPolicy(context.config),
      others: planningCollectors(context, db),
      kinds: linkKinds(context.config),
      patienceMs: context.config.collection.patience,
    },
    now,
  );
}

export function printCoverage(io: CommandIo, report: CoverageReport, json: boolean, now: number): void {
  const { streams, holes, unnamed, links } = report;
  if (json) {
    const day = (time: number): string => new Date(time).toISOString();
    io.out(
      JSON.stringify({
        at: day(now),
        streams,
        holes: holes.map(({ window, ...hole }) => ({ ...hole, from: day(window.from), to: day(window.to) })),
        unnamed,
        links: links.map(({ oldest, ...rest }) => ({
          ...rest,
          oldest: oldest === undefined ? null : day(oldest),
        })),
      }),
    );
    return;
  }
  io.out(
    renderTable(
      ['stream', 'expected', 'collected', 'missing', 'lost'],
      streams.map(({ stream, expected, collected, missing, lost }) => [
        stream,
        expected,
        collected,
        missing,
        lost,
      ]),
    ),
  );
  io.out('Counted in units of one day, of one session and mode where the stream has them.');
  if (links.length > 0) {
    io.out(
      renderTable(
        ['fetched one by one', 'settled', 'open', 'failing', 'refused'],
        links.map(({ kind, settled, open, failing, refused }) => [kind, settled, open, failing, refused]),
      ),
    );
  }
  if (holes.length === 0) {
    io.out('No holes.');
    return;
  }
  io.out(
    renderTable(
      ['hole', 'stream', 'mode', 'session or scope', 'from', 'to', 'last error'],
      holes
        .slice(0, SHOWN)
        .map((hole) => [
          hole.kind,
          hole.stream,
          hole.mode,
          nameOf(hole),
          minute(hole.window.from),
          minute(hole.window.to),
          hole.error === undefined ? '' : `${hole.error} (${hole.failures ?? 0} times)`,
        ]),
    ),
  );
  const rest = holes.length - SHOWN + unnamed;
  if (rest > 0) io.out(`… and ${rest.toLocaleString('en-US')} more; --json names them`);
}

const SHOWN = 50;

function nameOf({ name, scope }: NamedHole): string {
  if (name !== '') return `${name} (${scope})`;
  return scope === '' ? 'whole account' : scope;
}

function minute(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16)}Z`;
}

/** Midnight UTC of a date in a flag, milliseconds. */
export function startOfDate(text: string): number {
  return Date.parse(`${utcDate(text)}T00:00:00Z`);
}

/** A date in a flag, as it is. */
export function utcDate(text: string): string {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // February 30 is parsed, as a day of March.
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text)
    throw new InvalidArgumentError('must be a date, as in 2026-06-30');
  return text;
}
