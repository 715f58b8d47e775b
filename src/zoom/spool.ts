/** Files on their way from Zoom to the archive. */
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiverError, isDiskFull } from '../errors.ts';

const FILE_NAME = /^download-([0-9a-f]+)-([0-9a-f-]{36})$/;

/** Where downloads lie until they are stored; each file has one owner, who removes it. */
export class Spool {
  readonly #folder: string;
  readonly #owner: string;
  #ready: Promise<void> | undefined;

  /** @param owner hex digits that tell apart the archivers that share the folder */
  constructor(folder: string, owner: string) {
    this.#folder = folder;
    this.#owner = owner;
  }

  /** A path for a new file. The first call removes what a crash of this owner left. */
  async path(): Promise<string> {
    this.#ready ??= this.#sweep();
    await this.#ready;
    return join(this.#folder, `download-${this.#owner}-${randomUUID()}`);
  }

  async #sweep(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      if (FILE_NAME.exec(name)?.[1] !== this.#owner) continue;
      await rm(join(this.#folder, name), { force: true });
    }
  }
}

/** Pieces of a body are small; a write costs more than to put them together. */
const WRITE_BYTES = 1 << 20;

/**
 * A file that is written front to back and hashed on the way. While one part is on its way to the disk the next is
 * gathered. Fails with `spool-full`.
 */
export class HashedFile {
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  /** Bytes so far. */
  size = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** An empty file at `path`, whatever was there. */
  static async create(path: string): Promise<HashedFile> {
    return new HashedFile(await onDisk(() => open(path, 'w')));
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

  /** Once, at the end. */
  measured(): { readonly size: number; readonly sha256: string } {
    return { size: this.size, sha256: this.#hash.digest('hex') };
  }

  async close(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.close();
  }

  async #send(): Promise<void> {
    const part = this.#gathered;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#writing;
    this.#writing = onDisk(() => this.#store(part, bytes));
    // Its failure is met by the next to wait for it.
    this.#writing.catch(() => undefined);
  }

  async #store(part: readonly Uint8Array[], bytes: number): Promise<void> {
    if (bytes === 0) return;
    const { bytesWritten } = await this.#file.writev(part);
    // A disk that is nearly full takes a part and does not fail; to write the rest does.
    if (bytesWritten < bytes) await this.#file.writeFile(Buffer.concat(part).subarray(bytesWritten));
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
