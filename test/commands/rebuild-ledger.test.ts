/** A ledger lost and made again, as an operator does it. */
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatSignerKey, formatVerifierKey, generateSignerKey, witnessKeyOf } from '../../src/proof/key.ts';
import { writeConfig } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { expectRefusal, setStage } from './stage.ts';

test('refuses what is no empty ledger, another key and a tampered archive; then the archive goes on', async () => {
  const stage = await setStage();
  await stage.succeeds('init');
  const first = await readFile(join(stage.folder, 'archive/log/checkpoint'), 'utf8');
  expectRefusal(await stage.run('rebuild-ledger'), 23, 'log_heads');
  await stage.succeeds('collect');
  await stage.succeeds('seal', '--all');
  expectRefusal(await stage.run('rebuild-ledger'), 23);

  // What a ledger must not be made from, or a log begun beside: the head of before, and none at all.
  const root = join(stage.folder, 'archive');
  const head = join(root, 'log/checkpoint');
  const newest = await readFile(head, 'utf8');
  const saved = join(stage.folder, 'saved.checkpoint');
  await stage.succeeds('verify', '--save', saved);
  expect(await readFile(saved, 'utf8')).toBe(newest);

  const ledger = { url: (await createSchema()).url, lease: '2s' };
  await stage.configure({ ledger });
  await stage.succeeds('migrate');
  for (const lost of ['collect', 'repair', 'seal', 'init'])
    expectRefusal(await stage.run(lost), 22, 'rebuild-ledger');

  const witness = join(root, 'log/witness/0a1b2c3d');
  await writeFile(head, first);
  expectRefusal(await stage.run('rebuild-ledger', '--since', saved), 22, 'saved checkpoint');
  const stranger = formatVerifierKey(witnessKeyOf(generateSignerKey('witness.example.com')));
  expectRefusal(await stage.run('rebuild-ledger', '--require-witness', stranger), 22, 'witness.example.com');
  await mkdir(join(root, 'log/witness'));
  await writeFile(witness, newest);
  expectRefusal(await stage.run('rebuild-ledger'), 22, 'log/witness/0a1b2c3d');
  await rm(witness);
  await rm(head);
  expectRefusal(await stage.run('init'), 22, 'log/tile/', 'log/checkpoint');
  await rename(join(root, 'log/tile'), join(stage.folder, 'tiles'));
  expectRefusal(await stage.run('init'), 22, 'segments/', 'log/checkpoint');
  await rename(join(stage.folder, 'tiles'), join(root, 'log/tile'));
  await writeFile(head, newest);

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

  const summary = JSON.parse(await stage.succeeds('rebuild-ledger', '--since', saved, '--json'));
  expect(summary).toMatchObject({ segments: expect.any(Number), resumedAt: expect.any(Number) });
  // Entry 0, and the schedule as an object and in force.
  expect(summary.entries).toBe(names.length + 3);
  expect(JSON.parse(await stage.succeeds('collect', '--json'))).toMatchObject({ admitted: {}, drift: 0 });
  await stage.succeeds('seal', '--all');
  expectRefusal(await stage.run('rebuild-ledger'), 23);
});

test('a checkpoint that was set back stops everything until the newest is restored', async () => {
  const stage = await setStage();
  await stage.succeeds('init');
  const head = join(stage.folder, 'archive/log/checkpoint');
  const first = await readFile(head, 'utf8');
  await stage.succeeds('collect');
  await stage.succeeds('seal', '--all');
  const saved = join(stage.folder, 'saved.checkpoint');
  await stage.succeeds('verify', '--save', saved);
  await writeFile(head, first);
  for (const command of ['collect', 'seal', 'init']) expectRefusal(await stage.run(command), 22, 'went back');
  expect((await stage.run('verify', '--since', saved)).code).toBe(19);
  await copyFile(saved, head);
  await stage.succeeds('verify', '--since', saved);
  await stage.completes();
});
