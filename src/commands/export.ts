import { createWriteStream } from 'node:fs';
import { access, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { ArchiverError, isDiskFull } from '../errors.ts';
import { type ExportInput, type ExportSummary, exportSlice, FORMATS, type Format } from '../export/export.ts';
import { type AuditFlags, withAudit, withAuditOptions } from './auditing.ts';
import { sessionCalled } from './called-session.ts';
import type { CommandIo } from './context.ts';
import { createProgress } from './progress.ts';

interface ExportFlags extends AuditFlags {
  readonly text?: string;
  readonly match?: 'words' | 'phrase' | 'substring' | 'regex';
  readonly person?: string;
  readonly participant?: string;
  readonly session?: readonly string[];
  readonly channel?: string;
  readonly custodian?: readonly string[];
  readonly matter?: string;
  readonly kind?: 'sent' | 'edited' | 'deleted';
  readonly hasFiles?: boolean;
  readonly external?: boolean;
  readonly edited?: boolean;
  readonly deleted?: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly zone: string;
  readonly format?: readonly Format[];
  readonly proofs: boolean;
  readonly reason: string;
  readonly out: string;
  readonly spool?: string;
}

/** `export`: messages as a ZIP for somebody without the archive. */
export function exportCommand(io: CommandIo): Command {
  const command = new Command('export')
    .description('write messages of a search, of conversations, custodians or a matter to a ZIP, with proofs')
    .requiredOption('--out <file>', 'the ZIP to write; must not be there')
    .requiredOption('--reason <text>', 'why, as the export and the access log say it')
    .addOption(new Option('--format <format...>', 'one or more (default: rsmf)').choices(FORMATS))
    .option(
      '--session <session>',
      'this conversation, by its id or a name that only one ever had; may be repeated',
      also,
    )
    .option('--custodian <address>', 'every conversation of this person; may be repeated', also)
    .option('--matter <name>', 'what the holds of this matter cover')
    .option('--text <text>', 'messages with this text')
    .addOption(
      new Option('--match <how>', 'how to look for it').choices(['words', 'phrase', 'substring', 'regex']),
    )
    .option('--person <who>', 'sender: address, member id, or a name that he ever had')
    .option('--participant <who>', 'somebody who took part in the conversation')
    .option('--channel <channel>', 'id of a channel, or a glob of a name that it ever had')
    .addOption(
      new Option('--kind <kind>', 'only versions of this kind').choices(['sent', 'edited', 'deleted']),
    )
    .option('--has-files', 'messages with files')
    .option('--external', 'messages from or to people outside of the account')
    .option('--edited', 'messages that were edited ever')
    .option('--deleted', 'messages that were deleted ever')
    .option('--from <moment>', 'sent at or after: a day in --zone, or an instant')
    .option('--to <moment>', 'sent on this day or before, or before this instant')
    .option('--zone <zone>', 'IANA time zone of days, and of times for people', 'UTC')
    .option('--no-proofs', 'without a proof for each version')
    .option('--spool <folder>', 'for temporary files (default: where the ZIP is written)')
    .option('--json', 'print the result as JSON');
  return withAuditOptions(command)
    .addHelpText(
      'after',
      `
--session, --custodian or --matter by themselves export all of it; with other conditions they narrow a search.
Formats: rsmf (review platforms), eml (mail), csv, ndjson (the records as they are), html (transcript), dat (Concordance).
\`verify-export\` checks the ZIP without the archive.

Examples:
  $ zoom-chat-archiver export --matter 'Acme v. Company' --reason 'request 17' --out acme.zip
  $ zoom-chat-archiver export --session 'Legal & Privacy' --from 2026-05-01 --to 2026-05-31 --zone Europe/Berlin \\
      --format html --format csv --reason 'audit of May' --out may.zip`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<ExportFlags>();
      const out = resolve(flags.out);
      await requireAbsent(out);
      const summary = await withAudit(io, flags, async (ctx) => {
        const progress = createProgress(io, 'exporting');
        let phase = '';
        let reached = 0;
        try {
          const session = [];
          for (const called of flags.session ?? []) session.push(await sessionCalled(ctx, called));
          const input = inputOf({ ...flags, session });
          return await written(out, (file) =>
            exportSlice(ctx, input, {
              out: file,
              spool: resolve(flags.spool ?? dirname(out)),
              now: Date.now,
              onProgress: (now) => {
                if (now.phase !== phase) progress.expect(now.of);
                if (now.phase !== phase) reached = 0;
                phase = now.phase;
                progress.finish(phase, now.done - reached);
                reached = now.done;
              },
            }),
          );
        } finally {
          progress.stop();
        }
      });
      tell(io, flags, out, summary);
    });
}

