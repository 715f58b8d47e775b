/** Reads zips of others: their directory, and entries as streams. No name is ever a path, and nothing is unpacked. */
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import yauzl, { type Entry, type ZipFile as YauzlFile } from 'yauzl';

export interface ZipEntry {
  /** As it stands in the zip; bytes that are no text are U+FFFD. */
  readonly name: string;
  /** It would leave the folder that it is unpacked into, or upset a file system. */
  readonly unsafe: boolean;
  /** Bytes unpacked, as the directory says. */
  readonly size: number;
  readonly compressedSize: number;
  readonly crc32: number;
  /** The least offset after its content. */
  readonly end: number;
  readonly encrypted: boolean;
  /** Stored, or packed in the one way that everybody reads. */
  readonly decodable: boolean;
}

const LOCAL_HEADER = 30;

/** A zip on local disk, or a small one in memory. */
export class ZipFile {
  readonly #file: FileHandle | undefined;
  readonly #zip: YauzlFile;
  readonly #raw = new WeakMap<ZipEntry, Entry>();
  /** Where the directory begins. */
  readonly directoryAt: number;

  private constructor(file: FileHandle | undefined, zip: YauzlFile) {
    this.#file = file;
    this.#zip = zip;
    this.directoryAt = Number(zip.readEntryCursor);
  }

  /** Undefined when there is no directory at the end of it: no zip, or one that is cut off. */
  static async open(path: string): Promise<ZipFile | undefined> {
    const file = await open(path);
    try {
      const { size } = await file.stat();
      const zip = await yauzl
        // Names as bytes: the library refuses hostile ones, and here they are only read.
        .fromRandomAccessReaderPromise(new Window(file), size, { decodeStrings: false, autoClose: false })
        .catch(() => undefined);
      if (zip !== undefined) return new ZipFile(file, zip);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  /** A zip in memory; undefined as with {@link open}. */
  static async of(bytes: Buffer): Promise<ZipFile | undefined> {
    const zip = await yauzl.fromBufferPromise(bytes, { decodeStrings: false }).catch(() => undefined);
    return zip && new ZipFile(undefined, zip);
  }

  /** The entries in their order, once. Throws where the directory cannot be read. */
  async *entries(): AsyncGenerator<ZipEntry> {
    for await (const raw of this.#zip.eachEntry()) {
      const { uncompressedSize, compressedSize, crc32, relativeOffsetOfLocalHeader, fileNameLength } = raw;
      const entry: ZipEntry = {
        ...nameOf(raw),
        size: uncompressedSize,
        compressedSize,
        crc32,
        end: relativeOffsetOfLocalHeader + LOCAL_HEADER + fileNameLength + compressedSize,
        encrypted: raw.isEncrypted(),
        decodable: raw.canDecodeFileData(),
      };
      this.#raw.set(entry, raw);
      yield entry;
    }
  }

  /**
   * The content of an entry of this zip, unpacked; never more bytes than its `size`. Fails, and so does the stream,
   * where the zip is damaged. Its CRC is the reader's to compare.
   */
  async content(entry: ZipEntry): Promise<Readable> {
    const raw = this.#raw.get(entry);
    if (raw === undefined) throw new Error('an entry of another zip');
    return await this.#zip.openReadStreamPromise(raw);
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }
}

function nameOf({ generalPurposeBitFlag, fileNameRaw, extraFields }: Entry): {
  readonly name: string;
  readonly unsafe: boolean;
} {
  const name = yauzl.getFileNameLowLevel(generalPurposeBitFlag, fileNameRaw, extraFields, true);
  const leaves = name.startsWith('/') || /^[a-z]:/i.test(name) || name.split(/[/\\]/).includes('..');
  return { name, unsafe: leaves || /[\u0000-\u001f\\]/.test(name) };
}

const WINDOW_BYTES = 1 << 20;

/** Reads of a few bytes each, one after the other, out of a window of a megabyte. */
class Window extends yauzl.RandomAccessReader {
  readonly #file: FileHandle;
  readonly #bytes = Buffer.allocUnsafe(WINDOW_BYTES);
  #from = 0;
  #length = 0;

  constructor(file: FileHandle) {
    super();
    this.#file = file;
  }

  /** Not `createReadStream` of the handle, which leaves a listener on it for each entry. */
  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.#range(start, end), { objectMode: false });
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#fill(position, length).then(
      (at) => {
        if (at + length > this.#length) return callback(new Error('the file ends before'));
        this.#bytes.copy(buffer, offset, at, at + length);
        callback(null);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }

  async *#range(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const piece = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, end - at));
      const { bytesRead } = await this.#file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new Error('the file ends before');
      yield piece.subarray(0, bytesRead);
      at += bytesRead;
    }
  }

  /** Where `position` stands in the window. */
  async #fill(position: number, length: number): Promise<number> {
    if (position < this.#from || position + length > this.#from + this.#length) {
      const { bytesRead } = await this.#file.read(this.#bytes, 0, WINDOW_BYTES, position);
      this.#from = position;
      this.#length = bytesRead;
    }
    return position - this.#from;
  }
}
