/** Segments as files on local disk: DuckDB's own S3 reader is a download of code, which this program does not do. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ArchiverError } from '../errors.ts';
import type { SinkReader } from '../sinks/sink.ts';

export interface SegmentFiles {
  /** All files lie below it. */
  readonly folder: string;
  /** Path of a segment's file, which is fetched first where the archive is not on local disk. Fails as `sink.read`. */
  file(key: string, version?: string): Promise<string>;
  /** Gives the disk back that {@link file} took. */
  release(key: string): Promise<void>;
  /** Gives back all of it. */
  close(): Promise<void>;
}

/** The files of an archive that is a folder itself. */
export function filesInPlace(folder: string): SegmentFiles {
  return {
    folder,
    file: async (key) => join(folder, key),
    release: async () => undefined,
    close: async () => undefined,
  };
}

/** Copies in a temporary folder. */
export async function fetchedFiles(sink: SinkReader, signal: AbortSignal): Promise<SegmentFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-segments-'));
  return {
    folder,
    async file(key, version) {
      const path = join(folder, key);
      await mkdir(dirname(path), { recursive: true });
      await pipeline(await sink.read(key, version), createWriteStream(path), { signal });
      return path;
    },
    release: (key) => rm(join(folder, key), { force: true }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** As many as a bucket answers side by side without slowing down. */
const AT_ONCE = 8;

/**
 * What `work` makes of each item, in the items' order; up to 8 are underway at a time. After a failure no other is
 * begun, and none is underway any more when this ends.
 */
export async function sideBySide<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const waiting = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, item] = next;
      try {
        results.set(place, await work(item));
      } catch (error) {
        waiting.length = 0;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: AT_ONCE }, worker);
  await Promise.allSettled(workers);
  await Promise.all(workers);
  return [...results].sort(([one], [other]) => one - other).map(([, result]) => result);
}

/** Fails with `proof-invalid` unless the file has the size in bytes and the SHA-256 (lower-case hex) that are stated. */
export async function checkFile(
  path: string,
  stated: { readonly key: string; readonly bytes: number; readonly sha256: string },
): Promise<void> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  const sha256 = hash.digest('hex');
  if (size === stated.bytes && sha256 === stated.sha256) return;
  throw new ArchiverError('proof-invalid', 'an object has other bytes than its entry says', {
    detail: `${stated.key}: ${stated.bytes} bytes, SHA-256 ${stated.sha256}; found ${size} bytes, ${sha256}`,
  });
}
