import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import {
  formatSignerKey,
  formatVerifierKey,
  generateSignerKey,
  noteKeyOf,
  publicKeyPem,
  witnessKeyOf,
} from '../proof/key.ts';
import type { CommandIo } from './context.ts';

/** `keygen`: a key for the archive's log, for its access log, or for a witness. Needs no configuration. */
export function keygenCommand(io: CommandIo): Command {
  return new Command('keygen')
    .description("make the Ed25519 key that signs the archive's log, its access log, or that of a witness")
    .requiredOption(
      '--name <name>',
      "the log's origin: a URL without https://, for example archive.example.com/acme",
    )
    .requiredOption('--out <file>', 'file for the secret key; must not exist')
    .option('--json', 'print the public keys as JSON')
    .addHelpText(
      'after',
      [
        '',
        'Give the public key to those who will verify the archive, on paper or by another way than the archive itself,',
        'and keep a copy of the secret key: without it the log cannot go on.',
        '',
        'Example:',
        '  $ zoom-chat-archiver keygen --name archive.example.com/acme --out signing.key',
      ].join('\n'),
    )
    .action(async (_flags: unknown, command: Command) => {
      const { name, out, json } = command.optsWithGlobals<{ name: string; out: string; json?: boolean }>();
      const signer = generateSignerKey(name);
      await writeFile(out, `${formatSignerKey(signer)}\n`, { mode: 0o600, flag: 'wx' }).catch((cause) => {
        throw new ArchiverError('usage', 'the key cannot be written', {
          cause,
          detail: `${out}: ${cause instanceof Error ? cause.message : String(cause)}`,
        });
      });
      const key = formatVerifierKey(noteKeyOf(signer));
      const witnessKey = formatVerifierKey(witnessKeyOf(signer));
      const pem = publicKeyPem(noteKeyOf(signer));
      if (json) {
        io.out(JSON.stringify({ name, file: out, key, witnessKey, pem }));
        return;
      }
      io.out(`secret key: ${out}`);
      io.out(`public key: ${key}`);
      io.out(`as a witness: ${witnessKey}`);
      io.out(pem.trimEnd());
    });
}
