/** Killed at ten moments nobody chose, and started again: nothing lost, nothing twice. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Random } from '../../emulator/random.ts';
import { runArchiver, startArchiver } from '../support/command.ts';
import { readStream } from '../support/stream-rows.ts';
import { requests, until } from './campaign.ts';
import { compareContent } from './content.ts';
import { comeToRest, setScene } from './scene.ts';

/** Changing it changes the moments. */
const SEED = 20260615;
const KILLS_OF_EACH = 5;
const DAY = 86_400_000;

test('ten SIGKILLs during collect and seal, with all streams on', async () => {
  const random = new Random(SEED);
  const source = { kind: 'generated', seed: 11, sessions: 10, messages: 900 } as const;
  const streams = {
    activities: { enabled: true },
    context: { enabled: true },
    legalHold: { enabled: true },
    files: { enabled: true },
    forwarded: { enabled: true },
  };
  const scene = await setScene(source, 60, { seal: { spool: './spool', maxAge: '0s' }, streams });
  const { emulator, folder, config } = scene;
  const since = emulator.now() - 178 * DAY;
  emulator.setSwitches({ holdZipMinutes: 0 });

  for (let kill = 0; kill < KILLS_OF_EACH; kill += 1) {
    // The whole pass is about 600 requests; each start lists the sessions first.
    const moment = requests(emulator) + 9 + random.below(80);
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
  const root = join(folder, 'archive');
  expect(await compareContent(emulator, root)).toEqual([]);
  const changes = (await readStream(root, 'channel_activities')).map(({ record }) =>
    [
      record.channel_id,
      record.activity_timestamp,
      record.members.member_status,
      record.operator.member_id,
    ].join(' '),
  );
  expect(new Set(changes).size).toBe(changes.length);
  const truth = [...emulator.membershipChanges()].map(({ channelId, timestamp, status, operator }) =>
    [channelId, timestamp, status, operator.memberId].join(' '),
  );
  expect(truth.filter((change) => !changes.includes(change) && Number(change.split(' ')[1]) > since)).toEqual(
    [],
  );
  expect(changes.filter((change) => !truth.includes(change))).toEqual([]);
  const coverage = await runArchiver(['coverage', '--json', '--config', config]);
  expect(JSON.parse(coverage.stdout)).toMatchObject({ holes: [], unnamed: 0 });
  expect(coverage.code).toBe(0);
});
