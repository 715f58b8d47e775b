import { Command } from 'commander';
import { type DriftFinding, FILE_FINDINGS, MESSAGE_FINDINGS } from '../drift/drift-tables.ts';
import type { UnreadablePart } from '../drift/hold-contents.ts';
import { type ComparedZip, type DriftReport, driftVerdict, holdDrift } from '../drift/hold-drift.ts';
import { formatVerifierKey, type NoteKey } from '../proof/key.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import { openPublished, type PublishedLog } from '../proof/published.ts';
import type { CommandIo } from './context.ts';
import {
  type CacheFlags,
  openIntactFiles,
  openReading,
  type ReadingFlags,
  withCacheOptions,
  withReadingOptions,
} from './reading.ts';
import { withProgress } from './segments.ts';
import { printable } from './table.ts';

interface DriftFlags extends ReadingFlags, CacheFlags {
  readonly matter: string;
  readonly custodian?: string;
}

/** `hold drift`: a matter's zips against the archive, from the archive alone. */
export function holdDriftCommand(io: CommandIo): Command {
  const command = new Command('drift')
    .description(
      'compare the legal-hold zips of a matter, message by message and file by file, with the archive',
    )
    .requiredOption('--matter <matter>', 'id or name of the matter at Zoom')
    .option('--custodian <person>', 'only the zips of this e-mail address or user id')
    .option('--json', 'print the report as JSON');
  return withCacheOptions(withReadingOptions(command))
    .addHelpText(
      'after',
      `
Reads the zips that the archive has, whole ones only, and asks Zoom nothing. Exit code 0: the archive has all that the
zips hold. 27: they hold something that it has not, or one of them could not be read in full. 25: there is no zip.

Examples:
  $ zoom-chat-archiver hold drift --matter 'Acme v. Company'
  $ zoom-chat-archiver hold drift --matter 5f9c… --custodian ada@example.com --json`,
    )
    .action(async (_flags: unknown, self: Command) => {
      const flags = self.optsWithGlobals<DriftFlags>();
      const reading = await openReading(flags);
      const { sink, key } = reading;
      let files: IntactFiles | undefined;
      try {
        files = await openIntactFiles(reading, flags, io);
        const log = await openPublished(sink, key);
        const { matter, custodian } = flags;
        const report = await holdDrift(
          {
            sink,
            log,
            files,
            signal: AbortSignal.any([io.drain, io.interrupt]),
            each: (what, items, work) => withProgress(io, what, items, work),
          },
          { matter, ...(custodian === undefined ? {} : { custodian }) },
        );
        if (flags.json) io.out(JSON.stringify(asJson(report, log, key)));
        else tell(io, report);
        const verdict = driftVerdict(report);
        if (verdict !== undefined) io.fail(verdict);
      } finally {
        await files?.close();
        await reading.close();
      }
    });
}

/** The documented form: docs/retention.md. */
function asJson(report: DriftReport, { checkpoint: { origin, size } }: PublishedLog, key: NoteKey): object {
  const [first] = report.zips;
  return {
    matter: { id: first?.zip.matterId, name: first?.zip.matterName },
    log: { origin, size },
    key: formatVerifierKey(key),
    segments: report.segments,
    drift: driftVerdict(report) !== undefined,
    zips: report.zips.map(zipAsJson),
  };
}

function zipAsJson({ zip, drift, unreadable, unreadableCount }: ComparedZip): object {
  const { custodian, from, to, state } = zip;
  const described = { custodian, from, to, state };
  switch (state) {
    case 'broken':
      return { ...described, problems: zip.problems };
    case 'unavailable':
      return { ...described, reason: zip.reason };
    case 'whole':
      return {
        ...described,
        objects: zip.objects,
        messages: drift?.messages,
        messagesById: drift?.messagesById,
        files: drift?.files,
        counts: { ...drift?.counts, unreadable: unreadableCount },
        findings: drift?.findings,
        unreadable,
      };
    default:
      return state satisfies never;
  }
}

function tell(io: CommandIo, { zips, segments }: DriftReport): void {
  for (const { zip, drift, unreadable, unreadableCount } of zips) {
    const { custodian, from, to, state } = zip;
    const name = `${custodian.email} ${from} to ${to}`;
    if (state === 'broken')
      io.out(printable(`${name}: not compared, the zip is broken: ${zip.problems.join(', ')}`));
    if (state === 'unavailable')
      io.out(printable(`${name}: not compared, Zoom refused the zip: ${zip.reason}`));
    if (drift === undefined) continue;
    io.out(printable(`${name}: ${drift.messages} messages, ${drift.files} files`));
    for (const kind of [...MESSAGE_FINDINGS, ...FILE_FINDINGS]) {
      const count = drift.counts[kind];
      if (count === 0) continue;
      io.out(`  ${kind}: ${count}`);
      const listed = drift.findings.filter((finding) => finding.kind === kind);
      for (const finding of listed) io.out(`    ${printable(described(finding))}`);
      if (listed.length < count) io.out(`    and ${count - listed.length} more`);
    }
    if (unreadableCount > 0) io.out(`  unreadable: ${unreadableCount}`);
    for (const part of unreadable) io.out(`    ${printable(unread(part))}`);
  }
  io.out(`${zips.length} zips against ${segments} segments`);
}

function described(finding: DriftFinding): string {
  if ('messageId' in finding) {
    const { session, messageId, sender, sentAt } = finding;
    return `${messageId ?? 'without id'} in ${session ?? 'an unnamed session'}, ${sender ?? 'unnamed'}, ${sentAt ?? 'no time'}`;
  }
  const { name, size, sha256, reason } = finding;
  return `${name}, ${size ?? 'unknown'} bytes, SHA-256 ${sha256 ?? 'unknown'}${reason === null ? '' : `, ${reason}`}`;
}

function unread({ name, reason, line, rows }: UnreadablePart): string {
  const where = line === undefined ? '' : `, from line ${line}`;
  return `${name === '' ? 'the zip' : name}: ${reason}${where}${rows === undefined ? '' : `, ${rows} rows`}`;
}
