/** Members of an export as they lie on local disk before they come into the ZIP, one after the other in one file. */
import { createHash, hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { ArchiverError, isDiskFull } from '../errors.ts';

/** A finished member. */
export interface Member {
  /** In the ZIP, with `/`. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

export interface PackedMember extends Member {
  /** Where it begins in its pack. */
  readonly offset: number;
}

const BUFFER_BYTES = 1 << 20;

/** Takes members one after the other and gives them back. What it does not write at once waits in a megabyte. */
export class Pack {
  readonly #file: FileHandle;
  readonly #members: PackedMember[] = [];
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #size = 0;
  #open: {
    readonly path: string;
    readonly offset: number;
    readonly hash: ReturnType<typeof createHash>;
  } | null = null;
  #text: string[] = [];
  #textLength = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async create(path: string): Promise<Pack> {
    return new Pack(await open(path, 'wx+', 0o600));
  }

  get members(): readonly PackedMember[] {
    return this.#members;
  }

  /** Characters and bytes of the member begun last. */
  get openSize(): number {
    return this.#open === null ? 0 : this.#size - this.#open.offset + this.#textLength;
  }

  /** A member as a whole. */
  async put(path: string, content: Buffer | string): Promise<void> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    this.#members.push({
      path,
      offset: this.#size,
      size: bytes.length,
      sha256: hash('sha256', bytes, 'hex'),
    });
    await this.#append(bytes);
  }

  begin(path: string): void {
    this.#open = { path, offset: this.#size, hash: createHash('sha256') };
  }

  /** To the member begun last. */
  async write(text: string): Promise<void> {
    this.#text.push(text);
    this.#textLength += text.length;
    if (this.#textLength >= BUFFER_BYTES / 4) await this.#encode();
  }

  async bytes(bytes: Buffer): Promise<void> {
    await this.#encode();
    this.#open?.hash.update(bytes);
    await this.#append(bytes);
  }

  async end(): Promise<void> {
    await this.#encode();
    if (this.#open === null) return;
    const { path, offset, hash } = this.#open;
    this.#members.push({ path, offset, size: this.#size - offset, sha256: hash.digest('hex') });
    this.#open = null;
  }

  /** What was written is on disk, and can be read. */
  async flush(): Promise<void> {
    const [waiting, bytes] = [this.#waiting, this.#waitingBytes];
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (bytes === 0) return;
    try {
      await this.#file.appendFile(waiting.length === 1 ? (waiting[0] ?? '') : Buffer.concat(waiting, bytes));
    } catch (cause) {
      throw diskError(cause);
    }
  }

  /** The bytes of a member, in pieces of a megabyte at most. */
  async *read({ offset, size }: PackedMember): AsyncGenerator<Buffer> {
    for (let at = offset; at < offset + size; ) {
      const piece = Buffer.allocUnsafe(Math.min(BUFFER_BYTES, offset + size - at));
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new ArchiverError('internal', 'a staged member ends before its end');
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** A small member as bytes, a large one as a stream. */
  async content(member: PackedMember): Promise<Buffer | Readable> {
    if (member.size > BUFFER_BYTES) return Readable.from(this.read(member), { objectMode: false });
    const bytes = Buffer.allocUnsafe(member.size);
    const { bytesRead } = await this.#file.read(bytes, 0, member.size, member.offset);
    if (bytesRead !== member.size) throw new ArchiverError('internal', 'a staged member ends before its end');
    return bytes;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #encode(): Promise<void> {
    if (this.#textLength === 0) return;
    const bytes = Buffer.from(this.#text.join(''));
    this.#text = [];
    this.#textLength = 0;
    this.#open?.hash.update(bytes);
    await this.#append(bytes);
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#size += bytes.length;
    if (this.#waitingBytes >= BUFFER_BYTES) await this.flush();
  }
}

/** An error of writing, as whoever exports should read it. */
export function diskError(cause: unknown): unknown {
  if (!isDiskFull(cause)) return cause;
  return new ArchiverError('spool-full', 'the disk of the export is full', { cause });
}
