/** What the archive holds as files on local disk: DuckDB's own S3 reader is a download of code, which this program does not do. */
import { type FileHandle, mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { addAbortSignal } from 'node:stream';
import { type Digest, digestOf, fileBytes } from '../digest.ts';
import { ArchiverError, isDiskFull } from '../errors.ts';
import type { SinkReader } from '../sinks/sink.ts';

/** What an entry of the log says of the object that it names. */
interface Stated {
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

export interface LocalFiles {
  /** All files lie below it. */
  readonly folder: string;
  /** Path of the file, which is fetched first where the archive is not on local disk. Fails as `sink.read`. */
  file(key: string): Promise<string>;
  /**
   * The file of an entry, and what its bytes are, which may be others than the entry says. More than it says is not
   * fetched: fails with `proof-invalid` then, with `spool-full`, and as `sink.read`.
   */
  stated(entry: Stated): Promise<LocalFile>;
  /** Gives the disk back that a file took. */
  release(key: string): Promise<void>;
  /** Gives back all of it. */
  close(): Promise<void>;
}

/** The files of an archive that is a folder itself. */
export function filesInPlace(folder: string): LocalFiles {
  return {
    folder,
    file: async (key) => join(folder, key),
    async stated(entry) {
      const path = join(folder, entry.key);
      return { path, found: await digestOf(fileBytes(path)) };
    },
    release: async () => undefined,
    close: async () => undefined,
  };
}

/** Copies in a temporary folder. */
export async function fetchedFiles(sink: SinkReader, signal: AbortSignal): Promise<LocalFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-segments-'));
  const placeFor = async (key: string): Promise<string> => {
    const path = join(folder, key);
    await mkdir(dirname(path), { recursive: true });
    return path;
  };
  return {
    folder,
    async file(key) {
      const path = await placeFor(key);
      await copyTo(path, await openRead(sink, { key }, signal));
      return path;
    },
    async stated(entry) {
      return fetchTo(await placeFor(entry.key), sink, entry, signal);
    },
    release: (key) => rm(join(folder, key), { force: true }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * Fetches what an entry names into a file.
 * @returns what came; fails with `proof-invalid` when that is longer than stated, `spool-full`, and as `sink.read`
 */
export async function fetchTo(
  path: string,
  sink: SinkReader,
  entry: Stated,
  signal: AbortSignal,
): Promise<LocalFile> {
  return { path, found: await copyTo(path, atMost(await openRead(sink, entry, signal), entry)) };
}

/** What is read of an entry's object without keeping it; fails as {@link fetchTo} does. */
export async function digestStated(sink: SinkReader, entry: Stated, signal: AbortSignal): Promise<Digest> {
  return digestOf(atMost(await openRead(sink, entry, signal), entry));
}

/**
 * The file that `bring` brings. Fails with `proof-invalid`, naming the key, where the archive has no such object, or the
 * file is not what the entry says.
 */
export async function requireIntact(
  sink: SinkReader,
  { key, version, bytes, sha256 }: Stated,
  bring: () => Promise<LocalFile>,
): Promise<string> {
  if ((await sink.head(key, version)) === null)
    throw new ArchiverError('proof-invalid', 'an object of the log is missing', { detail: key });
  const { path, found } = await bring();
  if (found.size === bytes && found.sha256 === sha256) return path;
  throw new ArchiverError('proof-invalid', 'the object has other bytes', {
    detail: `${key}: ${bytes} bytes, SHA-256 ${sha256}; found ${found.size} bytes, ${found.sha256}`,
  });
}

async function openRead(
  sink: SinkReader,
  { key, version }: { readonly key: string; readonly version?: string },
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
        detail: `${entry.key}: more than ${entry.bytes} bytes`,
      });
    }
    yield chunk;
  }
}

async function copyTo(path: string, bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  try {
    const file = await open(path, 'w');
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
