import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { NoteKey, WitnessKey } from '../proof/key.ts';
import { checkRecordProof, type ProvenRecord, type RecordVerdict } from '../proof/record-proof.ts';
import type { CommandIo } from './context.ts';
import { readNoteKey, readWitnessKey } from './public-keys.ts';
import { printable } from './table.ts';

interface VerifyProofFlags {
  readonly key?: string;
  readonly requireWitness: readonly string[];
  readonly json?: boolean;
}

const PROOF = '.tlog-proof';

/** `verify-proof`: checks what `prove` wrote. Needs neither archive nor configuration. */
export function verifyProofCommand(io: CommandIo): Command {
  return new Command('verify-proof')
    .description('check proofs and the records beside them, with nothing but the public key of the log')
    .argument('<file...>', `proofs, named ${PROOF}; the record stands beside each, named .record`)
    .option('--key <vkey>', "the log's public key, or a file that holds it")
    .option(
      '--require-witness <vkey>',
      'public key of a witness that must have cosigned, or a file that holds it; may be repeated',
      (value: string, all: readonly string[]) => [...all, value],
      [] as readonly string[],
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
The exit code is 0 only if every proof holds. Take the key from somebody you trust, not from whoever gave you the proof.

Example:
  $ zoom-chat-archiver verify-proof --key archive.example.com/acme+0c1d2e3f+AX… ./evidence/*.tlog-proof`,
    )
    .action(async (paths: readonly string[], _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<VerifyProofFlags>();
      if (flags.key === undefined) {
        throw new ArchiverError('bad-key', 'a proof is worth nothing without the key of the log', {
          detail: '--key is missing, and the key must not come from the proof',
        });
      }
      const key = await readNoteKey(flags.key);
      const witnesses = await Promise.all(flags.requireWitness.map(readWitnessKey));
      const wrong = paths.find((path) => !path.endsWith(PROOF));
      if (wrong !== undefined)
        throw new ArchiverError('usage', `a proof is a file named ${PROOF}`, { detail: wrong });

      const verdicts: { file: string; verdict: RecordVerdict }[] = [];
      for (const file of paths) verdicts.push({ file, verdict: await checkFiles(file, key, witnesses) });
      const bad = verdicts.filter(({ verdict }) => !verdict.holds);
      if (flags.json) {
        const proofs = verdicts.map(({ file, verdict }) => ({ file, ...described(verdict) }));
        io.out(JSON.stringify({ holds: bad.length === 0, proofs }));
      } else {
        for (const { file, verdict } of verdicts) io.out(lines(file, verdict).map(printable).join('\n'));
      }
      if (bad.length === 0) return;
      io.fail(
        new ArchiverError('proof-invalid', 'not every proof holds', {
          detail: `${bad.length} of ${verdicts.length} do not`,
        }),
      );
    });
}

async function checkFiles(
  path: string,
  key: NoteKey,
  witnesses: readonly WitnessKey[],
): Promise<RecordVerdict> {
  const failures: string[] = [];
  const read = async (file: string): Promise<Buffer> =>
    readFile(file).catch((error: unknown) => {
      failures.push(`file cannot be read: ${error instanceof Error ? error.message : file}`);
      return Buffer.of();
    });
  const proof = await read(path);
  const record = await read(`${path.slice(0, -PROOF.length)}.record`);
  return failures.length > 0
    ? { holds: false, failures }
    : checkRecordProof(proof.toString(), record, key, witnesses);
}

/** Of a proof that does not hold nothing is shown but why: what it says is nobody's word. */
function described(verdict: RecordVerdict): object {
  if (!verdict.holds) return verdict;
  const { fact, messageId, recordHash, origin, size, entry, witnesses } = verdict;
  return {
    holds: true,
    ...shown(fact),
    messageId,
    recordHash,
    segment: entry.key,
    sealedAt: entry.at,
    log: { origin, size },
    witnesses,
  };
}

function shown({ account, stream, kind, session_id, observed_at }: ProvenRecord['fact']) {
  // Whole milliseconds, but of any size: Date ends before JSON's integers do.
  const observed = new Date(observed_at);
  const observedAt = Number.isNaN(observed.getTime()) ? String(observed_at) : observed.toISOString();
  return { account, stream, kind, session: session_id, observedAt };
}

function lines(file: string, verdict: RecordVerdict): readonly string[] {
  if (!verdict.holds) return [`does not hold: ${file}`, ...verdict.failures.map((failure) => `  ${failure}`)];
  const { fact, messageId, origin, size, entry, witnesses } = verdict;
  const { account, stream, kind, session, observedAt } = shown(fact);
  return [
    `holds: ${file}`,
    `  account     ${account}`,
    `  stream      ${stream}`,
    `  kind        ${kind}`,
    `  session     ${session}`,
    `  message id  ${messageId ?? ''}`,
    `  observed    ${observedAt}`,
    `  sealed      ${entry.at}, as one of ${entry.count} records of ${entry.key}`,
    `  log         ${origin}, size ${size}`,
    ...(witnesses.length === 0 ? [] : [`  witnesses   ${witnesses.join(', ')}`]),
  ];
}
