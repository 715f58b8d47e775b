/** `export` and `verify-export` as they are run: what they print, write and refuse. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostileArchive, removeTemporary, temporary } from '../export/slices.ts';
import { type Ended, runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import type { WrittenArchive } from '../support/searched-archive.ts';

let archive: WrittenArchive;
beforeAll(async () => {
  archive = await hostileArchive();
});
afterAll(async () => {
  await archive.remove();
  await removeTemporary();
});

const run = (...args: readonly string[]): Promise<Ended> => runArchiver([...args, '--key', PUBLIC_KEY]);

test('from the archive to a checked ZIP, and no ZIP where it fails', async () => {
  const out = join(await temporary(), 'export.zip');
  const asked = ['export', '--archive', archive.root, '--out', out];
  const made = await run(...asked, '--format', 'rsmf', 'csv', '--reason', 'request 17', '--json');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const summary = JSON.parse(made.stdout);
  expect(summary).toMatchObject({ file: out, conversations: 2 });
  expect(await readdir(dirname(out))).toEqual(['export.zip']);

  const checked = await run('verify-export', out, '--json');
  expect(checked).toMatchObject({ code: 0, stderr: '' });
  expect(JSON.parse(checked.stdout)).toMatchObject({ holds: true, trusted: true, proofs: summary.revisions });

  expect(await run(...asked, '--reason', 'again')).toMatchObject({ code: 2 });
  const other = join(dirname(out), 'other.zip');
  const refused = await run(
    'export',
    '--archive',
    archive.root,
    '--out',
    other,
    '--matter',
    'none',
    '--reason',
    'x',
  );
  expect(refused).toMatchObject({ code: 25 });
  expect(await readdir(dirname(out))).toEqual(['export.zip']);

  const bytes = await readFile(out);
  bytes.writeUInt8(bytes.readUInt8(60) ^ 1, 60);
  await writeFile(out, bytes);
  const found = await run('verify-export', out);
  expect(found.code).toBe(30);
  expect(found.stdout).toMatch(/does not hold: .*\n {2}member-(differs|unreadable) {2}README\.txt/);
});
