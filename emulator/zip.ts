/**
 * Zip archives written as they are read, in memory that does not grow with them. Stored without compression, unless an
 * entry brings packed bytes of its own, so that the length is known beforehand; dated 1980 and without attributes of a machine, so that the bytes are always the same.
 */
import { crc32 } from 'node:zlib';

/** One file of an archive. Its name is written as it is, whatever it may do to those who unpack it. */
export interface ZipEntry {
  readonly name: string;
  /** In bytes, unpacked. */
  readonly size: number;
  /** `pieces` are deflated: their length, and the checksum of what they unpack to. Undefined: they are the content. */
  readonly deflated?: { readonly size: number; readonly crc32: number };
  /** What is written, anew. */
  pieces(): Iterable<Buffer>;
}

/** Sizes and offsets from here on need the fields of zip64. */
const LIMIT_32 = 0xffffffff;
const LIMIT_16 = 0xffff;
/** UTF-8 names; checksum and sizes follow the content, because they are known only when it was written. */
const FLAGS = 0x0808;
/** 1 January 1980, midnight. */
const DATE = 0x0021;
const DEFLATED = 8;
const UNIX_FILE = 0o100644 * 0x10000;
const VERSION = 20;
const VERSION_64 = 45;
const BATCH = 65_536;

/** The length of the archive in bytes. */
export function zipSize(entries: Iterable<ZipEntry>): number {
  let offset = 0;
  let directory = 0;
  let count = 0;
  for (const entry of entries) {
    directory += 46 + Buffer.byteLength(entry.name) + centralExtra(entry, offset).length;
    offset += storedLength(entry);
    count += 1;
  }
  return offset + directory + endOfArchive(count, directory, offset).length;
}

/** The archive in pieces of about 64 KB. */
export function zipPieces(entries: Iterable<ZipEntry>): Generator<Buffer> {
  return inBatches(allPieces(entries));
}

function* allPieces(entries: Iterable<ZipEntry>): Generator<Buffer> {
  const checksums: number[] = [];
  let offset = 0;
  for (const entry of entries) {
    let checksum = 0;
    yield localHeader(entry);
    for (const piece of entry.pieces()) {
      checksum = crc32(piece, checksum);
      yield piece;
    }
    if (entry.deflated !== undefined) checksum = entry.deflated.crc32;
    yield dataDescriptor(checksum, entry);
    checksums.push(checksum);
  }
  let directory = 0;
  let count = 0;
  for (const entry of entries) {
    const header = centralHeader(entry, checksums[count] ?? 0, offset);
    yield header;
    directory += header.length;
    offset += storedLength(entry);
    count += 1;
  }
  yield endOfArchive(count, directory, offset);
}

