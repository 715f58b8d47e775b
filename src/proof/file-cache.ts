/**
 * Copies of what a bucket holds, kept between runs and shared by processes:
 *
 *     sha256/<aa>/<sha256>   by content, so that versions and archives share what is the same
 *     runs/<id>/<key>        hard links to what one run uses, which stay when others evict it
 *
 * A name in `sha256` appears by a hard link, so it is never half written; and what it names is hashed when a run takes it,
 * and again whenever its stamp is another. A crash leaves a folder in `runs`, which a later run removes.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ArchiverError } from '../errors.ts';
import type { SinkReader } from '../sinks/sink.ts';
import {
  fetchIntact,
  type IntactFiles,
  ifThere,
  isSame,
  requireUnchanged,
  type Stated,
} from './local-files.ts';
import { digestOfFile } from './stamps.ts';

export interface CacheOptions {
  /** Made where it is missing, on a file system with hard links; nobody else may read it. */
  readonly folder: string;
  /** Bytes that `sha256` takes at most. */
  readonly limit: number;
  /** Milliseconds; default `Date.now`. */
  readonly now?: () => number;
}

/** A run that asked for no file for so long ended without its end. */
const STALE_MS = 24 * 3_600_000;

const LIVE_MS = 60_000;

/** Evicting makes so much room at once that it need not look at every file again soon. */
const KEPT_SHARE = 0.9;

/** The cache in `folder` as one run uses it. Several may be open at once, also in other processes. */
export async function openFileCache(
  sink: SinkReader,
  { folder, limit, now = Date.now }: CacheOptions,
  signal: AbortSignal,
): Promise<IntactFiles> {
  const contents = join(folder, 'sha256');
  const runs = join(folder, 'runs');
  const run = join(runs, randomUUID());
  try {
    await mkdir(contents, { recursive: true, mode: 0o700 });
    await mkdir(run, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : folder;
    throw new ArchiverError('usage', 'the cache cannot be made; name another folder', { cause, detail });
  }
  await removeStale(runs, now() - STALE_MS);
  // What others add meanwhile is counted when the next eviction looks.
  let size = (await cached(contents)).reduce((sum, file) => sum + file.size, 0);

  let seenAlive = 0;
  /** Others must not take this run for one that ended. */
  async function live(): Promise<void> {
    if (Math.abs(now() - seenAlive) < LIVE_MS) return;
    seenAlive = now();
    const used = new Date(seenAlive);
    await utimes(run, used, used);
  }

  const placeOf = (sha256: string): string => join(contents, sha256.slice(0, 2), sha256);

  /** @returns whether the cache has it, or the run; other bytes are dropped from both */
  async function take(path: string, entry: Stated): Promise<boolean> {
    if (await linked(placeOf(entry.sha256), path)) {
      // Before it is hashed, for this changes its stamp.
      const used = new Date(now());
      await ifThere(utimes(path, used, used));
    }
    const found = await ifThere(digestOfFile(path));
    if (found === undefined) return false;
    if (isSame(entry, found)) return true;
    await rm(placeOf(entry.sha256), { force: true });
    await rm(path, { force: true });
    return false;
  }

  async function keep(path: string, { sha256, bytes }: Stated): Promise<void> {
    if (bytes > limit) return;
    if (size + bytes > limit) size = await evict(contents, limit * KEPT_SHARE - bytes);
    const place = placeOf(sha256);
    await mkdir(dirname(place), { recursive: true, mode: 0o700 });
    if (await linked(path, place)) size += bytes;
  }

  return {
    async intact(entry) {
      const path = join(run, entry.key);
      await live();
      const taken = await ifThere(digestOfFile(path));
      if (taken !== undefined && isSame(entry, taken)) return path;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      if (!(await take(path, entry))) {
        const incoming = `${path}.${randomUUID()}`;
        try {
          await fetchIntact(incoming, sink, entry, signal);
          await syncFile(incoming);
          const used = new Date(now());
          await utimes(incoming, used, used);
          await rename(incoming, path);
        } catch (error) {
          await rm(incoming, { force: true });
          throw error;
        }
        await keep(path, entry);
      }
      return path;
    },
    unchanged: (entry) => requireUnchanged(entry, join(run, entry.key)),
    release: ({ key }) => rm(join(run, key), { force: true }),
    close: () => rm(run, { recursive: true, force: true }),
    async forget(hashes) {
      if (hashes.size === 0) return;
      for (const { path, name, size: bytes } of await cached(contents)) {
        if (!hashes.has(name)) continue;
        await rm(path, { force: true });
        size -= bytes;
      }
    },
  };
}

interface CachedFile {
  readonly path: string;
  /** SHA-256 of what it should hold. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds. */
  readonly usedAt: number;
}

async function cached(contents: string): Promise<readonly CachedFile[]> {
  const files: CachedFile[] = [];
  for (const entry of await readdir(contents, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const stats = await ifThere(stat(path));
    if (stats === undefined) continue;
    files.push({ path, name: entry.name, size: stats.size, usedAt: stats.mtimeMs });
  }
  return files;
}

/** Removes what was not used for longest, until no more than `target` bytes are left. @returns how many are */
async function evict(contents: string, target: number): Promise<number> {
  const files = [...(await cached(contents))].sort((one, other) => one.usedAt - other.usedAt);
  let size = files.reduce((sum, file) => sum + file.size, 0);
  for (const { path, size: bytes } of files) {
    if (size <= target) break;
    await rm(path, { force: true });
    size -= bytes;
  }
  return size;
}

async function removeStale(runs: string, before: number): Promise<void> {
  for (const name of await readdir(runs)) {
    const path = join(runs, name);
    const stats = await ifThere(stat(path));
    if (stats !== undefined && stats.mtimeMs < before) await rm(path, { recursive: true, force: true });
  }
}

/** A second name for a file. @returns whether there is one now: false where the file is missing; an existing name stays */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  return true;
}

/** Bytes that are only in memory would be gone after a power cut, and their name would not. */
async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.sync().finally(() => file.close());
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
