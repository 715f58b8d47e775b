/** Each fault on each endpoint of files, forwarded messages and legal holds, while a pass runs. */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fault } from '../../emulator/server.ts';
import { type Stage, sendFile, stage } from '../collectors/stage.ts';
import { serve } from '../zoom/connect.ts';
import { compareContent } from './content.ts';

const HOUR = 3_600_000;
const ENDPOINTS = [
  'file-info',
  'file-download',
  'forwarded',
  'matters',
  'hold-files',
  'hold-download',
] as const;
const ALL = { files: { enabled: true }, forwarded: { enabled: true }, legalHold: { enabled: true } };

async function account(): Promise<Stage> {
  const set = await stage({ switches: { holdZipMinutes: 0 } }, ALL);
  const { emulator } = set;
  const sessionId = emulator.sessions()[0]?.id ?? '';
  for (const size of [0, 20_000, 300_000]) await sendFile(emulator, size);
  for (let count = 0; count < 2; count += 1) {
    emulator.perform({ verb: 'send', sessionId, text: 'look', forward: true });
  }
  onTestFinished(() => emulator.clearFaults());
  return set;
}

async function comeToRest({ emulator, archiver }: Stage): Promise<void> {
  emulator.clearFaults();
  emulator.moveClock(25 * HOUR);
  expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0, errors: [] });
  await archiver.seal(true);
  expect(await compareContent(emulator, archiver.root)).toEqual([]);
}

const RIDDEN_OUT: readonly Fault[] = [
  { kind: 'status', status: 500, times: 2 },
  { kind: 'status', status: 503 },
  { kind: 'reset', times: 2 },
  { kind: 'reset', when: 'mid-body' },
  { kind: 'slow-body', ms: 50 },
  { kind: 'token-expired' },
  { kind: 'missing-rate-headers', times: 5 },
  { kind: 'second-limit' },
  { kind: 'concurrency-limit' },
  { kind: 'redirect', to: 'same-host' },
];

describe.each(ENDPOINTS)('%s', (endpoint) => {
  test('is complete after every fault that passes, one after the other', async () => {
    const set = await account();
    for (const fault of RIDDEN_OUT) set.emulator.inject({ ...fault, endpoint });
    // In one row they outlast the tries of a request; each pass goes on where the one before gave up.
    for (let pass = 0; pass < 4; pass += 1) {
      await set.archiver.collect();
      set.emulator.moveClock(2 * HOUR);
    }
    await comeToRest(set);
  });

  test.each<Fault>([
    // Once: a file whose bytes are wrong twice is archived so.
    { kind: 'truncated-json' },
    { kind: 'html', times: 2 },
    { kind: 'status', status: 500, times: 1000 },
    { kind: 'status', status: 400, code: 300, times: 3 },
    { kind: 'daily-limit' },
    { kind: 'missing-scope' },
  ])('is complete after $kind $status', async (fault) => {
    const set = await account();
    set.emulator.inject({ ...fault, endpoint });
    await set.archiver.collect();
    expect(set.emulator.faultsHit()[fault.kind]).toBeGreaterThan(0);
    await comeToRest(set);
  });

  test('a redirect to a stranger shows it no credential', async () => {
    const foreign = await serve([{ status: 404 }]);
    const set = await account();
    set.emulator.inject({ kind: 'redirect', to: 'foreign', port: foreign.port, endpoint });
    await set.archiver.collect();
    expect(foreign.seen.map(({ headers }) => headers.authorization)).toEqual(
      foreign.seen.map(() => undefined),
    );
    await comeToRest(set);
  });
});

test.each(['matters', 'hold-files'] as const)('pages of %s that repeat or lapse', async (endpoint) => {
  const set = await account();
  const { emulator } = set;
  const someone = emulator.matters()[0]?.custodians[0]?.userId ?? '';
  for (let count = 0; count < 110; count += 1) {
    // More zips than a page has: one a month.
    const startDay = count === 0 ? '2024-01-01' : '2026-05-01';
    emulator.hold({
      verb: 'add-matter',
      name: `Matter ${count}`,
      custodians: [someone],
      startDay,
      endDay: '2026-05-31',
    });
  }
  emulator.inject({ kind: 'expired-page-token', endpoint });
  emulator.inject({ kind: 'repeated-page-token', endpoint });
  emulator.inject({ kind: 'repeated-rows', endpoint, rows: 3 });
  expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
  expect(Object.keys(emulator.faultsHit()).length).toBeGreaterThan(0);
  await comeToRest(set);
});
