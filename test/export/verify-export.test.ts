/** What was changed in an export after it was made is found and named, whatever it is. */

import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { ZipArchive } from 'archiver';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FORMATS } from '../../src/export/export.ts';
import { storedZip } from '../../src/export/stored-zip.ts';
import { verifyExport } from '../../src/export/verify-export.ts';
import { generateSignerKey, noteKeyOf, parseNoteKey } from '../../src/proof/key.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { contextOf, type WrittenArchive } from '../support/searched-archive.ts';
import { exported, hostileArchive, removeTemporary, temporary, unzipped, unzippedBytes } from './slices.ts';

const KEY = parseNoteKey(PUBLIC_KEY);

let archive: WrittenArchive;
let members: ReadonlyMap<string, Buffer>;
let whole: Buffer;
beforeAll(async () => {
  archive = await hostileArchive();
  const { path } = await exported(contextOf(await archive.open()), { formats: [...FORMATS] });
  whole = await readFile(path);
  members = await unzipped(path);
});
afterAll(async () => {
  await archive.remove();
  await removeTemporary();
});

async function zipOf(list: readonly (readonly [string, Buffer])[]): Promise<string> {
  const path = join(await temporary(), 'changed.zip');
  const out = createWriteStream(path);
  const zip = new ZipArchive({ store: true });
  zip.pipe(out);
  for (const [name, bytes] of list) zip.append(bytes, { name });
  await zip.finalize();
  await finished(out);
  return path;
}

const check = async (path: string, key = KEY): Promise<readonly string[]> => {
  const { findings, holds } = await verifyExport(path, { key, signal: new AbortController().signal });
  expect(holds).toBe(findings.length === 0);
  return [...new Set(findings.map(({ code }) => code))].sort();
};

/** The members with some changed or, where null, gone; and the manifest made to fit, as a forger would. */
async function changed(changes: ReadonlyMap<string, Buffer | null>, forge: boolean): Promise<string> {
  const list = new Map(members);
  for (const [name, bytes] of changes)
    if (bytes === null) list.delete(name);
    else list.set(name, bytes);
  if (forge) {
    const manifest = JSON.parse(list.get('manifest.json')?.toString() ?? '');
    manifest.members = [...list]
      .filter(([name]) => name !== 'manifest.json')
      .map(([path, bytes]) => ({
        path,
        bytes: bytes.length,
        sha256: createHash('sha256').update(bytes).digest('hex'),
      }));
    list.set('manifest.json', Buffer.from(JSON.stringify(manifest)));
  }
  return zipOf([...list]);
}

const named = (part: string): string => [...members.keys()].find((name) => name.includes(part)) ?? part;

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = Math.floor(copy.length / 2);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

test('what was not changed holds, also packed anew', async () => {
  expect(await check(await changed(new Map(), false))).toEqual([]);
});

test.each([
  'README.txt',
  'SHA256SUMS',
  'coverage.json',
  'eml/',
  'html/',
  'csv/',
  'ndjson/',
  'dat/loadfile',
  'dat/TEXT',
  'rsmf/',
  'files/',
  'proofs/',
  'checkpoint',
])('a byte of %s', async (part) => {
  const name = named(part);
  const bytes = members.get(name) ?? Buffer.of();
  const codes = await check(await changed(new Map([[name, flipped(bytes)]]), false));
  expect(codes.some((code) => code === 'member-differs' || code === 'member-unreadable')).toBe(true);
  expect(await check(await changed(new Map([[name, null]]), false))).toContain('member-missing');
});

test('a version taken out, put in or changed, by somebody who makes the manifest fit', async () => {
  const ndjson = members.get('ndjson/revisions.ndjson')?.toString() ?? '';
  const lines = ndjson.trimEnd().split('\n');
  const csv = members.get('csv/revisions.csv')?.toString() ?? '';
  const dat = members.get('dat/loadfile.dat')?.toString() ?? '';
  const html = named('html/2026');
  const page = members.get(html)?.toString() ?? '';
  const cases: readonly (readonly [string, Buffer | null, string])[] = [
    ['ndjson/revisions.ndjson', Buffer.from(`${lines.slice(1).join('\n')}\n`), 'records-differ'],
    ['ndjson/revisions.ndjson', Buffer.from(`${ndjson}${lines[0]}\n`), 'records-differ'],
    [
      'ndjson/revisions.ndjson',
      Buffer.from(ndjson.replace('plain words', 'other words')),
      'revision-invalid',
    ],
    [
      'ndjson/revisions.ndjson',
      Buffer.from(ndjson.replace('"kind":"deleted"', '"kind":"sent"')),
      'revision-invalid',
    ],
    ['csv/revisions.csv', Buffer.from(csv.replace(/[0-9a-f]{64}/, '0'.repeat(64))), 'records-differ'],
    ['dat/loadfile.dat', Buffer.from(dat.replace(/þ[0-9a-f]{64}þ/, 'þþ')), 'revision-invalid'],
    [html, Buffer.from(page.replace(/data-record="[0-9a-f]{64}"/, '')), 'records-differ'],
    [named('eml/'), null, 'records-differ'],
    [named('rsmf/'), null, 'records-differ'],
    [named('proofs/'), null, 'records-differ'],
    [named('proofs/'), Buffer.from('no zip'), 'proof-invalid'],
    ['checkpoint', flipped(members.get('checkpoint') ?? Buffer.of()), 'checkpoint-invalid'],
  ];
  for (const [name, bytes, code] of cases)
    expect(await check(await changed(new Map([[name, bytes]]), true)), `${name} ${code}`).toContain(code);
});

