/** Killed at ten moments nobody chose, and started again: nothing lost, nothing twice. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Random } from '../../emulator/random.ts';
import { readArchive } from '../support/archive.ts';
import { runArchiver, startArchiver, writeConfig } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { beginning, emulate, reckon, requests, until, workFolder } from './campaign.ts';

/** Changing it changes the moments. */
const SEED = 20260615;
const KILLS_OF_EACH = 5;

test('ten SIGKILLs during collect and seal', async () => {
  const random = new Random(SEED);
  const folder = await workFolder();
  const emulator = await emulate({ source: { kind: 'generated', seed: 11, sessions: 10, messages: 900 } });
  const config = await writeConfig(folder, emulator.url, {
    ledger: { url: (await createSchema()).url, lease: '2s' },
    collection: { settle: '1s', modifications: [{ youngerThan: '365d', every: '1s' }] },
    seal: { spool: './spool', maxAge: '0s' },
  });
  expect(await runArchiver(['init', '--config', config])).toMatchObject({ code: 0 });
  const start = beginning(emulator);
  emulator.startActing(60);

  for (let kill = 0; kill < KILLS_OF_EACH; kill += 1) {
    // The whole pass is about 180 requests; each start lists the sessions first.
    const moment = requests(emulator) + 9 + random.below(25);
    const collecting = startArchiver(['collect', '--config', config]);
    await until(() => requests(emulator) >= moment || collecting.process.exitCode !== null);
    collecting.signal('SIGKILL');
    expect((await collecting.ended).code).toBeNull();
  }
  expect(await runArchiver(['collect', '--config', config])).toMatchObject({ code: 0 });

  const sealed = async (): Promise<number> =>
    (await readdir(join(folder, 'archive'), { recursive: true })).filter((name) => name.endsWith('.parquet'))
      .length;
  for (let kill = 0; kill < KILLS_OF_EACH; kill += 1) {
    const moment = (await sealed()) + 1 + random.below(15);
    const sealing = startArchiver(['seal', '--all', '--config', config]);
    // The object stands before its commit, so a kill at its sight falls into the gap between the two.
    await until(async () => (await sealed()) >= moment || sealing.process.exitCode !== null);
    sealing.signal('SIGKILL');
    expect((await sealing.ended).code).toBeNull();
  }

  emulator.stopActing();
  // Past the settling time and the cadence, which both are a second.
  const quiet = emulator.now() + 3000;
  await until(() => emulator.now() > quiet);
  const last = emulator.now();
  const pass = await runArchiver(['collect', '--json', '--config', config]);
  expect(JSON.parse(pass.stdout)).toMatchObject({ complete: true });
  expect(await runArchiver(['seal', '--all', '--config', config])).toMatchObject({ code: 0 });
  reckon(emulator, await readArchive(join(folder, 'archive')), start, last);
});
