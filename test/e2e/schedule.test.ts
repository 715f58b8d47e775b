/** A retention schedule from admission to the locks of the archive, by the commands an operator has. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Emulator } from '../../emulator/server.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { copyBucket } from '../support/archive.ts';
import { openArchiver } from '../support/archiver.ts';
import { runArchiver, writeConfig } from '../support/command.ts';
import { readLog } from '../support/log.ts';
import { createSchema } from '../support/postgres.ts';
import { startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { readStream, type StreamRow } from '../support/stream-rows.ts';
import { emulate, NOON, workFolder } from './campaign.ts';

const SOURCE = { kind: 'generated', seed: 5, sessions: 6, messages: 60 } as const;

interface Scene {
  readonly emulator: Emulator;
  readonly sink: Sink;
  /** A copy of the archive as it is now. */
  copy(): Promise<string>;
  schedule(retention: object): Promise<void>;
  /** A command that has to end with this exit code; answers its JSON, or what it says on standard error. */
  run(code: number, ...args: string[]): Promise<string>;
}

async function scene(): Promise<Scene> {
  const emulator = await emulate({ source: SOURCE });
  const folder = await workFolder();
  const { url } = await createSchema();
  const config = join(folder, 'archiver.yaml');
  const fake = await startS3Fake();
  const sink = s3SinkOn(fake);
  onTestFinished(async () => {
    // The probe breaks them on its own objects.
    expect(brokenRules(fake).filter((broken) => !broken.includes('/.probe/'))).toEqual([]);
    await sink.close();
    await fake.close();
  });
  const { bucket, url: endpoint, credentials } = fake;
  const s3 = { bucket, prefix: PREFIX, endpoint, forcePathStyle: true, ...credentials };
  return {
    emulator,
    sink,
    async copy() {
      const root = join(folder, 'copy');
      await copyBucket(fake, PREFIX, root);
      return root;
    },
    async schedule(retention) {
      const streams = { context: { enabled: true }, files: { enabled: true } };
      await writeConfig(folder, emulator.url, {
        sink: { s3 },
        ledger: { url, lease: '2s' },
        streams,
        retention,
      });
    },
    async run(code, ...args) {
      const ended = await runArchiver([...args, '--config', config]);
      expect({ args, code: ended.code, stderr: code === 0 ? ended.stderr : '' }).toEqual({
        args,
        code,
        stderr: '',
      });
      return code === 0 ? ended.stdout : ended.stderr;
    },
  };
}

/** The end of a period of whole years from the end of a day, reckoned without our program. */
function yearsAfter(day: string, years: number): string {
  const end = new Date(`${day}T00:00:00Z`);
  end.setUTCDate(end.getUTCDate() + 1);
  end.setUTCFullYear(end.getUTCFullYear() + years);
  return end.toISOString();
}

const classOf = (row: StreamRow): string => String(row.columns.class);

