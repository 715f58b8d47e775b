/** Reads what is in a legal-hold zip: its messages and the hashes of its attachments. Nothing is unpacked to disk. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { type CsvProblem, readCsv } from '../csv/csv-reader.ts';
import { type ZipEntry, ZipFile } from '../zip/zip-file.ts';
import { type ListedMessage, type ListingColumns, listedMessage, listingColumns } from './hold-listing.ts';

/**
 * Why something in a zip cannot be compared. Documented in docs/retention.md. `no-listing`: no CSV; `no-columns`: its
 * header names none that identify messages; `rows`: rows without what identifies them; `damaged`: the bytes are not what
 * the directory says.
 */
export type Unreadable =
  | 'no-directory'
  | 'directory'
  | 'no-listing'
  | 'no-columns'
  | 'rows'
  | 'encrypted'
  | 'compression'
  | 'too-large'
  | 'damaged'
  | CsvProblem;

export interface UnreadablePart {
  /** As in the zip; empty for the zip as a whole. */
  readonly name: string;
  readonly reason: Unreadable;
  /** First line of a listing that is concerned, from 1. */
  readonly line?: number;
  /** Rows, where it is rows. */
  readonly rows?: number;
}

export interface HeldFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** What becomes of it as it is read. */
export interface ContentsReader {
  readonly message: (message: ListedMessage) => void;
  readonly file: (file: HeldFile) => void;
  readonly unreadable: (part: UnreadablePart) => void;
  readonly signal: AbortSignal;
}

/** Bytes of one entry unpacked. Zoom's chat files are smaller; what is larger is a bomb, and is not read. */
const LARGEST_ENTRY = 8 * 2 ** 30;
/** Bytes of all entries unpacked for each byte of the zip, beyond {@link LARGEST_ENTRY}: entries may overlap. */
const MOST_FOR_A_BYTE = 50;

/**
 * Reads the zip at `path`. Listings are the CSVs that lie highest in it: one deeper may be somebody's attachment. Each
 * entry ends in `file` or `unreadable`, but for folders and listings; memory holds the names of CSVs only.
 */
export async function readContents(path: string, reader: ContentsReader): Promise<void> {
  const depth = await listingDepth(path);
  const zip = await ZipFile.open(path);
  if (zip === undefined) return reader.unreadable({ name: '', reason: 'no-directory' });
  try {
    if (depth === undefined) reader.unreadable({ name: '', reason: 'no-listing' });
    let left = (await stat(path)).size * MOST_FOR_A_BYTE + LARGEST_ENTRY;
    for await (const entry of readable(zip, reader)) {
      reader.signal.throwIfAborted();
      const { name, size, encrypted, decodable } = entry;
      if (name.endsWith('/') && size === 0) continue;
      if (encrypted) reader.unreadable({ name, reason: 'encrypted' });
      else if (!decodable) reader.unreadable({ name, reason: 'compression' });
      else if (size > Math.min(left, LARGEST_ENTRY)) reader.unreadable({ name, reason: 'too-large' });
      else {
        left -= size;
        if (isCsv(name) && depthOf(name) === depth) await readListing(zip, entry, reader);
        else await readFile(zip, entry, reader);
      }
    }
  } finally {
    await zip.close();
  }
}

/** The entries up to where the directory cannot be read any more, which is said. */
async function* readable(zip: ZipFile, { unreadable }: ContentsReader): AsyncGenerator<ZipEntry> {
  const entries = zip.entries();
  for (;;) {
    let next: IteratorResult<ZipEntry>;
    try {
      next = await entries.next();
    } catch {
      return unreadable({ name: '', reason: 'directory' });
    }
    if (next.done === true) return;
    yield next.value;
  }
}

/** How deep the highest CSV lies. */
async function listingDepth(path: string): Promise<number | undefined> {
  const zip = await ZipFile.open(path);
  let least: number | undefined;
  try {
    for await (const { name } of zip?.entries() ?? []) {
      if (isCsv(name)) least = Math.min(least ?? Number.POSITIVE_INFINITY, depthOf(name));
    }
  } catch {
    // Said when the entries are read.
  } finally {
    await zip?.close();
  }
  return least;
}

function isCsv(name: string): boolean {
  return /\.csv$/i.test(name);
}

function depthOf(name: string): number {
  return name.split(/[/\\]/).length;
}

/** The unpacked bytes, which are those that the directory says when this ends without throwing. */
async function* verified(zip: ZipFile, entry: ZipEntry): AsyncGenerator<Buffer> {
  let sum = 0;
  for await (const chunk of await zip.content(entry)) {
    sum = crc32(chunk as Buffer, sum);
    yield chunk as Buffer;
  }
  if (sum !== entry.crc32) throw new Error('another checksum than in the directory');
}

async function readFile(zip: ZipFile, entry: ZipEntry, reader: ContentsReader): Promise<void> {
  const { name, size } = entry;
  const hash = createHash('sha256');
  try {
    for await (const chunk of verified(zip, entry)) {
      reader.signal.throwIfAborted();
      hash.update(chunk);
    }
  } catch {
    reader.signal.throwIfAborted();
    return reader.unreadable({ name, reason: 'damaged' });
  }
  reader.file({ name, size, sha256: hash.digest('hex') });
}

async function readListing(zip: ZipFile, entry: ZipEntry, reader: ContentsReader): Promise<void> {
  const { name } = entry;
  let columns: ListingColumns | undefined;
  let strange: { readonly line: number; rows: number } | undefined;
  const records = readCsv(verified(zip, entry));
  for (;;) {
    let next: Awaited<ReturnType<typeof records.next>>;
    try {
      next = await records.next();
    } catch {
      reader.unreadable({ name, reason: 'damaged' });
      break;
    }
    if (next.done === true) break;
    reader.signal.throwIfAborted();
    const record = next.value;
    if (record.kind === 'broken') {
      reader.unreadable({ name, reason: record.problem, line: record.line });
      break;
    }
    if (columns === undefined) {
      columns = listingColumns(record.fields);
      if (columns !== undefined) continue;
      await records.return(undefined);
      break;
    }
    const message = listedMessage(columns, record);
    if (message !== undefined) reader.message(message);
    else if (strange === undefined) strange = { line: record.line, rows: 1 };
    else strange.rows += 1;
  }
  if (columns === undefined) reader.unreadable({ name, reason: 'no-columns' });
  if (strange !== undefined) reader.unreadable({ name, reason: 'rows', ...strange });
}