test('another text beside a right hash, by somebody who makes the manifest fit', async () => {
  const csv = members.get('csv/revisions.csv')?.toString() ?? '';
  const pages = [...members].filter(([name]) => name.startsWith('html/2026'));
  const [html = '', page] = pages.find(([, bytes]) => bytes.includes('plain words')) ?? [];
  const mails = [...members].filter(([name]) => name.startsWith('eml/'));
  const base64 = /base64\r\n\r\n([\s\S]*?)\r\n--/;
  const said = (bytes: Buffer): string =>
    Buffer.from(base64.exec(bytes.toString('latin1'))?.[1] ?? '', 'base64').toString();
  const [eml = '', mail = Buffer.of()] = mails.find(([, bytes]) => said(bytes).includes('plain words')) ?? [];
  const body = Buffer.from(said(mail).replace('plain words', 'other words')).toString('base64');
  const forged = mail.toString('latin1').replace(base64, `base64\r\n\r\n${body}\r\n--`);
  const forgedRsmf = async (bytes: Buffer): Promise<Buffer | undefined> => {
    const whole = bytes.toString('latin1');
    const blocks = [...whole.matchAll(/\r\n\r\n([\w+/=\r\n]+)\r\n--/g)].map(([, block = '']) => block);
    const before =
      blocks.find((block) => Buffer.from(block, 'base64').toString('latin1', 0, 2) === 'PK') ?? '';
    const inner = [...(await unzippedBytes(Buffer.from(before, 'base64')))];
    if (!inner.some(([, one]) => one.includes('plain words'))) return undefined;
    const other = inner.map(([name, one]) => ({
      name,
      bytes: one.includes('plain words')
        ? Buffer.from(`${one}`.replaceAll('plain words', 'other words'))
        : one,
    }));
    return Buffer.from(whole.replace(before, storedZip(other).toString('base64')), 'latin1');
  };
  const rsmf: (readonly [string, Buffer])[] = [];
  for (const [name, bytes] of members) {
    const other = name.startsWith('rsmf/') ? await forgedRsmf(bytes) : undefined;
    if (other !== undefined) rsmf.push([name, other]);
  }
  expect(rsmf.length).toBeGreaterThan(0);
  const cases: readonly (readonly [string, Buffer])[] = [
    ...rsmf,
    ['csv/revisions.csv', Buffer.from(csv.replace('plain words', 'other words'))],
    [html, Buffer.from((page ?? '').toString().replaceAll('plain words', 'other words'))],
    [eml, Buffer.from(forged, 'latin1')],
  ];
  for (const [name, bytes] of cases)
    expect(await check(await changed(new Map([[name, bytes]]), true)), name).toEqual(['text-differs']);
});

test('a record or a proof changed within its ZIP', async () => {
  const name = named('proofs/');
  const inner = [...(await unzippedBytes(members.get(name) ?? Buffer.of()))];
  const record = inner.find(([one]) => one.endsWith('.record'));
  const again = (list: readonly (readonly [string, Buffer])[]): Buffer =>
    storedZip([...list].sort().map(([one, bytes]) => ({ name: one, bytes })));
  const without = inner.filter(([one]) => one !== record?.[0]);
  const other = inner.map(
    ([one, bytes]) => [one, one === record?.[0] ? Buffer.concat([bytes, Buffer.from(' ')]) : bytes] as const,
  );
  expect(await check(await changed(new Map([[name, again(inner)]]), true))).toEqual([]);
  for (const list of [without, other])
    expect(await check(await changed(new Map([[name, again(list)]]), true))).toEqual([
      'proof-invalid',
      'records-differ',
    ]);
});

test('files that nobody made: unknown ones, twice one name, names that leave the folder', async () => {
  const list = [...members];
  expect(await check(await zipOf([...list, ['extra.exe', Buffer.from('x')]]))).toEqual(['member-unknown']);
  expect(await check(await zipOf([...list, ['README.txt', Buffer.from('x')]]))).toEqual([
    'member-differs',
    'member-twice',
  ]);
  const evil = join(await temporary(), 'evil.zip');
  await writeFile(
    evil,
    storedZip([...list, ['../evil', Buffer.from('x')] as const].map(([name, bytes]) => ({ name, bytes }))),
  );
  expect(await check(evil)).toEqual(['member-unknown', 'member-unsafe']);
});

test('another key, another manifest, and what is no export at all', async () => {
  const path = await changed(new Map(), false);
  expect(await check(path, noteKeyOf(generateSignerKey('example.com/other')))).toContain(
    'checkpoint-invalid',
  );
  const untrusted = await verifyExport(path, { signal: new AbortController().signal });
  expect(untrusted).toMatchObject({ holds: true, trusted: false });
  for (const manifest of ['', '{}', '[1', JSON.stringify({ members: [] })])
    expect(await check(await changed(new Map([['manifest.json', Buffer.from(manifest)]]), false))).toEqual([
      'manifest-invalid',
    ]);
  expect(await check(await changed(new Map([['manifest.json', null]]), false))).toEqual(['manifest-invalid']);
  const cut = join(await temporary(), 'cut.zip');
  for (const length of [0, 100, whole.length >> 1, whole.length - 30]) {
    await writeFile(cut, whole.subarray(0, length));
    expect(await check(cut)).toEqual(['no-zip']);
  }
  await expect(check(join(await temporary(), 'none.zip'))).rejects.toMatchObject({ code: 'usage' });
});
