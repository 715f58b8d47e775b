/**
 * A small ZIP as bytes: members stored as they are, in the order given, with fixed times, so that the same members are the
 * same bytes with every version of every library. For what is a ZIP within the export.
 */
import { crc32 } from 'node:zlib';
import { ArchiverError } from '../errors.ts';

export interface StoredMember {
  /** File name, without folders. */
  readonly name: string;
  readonly bytes: Buffer;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
/** Names are UTF-8. */
const UTF8 = 0x0800;
/** 1980-01-01, the first day that a ZIP can name. */
const DATE = 0x0021;
const MOST_MEMBERS = 0xfffe;
const MOST_BYTES = 0xffff_fffe;

/** Fails with `internal` beyond what a ZIP without ZIP64 holds. */
export function storedZip(members: readonly StoredMember[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes } of members) {
    const path = Buffer.from(name);
    const fixed = Buffer.alloc(26);
    fixed.writeUInt16LE(VERSION, 0);
    fixed.writeUInt16LE(UTF8, 2);
    fixed.writeUInt16LE(DATE, 8);
    fixed.writeUInt32LE(crc32(bytes), 10);
    fixed.writeUInt32LE(bytes.length, 14);
    fixed.writeUInt32LE(bytes.length, 18);
    fixed.writeUInt16LE(path.length, 22);
    parts.push(signature(LOCAL), fixed, path, bytes);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    const made = Buffer.from([VERSION, 0]);
    directory.push(signature(CENTRAL), made, fixed, rest, path);
    offset += 30 + path.length + bytes.length;
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  if (members.length > MOST_MEMBERS || offset + size > MOST_BYTES)
    throw new ArchiverError('internal', 'too much for a small ZIP');
  const end = Buffer.alloc(18);
  end.writeUInt16LE(members.length, 4);
  end.writeUInt16LE(members.length, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...parts, ...directory, signature(END), end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
