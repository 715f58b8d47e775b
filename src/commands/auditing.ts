/** What every command shares that answers auditors from archived messages. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { type AccessLog, createAccessLog, hasAccessLog, unrecorded } from '../access/log.ts';
import { ArchiverError } from '../errors.ts';
import type { Checkpoint } from '../proof/checkpoint.ts';
import { parseSignerKey, type SignerKey, secretOf } from '../proof/key.ts';
import { OpenArchive } from '../query/archive.ts';
import {
  type AccessLogPlace,
  type AuditContext,
  type Reader,
  ROLES,
  type Role,
  WHOLE_ARCHIVE,
} from '../query/reader.ts';
import type { Sink } from '../sinks/sink.ts';
import type { CommandIo } from './context.ts';
import {
  type CacheFlags,
  indexFolder,
  openIntactFiles,
  openPlace,
  openReading,
  type Reading,
  type ReadingFlags,
  withCacheOptions,
  withReadingOptions,
} from './reading.ts';

/** Where and with what deeds are written down. */
export interface AccessFlags extends ReadingFlags {
  readonly access?: string;
  readonly accessKey?: string;
}

/** Who asks. */
export interface ReaderFlags {
  readonly as?: string;
  readonly role?: Role;
  readonly scopeMatter?: readonly string[];
  readonly scopeCustodian?: readonly string[];
  readonly scopeChannel?: readonly string[];
  readonly scopeFrom?: string;
  readonly scopeTo?: string;
}

export interface AuditFlags extends AccessFlags, ReaderFlags, CacheFlags {}

/** The options of these commands. */
export function withAuditOptions(command: Command): Command {
  return withReaderOptions(withAccessOptions(withCacheOptions(withReadingOptions(command))));
}

/** The options of whoever writes to the access log. */
export function withAccessOptions(command: Command): Command {
  return command
    .option(
      '--access-key <file>',
      'file with the secret key of the access log (default: that of the setting access.key)',
    )
    .option(
      '--access <place>',
      'folder or s3://bucket/prefix of the access log (default: that of the archive)',
    );
}

/**
 * Who asks, and what he may see. Whoever runs a command has the archive in his hands anyway, so these narrow what is
 * answered, and try out roles and scopes, but keep nobody from anything; the portal does.
 */
export function withReaderOptions(command: Command): Command {
  return withNameOption(command)
    .addOption(
      new Option('--role <role>', 'answer as this role would be answered')
        .choices([...ROLES])
        .default('officer'),
    )
    .option('--scope-matter <matter>', 'only what the holds of this matter cover; may be repeated', also)
    .option('--scope-custodian <person>', 'only sessions this person took part in; may be repeated', also)
    .option('--scope-channel <channel>', 'only this channel, by id or glob; may be repeated', also)
    .option('--scope-from <day>', 'only this UTC day or later, as 2026-05-01', day)
    .option('--scope-to <day>', 'only this UTC day or earlier', day);
}

/** The option of commands that answer whatever role and scope: whoever runs them is an officer. */
export function withNameOption(command: Command): Command {
  return command.option(
    '--as <name>',
    'who asks, as the access log names him (default: the user of this system)',
  );
}

function also(given: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, given];
}

function day(text: string): string {
  if (z.iso.date().safeParse(text).success) return text;
  throw new InvalidArgumentError('must be a day, as 2026-05-01');
}

/** Who asks by a command. */
export function readerOf(flags: ReaderFlags): Reader {
  return {
    name: flags.as ?? userInfo().username,
    role: flags.role ?? 'officer',
    scope: {
      ...WHOLE_ARCHIVE,
      matters: flags.scopeMatter ?? [],
      custodians: flags.scopeCustodian ?? [],
      channels: flags.scopeChannel ?? [],
      from: flags.scopeFrom ?? null,
      to: flags.scopeTo ?? null,
    },
  };
}

