import { Command } from 'commander';
import { type CoverageCalendar, calendar, type DayState } from '../query/calendar.ts';
import { type AuditFlags, withAudit, withAuditOptions } from './auditing.ts';
import { sessionCalled } from './called-session.ts';
import type { CommandIo } from './context.ts';
import { printable, renderTable } from './table.ts';

interface CalendarFlags extends AuditFlags {
  readonly stream: string;
  readonly session?: string;
  readonly from?: string;
  readonly to?: string;
}

const SIGNS: Readonly<Record<DayState, string>> = {
  covered: '#',
  partly: '+',
  missing: '!',
  lost: 'x',
  outside: '.',
};

/** `calendar`: which days were looked at, from the archive alone; `coverage` compares the ledger with what is due. */
export function calendarCommand(io: CommandIo): Command {
  const command = new Command('calendar')
    .description('show which days the archive covers, and name every hole, from the archive alone')
    .option('--stream <stream>', 'stream whose coverage is asked for', 'messages')
    .option('--session <session>', 'only of this session, by its id or a name that only one ever had')
    .option('--from <day>', 'from this UTC day, as 2026-05-01')
    .option('--to <day>', 'up to this UTC day, included')
    .option('--json', 'print the result as JSON');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
A sign for each UTC day of a month: # covered, + partly, ! missing, x lost or refused, . before or after all coverage.

Example:
  $ zoom-chat-archiver calendar --stream messages --from 2026-01-01 --to 2026-12-31`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CalendarFlags>();
      const { stream, session, from, to } = flags;
      const told = await withAudit(io, flags, async (ctx) => {
        const meant = session === undefined ? undefined : await sessionCalled(ctx, session);
        return calendar(ctx, { stream, session: meant, from, to });
      });
      if (flags.json) io.out(JSON.stringify(told));
      else tell(io, told);
    });
}

function tell(io: CommandIo, { days, holes, covered, stream, streams, at }: CoverageCalendar): void {
  const months = new Map<string, string>();
  for (const { day, state } of days) {
    const month = day.slice(0, 7);
    // A month that begins later is moved to the right.
    const before = months.get(month) ?? ' '.repeat(Number(day.slice(8)) - 1);
    months.set(month, `${before}${SIGNS[state]}`);
  }
  for (const [month, signs] of months) io.out(`${month}  ${signs}`);
  io.out(
    covered === null
      ? printable(`no coverage of ${stream}; there is of ${streams.join(', ') || 'nothing'}`)
      : `covered from ${covered.from} to ${covered.to}`,
  );
  if (holes.length > 0) {
    io.out(
      renderTable(
        ['hole', 'session or scope', 'from', 'to', 'reason'],
        holes.map(({ why, session, from, to, reason }) => [why, session, from, to, reason]),
      ),
    );
  } else if (covered !== null) io.out('No holes in what is covered.');
  const outside = days.filter(({ state }) => state === 'outside').length;
  if (outside > 0 && covered !== null)
    io.out(`${outside} of these days lie before or after all coverage: nobody looked at them.`);
  io.out(`by checkpoint ${at.origin} of ${at.size} entries, root ${at.root}`);
}
