import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Random } from '../../emulator/random.ts';
import { type ZipEntry, zipPieces } from '../../emulator/zip.ts';
import { readZipDirectory, type ZipDirectory } from '../../src/collectors/zip-directory.ts';

const entry = (name: string, content = `content of ${name}`): ZipEntry => ({
  name,
  size: Buffer.byteLength(content),
  pieces: () => [Buffer.from(content)],
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'zip-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

function bytesOf(entries: readonly ZipEntry[]): Buffer {
  return Buffer.concat([...zipPieces(entries)]);
}

async function read(bytes: Uint8Array): Promise<ZipDirectory & { readonly lines: readonly string[] }> {
  const path = await folder();
  await writeFile(join(path, 'zip'), bytes);
  return await readAt(path);
}

async function readAt(path: string): Promise<ZipDirectory & { readonly lines: readonly string[] }> {
  const directory = await readZipDirectory(join(path, 'zip'), join(path, 'listing'));
  const text = await readFile(directory.listing.path, 'utf8');
  expect(Buffer.byteLength(text)).toBe(directory.listing.size);
  return { ...directory, lines: text.split('\n').slice(0, -1) };
}

describe('the directory of a zip', () => {
  test('is listed in its order', async () => {
    const { lines, ...directory } = await read(bytesOf([entry('b.txt'), entry('a/ü.txt', ''), entry('c')]));
    expect(directory).toMatchObject({ entries: 3, unpackedSize: 28, unsafeNames: 0, problems: [] });
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { name: 'b.txt', size: 16, compressed_size: 16, crc32: expect.stringMatching(/^[0-9a-f]{8}$/) },
      { name: 'a/ü.txt', size: 0, compressed_size: 0, crc32: '00000000' },
      { name: 'c', size: 12, compressed_size: 12, crc32: expect.stringMatching(/^[0-9a-f]{8}$/) },
    ]);
  });

  test('may be of nothing', async () => {
    expect(await read(bytesOf([]))).toMatchObject({ entries: 0, problems: [] });
  });

  test('names that would leave the folder are listed as they are, and counted', async () => {
    const names = ['../up', '/root', 'a/../../b', '..\\up', 'C:\\x', 'cut\u0000.txt', 'a\nb'];
    const { lines, unsafeNames, problems } = await read(
      bytesOf([...names, 'fine..txt'].map((name) => entry(name))),
    );
    expect({ unsafeNames, problems }).toEqual({ unsafeNames: names.length, problems: [] });
    expect(lines.map((line) => JSON.parse(line).name)).toEqual([...names, 'fine..txt']);
  });

  test('of 100,000 entries', async () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => entry(`many/${index}.txt`, 'x'));
    const { entries: count, lines, problems } = await read(bytesOf(entries));
    expect({ count, lines: lines.length, problems }).toEqual({
      count: 100_000,
      lines: 100_000,
      problems: [],
    });
  });

  test('with the fields of zip64 for what is beyond four gigabytes', async () => {
    const path = await folder();
    const block = Buffer.alloc(1 << 20);
    const huge: ZipEntry = {
      name: 'huge.bin',
      size: 4200 * block.length,
      *pieces() {
        for (let index = 0; index < 4200; index += 1) yield block;
      },
    };
    // Sparse: only what is not zero is written.
    const file = await open(join(path, 'zip'), 'w');
    let at = 0;
    for (const piece of zipPieces([huge, entry('after')])) {
      if (!piece.equals(block)) await file.write(piece, 0, piece.length, at);
      at += piece.length;
    }
    await file.close();
    const directory = await readAt(path);
    expect(directory).toMatchObject({ entries: 2, problems: [], unpackedSize: huge.size + 16 });
  });
});

describe('what is no whole zip', () => {
  const whole = bytesOf([entry('a'), entry('b'), entry('c')]);

  test.each<[string, Uint8Array]>([
    ['nothing', Buffer.alloc(0)],
    ['a page', Buffer.from('<!DOCTYPE html><html></html>')],
    ['its first half', whole.subarray(0, whole.length / 2)],
    ['all but its last byte', whole.subarray(0, -1)],
  ])('%s has no directory', async (_name, bytes) => {
    expect(await read(bytes)).toMatchObject({ entries: 0, problems: ['no-directory'], lines: [] });
  });

  test('a directory that lacks its front points outside', async () => {
    expect((await read(whole.subarray(40))).problems).not.toEqual([]);
  });

  test('more bytes behind it are a problem', async () => {
    expect((await read(Buffer.concat([whole, Buffer.from('more')]))).problems).toEqual(['no-directory']);
  });

  test('spoilt anywhere, it is read to some end and never more', async () => {
    const random = new Random(5);
    const path = await folder();
    for (let round = 0; round < 400; round += 1) {
      const bytes = Buffer.from(whole);
      for (let count = 0; count <= random.below(4); count += 1) {
        // The directory and its end are the last 180 bytes.
        bytes[bytes.length - 1 - random.below(180)] = random.below(256);
      }
      await writeFile(join(path, 'zip'), bytes);
      const { entries, lines } = await readAt(path);
      expect(lines.length).toBe(entries);
    }
  });
});
