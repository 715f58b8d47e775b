import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { type AccessVerification, verifyAccessLog } from '../access/verify.ts';
import { ArchiverError } from '../errors.ts';
import { type NoteKey, noteKeyOf, parseSignerKey } from '../proof/key.ts';
import type { CommandIo } from './context.ts';
import { readNoteKey } from './public-keys.ts';
import {
  openPlace,
  openReading,
  type Reading,
  type ReadingFlags,
  savedHead,
  withReadingOptions,
} from './reading.ts';
import { renderTable } from './table.ts';

interface VerifyFlags extends ReadingFlags {
  readonly access?: string;
  readonly accessPublicKey?: string;
  readonly since?: string;
  readonly save?: string;
}

/** `access-log verify`: checks the access log with its public key alone. */
export function accessLogVerifyCommand(io: CommandIo): Command {
  const command = new Command('verify')
    .description(
      'check the access log: head, entries, tiles, batches, locks, and that nothing else stands there',
    )
    .option(
      '--access-public-key <key>',
      'public key of the access log, or a file that holds it (default: that of access.key)',
    )
    .option(
      '--access <place>',
      'folder or s3://bucket/prefix of the access log (default: that of the archive)',
    )
    .option('--since <file>', 'a head saved before, which the log must extend')
    .option('--save <file>', 'save the head that was verified, for --since the next time')
    .option('--json', 'print the result as JSON');
  return withReadingOptions(command)
    .addHelpText(
      'after',
      `
Reads only, and writes nothing down. Exit code 19: something was altered or is missing. 6: there is no access log.

Example:
  $ zoom-chat-archiver access-log verify --archive ./archive --key public.key --access-public-key access-public.key`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<VerifyFlags>();
      const reading = await openReading(flags);
      const other = flags.access === undefined ? undefined : await openPlace(flags, flags.access);
      try {
        const result = await verifyAccessLog({
          sink: other?.sink ?? reading.sink,
          key: await accessKeyOf(reading, flags),
          archive: reading.key.name,
          ...(flags.since === undefined ? {} : { since: await savedHead(flags.since) }),
          signal: AbortSignal.any([io.drain, io.interrupt]),
        });
        tell(io, result, flags.json === true);
        if (result.findings.length > 0) {
          const detail = `${result.findings.length} findings`;
          io.fail(new ArchiverError('proof-invalid', 'the access log does not verify', { detail }));
        } else if (flags.save !== undefined) await writeFile(flags.save, result.text);
      } finally {
        await other?.sink.close();
        await reading.close();
      }
    });
}

async function accessKeyOf({ accessKey }: Reading, flags: VerifyFlags): Promise<NoteKey> {
  if (flags.accessPublicKey !== undefined) return readNoteKey(flags.accessPublicKey);
  if (accessKey !== undefined) return noteKeyOf(parseSignerKey(accessKey));
  throw new ArchiverError('usage', 'the public key of the access log is missing', {
    detail: 'give --access-public-key',
  });
}

function tell(io: CommandIo, result: AccessVerification, json: boolean): void {
  const { checkpoint, entries, unpublished, batches, findings } = result;
  if (json) {
    const head =
      checkpoint === null
        ? null
        : {
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: Buffer.from(checkpoint.root).toString('base64'),
          };
    const ok = findings.length === 0;
    io.out(JSON.stringify({ ok, checkpoint: head, entries, unpublished, batches, findings }));
    return;
  }
  if (findings.length > 0)
    io.out(
      renderTable(
        ['check', 'what', 'key'],
        findings.map(({ check, what, key }) => [check, what, key]),
      ),
    );
  if (checkpoint !== null)
    io.out(
      `access log ${checkpoint.origin}: ${entries} entries in ${batches} batches, ${unpublished} beyond the head`,
    );
  io.out(findings.length === 0 ? 'the access log verifies' : `${findings.length} findings`);
}
