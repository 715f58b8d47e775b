/** Lists what a zip says it holds. */
import { type ZipEntry, ZipFile } from '../zip/zip-file.ts';
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

const LINES_PER_WRITE = 1000;

/**
 * Lists the entries of the zip at `path` into the file `listing`, in memory that does not grow with their number. What
 * cannot be read is a problem, not an error. Fails with `spool-full`.
 */
export async function readZipDirectory(path: string, listing: string): Promise<ZipDirectory> {
  const lines = await HashedFile.create(listing);
  const problems = new Set<DirectoryProblem>();
  let entries = 0;
  let unpackedSize = 0;
  let unsafeNames = 0;
  let zip: ZipFile | undefined;
  try {
    let text: string[] = [];
    zip = await ZipFile.open(path);
    if (zip === undefined) problems.add('no-directory');
    else {
      try {
        for await (const entry of zip.entries()) {
          entries += 1;
          unpackedSize += entry.size;
          if (entry.unsafe) unsafeNames += 1;
          if (entry.end > zip.directoryAt) problems.add('entries-outside');
          text.push(line(entry));
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
    await zip?.close();
  }
}

function line({ name, size, compressedSize, crc32 }: ZipEntry): string {
  const sum = crc32.toString(16).padStart(8, '0');
  return `${JSON.stringify({ name, size, compressed_size: compressedSize, crc32: sum })}\n`;
}
