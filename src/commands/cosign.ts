import { existsSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { formatVerifierKey, parseSignerKey, witnessKeyOf } from '../proof/key.ts';
import { cosignPublished } from '../proof/witness.ts';
import { witnessKey } from '../segments/layout.ts';
import type { CommandIo } from './context.ts';
import { openReading, type ReadingFlags, withReadingOptions } from './reading.ts';

interface CosignFlags extends ReadingFlags {
  readonly witnessKey: string;
  readonly state: string;
  readonly first?: boolean;
}

/** `cosign`: a witness says that the log only ever grew since he looked last. */
export function cosignCommand(io: CommandIo): Command {
  const command = new Command('cosign')
    .description("add a witness's cosignature to the head of the log, if it extends the last one he cosigned")
    .requiredOption('--witness-key <file>', 'secret key of the witness, made by keygen')
    .requiredOption(
      '--state <file>',
      'where the witness keeps the head that he cosigned last; made with --first',
    )
    .option('--first', 'there is no state file yet: take the head as it is')
    .option('--json', 'print the result as JSON');
  return withReadingOptions(command)
    .addHelpText(
      'after',
      `
The cosigned head is written to the state file and to log/witness/ in the archive, where verify --require-witness looks
for it. A witness belongs on another machine, under another's control; the state file is his memory: keep it. Without it
he would cosign any head, so its loss is an error unless --first says that he never saw this log.

Examples:
  $ zoom-chat-archiver cosign --archive s3://bucket/zoom --key public.key --witness-key witness.key --state witness.note --first
  $ zoom-chat-archiver cosign --archive s3://bucket/zoom --key public.key --witness-key witness.key --state witness.note`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<CosignFlags>();
      const witness = parseSignerKey(readFileSync(flags.witnessKey, 'utf8').trim());
      const last = lastCosigned(flags);
      const reading = await openReading(flags);
      try {
        const time = Math.floor(Date.now() / 1000);
        const { checkpoint, text } = await cosignPublished(reading.sink, reading.key, witness, last, time);
        const key = witnessKey(witnessKeyOf(witness).id);
        const standing = await reading.sink.current(key);
        // The memory first: what is in the archive may be lost, what he signed must not be forgotten.
        await replaceFile(flags.state, text);
        await reading.sink.replace(
          key,
          Buffer.from(text),
          standing?.tag ?? null,
          'text/plain; charset=utf-8',
        );
        const name = formatVerifierKey(witnessKeyOf(witness));
        if (flags.json)
          io.out(JSON.stringify({ origin: checkpoint.origin, size: checkpoint.size, witness: name, time }));
        else io.out(`${checkpoint.origin}: ${checkpoint.size} entries, cosigned by ${name}`);
      } catch (error) {
        if (error instanceof ArchiverError && error.code === 'proof-invalid') {
          throw new ArchiverError('proof-invalid', error.phrase, {
            cause: error,
            detail: `${error.detail ?? ''}; nothing was signed`,
          });
        }
        throw error;
      } finally {
        await reading.close();
      }
    });
}

/** The head that the witness cosigned last. Fails with `usage` where that is missing, or is there though it must not be. */
function lastCosigned({ state, first = false }: CosignFlags): string | undefined {
  const exists = existsSync(state);
  if (exists && first) {
    throw new ArchiverError('usage', 'the state file exists; leave out --first', { detail: state });
  }
  if (!exists && !first) {
    const detail = `${state}; give --first if this witness never saw this log`;
    throw new ArchiverError('usage', 'the state file is missing', { detail });
  }
  return exists ? readFileSync(state, 'utf8') : undefined;
}

/** A crash at any point leaves the old text or the new one. */
async function replaceFile(path: string, text: string): Promise<void> {
  const incoming = `${path}.new`;
  const file = await open(incoming, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  // The commit point.
  await rename(incoming, path);
  const folder = await open(dirname(path));
  await folder.sync().finally(() => folder.close());
}
