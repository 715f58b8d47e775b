import { Command, InvalidArgumentError, Option } from 'commander';
import { type Hit, type SearchInput, type SearchResult, search } from '../query/search.ts';
import { type AuditFlags, withAudit, withAuditOptions } from './auditing.ts';
import type { CommandIo } from './context.ts';
import { printable, renderTable } from './table.ts';

interface SearchFlags extends AuditFlags, Omit<SearchInput, 'text' | 'after'> {
  readonly next?: string;
  readonly json?: boolean;
}

/** `search`: revisions by text, person, place, time and what became of them. */
export function searchCommand(io: CommandIo): Command {
  const command = new Command('search')
    .description(
      'find messages, earlier versions and deleted ones among them, by text, person, session or time',
    )
    .argument(
      '[text...]',
      'what to look for, also in names of files and in cards of bots; all where it is left out',
    )
    .addOption(
      new Option('--match <how>', 'all words in any order, the words in their order, any part, or RE2')
        .choices(['words', 'phrase', 'substring', 'regex'])
        .default('words'),
    )
    .option('--person <who>', 'sent by: e-mail address, member id, or any name he ever had')
    .option('--participant <who>', 'in sessions in which he took part, named as with --person')
    .option('--session <session>', 'id, or a part of any name that it ever had')
    .option('--channel <channel>', 'id, or a glob of any name that it ever had, as "legal-*"')
    .option('--from <time>', 'sent on this day or later, as 2026-05-01; or at this instant')
    .option('--to <time>', 'sent on this day or earlier; or before this instant')
    .option('--zone <zone>', 'time zone of the days, as Europe/Berlin', 'UTC')
    .addOption(
      new Option('--kind <kind>', 'only versions of this kind').choices(['sent', 'edited', 'deleted']),
    )
    .option('--has-files', 'with files')
    .option('--no-has-files', 'without files')
    .option('--external', 'from outside of the account, or in a session with others from there')
    .option('--no-external', 'the others')
    .option('--edited', 'of messages that were edited ever')
    .option('--no-edited', 'of messages that never were')
    .option('--deleted', 'of messages that were deleted ever')
    .option('--no-deleted', 'of messages that never were')
    .option('--matter <matter>', 'what the holds of this matter cover')
    .option('--custodian <email>', 'in sessions in which he took part')
    .addOption(new Option('--order <order>').choices(['oldest', 'newest']).default('oldest'))
    .addOption(new Option('--limit <n>', 'hits of a page, 1000 at most').argParser(count).default(50))
    .option('--next <cursor>', 'the page behind the one that printed this')
    .option('--json', 'print the result as JSON');
  // What is left out is neither asked for nor against, though commander takes `--no-` for a default.
  for (const name of ['hasFiles', 'external', 'edited', 'deleted'])
    command.setOptionValueWithSource(name, undefined, 'default');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
Each hit is a version of a message, read from a segment that is compared with the log, and says where it stands there.
Case and Unicode form do not matter, but for --match regex, where (?i) makes case not matter. The question is written
to the access log before it is answered. Exit code 19: a segment is missing or was altered.

Examples:
  $ zoom-chat-archiver search budget draft --person ann@example.com --from 2026-05-01 --zone Europe/Berlin
  $ zoom-chat-archiver search --match phrase "side letter" --channel "legal-*" --deleted
  $ zoom-chat-archiver search --match regex "(?i)invoice +[0-9]{5}" --archive s3://bucket/zoom --key public.key --json`,
    )
    .action(async (words: readonly string[], _flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<SearchFlags>();
      const result = await withAudit(io, flags, (ctx) => search(ctx, inputOf(words, flags)));
      if (flags.json) io.out(JSON.stringify(result));
      else tell(io, result);
    });
}

function count(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('must be a number');
}

const FIELDS = [
  'match',
  'person',
  'participant',
  'session',
  'channel',
  'from',
  'to',
  'zone',
  'kind',
  'hasFiles',
  'external',
  'edited',
  'deleted',
  'matter',
  'custodian',
  'order',
  'limit',
] as const satisfies readonly (keyof SearchInput)[];

function inputOf(words: readonly string[], flags: SearchFlags): SearchInput {
  const given = FIELDS.map((name) => [name, flags[name]] as const).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given),
    ...(words.length === 0 ? {} : { text: words.join(' ') }),
    ...(flags.next === undefined ? {} : { after: flags.next }),
  };
}

function tell(io: CommandIo, { at, hits, next, total, segments }: SearchResult): void {
  if (hits.length > 0)
    io.out(
      renderTable(
        ['sent (UTC)', 'who', 'where', 'kind', 'text', 'message'],
        hits.map(({ revision, found }) => [
          revision.sentAt.replace('T', ' ').replace('Z', ''),
          revision.sender.email || revision.sender.name || revision.sender.memberId,
          revision.session.name || revision.session.id.slice(0, 12),
          revision.drift ? `${revision.kind}, drift` : revision.kind,
          excerpt({ revision, found }),
          revision.messageId,
        ]),
      ),
    );
  const number = (value: number): string => value.toLocaleString('en-US');
  io.out(
    `${number(total.revisions)} versions of ${number(total.messages)} messages, from ${number(segments.read)} of ${number(segments.of)} segments`,
  );
  io.out(`by checkpoint ${at.origin} of ${at.size} entries, root ${at.root}`);
  if (next !== null) io.out(`more with --next ${next}`);
}

/** UTF-16 units around what was found, which make a line. */
const AROUND = 40;
const LONGEST = 100;

/** A line of the text in which it was found, what was found in brackets. */
function excerpt({ revision, found: [first] }: Hit): string {
  if (first === undefined) return revision.text.slice(0, LONGEST);
  const { text, ranges } = first;
  const from = Math.max(0, (ranges[0]?.[0] ?? 0) - AROUND);
  const to = Math.min(text.length, from + LONGEST);
  let line = from > 0 ? '…' : '';
  let at = from;
  for (const [start, end] of ranges) {
    if (start < at || end > to) continue;
    line += `${text.slice(at, start)}[${text.slice(start, end)}]`;
    at = end;
  }
  line += text.slice(at, to) + (to < text.length ? '…' : '');
  return printable(first.in === 'text' ? line : `${first.in}: ${line}`);
}
