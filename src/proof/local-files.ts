/** What the archive holds as files on local disk: DuckDB's own S3 reader is a download of code, which this program does not do. */
import { type FileHandle, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { type Digest, digestOf, fileBytes } from '../digest.ts';
import { ArchiverError, isDiskFull } from '../errors.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { digestOfFile } from './stamps.ts';

/** What an entry of the log says of the object that it names. */
export interface Stated {
  readonly key: string;
  readonly version: string;
  /** Length. */
  readonly bytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A file of which something is known. */
export interface LocalFile {
  readonly path: string;
  /** What its bytes are. */
  readonly found: Digest;
}

/** Files for whoever looks at what the store has now, right or wrong. */
export interface StoredFiles {
  /**
   * The file of an entry, and what its bytes are, which may be others than the entry says. More than it says is not
   * fetched: fails with `proof-invalid` then, with `spool-full`, and as `sink.read`.
   */
  stated(entry: Stated): Promise<LocalFile>;
  /** Gives the disk back that a file took. */
  release(entry: Stated): Promise<void>;
  /** Gives back all of it. */
  close(): Promise<void>;
}

/** Files for whoever answers from the archive: none is other than its entry says. */
export interface IntactFiles {
  /**
   * Path of the file of an entry, which ends in the entry's key. Fails with `proof-invalid`, naming key and version,
   * where the store has no such object or other bytes; with `spool-full` and `sink-*`.
   */
  intact(entry: Stated): Promise<string>;
  /**
   * To be asked once a file was read: fails with `proof-invalid`, naming key and version, where its bytes are not those
   * of its entry any more, and what was read may not have been either.
   */
  unchanged(entry: Stated): Promise<void>;
  /** The file is not used any more. */
  release(entry: Stated): Promise<void>;
  /** No copy of what the archive destroyed is kept any longer. @param hashes SHA-256, lower-case hex */
  forget(hashes: ReadonlySet<string>): Promise<void>;
  /** No file is used any more. */
  close(): Promise<void>;
}

/** The files of an archive that is a folder itself. */
export function filesInPlace(folder: string): StoredFiles {
  return {
    stated: (entry) => inPlace(folder, entry),
    release: async () => undefined,
    close: async () => undefined,
  };
}

/** As {@link filesInPlace}, each checked when it is asked for. @param sink of the same folder */
export function intactInPlace(folder: string, sink: SinkReader): IntactFiles {
  return {
    async intact(entry) {
      const path = join(folder, entry.key);
      const found = await ifThere(digestOfFile(path));
      if (found !== undefined && isSame(entry, found)) return path;
      await requirePresent(sink, entry);
      return requireSame(entry, await inPlace(folder, entry));
    },
    unchanged: (entry) => requireUnchanged(entry, join(folder, entry.key)),
    release: async () => undefined,
    forget: async () => undefined,
    close: async () => undefined,
  };
}

async function inPlace(folder: string, { key }: Stated): Promise<LocalFile> {
  const path = join(folder, key);
  return { path, found: await digestOf(fileBytes(path)) };
}

/** Copies in a temporary folder. */
export async function fetchedFiles(sink: SinkReader, signal: AbortSignal): Promise<StoredFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-segments-'));
  return {
    async stated(entry) {
      const path = join(folder, entry.key);
      await mkdir(dirname(path), { recursive: true });
      return fetchTo(path, sink, entry, signal);
    },
    release: ({ key }) => rm(join(folder, key), { force: true }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * Fetches what an entry names into a file, which is exactly what the entry says. Fails as {@link IntactFiles.intact}
 * does, and may leave a file then.
 */
export async function fetchIntact(
  path: string,
  sink: SinkReader,
  entry: Stated,
  signal: AbortSignal,
): Promise<string> {
  await requirePresent(sink, entry);
  return requireSame(entry, await fetchTo(path, sink, entry, signal));
}

async function fetchTo(
  path: string,
  sink: SinkReader,
  entry: Stated,
  signal: AbortSignal,
): Promise<LocalFile> {
  return { path, found: await copyTo(path, atMost(await openRead(sink, entry, signal), entry)) };
}

/** What is read of an entry's object without keeping it; fails as {@link StoredFiles.stated} does. */
export async function digestStated(sink: SinkReader, entry: Stated, signal: AbortSignal): Promise<Digest> {
  return digestOf(atMost(await openRead(sink, entry, signal), entry));
}

/** A read of what is missing fails as one of a store that does not answer. */
async function requirePresent(sink: SinkReader, { key, version }: Stated): Promise<void> {
  if ((await sink.head(key, version)) !== null) return;
  throw new ArchiverError('proof-invalid', 'an object of the log is missing', {
    detail: `${key}, version ${version}`,
  });
}

/** Whether the bytes are those that the entry states. */
export function isSame({ bytes, sha256 }: Stated, found: Digest): boolean {
  return found.size === bytes && found.sha256 === sha256;
}

function requireSame(entry: Stated, { path, found }: LocalFile): string {
  if (isSame(entry, found)) return path;
  const { key, version, bytes, sha256 } = entry;
  throw new ArchiverError('proof-invalid', 'the object has other bytes', {
    detail: `${key}, version ${version}: ${bytes} bytes, SHA-256 ${sha256}; found ${found.size} bytes, ${found.sha256}`,
  });
}

/** As {@link IntactFiles.unchanged}, of the file at `path`. */
export async function requireUnchanged(entry: Stated, path: string): Promise<void> {
  const found = await ifThere(digestOfFile(path));
  if (found !== undefined && isSame(entry, found)) return;
  throw new ArchiverError('proof-invalid', 'an object changed while it was read', {
    detail: `${entry.key}, version ${entry.version}`,
  });
}

/** Undefined where there is no such file. */
export async function ifThere<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function openRead(
  sink: SinkReader,
  { key, version }: Stated,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  signal.throwIfAborted();
  return addAbortSignal(signal, await sink.read(key, version));
}

/** Whatever stands at the key must not fill the disk, nor keep a reader for ever. */
async function* atMost(bytes: AsyncIterable<Uint8Array>, entry: Stated): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > entry.bytes) {
      throw new ArchiverError('proof-invalid', 'the object is longer than its entry says', {
        detail: `${entry.key}, version ${entry.version}: more than ${entry.bytes} bytes`,
      });
    }
    yield chunk;
  }
}

async function copyTo(path: string, bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  try {
    const file = await open(path, 'w', 0o600);
    return await digestOf(writing(file, bytes)).finally(() => file.close());
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    throw new ArchiverError('spool-full', 'the spool is full', { cause: error, detail: path });
  }
}

async function* writing(file: FileHandle, bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    // `write` may store a part when the disk is nearly full, and not fail.
    await file.writeFile(chunk);
    yield chunk;
  }
}
