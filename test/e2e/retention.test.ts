/** Nothing is lost silently: six months of retention at Zoom, a policy that shrinks, and an outage meanwhile. */
import { expect, onTestFinished, test } from 'vitest';
import type { Emulator } from '../../emulator/server.ts';
import { surveySessions } from '../../src/collectors/messages.ts';
import type { SessionsState } from '../../src/collectors/survey.ts';
import { collectionPolicy, openLedger } from '../../src/commands/context.ts';
import { type Archive, readArchive } from '../support/archive.ts';
import { type Archiver, openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { emulate, NOON, workFolder } from './campaign.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const CHANNELS = 'retention_period_of_channels';
const DIRECT = 'retention_period_of_direct_messages_and_group_conversation';

interface Stage {
  readonly emulator: Emulator;
  readonly archiver: Archiver;
  /** The account's retention at Zoom, for channels and direct messages. */
  retain(period: string): void;
  /** What the guard sees now. */
  guard(): Promise<SessionsState>;
  /** A pass that may fail, as those of an outage do. */
  pass(): Promise<void>;
}

async function setStage(): Promise<Stage> {
  const emulator = await emulate({
    now: NOON,
    frozen: true,
    source: { kind: 'generated', seed: 31, sessions: 6, messages: 300 },
  });
  const { url } = await createSchema();
  const streams = {
    activities: { enabled: false },
    legalHold: { enabled: false },
    files: { enabled: false },
    forwarded: { enabled: false },
    context: { enabled: true, every: '6h' },
  };
  const archiver = await openArchiver(emulator, await workFolder(), { ledger: { url }, streams });
  onTestFinished(() => archiver.close());
  const db = await openLedger(archiver.context);
  onTestFinished(() => db.close());
  const { account, config } = archiver.context;
  const stage: Stage = {
    emulator,
    archiver,
    retain: (period) =>
      void emulator.setSettings({
        set_retention_period_in_cloud: { enable: true, [CHANNELS]: period, [DIRECT]: period },
      }),
    guard: () => surveySessions(db, account, collectionPolicy(config), emulator.now()),
    pass: async () => void (await archiver.collect().catch(() => undefined)),
  };
  stage.retain('2y');
  return stage;
}

/** Every message that Zoom ever had is in the archive, or in a window that the archive itself says was lost. */
function unexplained({ emulator }: Stage, archive: Archive, since: number): string[] {
  const archived = new Set(archive.messages.map(({ sessionId, messageId }) => `${sessionId} ${messageId}`));
  const lost = archive.coverage.filter(({ outcome }) => outcome === 'lost');
  const missing: string[] = [];
  for (const { sessionId, messageId, sentAt } of emulator.truth()) {
    if (sentAt < since) continue;
    const id = messageId.replace(/[{}]/g, '').toLowerCase();
    if (archived.has(`${sessionId} ${id}`)) continue;
    const isSaid = lost.some(
      ({ scope, from = Number.POSITIVE_INFINITY, to = 0 }) =>
        scope === sessionId && sentAt >= from && sentAt < to,
    );
    if (!isSaid) missing.push(`${sessionId} ${id} ${new Date(sentAt).toISOString()}`);
  }
  return missing;
}

test('through six months with a policy of two years nothing is lost and the guard stays calm', async () => {
  const stage = await setStage();
  const { emulator, archiver } = stage;
  const since = emulator.now() - 170 * DAY;
  for (let month = 0; month < 7; month += 1) {
    emulator.act(40);
    emulator.moveClock(2 * HOUR);
    await archiver.collect();
    const { holes, lost, untilLossRatio = 0, within } = await stage.guard();
    expect({ holes, lost, soon: within.get('30d') }).toEqual({ holes: 0, lost: 0, soon: 0 });
    expect(untilLossRatio).toBeGreaterThan(0.95);
    emulator.moveClock(30 * DAY);
  }
  await archiver.collect();
  await archiver.seal(true);
  expect(unexplained(stage, await readArchive(archiver.root), since)).toEqual([]);
});

test('a policy that shrinks to a day in an outage: the guard warns before, and what was lost is on record after', async () => {
  const stage = await setStage();
  const { emulator, archiver } = stage;
  const since = emulator.now() - 170 * DAY;
  await archiver.collect();
  await archiver.collect();
  expect((await stage.guard()).lost).toBe(0);

  // People write on, and Zoom's message reports fail.
  emulator.inject({ kind: 'status', status: 400, code: 300, endpoint: 'messages', times: 1_000_000 });
  emulator.act(60);
  emulator.moveClock(2 * DAY);
  await stage.pass();
  const calm = await stage.guard();
  expect(calm.within.get('30d')).toBe(0);

  stage.retain('5d');
  emulator.moveClock(6 * HOUR);
  await stage.pass();
  const warned = await stage.guard();
  expect(warned.untilLoss).toBeGreaterThan(0);
  expect(warned.untilLoss).toBeLessThan(3 * DAY);
  expect(warned.untilLossRatio).toBeLessThan(0.6);
  expect(warned).toMatchObject({ lost: 0 });
  expect(warned.within.get('3d')).toBeGreaterThan(0);

  stage.retain('1d');
  emulator.moveClock(7 * HOUR);
  await stage.pass();
  // The policy is known from that pass on; the next one puts on record what it took.
  emulator.moveClock(1 * HOUR);
  await stage.pass();
  const after = await stage.guard();
  expect(after.lost).toBeGreaterThan(0);

  emulator.clearFaults();
  emulator.act(20);
  emulator.moveClock(20 * 60_000);
  await archiver.collect();
  emulator.moveClock(HOUR);
  await archiver.collect();
  await archiver.seal(true);
  const archive = await readArchive(archiver.root);
  expect(archive.coverage.some(({ outcome }) => outcome === 'lost')).toBe(true);
  expect(unexplained(stage, archive, since)).toEqual([]);
  // And something was lost indeed: this check is no tautology.
  const ids = new Set(archive.messages.map(({ messageId }) => messageId));
  const all = [...emulator.truth()].filter(({ sentAt }) => sentAt >= since);
  expect(
    all.filter(({ messageId }) => !ids.has(messageId.replace(/[{}]/g, '').toLowerCase())).length,
  ).toBeGreaterThan(0);
});
