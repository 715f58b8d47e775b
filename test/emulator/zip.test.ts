import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type ZipEntry, zipPieces, zipSize } from '../../emulator/zip.ts';
import { readZip, unpackersAgree } from './read-zip.ts';

const GB = 2 ** 30;

function entry(name: string, content: string): ZipEntry {
  const bytes = Buffer.from(content);
  return { name, size: bytes.length, pieces: () => [bytes] };
}

function zeros(name: string, size: number): ZipEntry {
  const block = Buffer.alloc(1 << 20);
  function* pieces(): Generator<Buffer> {
    for (let at = 0; at < size; at += block.length) yield block.subarray(0, size - at);
  }
  return { name, size, pieces };
}

function bytesOf(entries: readonly ZipEntry[]): Buffer {
  return Buffer.concat([...zipPieces(entries)]);
}

test.each<[string, ZipEntry[]]>([
  ['no entries', []],
  [
    'some entries',
    [entry('messages.csv', 'a,b\r\n'), entry('ünïcode/שלום.txt', 'x'.repeat(100_000)), entry('empty', '')],
  ],
  ['70,000 entries', Array.from({ length: 70_000 }, (_, index) => entry(`n${index}.txt`, String(index)))],
])('an archive of %s has the length foretold and opens everywhere', (_what, entries) => {
  const bytes = bytesOf(entries);
  expect(bytes).toHaveLength(zipSize(entries));
  expect(bytesOf(entries).equals(bytes)).toBe(true);
  const read = readZip(bytes);
  expect(read.map(({ name }) => name)).toEqual(entries.map(({ name }) => name));
  for (const [index, { content }] of read.entries()) {
    expect(content.equals(Buffer.concat([...(entries[index]?.pieces() ?? [])]))).toBe(true);
  }
  if (entries.length === 0) return;
  const folder = mkdtempSync(join(tmpdir(), 'zip-'));
  const file = join(folder, 'test.zip');
  writeFileSync(file, bytes);
  for (const { said, good } of unpackersAgree(file)) expect(said).toContain(good);
  rmSync(folder, { recursive: true });
});

test('deflated entries open everywhere too', () => {
  const content = Buffer.from('x'.repeat(100_000));
  const packed = deflateRawSync(content);
  const deflated = { size: packed.length, crc32: crc32(content) };
  const entries = [{ name: 'x', size: content.length, deflated, pieces: () => [packed] }, entry('y', 'z')];
  const bytes = bytesOf(entries);
  expect(bytes).toHaveLength(zipSize(entries));
  const folder = mkdtempSync(join(tmpdir(), 'zip-'));
  const file = join(folder, 'test.zip');
  writeFileSync(file, bytes);
  for (const { said, good } of unpackersAgree(file)) expect(said).toContain(good);
  rmSync(folder, { recursive: true });
});

test('beyond 4 GB it has the length foretold, with the offsets and sizes of zip64', () => {
  const entries = [zeros('large', 4 * GB + 5), entry('after', 'x')];
  let length = 0;
  let end: Buffer = Buffer.alloc(0);
  for (const piece of zipPieces(entries)) {
    length += piece.length;
    end = piece;
  }
  expect(length).toBe(zipSize(entries));
  const locator = end.length - 22 - 20;
  expect(end.readUInt32LE(locator)).toBe(0x07064b50);
  const directory = end.readBigUInt64LE(locator - 56 + 48);
  expect(directory).toBeGreaterThan(BigInt(4 * GB));
  expect(end.readBigUInt64LE(locator - 56 + 32)).toBe(2n);
  expect(directory + end.readBigUInt64LE(locator - 56 + 40)).toBe(BigInt(length - 22 - 20 - 56));
});
