/** A clock that is wrong must not let time count as collected that is yet to come. */
import { expect, onTestFinished, test } from 'vitest';
import { DAY } from '../../emulator/dates.ts';
import { workFolder } from '../e2e/campaign.ts';
import { readArchive } from '../support/archive.ts';
import { openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { emulate } from '../zoom/connect.ts';
import { SOURCE } from './stage.ts';

test.each([
  ['ahead', 3 * DAY],
  ['behind', -3 * DAY],
])('with a clock %s nothing is asked for or covered; set right, nothing is missing', async (_name, wrong) => {
  const { emulator } = await emulate({ source: SOURCE });
  const { url } = await createSchema();
  let error = 0;
  const zoom = { url: emulator.url, now: () => emulator.now() + error };
  const archiver = await openArchiver(zoom, await workFolder(), { ledger: { url } });
  onTestFinished(() => archiver.close());

  expect(await archiver.collect()).toMatchObject({ complete: true });
  error = wrong;
  emulator.moveClock(DAY);
  await expect(archiver.collect()).rejects.toMatchObject({ code: 'clock-skew' });
  emulator.perform({
    verb: 'send',
    sessionId: emulator.sessions()[0]?.id ?? '',
    text: 'written while the clock was wrong',
  });
  emulator.moveClock(2 * DAY);
  error = 0;
  expect(await archiver.collect()).toMatchObject({ complete: true });
  await archiver.seal(true);
  const { messages } = await readArchive(archiver.root);
  expect(messages.filter(({ text }) => text.includes('written while the clock was wrong'))).toHaveLength(1);
});
