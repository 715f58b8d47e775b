/** Reads what a zip says it holds. Nothing is ever extracted. */
import type { ReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import yauzl, { type Entry } from 'yauzl';
import { HashedFile } from '../zoom/spool.ts';
import type { SpooledFile } from './stored.ts';

/** What may be wrong with the directory of a zip. Documented in docs/format.md. */
export type DirectoryProblem = 'no-directory' | 'directory-unreadable' | 'entries-outside';

export interface ZipDirectory {
  readonly entries: number;
  /** Sum of the entries' sizes unpacked, bytes. */
  readonly unpackedSize: number;
  /** Entries whose name would leave the folder that they are unpacked into, or upset a file system. */
  readonly unsafeNames: number;
  readonly problems: readonly DirectoryProblem[];
  /** One entry a line as JSON, in their order: `name`, `size`, `compressed_size`, `crc32`. */
  readonly listing: SpooledFile;
}

const LOCAL_HEADER = 30;
const LINES_PER_WRITE = 1000;

/**
 * Lists the entries of the zip at `path` into the file `listing`, in memory that does not grow with their number. What
 * cannot be read is a problem, not an error. Fails with `spool-full`.
 */
export async function readZipDirectory(path: string, listing: string): Promise<ZipDirectory> {
  const lines = await HashedFile.create(listing);
  const file = await open(path);
  const problems = new Set<DirectoryProblem>();
  let entries = 0;
  let unpackedSize = 0;
  let unsafeNames = 0;
  try {
    const { size } = await file.stat();
    let text: string[] = [];
    const zip = await yauzl
      // Names as bytes: the library refuses hostile ones, and here they are only listed.
      .fromRandomAccessReaderPromise(new Window(file), size, { decodeStrings: false, autoClose: false })
      .catch(() => undefined);
    if (zip === undefined) problems.add('no-directory');
    else {
      const begin = Number(zip.readEntryCursor);
      try {
        for await (const entry of zip.eachEntry()) {
          const { name, unsafe } = nameOf(entry);
          entries += 1;
          unpackedSize += entry.uncompressedSize;
          if (unsafe) unsafeNames += 1;
          if (endOf(entry) > begin) problems.add('entries-outside');
          text.push(line(name, entry));
          if (text.length < LINES_PER_WRITE) continue;
          await lines.write(Buffer.from(text.join('')));
          text = [];
        }
      } catch {
        problems.add('directory-unreadable');
      }
    }
    await lines.write(Buffer.from(text.join('')));
    await lines.flush();
    return {
      entries,
      unpackedSize,
      unsafeNames,
      problems: [...problems],
      listing: { path: listing, ...lines.measured() },
    };
  } finally {
    await lines.close();
    await file.close();
  }
}

/** The least offset after an entry's content. */
function endOf({ relativeOffsetOfLocalHeader, fileNameLength, compressedSize }: Entry): number {
  return relativeOffsetOfLocalHeader + LOCAL_HEADER + fileNameLength + compressedSize;
}

function line(name: string, { uncompressedSize, compressedSize, crc32 }: Entry): string {
  const sum = crc32.toString(16).padStart(8, '0');
  return `${JSON.stringify({ name, size: uncompressedSize, compressed_size: compressedSize, crc32: sum })}\n`;
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

  override _readStreamForRange(start: number, end: number): ReadStream {
    return this.#file.createReadStream({ start, end: end - 1, autoClose: false });
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