test('decides classes and locks, lengthens what is sealed, and cannot take back what it promised', async () => {
  const { emulator, sink, copy, schedule, run } = await scene();
  const { channels, users } = emulator.context();
  const groups = emulator
    .sessions()
    .filter(({ type, name, messages }) => type === 'Group' && name !== '' && messages > 0);
  const [named] = groups;
  if (named === undefined) throw new Error('no named session');
  // Somebody who is in another channel, and whom no rule can know before the members were listed.
  const elsewhere = channels
    .filter(({ sessionId }) => sessionId !== named.id)
    .flatMap(({ members }) => members);
  const email = users.find(({ memberId = '' }) => elsewhere.includes(memberId))?.email;
  if (email === undefined) throw new Error('nobody is in another channel');
  const rules = [
    { class: 'trading', match: { session: named.name.toUpperCase() }, keep: '3y', mode: 'compliance' },
    { class: 'direct', match: { sessionType: '1:1' }, keep: '2y', disposition: 'destroy' },
    { class: 'desk', match: { member: email }, keep: '4y', mode: 'compliance', disposition: 'review' },
  ];
  const fallback = { class: 'other', keep: '1y', disposition: 'destroy' };
  await schedule({ rules, default: fallback });
  await run(0, 'init');
  await run(0, 'collect');
  await run(0, 'seal', '--all');

  // By name and type at once.
  const messages = await readStream(await copy(), 'messages');
  expect(messages.length).toBeGreaterThan(20);
  for (const row of messages) {
    const { session_type: type, session_name: name } = row.columns;
    const expected = name === named.name ? 'trading' : type === '1:1' ? 'direct' : 'other';
    if (classOf(row) !== 'desk') expect([name, classOf(row)]).toEqual([name, expected]);
  }
  const years: Readonly<Record<string, number>> = { trading: 3, direct: 2, other: 1, desk: 4 };
  const { entries } = await readLog(sink);
  const segments = entries.filter(({ type }) => type === 'segment');
  for (const { key, version, class: name, date, lock } of segments) {
    const promised = yearsAfter(date, years[name] ?? 0);
    // What was due already is locked for a day.
    if (Date.parse(promised) > Date.now()) expect([key, lock.retain_until]).toEqual([key, promised]);
    expect(lock.mode).toBe(name === 'trading' || name === 'desk' ? 'compliance' : 'governance');
    expect((await sink.head(key, version))?.lock?.retainUntil.toISOString()).toBe(lock.retain_until);
  }
  expect(entries.filter(({ type }) => type === 'config')).toHaveLength(1);

  // Now the members are known. Where the person is, everything sealed is kept longer.
  const before = JSON.parse(await run(0, 'retention', 'plan', '--json'));
  expect(before.changed).toBeGreaterThan(0);
  const applied = JSON.parse(await run(0, 'retention', 'apply', '--json'));
  expect(applied.lengthened).toBe(before.changed);
  expect(JSON.parse(await run(0, 'retention', 'plan', '--json')).changed).toBe(0);
  expect(JSON.parse(await run(0, 'retention', 'apply', '--json')).lengthened).toBe(0);
  const log = await readLog(sink);
  const raised = log.entries.filter(({ type }) => type === 'lock');
  expect(raised).toHaveLength(applied.lengthened);
  for (const { key, version, class: name, lock } of raised) {
    expect(name).toBe('desk');
    expect((await sink.head(key, version))?.lock).toEqual({
      mode: 'compliance',
      retainUntil: new Date(lock.retain_until),
    });
  }
  await run(0, 'verify');

  const wanted = messages.find((row) => row.columns.session_name === named.name);
  const id = String(wanted?.columns.message_id);
  const [message] = JSON.parse(await run(0, 'retention', 'explain', '--message', id, '--json'));
  expect(message).toMatchObject({ session: named.id, mode: 'compliance' });
  const kept = segments.find(({ key }) => key === message.kept.key);
  expect(kept).toMatchObject({ stream: 'messages', class: message.kept.class });
  expect(await run(2, 'retention', 'explain')).toContain('give --session or --message');
  expect(await run(25, 'retention', 'explain', '--session', 'nowhere')).toContain('nowhere');

  const explained = JSON.parse(await run(0, 'retention', 'explain', '--session', named.name, '--json'));
  expect(explained[0]).toMatchObject({ matched: expect.arrayContaining([1]), mode: 'compliance' });

  // A longer period for what is there; the plan says so first.
  const longer = rules.map((rule) => (rule.class === 'trading' ? { ...rule, keep: '5y' } : rule));
  await schedule({ rules: longer, default: { ...fallback, keep: '6m' } });
  const plan = JSON.parse(await run(0, 'retention', 'plan', '--json'));
  const tradings = plan.classes.find(({ class: name }: { class: string }) => name === 'trading');
  expect(tradings).toMatchObject({ now: '3y, compliance, then keep', next: '5y, compliance, then keep' });
  expect(tradings.changed).toBe(tradings.after.segments + tradings.after.objects);
  // The shorter default touches nothing that is sealed.
  const others = plan.classes.find(({ class: name }: { class: string }) => name === 'other');
  expect(others).toMatchObject({ changed: 0, after: others.before });
  await run(0, 'retention', 'apply');
  const after = await readLog(sink);
  expect(after.entries.filter(({ type }) => type === 'config')).toHaveLength(2);
  await run(0, 'verify');

  // Compliance cannot be taken back, by anybody who starts the program.
  await schedule({ rules, default: fallback });
  for (const args of [['collect'], ['seal'], ['run'], ['retention', 'apply'], ['retention', 'plan']]) {
    const said = await run(26, ...args);
    expect(said).toContain('class trading');
    expect(said).toContain('promised 5y in compliance mode, the schedule says 3y in compliance mode');
  }
  // Without the class the promise stays, and what is new falls under other rules.
  await schedule({ rules: rules.slice(1), default: fallback });
  await run(0, 'seal');
  await run(0, 'verify');
});

test('without locks nothing but the schedule keeps what it promised: less is refused', async () => {
  const emulator = await emulate({ now: NOON, source: { ...SOURCE, messages: 6 } });
  const folder = await workFolder();
  const ledger = { url: (await createSchema()).url };
  const open = (keep: string) =>
    openArchiver(emulator, folder, { ledger, retention: { default: { mode: 'none', keep } } });
  const first = await open('7y');
  await first.collect();
  await first.seal(true);
  await first.close();
  const shorter = await open('90d');
  for (const job of [shorter.collect, shorter.seal, shorter.lengthen])
    await expect(job()).rejects.toMatchObject({ code: 'retention-weaker' });
  await shorter.close();
  const longer = await open('8y');
  await longer.seal();
  await longer.close();
});
