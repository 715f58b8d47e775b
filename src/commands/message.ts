import { Command } from 'commander';
import { type MessageView, message } from '../query/message.ts';
import { versionSteps } from '../query/message-event.ts';
import { type AuditFlags, withAudit, withAuditOptions } from './auditing.ts';
import type { CommandIo } from './context.ts';
import { renderTable } from './table.ts';
import { versionText } from './transcript.ts';

interface MessageFlags extends AuditFlags {
  readonly session?: string;
  readonly proofs?: boolean;
}

/** `message`: every archived version of a message, and where it stands. `prove` writes the proofs to give away. */
export function messageCommand(io: CommandIo): Command {
  const command = new Command('message')
    .description('show every archived version and record of a message, and where each stands')
    .argument('<id>', 'id of the message')
    .option('--session <id>', 'only in this session')
    .option('--proofs', 'with --json: the proof of each record, and the bytes that it is of')
    .option('--json', 'print the result as JSON');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
A version shows what it changed: [-removed-]{+added+}. \`prove\` writes the same proofs as files.

Example:
  $ zoom-chat-archiver message 9bb4b1d8-0b5d-4a5c-9e0f-2f4a1a2b3c4d`,
    )
    .action(async (id: string, _flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<MessageFlags>();
      const { session, proofs = false } = flags;
      const view = await withAudit(io, flags, (ctx) => message(ctx, { message: id, session, proofs }));
      if (flags.json) io.out(JSON.stringify(view));
      else tell(io, view);
    });
}

function tell(io: CommandIo, { versions, records, at }: MessageView): void {
  for (const { revision, difference } of versionSteps(versions)) {
    for (const line of versionText(revision, difference)) io.out(line);
  }
  io.out(
    renderTable(
      ['record', 'observed', 'entry', 'row', 'hash'],
      records.map(({ stream, kind, observedAt, place, hash }) => [
        `${stream} ${kind}`,
        observedAt,
        String(place.entry),
        String(place.row),
        hash,
      ]),
    ),
  );
  io.out(`by checkpoint ${at.origin} of ${at.size} entries, root ${at.root}`);
}
