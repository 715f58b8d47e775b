/** A clock that runs ahead disposes of nothing and ends no hold. */
import { expect, onTestFinished, test } from 'vitest';
import { leadOnce, openLedger, openSink } from '../../src/commands/context.ts';
import { type DisposeSummary, planDisposition, runDispose } from '../../src/commands/disposition.ts';
import { holdEntry, placeEntries } from '../../src/commands/hold-entries.ts';
import { classesInForce } from '../../src/commands/schedule-in-force.ts';
import { placeHold, readHolds, releaseHold } from '../../src/ledger/holds.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { EVERYTHING } from '../../src/retention/holds.ts';
import { emulate, NOON, workFolder } from '../e2e/campaign.ts';
import { openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';

const DAY = 86_400_000;

test('dates and cool-offs pass with Zoom’s answers, and a clock ahead of the ledger’s is refused', async () => {
  const emulator = await emulate({
    now: NOON,
    frozen: true,
    source: { kind: 'generated', seed: 3, sessions: 2, messages: 30 },
  });
  const { url } = await createSchema();
  const archiver = await openArchiver(emulator, await workFolder(), {
    ledger: { url },
    retention: { default: { keep: '200d', mode: 'none', disposition: 'destroy' } },
  });
  const { context } = archiver;
  const { account } = context;
  const db = await openLedger(context);
  const sink = await openSink(context);
  onTestFinished(async () => {
    await sink.close();
    await db.close();
    await archiver.close();
  });
  const never = new AbortController().signal;
  const dispose = async (agreed?: ReadonlySet<string>): Promise<DisposeSummary> => {
    const { lease, release } = await leadOnce(context, db, never);
    const metrics = createMetrics(createRegistry(), { version: '1', commit: '2' });
    const stop = { drain: never, interrupt: never };
    const order = { by: 'Ann', approvedBy: null, reason: 'over' };
    const job = { context, db, sink, lease, metrics, stop, scope: {}, order };
    return runDispose(agreed === undefined ? job : { ...job, agreed }).finally(release);
  };
  await archiver.collect();
  await archiver.seal(true);
  const placed = { by: 'B. Counsel', at: context.now(), reason: 'letter' };
  const hold = {
    id: 'h1',
    matter: 'Doe',
    source: 'own',
    zoomMatter: undefined,
    scope: EVERYTHING,
    placed,
  } as const;
  await placeHold(db, account, hold, placeEntries(hold));
  const released = { ...placed, endsAt: context.now() + DAY };
  await releaseHold(db, account, 'h1', released, [holdEntry(hold, 'release', placed)]);
  const state = async () => (await readHolds(db, account))[0]?.state;

  // This machine's clock alone says that a month has passed.
  emulator.moveClock(40 * DAY);
  await archiver.holds();
  expect(await state()).toBe('releasing');
  expect(await dispose()).toMatchObject({ segments: 0, refused: [] });
  expect((await planDisposition(context, db, await classesInForce(db, account), {})).rows).toEqual([]);

  // Zoom says so too.
  await archiver.collect();
  await archiver.holds();
  expect(await state()).toBe('ended');
  const { items } = await planDisposition(context, db, await classesInForce(db, account), {});
  expect(items.length).toBeGreaterThan(0);
  // Nobody agreed to what is not in the plan that he saw.
  expect(await dispose(new Set())).toMatchObject({ segments: 0, refused: [] });
  expect(await dispose(new Set(items.map(({ key }) => key)))).toMatchObject({ segments: items.length });

  // The next hold, and a clock of next year.
  const next = { ...hold, id: 'h2' };
  await placeHold(db, account, next, placeEntries(next));
  await releaseHold(db, account, 'h2', { ...released, endsAt: context.now() + DAY }, [
    holdEntry(next, 'release', placed),
  ]);
  emulator.moveClock(Date.now() - emulator.now() + 365 * DAY);
  await expect(archiver.holds()).rejects.toMatchObject({ code: 'clock-skew' });
  expect((await readHolds(db, account))[1]).toMatchObject({
    state: 'releasing',
    refreshedAt: expect.any(Number),
  });
  await expect(dispose()).rejects.toMatchObject({ code: 'clock-skew' });
});