function* inBatches(pieces: Iterable<Buffer>): Generator<Buffer> {
  let batch: Buffer[] = [];
  let length = 0;
  for (const piece of pieces) {
    batch.push(piece);
    length += piece.length;
    if (length < BATCH) continue;
    yield batch.length === 1 ? piece : Buffer.concat(batch);
    batch = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(batch);
}

/** What an entry takes before the directory: header, content and what follows it. */
function storedLength(entry: ZipEntry): number {
  const { name, size } = entry;
  const header = 30 + Buffer.byteLength(name) + localExtra(size).length;
  return header + packedSize(entry) + (size >= LIMIT_32 ? 24 : 16);
}

function packedSize({ size, deflated }: ZipEntry): number {
  return deflated?.size ?? size;
}

function methodOf({ deflated }: ZipEntry): number {
  return deflated === undefined ? 0 : DEFLATED;
}

function localHeader(entry: ZipEntry): Buffer {
  const { name, size } = entry;
  const extra = localExtra(size);
  const nameBytes = Buffer.from(name);
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(size >= LIMIT_32 ? VERSION_64 : VERSION, 4);
  header.writeUInt16LE(FLAGS, 6);
  header.writeUInt16LE(methodOf(entry), 8);
  header.writeUInt16LE(DATE, 12);
  if (size >= LIMIT_32) header.fill(0xff, 18, 26);
  header.writeUInt16LE(nameBytes.length, 26);
  header.writeUInt16LE(extra.length, 28);
  return Buffer.concat([header, nameBytes, extra]);
}

/** Tells that the sizes after the content have eight bytes each. */
function localExtra(size: number): Buffer {
  return size >= LIMIT_32 ? zip64Extra([0, 0]) : Buffer.alloc(0);
}

function dataDescriptor(checksum: number, entry: ZipEntry): Buffer {
  const { size } = entry;
  const packed = packedSize(entry);
  const large = size >= LIMIT_32;
  const descriptor = Buffer.alloc(large ? 24 : 16);
  descriptor.writeUInt32LE(0x08074b50, 0);
  descriptor.writeUInt32LE(checksum, 4);
  if (large) {
    descriptor.writeBigUInt64LE(BigInt(packed), 8);
    descriptor.writeBigUInt64LE(BigInt(size), 16);
  } else {
    descriptor.writeUInt32LE(packed, 8);
    descriptor.writeUInt32LE(size, 12);
  }
  return descriptor;
}

function centralHeader(entry: ZipEntry, checksum: number, offset: number): Buffer {
  const { name, size } = entry;
  const extra = centralExtra(entry, offset);
  const nameBytes = Buffer.from(name);
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(0x0300 | VERSION_64, 4);
  header.writeUInt16LE(extra.length > 0 ? VERSION_64 : VERSION, 6);
  header.writeUInt16LE(FLAGS, 8);
  header.writeUInt16LE(methodOf(entry), 10);
  header.writeUInt16LE(DATE, 14);
  header.writeUInt32LE(checksum, 16);
  header.writeUInt32LE(size >= LIMIT_32 ? LIMIT_32 : packedSize(entry), 20);
  header.writeUInt32LE(Math.min(size, LIMIT_32), 24);
  header.writeUInt16LE(nameBytes.length, 28);
  header.writeUInt16LE(extra.length, 30);
  header.writeUInt32LE(UNIX_FILE, 38);
  header.writeUInt32LE(Math.min(offset, LIMIT_32), 42);
  return Buffer.concat([header, nameBytes, extra]);
}

/** An entry of 4 GB unpacked has both sizes here, however small it is packed; no packed one is larger than that. */
function centralExtra(entry: ZipEntry, offset: number): Buffer {
  const { size } = entry;
  const large = [
    ...(size >= LIMIT_32 ? [size, packedSize(entry)] : []),
    ...(offset >= LIMIT_32 ? [offset] : []),
  ];
  return large.length === 0 ? Buffer.alloc(0) : zip64Extra(large);
}

function zip64Extra(numbers: readonly number[]): Buffer {
  const extra = Buffer.alloc(4 + 8 * numbers.length);
  extra.writeUInt16LE(0x0001, 0);
  extra.writeUInt16LE(8 * numbers.length, 2);
  for (const [index, number] of numbers.entries()) extra.writeBigUInt64LE(BigInt(number), 4 + 8 * index);
  return extra;
}

function endOfArchive(count: number, directory: number, offset: number): Buffer {
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Math.min(count, LIMIT_16), 8);
  end.writeUInt16LE(Math.min(count, LIMIT_16), 10);
  end.writeUInt32LE(Math.min(directory, LIMIT_32), 12);
  end.writeUInt32LE(Math.min(offset, LIMIT_32), 16);
  if (count < LIMIT_16 && directory < LIMIT_32 && offset < LIMIT_32) return end;
  const large = Buffer.alloc(56);
  large.writeUInt32LE(0x06064b50, 0);
  large.writeBigUInt64LE(44n, 4);
  large.writeUInt16LE(0x0300 | VERSION_64, 12);
  large.writeUInt16LE(VERSION_64, 14);
  large.writeBigUInt64LE(BigInt(count), 24);
  large.writeBigUInt64LE(BigInt(count), 32);
  large.writeBigUInt64LE(BigInt(directory), 40);
  large.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(offset + directory), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([large, locator, end]);
}
