/** Killed at ten moments nobody chose, and started again: nothing lost, nothing twice. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Random } from '../../emulator/random.ts';
import { runArchiver, startArchiver } from '../support/command.ts';
import { requests, until } from './campaign.ts';
import { comeToRest, setScene } from './scene.ts';

/** Changing it changes the moments. */
const SEED = 20260615;
const KILLS_OF_EACH = 5;

test('ten SIGKILLs during collect and seal', async () => {
  const random = new Random(SEED);
  const source = { kind: 'generated', seed: 11, sessions: 10, messages: 900 } as const;
  const scene = await setScene(source, 60, { seal: { spool: './spool', maxAge: '0s' } });
  const { emulator, folder, config } = scene;

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

  await comeToRest(scene);
});
