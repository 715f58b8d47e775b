import { Command, InvalidArgumentError, Option } from 'commander';
import { accessLog, type LoggedAccess } from '../access/read.ts';
import { ACTIONS, type Action } from '../query/reader.ts';
import { type AuditFlags, withAudit, withAuditOptions } from './auditing.ts';
import type { CommandIo } from './context.ts';
import { printable, renderTable } from './table.ts';

interface ListFlags extends AuditFlags {
  readonly by?: string;
  readonly action?: Action;
  readonly from?: string;
  readonly to?: string;
  readonly limit: number;
  readonly after?: string;
}

/** `access-log list`: the newest deeds first. */
export function accessLogListCommand(io: CommandIo): Command {
  const command = new Command('list')
    .description('list who asked the archive for what, newest first; the default')
    .option('--by <name>', 'only deeds of this reader')
    .addOption(new Option('--action <action>', 'only deeds of this kind').choices([...ACTIONS]))
    .option('--from <day>', 'only deeds of this UTC day or later, as 2026-05-01')
    .option('--to <day>', 'only deeds of this UTC day or earlier')
    .addOption(new Option('--limit <n>', 'deeds on a page').argParser(count).default(100))
    .option('--after <place>', '`next` of the page before')
    .option('--json', 'print the page as JSON');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
Every entry that is shown is proven by the head of the access log. Looking into it is an entry too.

Examples:
  $ zoom-chat-archiver access-log --by jane@example.com --action export
  $ zoom-chat-archiver access-log --archive ./archive --key public.key --access-key access.key --json`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ListFlags>();
      const page = await withAudit(io, flags, (ctx) =>
        accessLog(ctx, {
          limit: flags.limit,
          ...(flags.by === undefined ? {} : { name: flags.by }),
          ...(flags.action === undefined ? {} : { action: flags.action }),
          ...(flags.from === undefined ? {} : { from: flags.from }),
          ...(flags.to === undefined ? {} : { to: flags.to }),
          ...(flags.after === undefined ? {} : { after: flags.after }),
        }),
      );
      if (flags.json) {
        io.out(JSON.stringify(page));
        return;
      }
      io.out(renderTable(['entry', 'at', 'who', 'role', 'action', 'asked'], page.entries.map(row)));
      if (page.next !== null) io.out(`more with --after ${page.next}`);
      io.out(`access log ${page.origin} of ${page.size} entries, root ${page.root}`);
    });
}

function count(text: string): number {
  const value = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (value >= 1 && value <= 1000) return value;
  throw new InvalidArgumentError('must be a number from 1 to 1000');
}

function row({ index, at, name, role, action, input }: LoggedAccess): readonly (string | number)[] {
  return [index, at, printable(name), role, action, printable(JSON.stringify(input))];
}
