import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { WitnessKey } from '../proof/key.ts';
import type { Finding } from '../proof/verify/finding.ts';
import { type VerifyReport, verify } from '../proof/verify/verify.ts';
import type { CommandIo } from './context.ts';
import { createProgress } from './progress.ts';
import { witnessKeys } from './public-keys.ts';
import { openReading, openStoredFiles, type ReadingFlags, savedHead, withReadingOptions } from './reading.ts';
import { renderTable } from './table.ts';

interface VerifyFlags extends ReadingFlags {
  readonly since?: string;
  readonly save?: string;
  readonly sample?: number;
  readonly requireWitness?: readonly WitnessKey[];
}

/** `verify`: checks the archive from its bucket or folder and the public key alone; asks neither ledger nor Zoom. */
export function verifyCommand(io: CommandIo): Command {
  const command = new Command('verify')
    .description('check the whole archive with the public key alone: log, objects, records, locks, coverage')
    .option(
      '--since <file>',
      'a checkpoint saved before: the log must extend it, and only what is new is read',
    )
    .option(
      '--save <file>',
      'save the checkpoint that was verified, for --since the next time; not with --sample',
    )
    .option(
      '--sample <n>',
      'read only so many objects, chosen at random; of the rest presence, size and lock',
      count,
    )
    .option('--require-witness <key>', 'a witness that must have cosigned; may be repeated', witnessKeys)
    .option('--json', 'print the report as JSON');
  return withReadingOptions(command)
    .addHelpText(
      'after',
      `
Exit code 0: everything holds. 19: something was altered or is missing. 18: all holds, but there is time that nobody
looked at, or that could not be collected. 6: there is no archive. 7: the store does not answer.

Examples:
  $ zoom-chat-archiver verify --config archiver.yaml --save last.checkpoint
  $ zoom-chat-archiver verify --archive s3://bucket/zoom --region eu-central-1 --key archive.example.com/acme+1a2b3c4d+AQ…
  $ zoom-chat-archiver verify --archive ./archive --key public.key --since last.checkpoint`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<VerifyFlags>();
      const reading = await openReading(flags);
      const files = await openStoredFiles(reading, io.interrupt);
      const progress = createProgress(io, 'verifying');
      try {
        let expected = 0;
        const report = await verify({
          sink: reading.sink,
          key: reading.key,
          files,
          signal: AbortSignal.any([io.drain, io.interrupt]),
          ...(flags.requireWitness === undefined ? {} : { witnesses: flags.requireWitness }),
          ...(flags.since === undefined ? {} : { since: await savedHead(flags.since) }),
          ...(flags.sample === undefined ? {} : { sample: flags.sample }),
          onProgress({ expected: now, done }) {
            if (now > expected) progress.expect(now - expected);
            expected = now;
            if (done > 0) progress.finish('');
          },
        });
        progress.stop();
        print(io, report, flags.json === true);
        const verdict = verdictOf(report.findings);
        if (verdict !== undefined) io.fail(verdict);
        else if (flags.save !== undefined && flags.sample === undefined)
          await writeFile(flags.save, report.text);
      } finally {
        progress.stop();
        await files.close();
        await reading.close();
      }
    });
}

/** The error that says what the findings come to; undefined when all holds. */
export function verdictOf(findings: readonly Finding[]): ArchiverError | undefined {
  if (findings.length === 0) return undefined;
  const altered = findings.filter(({ check }) => check !== 'coverage').length;
  return altered > 0
    ? new ArchiverError('proof-invalid', 'the archive does not verify', { detail: `${altered} findings` })
    : new ArchiverError('coverage-hole', 'the coverage has holes', { detail: String(findings.length) });
}

function print(io: CommandIo, report: VerifyReport, json: boolean): void {
  const { checkpoint, findings, text, covered, ...totals } = report;
  const streams = covered.map(({ stream, from, to }) => ({ stream, from: iso(from), to: iso(to) }));
  if (json) {
    const head =
      checkpoint === undefined
        ? null
        : {
            origin: checkpoint.origin,
            size: checkpoint.size,
            root: Buffer.from(checkpoint.root).toString('base64'),
          };
    io.out(
      JSON.stringify({ ok: findings.length === 0, checkpoint: head, ...totals, covered: streams, findings }),
    );
    return;
  }
  if (findings.length > 0) {
    io.out(
      renderTable(
        ['check', 'what', 'key', 'version', 'expected', 'found'],
        findings.map(({ check, what, key, version, expected, found }) => [
          check,
          what,
          key,
          version,
          expected,
          found,
        ]),
      ),
    );
  }
  const {
    entries,
    objects,
    read,
    records,
    bytes,
    lost,
    abandoned,
    disposed,
    locksUnseen,
    holds,
    testimonies,
    coverage,
  } = totals;
  const number = (value: number): string => value.toLocaleString('en-US');
  io.out(
    `${number(entries)} entries, ${number(objects)} objects, ${number(read)} of them read (${number(records)} records, ${(bytes / 1e6).toFixed(1)} MB)`,
  );
  for (const { name, size, time } of testimonies) {
    io.out(`${name} saw ${number(size)} entries on ${iso(time * 1000)}`);
  }
  for (const { stream, from, to } of streams) io.out(`${stream} covered from ${from} to ${to}`);
  if (!coverage) io.out('The coverage was not looked at: that takes all of its records.');
  if (locksUnseen > 0) {
    io.out(
      `The locks of ${number(locksUnseen)} objects were not looked at: the store does not show them to these credentials (s3:GetObjectRetention).`,
    );
  }
  if (disposed > 0) io.out(`${number(disposed)} segments and objects were disposed of`);
  if (holds > 0) io.out(`${number(holds)} legal holds are in force`);
  if (lost > 0) io.out(`${number(lost)} windows are on record as out of reach at Zoom`);
  if (abandoned > 0)
    io.out(`${number(abandoned)} objects were put by a ledger that was lost, and never logged`);
  if (checkpoint !== undefined) io.out(`checkpoint:\n${text.trimEnd()}`);
  io.out(findings.length === 0 ? 'Everything holds.' : `${number(findings.length)} findings.`);
}

const iso = (time: number): string => new Date(time).toISOString();

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('must be a whole number above 0');
  return value;
}
