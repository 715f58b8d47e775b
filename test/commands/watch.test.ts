/** The daemon's own verification: what is new, a sample of the rest, and what it tells the metrics. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { leadOnce, openLedger, openSink } from '../../src/commands/context.ts';
import { runWatch } from '../../src/commands/watch.ts';
import { readLearned } from '../../src/ledger/learned.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
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
