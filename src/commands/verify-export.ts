import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { type ExportVerdict, verifyExport } from '../export/verify-export.ts';
import type { CommandIo, CommonFlags } from './context.ts';
import { createProgress } from './progress.ts';
import { readNoteKey } from './public-keys.ts';
import { printable } from './table.ts';

interface VerifyExportFlags extends CommonFlags {
  readonly key?: string;
}

/** `verify-export`: checks what `export` wrote. Needs neither archive nor configuration. */
export function verifyExportCommand(io: CommandIo): Command {
  return new Command('verify-export')
    .description('check an export: its files, every proof, and that its formats hold the same messages')
    .argument('<file>', 'the ZIP')
    .option('--key <vkey>', "the public key of the archive's log, or a file that holds it")
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
The exit code is 0 only if nothing is found. Take the key from whoever runs the archive: without --key the one in the
export is used, and the check only shows that the export agrees with itself.

Example:
  $ zoom-chat-archiver verify-export --key archive.example.com/acme+0c1d2e3f+AX… acme.zip`,
    )
    .action(async (path: string, _flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<VerifyExportFlags>();
      const key = flags.key === undefined ? undefined : await readNoteKey(flags.key);
      const progress = createProgress(io, 'checking');
      let known = false;
      const verdict = await verifyExport(path, {
        ...(key === undefined ? {} : { key }),
        signal: io.interrupt,
        onProgress: (_done, of) => {
          if (!known) progress.expect(of);
          known = true;
          progress.finish('files');
        },
      }).finally(() => progress.stop());
      if (flags.json) io.out(JSON.stringify({ file: path, ...verdict }));
      else for (const line of lines(path, verdict)) io.out(printable(line));
      if (verdict.holds) return;
      io.fail(
        new ArchiverError('export-differs', 'the export does not hold', {
          detail: `${verdict.findings.length} findings`,
        }),
      );
    });
}

function* lines(
  path: string,
  { holds, findings, warnings, trusted, manifest, members, proofs }: ExportVerdict,
): Generator<string> {
  yield `${holds ? 'holds' : 'does not hold'}: ${path}`;
  for (const { code, path: member, why } of findings) yield `  ${code}  ${member}  ${why}`;
  for (const { path: member, rule, why } of warnings) yield `  warning  ${member}  RSMF rule ${rule}: ${why}`;
  if (manifest !== null) {
    const { made, archive, counts, question } = manifest;
    yield `  made        ${made.at} by ${made.by}: ${made.reason}`;
    yield `  log         ${archive.origin}, size ${archive.size}`;
    yield `  formats     ${question.formats.join(', ')}`;
    yield `  messages    ${counts.messages} of ${counts.conversations} conversations, ${counts.revisions} versions`;
    yield `  files       ${members}`;
    yield `  proofs      ${question.proofs ? `${proofs} hold` : 'none asked for'}`;
    yield `  coverage    ${counts.holes === 0 ? 'no holes' : `${counts.holes} holes, see coverage.json`}`;
  }
  if (!trusted) yield '  key         from the export itself: give --key to know whose archive it is';
}
