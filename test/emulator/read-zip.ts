/** A reader of stored zips that knows only the format, so that it can tell whether the emulator's writer knows it. */
import { spawnSync } from 'node:child_process';
import { crc32 } from 'node:zlib';

export interface ReadEntry {
  readonly name: string;
  readonly content: Buffer;
}

/** All entries by way of the central directory; throws where something does not fit. */
export function readZip(bytes: Buffer): ReadEntry[] {
  const end = bytes.lastIndexOf(Buffer.from([0x50, 0x4b, 5, 6]));
  if (end < 0) throw new Error('no central directory');
  let count = bytes.readUInt16LE(end + 10);
  let at = bytes.readUInt32LE(end + 16);
  if (count === 0xffff || at === 0xffffffff) {
    const large = Number(bytes.readBigUInt64LE(end - 12));
    if (bytes.readUInt32LE(large) !== 0x06064b50) throw new Error('no zip64 end');
    count = Number(bytes.readBigUInt64LE(large + 32));
    at = Number(bytes.readBigUInt64LE(large + 48));
  }
  return Array.from({ length: count }, () => {
    if (bytes.readUInt32LE(at) !== 0x02014b50) throw new Error(`no entry at ${at}`);
    const nameLength = bytes.readUInt16LE(at + 28);
    const name = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    const start = bytes.readUInt32LE(at + 42);
    if (bytes.readUInt32LE(start) !== 0x04034b50) throw new Error(`no local header of ${name}`);
    const from = start + 30 + bytes.readUInt16LE(start + 26) + bytes.readUInt16LE(start + 28);
    const content = bytes.subarray(from, from + bytes.readUInt32LE(at + 24));
    if (crc32(content) !== bytes.readUInt32LE(at + 16)) throw new Error(`wrong checksum of ${name}`);
    at += 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    return { name, content };
  });
}

const PYTHON = 'import sys,zipfile; z=zipfile.ZipFile(sys.argv[1]); print("bad", z.testzip())';
const UNPACKERS = [
  { command: 'unzip', args: ['-tq'], good: 'No errors detected' },
  { command: 'python3', args: ['-c', PYTHON], good: 'bad None' },
];

/** What each unpacker of this machine says of the file; none may be installed, which says nothing. */
export function unpackersAgree(file: string): { readonly said: string; readonly good: string }[] {
  return UNPACKERS.flatMap(({ command, args, good }) => {
    const { stdout, error } = spawnSync(command, [...args, file], { encoding: 'utf8' });
    return error === undefined ? [{ said: stdout, good }] : [];
  });
}
