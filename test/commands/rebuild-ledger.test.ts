/** A ledger lost and made again, as an operator does it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatSignerKey, generateSignerKey } from '../../src/proof/key.ts';
import { writeConfig } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { expectRefusal, setStage } from './stage.ts';

test('refuses what is no empty ledger, another key and a tampered archive; then the archive goes on', async () => {
  const stage = await setStage();
  await stage.succeeds('init');
  expectRefusal(await stage.run('rebuild-ledger'), 23, 'log_heads');
  await stage.succeeds('collect');
  await stage.succeeds('seal', '--all');
  expectRefusal(await stage.run('rebuild-ledger'), 23);

  const ledger = { url: (await createSchema()).url, lease: '2s' };
  await stage.configure({ ledger });
  await stage.succeeds('migrate');
  for (const lost of ['collect', 'repair', 'seal', 'init'])
    expectRefusal(await stage.run(lost), 22, 'rebuild-ledger');

  const key = formatSignerKey(generateSignerKey('archive.example.com/test'));
  await writeConfig(stage.folder, stage.emulator.url, { ledger });
  const right = await readFile(stage.config, 'utf8');
  await writeFile(stage.config, JSON.stringify({ ...JSON.parse(right), signing: { key } }));
  expectRefusal(await stage.run('rebuild-ledger'), 6, 'another key');
  await writeFile(stage.config, right);

  const segments = join(stage.folder, 'archive/segments');
  const names = (await readdir(segments, { recursive: true })).filter((name) => name.endsWith('.parquet'));
  const name = names.find((one) => one.startsWith('stream=messages')) ?? '';
  const bytes = await readFile(join(segments, name));
  await writeFile(join(segments, name), bytes.subarray(1));
  expectRefusal(await stage.run('rebuild-ledger'), 19, `segments/${name}`);
  expectRefusal(await stage.run('collect'), 22, 'rebuild-ledger');
  await writeFile(join(segments, name), bytes);

  const summary = JSON.parse(await stage.succeeds('rebuild-ledger', '--json'));
  expect(summary).toMatchObject({ segments: expect.any(Number), resumedAt: expect.any(Number) });
  expect(summary.entries).toBe(names.length + 1);
  expect(JSON.parse(await stage.succeeds('collect', '--json'))).toMatchObject({ admitted: {}, drift: 0 });
  await stage.succeeds('seal', '--all');
  expectRefusal(await stage.run('rebuild-ledger'), 23);
});