function also(given: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, given];
}

function inputOf(flags: ExportFlags): ExportInput {
  const { zone, proofs, reason, format } = flags;
  return {
    of: exportedOf(flags),
    zone,
    proofs,
    reason,
    ...(format === undefined ? {} : { formats: [...format] }),
  };
}

/** One of the three alone names a whole; anything beside it makes a search. */
function exportedOf(flags: ExportFlags): ExportInput['of'] {
  const { session = [], custodian = [], matter, from, to, zone } = flags;
  const { text, match, person, participant, channel, kind, hasFiles, external, edited, deleted } = flags;
  const window = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  const conditions = given({
    text,
    match,
    person,
    participant,
    channel,
    kind,
    hasFiles,
    external,
    edited,
    deleted,
  });
  const places = [session.length > 0, custodian.length > 0, matter !== undefined].filter(Boolean).length;
  if (Object.keys(conditions).length === 0 && places === 1) {
    if (session.length > 0) return { kind: 'conversations', sessions: [...session], ...window };
    if (custodian.length > 0) return { kind: 'custodians', custodians: [...custodian], ...window };
    if (matter !== undefined && from === undefined && to === undefined) return { kind: 'matter', matter };
  }
  const [oneSession, ...otherSessions] = session;
  const [oneCustodian, ...otherCustodians] = custodian;
  if (otherSessions.length + otherCustodians.length > 0)
    throw new ArchiverError('usage', 'a search takes one --session and one --custodian');
  const own = given({ session: oneSession, custodian: oneCustodian, matter });
  return { kind: 'search', query: { ...conditions, ...own, ...window, zone } };
}

/** Without what was not given. */
function given<T extends object>(flags: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}

async function requireAbsent(path: string): Promise<void> {
  const stands = await access(path).then(
    () => true,
    () => false,
  );
  if (stands) throw new ArchiverError('usage', 'something stands there already', { detail: path });
}

/** Writes under another name first, which is gone again where it fails. */
async function written(
  path: string,
  write: (file: NodeJS.WritableStream & ReturnType<typeof createWriteStream>) => Promise<ExportSummary>,
): Promise<ExportSummary> {
  const partial = `${path}.${process.pid}.partial`;
  const file = createWriteStream(partial, { flags: 'wx', mode: 0o600 });
  try {
    const summary = await write(file);
    await rename(partial, path);
    return summary;
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof ArchiverError) throw error;
    if (isDiskFull(error))
      throw new ArchiverError('spool-full', 'the disk of the export is full', { cause: error });
    if (error instanceof Error && 'syscall' in error)
      throw new ArchiverError('usage', 'the export cannot be written', {
        cause: error,
        detail: error.message,
      });
    throw error;
  }
}

function tell(io: CommandIo, { json }: ExportFlags, path: string, summary: ExportSummary): void {
  if (json) {
    io.out(JSON.stringify({ file: path, ...summary }));
    return;
  }
  const { revisions, messages, conversations, files, holes, bytes, sha256 } = summary;
  io.out(
    `${messages} messages of ${conversations} conversations, ${revisions} versions, ${files} files; holes in their coverage: ${holes}`,
  );
  io.out(`${path}: ${bytes} bytes, SHA-256 ${sha256}`);
}
