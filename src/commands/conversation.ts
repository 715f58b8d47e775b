import { Command, InvalidArgumentError } from 'commander';
import { conversation } from '../query/conversation.ts';
import { type AuditFlags, withAudit, withAuditOptions } from './auditing.ts';
import { sessionCalled } from './called-session.ts';
import type { CommandIo } from './context.ts';
import { transcript } from './transcript.ts';

interface ConversationFlags extends AuditFlags {
  readonly from?: string;
  readonly to?: string;
  readonly zone: string;
  readonly around?: string;
  readonly limit: number;
  readonly after?: string;
}

/** `conversation`: what a participant saw of a session, from the archive alone. */
export function conversationCommand(io: CommandIo): Command {
  const command = new Command('conversation')
    .description(
      'show a session as its participants saw it, with every version, deletion and change of members',
    )
    .argument('<session>', 'id of the session, or a name that only one ever had')
    .option('--from <moment>', 'from this day in --zone, or this instant')
    .option('--to <moment>', 'up to this day in --zone, included, or this instant, not included')
    .option('--zone <zone>', 'IANA time zone of days and times, as Europe/Berlin', 'UTC')
    .option('--around <id>', 'the page that has this message in its middle')
    .option('--limit <number>', 'events of a page', wholeNumber, 200)
    .option('--after <place>', 'the page behind or before another one, as it named it')
    .option('--json', 'print the page as JSON');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
Each version of a message is shown with what it changed: [-removed-]{+added+}. Times are those of --zone. A page ends with
the places of its neighbours. --json prints what the portal has too: session, events, members, next, previous, and the
state of the archive that was read.

Examples:
  $ zoom-chat-archiver conversation 'Legal & Privacy' --from 2026-05-01 --to 2026-05-31 --zone Europe/Berlin
  $ zoom-chat-archiver conversation 9f…e1 --around 9bb4b1d8-0b5d-4a5c-9e0f-2f4a1a2b3c4d
  $ zoom-chat-archiver conversation 9f…e1 --archive s3://bucket/zoom --key public.key --json`,
    )
    .action(async (session: string, _flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ConversationFlags>();
      const { from, to, zone, around, limit, after } = flags;
      const page = await withAudit(io, flags, async (ctx) =>
        conversation(ctx, {
          session: await sessionCalled(ctx, session),
          from,
          to,
          zone,
          around,
          limit,
          after,
        }),
      );
      if (flags.json) {
        io.out(JSON.stringify(page));
        return;
      }
      for (const line of transcript(page, zone)) io.out(line);
      io.out('');
      if (page.previous !== null) io.out(`before this: --after ${page.previous}`);
      if (page.next !== null) io.out(`behind this: --after ${page.next}`);
      const { origin, size, root } = page.at;
      io.out(`by checkpoint ${origin} of ${size} entries, root ${root}`);
    });
}

/** A number from 1 to 1000 in a flag. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 1000) return number;
  throw new InvalidArgumentError('must be a whole number from 1 to 1000');
}
