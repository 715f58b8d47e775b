/** An archive opened to be read: by its configuration, or by its place and public key alone, as auditors have it. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { parseBytes } from '../config/bytes.ts';
import type { Config } from '../config.ts';
import { ArchiverError } from '../errors.ts';
import type { NoteKey } from '../proof/key.ts';
import {
  fetchedFiles,
  filesInPlace,
  type IntactFiles,
  intactInPlace,
  type StoredFiles,
} from '../proof/local-files.ts';
import type { PublishedLog } from '../proof/published.ts';
import type { Slice } from '../query/catalog.ts';
import { createDirectorySink } from '../sinks/directory.ts';
import type { Sink, SinkReader } from '../sinks/sink.ts';
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

export interface CacheFlags {
  readonly cache?: string;
  /** Bytes. */
  readonly cacheSize: number;
}

/** The options of every command that answers from what a bucket holds. */
export function withCacheOptions(command: Command): Command {
  return command
    .option('--cache <folder>', 'keeps copies from a bucket between runs (default: the cache of this user)')
    .addOption(
      new Option('--cache-size <size>', 'bytes that the copies take at most')
        .argParser(size)
        .default(10e9, '10GB'),
    );
}

function size(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw new InvalidArgumentError('must be a number above 0 and a unit, as in 64MB');
  return bytes;
}

export interface SliceFlags {
  readonly class?: readonly string[];
  readonly from?: string;
  readonly to?: string;
}

/** The options of every command that looks at a part of the segments. */
export function withSliceOptions(command: Command): Command {
  return command
    .option('--class <class>', 'only segments of this retention class; may be repeated', also)
    .option('--from <day>', 'only segments of this UTC day or later, as 2026-05-01', day)
    .option('--to <day>', 'only segments of this UTC day or earlier', day);
}

export function sliceOf({ class: classes, from, to }: SliceFlags): Slice {
  return { classes, from, to };
}

function also(given: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, given];
}

function day(text: string): string {
  if (z.iso.date().safeParse(text).success) return text;
  throw new InvalidArgumentError('must be a day, as 2026-05-01');
}

/** Where an archive is. */
export type Place =
  | { readonly kind: 'directory'; readonly path: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string };

export interface Reading {
  readonly sink: Sink;
  readonly place: Place;
  readonly key: NoteKey;
  /** The secret key of the access log, as a configuration gives it; never shown. */
  readonly accessKey: string | undefined;
  close(): Promise<void>;
}

/**
 * Fails with `usage` when no key is given: one that the archive itself names proves nothing. Fails with `config-invalid`
 * and `bad-key`.
 */
export async function openReading(flags: ReadingFlags): Promise<Reading> {
  const given = flags.key === undefined ? undefined : await readNoteKey(flags.key);
  const opened =
    flags.archive === undefined
      ? await byConfiguration(flags, given)
      : await byPlace(flags, flags.archive, given);
  return { ...opened, close: () => opened.sink.close() };
}

type Opened = Omit<Reading, 'close'>;

async function byConfiguration(flags: ReadingFlags, given: NoteKey | undefined): Promise<Opened> {
  // The whole archiver, which whoever has the place and the key need not load.
  const [{ openContext, openSink, signerOf }, { noteKeyOf }] = await Promise.all([
    import('./context.ts'),
    import('../proof/key.ts'),
  ]);
  const context = openContext(flags, 'warn');
  const key = given ?? noteKeyOf(signerOf(context));
  const { sink, access } = context.config;
  return { sink: await openSink(context), place: placeOf(sink), key, accessKey: access.key };
}

export function placeOf(sink: Config['sink']): Place {
  return sink.kind === 'directory'
    ? { kind: 'directory', path: sink.path }
    : { kind: 's3', bucket: sink.bucket, prefix: sink.prefix };
}

async function byPlace(flags: ReadingFlags, archive: string, key: NoteKey | undefined): Promise<Opened> {
  if (key === undefined) {
    throw new ArchiverError('usage', 'the public key is missing', {
      detail: 'give --key as you had it from whoever runs the archive, not from the archive itself',
    });
  }
  return { ...(await openPlace(flags, archive)), key, accessKey: undefined };
}

/** What stands at a folder or `s3://bucket/prefix`; the caller closes the sink. */
export async function openPlace(
  { region = 'us-east-1', endpoint, logLevel = 'warn' }: ReadingFlags,
  text: string,
): Promise<Pick<Reading, 'sink' | 'place'>> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)\/?(.*)$/.exec(text) ?? [];
  if (bucket === undefined) {
    const path = resolve(text);
    return { sink: createDirectorySink({ root: path }), place: { kind: 'directory', path } };
  }
  const [{ createS3Sink }, { createLog }] = await Promise.all([
    import('../sinks/s3.ts'),
    import('../log.ts'),
  ]);
  const store = endpoint === undefined ? {} : { endpoint, forcePathStyle: true };
  const sink = createS3Sink({ bucket, prefix, region, ...store, log: createLog({ level: logLevel }) });
  return { sink, place: { kind: 's3', bucket, prefix } };
}

/** Which state of an archive was read, for people. */
export function checkpointText({ checkpoint: { origin, size, root } }: PublishedLog): string {
  return `checkpoint ${origin} of ${size} entries, root ${Buffer.from(root).toString('base64')}`;
}

interface Placed {
  readonly sink: SinkReader;
  readonly place: Place;
}

/** Files for verification: those of a folder where they are, others as they come from the store. */
export async function openStoredFiles({ sink, place }: Placed, signal: AbortSignal): Promise<StoredFiles> {
  return place.kind === 'directory' ? filesInPlace(place.path) : fetchedFiles(sink, signal);
}

/** Files for answers: those of a folder where they are, others through the cache. Fails with `usage` without one. */
export async function openIntactFiles(
  { sink, place }: Placed,
  { cache, cacheSize }: CacheFlags,
  { interrupt }: Pick<CommandIo, 'interrupt'>,
): Promise<IntactFiles> {
  if (place.kind === 'directory') return intactInPlace(place.path, sink);
  const { openFileCache } = await import('../proof/file-cache.ts');
  const folder = cache === undefined ? (await import('../config.ts')).cacheFolder() : resolve(cache);
  return openFileCache(sink, { folder, limit: cacheSize }, interrupt);
}

/** Where the index of archives is kept between runs: beside the copies. */
export async function indexFolder({ cache }: Partial<CacheFlags>): Promise<string> {
  const folder = cache === undefined ? (await import('../config.ts')).cacheFolder() : resolve(cache);
  return join(folder, 'index');
}

/** A head that `--save` wrote before, for `--since`. Fails with `usage` where the file cannot be read. */
export async function savedHead(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new ArchiverError('usage', 'the saved head cannot be read; the first time, leave --since out', {
      cause,
      detail: path,
    });
  }
}
