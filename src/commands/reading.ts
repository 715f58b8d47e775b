/** An archive opened to be read: by its configuration, or by its place and public key alone, as auditors have it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import type { NoteKey } from '../proof/key.ts';
import { fetchedFiles, filesInPlace, type LocalFiles } from '../proof/local-files.ts';
import { createDirectorySink } from '../sinks/directory.ts';
import type { Sink } from '../sinks/sink.ts';
import type { CommandIo, CommonFlags } from './context.ts';
import { readNoteKey } from './public-keys.ts';

export interface ReadingFlags extends CommonFlags {
  readonly archive?: string;
  readonly region?: string;
  readonly endpoint?: string;
  readonly key?: string;
}

/** The options of every command that auditors use. */
export function withReadingOptions(command: Command): Command {
  return command
    .option('--archive <place>', 'folder or s3://bucket/prefix of the archive; then no configuration is read')
    .option('--region <region>', 'region of the bucket', 'us-east-1')
    .option('--endpoint <url>', 'for stores other than AWS')
    .option('--key <key>', "public key of the archive's log, or a file that holds it");
}

export interface Reading {
  readonly sink: Sink;
  readonly key: NoteKey;
  readonly files: LocalFiles;
  close(): Promise<void>;
}

/**
 * Fails with `usage` when no key is given: one that the archive itself names proves nothing. Fails with `config-invalid`
 * and `bad-key`.
 */
export async function openReading(flags: ReadingFlags, io: Pick<CommandIo, 'interrupt'>): Promise<Reading> {
  const given = flags.key === undefined ? undefined : await readNoteKey(flags.key);
  const { sink, root, key } =
    flags.archive === undefined
      ? await byConfiguration(flags, given)
      : await byPlace(flags, flags.archive, given);
  const files = root === undefined ? await fetchedFiles(sink, io.interrupt) : filesInPlace(root);
  return {
    sink,
    key,
    files,
    async close() {
      await sink.close();
      await files.close();
    },
  };
}

interface Place {
  readonly sink: Sink;
  /** Where it lies on local disk, if it does. */
  readonly root: string | undefined;
  readonly key: NoteKey;
}

async function byConfiguration(flags: ReadingFlags, given: NoteKey | undefined): Promise<Place> {
  // The whole archiver, which whoever has the place and the key need not load.
  const [{ openContext, openSink, signerOf }, { noteKeyOf }] = await Promise.all([
    import('./context.ts'),
    import('../proof/key.ts'),
  ]);
  const context = openContext(flags, 'warn');
  const { sink } = context.config;
  return {
    sink: openSink(context),
    root: sink.kind === 'directory' ? sink.path : undefined,
    key: given ?? noteKeyOf(signerOf(context)),
  };
}

async function byPlace(
  { region = 'us-east-1', endpoint, logLevel = 'warn' }: ReadingFlags,
  archive: string,
  key: NoteKey | undefined,
): Promise<Place> {
  if (key === undefined) {
    throw new ArchiverError('usage', 'the public key is missing', {
      detail: 'give --key as you had it from whoever runs the archive, not from the archive itself',
    });
  }
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(archive) ?? [];
  if (bucket === undefined) {
    const root = resolve(archive);
    return { sink: createDirectorySink({ root }), root, key };
  }
  const [{ createS3Sink }, { createLog }] = await Promise.all([
    import('../sinks/s3.ts'),
    import('../log.ts'),
  ]);
  const store = endpoint === undefined ? {} : { endpoint, forcePathStyle: true };
  const sink = createS3Sink({ bucket, prefix, region, ...store, log: createLog({ level: logLevel }) });
  return { sink, root: undefined, key };
}
