/** Every revision exactly once, whatever Zoom does that it does not document, with people writing meanwhile. */
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { z } from 'zod';
import { DEFAULT_SWITCHES, switchesSchema } from '../../emulator/switches.ts';
import { readBucket } from '../support/archive.ts';
import { openArchiver } from '../support/archiver.ts';
import { writeCorpus } from '../support/corpus.ts';
import { createSchema } from '../support/postgres.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { beginning, collectAmongWriters, emulate, finish, NOON, reckon, workFolder } from './campaign.ts';

/** Few days, for each with a message is a segment more of each stream; and so more pages a window. */
const GENERATED = { kind: 'generated', seed: 3, sessions: 8, messages: 600, days: 45 } as const;

/** The switches that change what the reports of messages say. */
const caseSchema = switchesSchema.pick({
  modificationArrays: true,
  sentText: true,
  listEditedSessions: true,
  messagesInModified: true,
  reportZoneHours: true,
  toInclusive: true,
  shufflePages: true,
});
type Case = z.infer<typeof caseSchema>;

/** Every pair of two switches' values occurs in one of these. */
const CASES: readonly Case[] = [
  ['first-page', 'original', false, 'same', 14, false, true],
  ['first-page', 'latest', true, 'none', 0, true, false],
  ['own-page', 'original', false, 'none', -12, true, false],
  ['every-page', 'latest', true, 'same', -12, false, false],
  ['own-page', 'original', true, 'none', 0, false, true],
  ['every-page', 'original', true, 'none', 14, true, true],
  ['own-page', 'latest', false, 'same', 14, true, false],
  ['every-page', 'original', false, 'same', 0, true, false],
  ['first-page', 'latest', false, 'none', -12, true, true],
].map((values) => {
  const [modificationArrays, sentText, listEditedSessions, messagesInModified, ...rest] = values;
  const [reportZoneHours, toInclusive, shufflePages] = rest;
  const given = { modificationArrays, sentText, listEditedSessions, messagesInModified };
  return caseSchema.parse({ ...given, reportZoneHours, toInclusive, shufflePages });
});

describe('a generated account, with writers', () => {
  test.each(CASES)(
    '$modificationArrays, $sentText, edited listed $listEditedSessions, $messagesInModified, zone $reportZoneHours, inclusive $toInclusive, shuffled $shufflePages',
    async (switches) => {
      const emulator = await emulate({ now: NOON, source: GENERATED, switches });
      const { url } = await createSchema();
      const archiver = await openArchiver(emulator, await workFolder(), { ledger: { url } });
      const start = beginning(emulator);
      await collectAmongWriters(emulator, archiver);
      await finish(emulator, archiver, start, switches);
      await archiver.close();
    },
  );

  test('the cases hold every pair of values', () => {
    const names = Object.keys(CASES[0] ?? {}) as (keyof Case)[];
    const values = (name: keyof Case) => [...new Set(CASES.map((one) => one[name]))];
    expect(values('modificationArrays')).toHaveLength(3);
    expect(values('reportZoneHours').sort()).toEqual([-12, 0, 14]);
    const missing = names.flatMap((a) =>
      names
        .filter((b) => b > a)
        .flatMap((b) => values(a).flatMap((x) => values(b).map((y) => ({ a, x, b, y }))))
        .filter(({ x, b, y }) => !CASES.some((one) => one[a] === x && one[b] === y)),
    );
    expect(missing).toEqual([]);
  });

  test('with the default policy, a week later', async () => {
    const emulator = await emulate({ now: NOON, source: { ...GENERATED, seed: 5, days: 180 } });
    const { url } = await createSchema();
    const archiver = await openArchiver(emulator, await workFolder(), {
      ledger: { url },
      collection: { modifications: undefined as never },
    });
    const start = beginning(emulator);
    await collectAmongWriters(emulator, archiver);
    emulator.moveClock(8 * 86_400_000);
    await finish(emulator, archiver, start);
    await archiver.close();
  });

  test('on the embedded ledger', async () => {
    const emulator = await emulate({ now: NOON, source: { ...GENERATED, seed: 7 } });
    const archiver = await openArchiver(emulator, await workFolder(), { ledger: { directory: './ledger' } });
    const start = beginning(emulator);
    await collectAmongWriters(emulator, archiver);
    await finish(emulator, archiver, start);
    await archiver.close();
  });

  test('into S3, under Object Lock', async () => {
    const emulator = await emulate({ now: NOON, source: { ...GENERATED, seed: 9 } });
    const prefix = 'zoom/';
    const s3 = await startS3Fake({ prefix });
    const warnings: string[] = [];
    const warn = ({ name }: Error): void => void warnings.push(name);
    process.on('warning', warn);
    onTestFinished(() => void process.off('warning', warn));
    const { url } = await createSchema();
    const archiver = await openArchiver(emulator, await workFolder(), {
      ledger: { url },
      sink: { s3: { bucket: s3.bucket, prefix, endpoint: s3.url, forcePathStyle: true, ...s3.credentials } },
      retention: { default: { mode: 'compliance', keep: '7y' } },
    });
    const start = beginning(emulator);
    await collectAmongWriters(emulator, archiver);
    const last = emulator.now();
    await archiver.collect();
    await archiver.seal(true);
    reckon(emulator, await readBucket(s3, prefix), start, last);
    expect(s3.violations).toEqual([]);
    expect(warnings).not.toContain('MaxListenersExceededWarning');
    await archiver.close();
    await s3.close();
  });
});

describe('a corpus', () => {
  test.each([
    { engine: 'Postgres', shufflePages: false },
    { engine: 'PGlite', shufflePages: true },
  ])('on $engine, with writers', async ({ engine, shufflePages }) => {
    const folder = await workFolder();
    const file = join(folder, 'corpus.ndjson.gz');
    await writeCorpus(file, 4, 700);
    const switches = { ...DEFAULT_SWITCHES, shufflePages };
    const emulator = await emulate({ now: NOON, source: { kind: 'corpus', file }, switches });
    const ledger = engine === 'Postgres' ? { url: (await createSchema()).url } : { directory: './ledger' };
    const archiver = await openArchiver(emulator, folder, { ledger });
    const start = beginning(emulator);
    await collectAmongWriters(emulator, archiver);
    await finish(emulator, archiver, start, switches);
    await archiver.close();
  });
});
