/** A small account that people write in, and a configuration for processes that archive it and may be killed. */
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Emulator, EmulatorOptions } from '../../emulator/server.ts';
import { readArchive } from '../support/archive.ts';
import type { Sections } from '../support/archiver.ts';
import { runArchiver, writeConfig } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { type Beginning, beginning, emulate, reckon, until, workFolder } from './campaign.ts';

export interface Scene {
  readonly emulator: Emulator;
  readonly folder: string;
  /** Path of the configuration. */
  readonly config: string;
  readonly start: Beginning;
}

/** The archive is made, and people act `perSecond` times a second. Settling and the cadences take a second. */
export async function setScene(
  source: EmulatorOptions['source'],
  perSecond: number,
  parts: Sections,
): Promise<Scene> {
  const folder = await workFolder();
  const emulator = await emulate({ source });
  const config = await writeConfig(folder, emulator.url, {
    ledger: { url: (await createSchema()).url, lease: '2s' },
    // The emulator means its first answer.
    collection: { settle: '1s', patience: '0s', modifications: [{ youngerThan: '365d', every: '1s' }] },
    ...parts,
  });
  expect(await runArchiver(['init', '--config', config])).toMatchObject({ code: 0 });
  const start = beginning(emulator);
  emulator.startActing(perSecond);
  return { emulator, folder, config, start };
}

/** Everybody stops writing; after a last pass and seal by commands the archive is complete. */
export async function comeToRest({ emulator, folder, config, start }: Scene): Promise<void> {
  emulator.stopActing();
  emulator.clearFaults();
  // Past the settling time and the cadence.
  const quiet = emulator.now() + 3000;
  await until(() => emulator.now() > quiet);
  const last = emulator.now();
  const pass = await runArchiver(['collect', '--json', '--config', config]);
  expect(JSON.parse(pass.stdout)).toMatchObject({ complete: true });
  expect(await runArchiver(['seal', '--all', '--config', config])).toMatchObject({ code: 0 });
  expect(await runArchiver(['verify', '--config', config])).toMatchObject({ code: 0 });
  reckon(emulator, await readArchive(join(folder, 'archive')), start, last);
}
