/** The daemon's own verification: what is new, a sample of the rest, and what it tells the metrics. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { leadOnce, openLedger, openSink } from '../../src/commands/context.ts';
import { placeEntries } from '../../src/commands/hold-entries.ts';
import { runWatch } from '../../src/commands/watch.ts';
import { placeHold } from '../../src/ledger/holds.ts';
import { readLearned } from '../../src/ledger/learned.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { EVERYTHING } from '../../src/retention/holds.ts';
import { workFolder } from '../e2e/campaign.ts';
import { openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';
import { emulate } from '../zoom/connect.ts';

test('is clean of what was sealed, goes on from there, and counts what somebody took away', async () => {
  const { emulator } = await emulate({ source: { kind: 'generated', seed: 5, sessions: 3, messages: 60 } });
  const { url } = await createSchema();
  const archiver = await openArchiver(emulator, await workFolder(), {
    ledger: { url },
    verification: { sample: 10_000 },
  });
  const { root } = archiver;
  let { context } = archiver;
  const db = await openLedger(context);
  const sink = await openSink(context);
  const asked: string[] = [];
  const head = sink.head.bind(sink);
  sink.head = (key, version) => {
    asked.push(key);
    return head(key, version);
  };
  onTestFinished(async () => {
    await sink.close();
    await db.close();
    await archiver.close();
  });
  const registry = createRegistry();
  const metrics = createMetrics(registry, { version: '1', commit: '2' });
  const never = new AbortController().signal;
  const watch = async (): Promise<void> => {
    const { lease, release } = await leadOnce(context, db, never);
    const stop = { drain: never, interrupt: never };
    await runWatch({ context, db, sink, lease, metrics, stop }).finally(release);
  };
  const gauge = async (name: string): Promise<string | undefined> =>
    new RegExp(`^zoom_chat_archiver_${name} (.+)$`, 'm').exec(await registry.metrics())?.[1];

  await archiver.collect();
  await archiver.seal(true);
  await watch();
  expect(await gauge('verify_findings')).toBe('0');
  expect(await gauge('verify_timestamp_seconds')).toBe(String(emulator.now() / 1000));
  const first = await readLearned(db, context.account, 'verified-head');
  expect(first).toContain('archive.example.com/test\n');

  emulator.act(20);
  emulator.moveClock(3_600_000);
  await archiver.collect();
  await archiver.seal(true);
  await watch();
  expect(await gauge('verify_findings')).toBe('0');
  const later = await readLearned(db, context.account, 'verified-head');
  expect(later).not.toBe(first);

  // Nothing new, and one of the past: of the others only coverage is looked at.
  context = { ...context, config: { ...context.config, verification: { sample: 1 } } };
  asked.length = 0;
  await watch();
  const looked = asked.filter((key) => key.startsWith('segments/') && !key.includes('stream=coverage'));
  expect(looked.length).toBeLessThanOrEqual(1);
  expect(asked.some((key) => key.includes('stream=coverage'))).toBe(true);
  context = archiver.context;

  // Of what was archived before the last time, so that only the sample meets it.
  await rm(join(root, 'segments', 'stream=sessions'), { recursive: true });
  emulator.moveClock(3_600_000);
  await expect(watch()).rejects.toMatchObject({ code: 'proof-invalid' });
  expect(Number(await gauge('verify_findings'))).toBeGreaterThan(0);
  expect(await readLearned(db, context.account, 'verified-head')).toBe(later);
});

test('a flag that somebody lifted at the store is noticed, and set again', async () => {
  const { emulator } = await emulate({ source: { kind: 'generated', seed: 5, sessions: 3, messages: 60 } });
  const { url } = await createSchema();
  const archiver = await openArchiver(emulator, await workFolder(), {
    ledger: { url },
    verification: { sample: 10_000 },
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
  const { flagged } = await archiver.holds();
  expect(flagged).toBeGreaterThan(1);
  const [lost] = await db.query<{ key: string; version: string }>(
    'select key, version from segments where held',
  );
  if (lost === undefined) throw new Error('nothing is held');
  await sink.liftHold(lost.key, lost.version);
  expect(await archiver.holds()).toMatchObject({ flagged: 0 });

  const errors: unknown[] = [];
  const log = { ...context.log, error: (what: unknown) => void errors.push(what) } as typeof context.log;
  log.warn = log.info = () => undefined;
  const never = new AbortController().signal;
  const { lease, release } = await leadOnce(context, db, never);
  const metrics = createMetrics(createRegistry(), { version: '1', commit: '2' });
  const stop = { drain: never, interrupt: never };
  await runWatch({ context: { ...context, log }, db, sink, lease, metrics, stop }).finally(release);
  expect(errors).toEqual([lost]);
  expect(await archiver.holds()).toMatchObject({ flagged: 1 });
  expect((await sink.head(lost.key, lost.version))?.held).toBe(true);
});
