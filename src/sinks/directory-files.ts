/** What a directory sink asks of the file system, and what the system's errors mean. */
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Digest, digestOf } from '../digest.ts';
import { ArchiverError, type ErrorCode } from '../errors.ts';
import { bodyChunks, interrupted } from './body.ts';
import type { PutRequest } from './sink.ts';

const FULL = { code: 'sink-full', phrase: 'the disk is full' } as const;
const DENIED = { code: 'sink-denied', phrase: 'the folder cannot be written' } as const;
const LOST = { code: 'sink-unreachable', phrase: 'the folder is not there' } as const;
const TAKEN = { code: 'sink-conflict', phrase: 'a folder and an object share a name' } as const;

const BY_ERRNO: Readonly<Record<string, { readonly code: ErrorCode; readonly phrase: string }>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: DENIED,
  ENOTSUP: DENIED,
  EOPNOTSUPP: DENIED,
  ENOENT: LOST,
  ENODEV: LOST,
  ESTALE: LOST,
  EIO: LOST,
  ETIMEDOUT: LOST,
  ENOTCONN: LOST,
  ENOTDIR: TAKEN,
  EISDIR: TAKEN,
  EEXIST: TAKEN,
};

/** An error of the system as the program's own; any other, and ours, unchanged. */
export function translated(error: unknown, path: string): unknown {
  const number = errno(error);
  const meaning = number === undefined ? undefined : BY_ERRNO[number];
  if (error instanceof ArchiverError || meaning === undefined) return error;
  return new ArchiverError(meaning.code, meaning.phrase, { cause: error, detail: `${path}: ${number}` });
}

/** Writes the body to a new read-only file and syncs it; tells what the bytes written were. */
export async function writeDurably(
  path: string,
  request: PutRequest,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const file = await open(path, 'wx', 0o600);
  try {
    const written = await digestOf(writing(file, request, signal));
    await file.chmod(0o444);
    await file.sync();
    return written;
  } finally {
    await file.close();
  }
}

async function* writing(
  file: FileHandle,
  { key, body }: PutRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bodyChunks(body)) {
    if (signal?.aborted) throw interrupted(key);
    await file.writeFile(chunk);
    yield chunk;
  }
}

/** Creates one folder whose parent must exist, so that a missing mount is never papered over. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch((error: unknown) => {
    if (errno(error) !== 'EEXIST') throw error;
  });
}

/** Creates `path` and whatever folder is missing between it and `root`, which must exist. */
export async function makeFolders(path: string, root: string): Promise<void> {
  if (path === root) return;
  const facts = await ifPresent(stat(path));
  if (facts !== null) return;
  await makeFolders(dirname(path), root);
  await makeFolder(path);
}

/** Makes the entries of `path` and of every folder above it, up to and with `root`, durable. */
export async function syncFolders(path: string, root: string): Promise<void> {
  for (let folder = path; ; folder = dirname(folder)) {
    const handle = await open(folder);
    await handle.sync().finally(() => handle.close());
    if (folder === root) return;
  }
}

/** What `step` gives, null where there is no such file. */
export async function ifPresent<T>(step: Promise<T>): Promise<T | null> {
  try {
    return await step;
  } catch (error) {
    if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return null;
    throw error;
  }
}

/** The system's name of what went wrong, as ENOENT. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
