/** Bodies of any size into files of the spool, hashed on the way. */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiverError, hasCode, isDiskFull } from '../errors.ts';
import type { Endpoint, StreamTarget, ZoomClient } from './client.ts';

const PREFIX = 'download-';
const FILE_NAME = /^download-([0-9a-f]+)-([0-9a-f-]{36})$/;

/** Where downloads lie until they are stored; each file has one owner, who removes it. */
export class Spool {
  readonly #folder: string;
  readonly #owner: string;
  #ready: Promise<void> | undefined;
  readonly #mine = new Set<string>();

  /** @param owner hex digits that tell apart the archivers that share the folder */
  constructor(folder: string, owner: string) {
    this.#folder = folder;
    this.#owner = owner;
  }

  /** A path for a new file. The first call removes what a crash of this owner left. */
  async path(): Promise<string> {
    this.#ready ??= this.#sweep();
    await this.#ready;
    const name = `${PREFIX}${this.#owner}-${randomUUID()}`;
    this.#mine.add(name);
    return join(this.#folder, name);
  }

  async #sweep(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      if (FILE_NAME.exec(name)?.[1] !== this.#owner || this.#mine.has(name)) continue;
      await rm(join(this.#folder, name), { force: true });
    }
  }
}

export interface DownloadOptions {
  /** A file to be written, anew with each try. */
  readonly path: string;
  /** Bytes; more ends in `too-large`. */
  readonly largest: number;
  /** A body that broke off in every try is kept as far as it came, instead of failing. */
  readonly keepPart?: boolean;
}

/** What came, as it stands in the file. */
export interface Downloaded {
  readonly outcome: 'whole' | 'part';
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** As the answer says; empty when it does not. */
  readonly contentType: string;
  readonly requestId: string;
  readonly trackingId: string;
}

export type Download = Downloaded | { readonly outcome: 'too-large' };

/**
 * Downloads into a file, in memory that does not grow with it. Whether Zoom can go on in the middle is not documented,
 * so each try begins at the first byte.
 *
 * Fails as {@link ZoomClient.stream} does, and with `spool-full`.
 */
export async function download(
  client: ZoomClient,
  endpoint: Endpoint,
  target: StreamTarget,
  { path, largest, keepPart = false }: DownloadOptions,
  signal: AbortSignal,
): Promise<Download> {
  let part: Downloaded | undefined;
  try {
    return await client.stream(
      endpoint,
      target,
      async ({ contentType, length, body, requestId, trackingId }) => {
        if (length !== undefined && length > largest) return { outcome: 'too-large' };
        const file = new HashedFile(await onDisk(() => open(path, 'w')));
        const came = (outcome: Downloaded['outcome']): Downloaded => {
          return { outcome, path, ...file.measured(), contentType, requestId, trackingId };
        };
        try {
          for await (const piece of body) {
            if (file.size + piece.length > largest) return { outcome: 'too-large' };
            await file.write(piece);
          }
          await file.flush();
          return came('whole');
        } catch (error) {
          if (!hasCode(error, 'zoom-unreachable')) throw error;
          await file.flush();
          part = came('part');
          throw error;
        } finally {
          await file.close();
        }
      },
      signal,
    );
  } catch (error) {
    if (!keepPart || part === undefined || !hasCode(error, 'zoom-unreachable')) throw error;
    return part;
  }
}

/** Pieces of a body are small; a write costs more than to put them together. */
const WRITE_BYTES = 1 << 20;

/** A file that is written front to back. While one part is on its way to the disk the next is gathered. */
class HashedFile {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(piece: Uint8Array): Promise<void> {
    this.#hash.update(piece);
    this.size += piece.length;
    this.#gathered.push(piece);
    this.#gatheredBytes += piece.length;
    if (this.#gatheredBytes >= WRITE_BYTES) await this.#send();
  }

  async flush(): Promise<void> {
    await this.#send();
    await this.#writing;
  }

  measured(): { readonly size: number; readonly sha256: string } {
    return { size: this.size, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.close();
  }

  async #send(): Promise<void> {
    const part = Buffer.concat(this.#gathered);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#writing;
    // `write` may store a part when the disk is nearly full, and not fail.
    this.#writing = onDisk(() => this.#file.writeFile(part));
    // Its failure is met by the next to wait for it.
    this.#writing.catch(() => undefined);
  }
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isDiskFull(cause)) throw new ArchiverError('spool-full', 'the spool is full', { cause });
    throw new ArchiverError('internal', 'the spool cannot be written', { cause });
  }
}
