/** Files, forwarded messages and legal holds, from Zoom to sealed archive. */
import { describe, expect, test } from 'vitest';
import type { EmulatorOptions } from '../../emulator/server.ts';
import { openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { emulate, NOON, workFolder } from './campaign.ts';
import { compareContent } from './content.ts';

/** Few days, for each with a message is a segment more of each stream. */
const SOURCE = { kind: 'generated', seed: 11, sessions: 8, messages: 900, days: 30 } as const;
const MINUTE = 60_000;
const ON = { files: { enabled: true }, forwarded: { enabled: true }, legalHold: { enabled: true } };

const CASES: readonly { readonly name: string; readonly switches: EmulatorOptions['switches'] }[] = [
  { name: 'as a matter of course', switches: {} },
  { name: 'redirected to another host of Zoom', switches: { downloadRedirect: 'zoom' } },
  { name: 'redirected to a foreign host', switches: { downloadRedirect: 'foreign' } },
  { name: 'for the access token only', switches: { downloadNeedsBearer: true } },
  {
    name: 'for the access token, then redirected to a foreign host',
    switches: { downloadNeedsBearer: true, downloadRedirect: 'foreign' },
  },
];

describe('everything that messages and matters point to', () => {
  test.each(CASES)('$name', async ({ switches }) => {
    // Frozen, or a zip could become ready between the last pass and the comparison.
    const emulator = await emulate({ now: NOON, frozen: true, source: SOURCE, switches });
    const { url } = await createSchema();
    const archiver = await openArchiver(emulator, await workFolder(), {
      ledger: { url },
      streams: ON,
      // The emulator means its first answer.
      collection: { patience: '0s' },
    });
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    emulator.act(200);
    emulator.moveClock(20 * MINUTE);
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    await archiver.seal(true);
    expect(await compareContent(emulator, archiver.root)).toEqual([]);
    expect(emulator.stats().secondOrigin.withAuthorization).toBe(0);
    await archiver.close();
  });
});