/** Writes down what is asked, for as long as a process runs. */
export interface Recording {
  /** With which a verb works, for one question of one reader. */
  contextFor(archive: OpenArchive, reader: Reader, signal: AbortSignal): AuditContext;
  /** What `contextFor` gives for work that needs no {@link OpenArchive}. @param asked the head that answers */
  recordFor(reader: Reader, asked: Checkpoint): AuditContext['record'];
  /** Undefined where there is none. */
  readonly log: AccessLogPlace | undefined;
  /** Under which the index of the archive is kept; undefined where there is no access log. */
  readonly indexSecret: Buffer | undefined;
  /** Waits until nothing is being written any more. */
  close(): Promise<void>;
}

/**
 * Opens the access log of an archive. One that has none, and for which no key is given, is read without, and `io.err` is
 * told so. Fails with `access-unrecorded` where a log exists but there is no key for it, or a key is given but no log of
 * it can be opened, `bad-key`, `usage`.
 */
export async function openRecording(io: CommandIo, reading: Reading, flags: AccessFlags): Promise<Recording> {
  const signer = await accessSigner(reading, flags);
  if (signer === undefined) {
    await requireNone(reading, flags);
    io.err.write('note: this archive has no access log; nobody writes down what is asked\n');
    return recordingBy(undefined, undefined, async () => undefined);
  }
  const own = flags.access === undefined ? undefined : await openPlace(flags, flags.access);
  const sink: Sink = own?.sink ?? reading.sink;
  const close = async (): Promise<void> => own?.sink.close();
  try {
    const log = await createAccessLog({ sink, signer, archive: reading.key.name, now: Date.now });
    return recordingBy(log, secretOf(signer, 'index'), close);
  } catch (error) {
    await close();
    throw unrecorded(error);
  }
}

/** The key that signs the access log; undefined where none is given. Fails with `bad-key`. */
export async function accessSigner(
  { accessKey }: Pick<Reading, 'accessKey'>,
  flags: AccessFlags,
): Promise<SignerKey | undefined> {
  const path = flags.accessKey;
  if (path === undefined) return accessKey === undefined ? undefined : parseSignerKey(accessKey.trim());
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ArchiverError('bad-key', 'the key of the access log cannot be read', { cause, detail: path });
  });
  return parseSignerKey(text.trim());
}

async function requireNone({ sink }: Reading, { access }: AccessFlags): Promise<void> {
  if (access === undefined && !(await hasAccessLog(sink))) return;
  throw new ArchiverError('access-unrecorded', 'the key of the access log is missing', {
    detail: 'give --access-key, or access.key in the configuration',
  });
}

function recordingBy(
  log: AccessLog | undefined,
  indexSecret: Buffer | undefined,
  close: () => Promise<void>,
): Recording {
  const recordFor: Recording['recordFor'] = (reader, asked) => async (access) =>
    log?.record(reader, access, asked);
  return {
    log: log?.place,
    indexSecret,
    recordFor,
    contextFor: (archive, reader, signal) => ({
      archive,
      reader,
      record: recordFor(reader, archive.log.checkpoint),
      ...(log === undefined ? {} : { accessLog: log.place }),
      signal,
    }),
    async close() {
      await log?.settled();
      await close();
    },
  };
}

/** Opens the archive and what it takes to ask, and closes it again. */
export async function withAudit<T>(
  io: CommandIo,
  flags: AuditFlags,
  work: (ctx: AuditContext, reading: Reading) => Promise<T>,
): Promise<T> {
  const reading = await openReading(flags);
  try {
    const recording = await openRecording(io, reading, flags);
    try {
      const files = await openIntactFiles(reading, flags, io);
      try {
        const index = { folder: await indexFolder(flags), secret: recording.indexSecret };
        const archive = await OpenArchive.open(reading.sink, reading.key, files, index);
        try {
          return await work(recording.contextFor(archive, readerOf(flags), io.interrupt), reading);
        } finally {
          archive.close();
        }
      } finally {
        await files.close();
      }
    } finally {
      await recording.close();
    }
  } finally {
    await reading.close();
  }
}
