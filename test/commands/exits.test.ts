/** What an operator can get wrong: its exit code, a message, a hint; and once it is repaired, nothing was lost. */
import { rm, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { until } from '../e2e/campaign.ts';
import { startArchiver } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { expectRefusal, setStage } from './stage.ts';

/** Nothing listens there. */
const NOWHERE = '127.0.0.1:9';

describe('the configuration', () => {
  test('bad YAML: 3', async () => {
    const stage = await setStage();
    await writeFile(stage.config, 'zoom: [\n  accountId: x');
    const results = await Promise.all(['check-config', 'collect', 'run'].map((name) => stage.run(name)));
    for (const result of results) expectRefusal(result, 3, 'YAML');
    await stage.configure();
    await stage.succeeds('init');
    await stage.completes();
  });

  test('many problems at once: 3, and each is named', async () => {
    const stage = await setStage();
    await writeFile(
      stage.config,
      `
zoom: { accountId: "", clientId: a, clientSecret: hunter2, plan: gold, shares: 0.5 }
ledger: { url: postgres://x/y, directory: ./z }
sink: {}
retention: { default: { keep: forever } }
telemetry: true
`,
    );
    const [text, json] = await Promise.all([stage.run('check-config'), stage.run('check-config', '--json')]);
    const fields = [
      'zoom.accountId',
      'zoom.plan',
      'zoom.shares',
      'ledger',
      'sink',
      'retention.default.keep',
      'telemetry',
    ];
    expectRefusal(text, 3, ...fields);
    expect(JSON.parse(json.stdout)).toMatchObject({
      error: { code: 'config-invalid', message: expect.any(String), hint: expect.any(String) },
    });
  });

  test('no file, a secret that is not set, a wrong cron: 3', async () => {
    const stage = await setStage({ zoom: { clientSecret: '$' + '{NOT_SET_ANYWHERE}' } });
    expectRefusal(await stage.run('check-config'), 3, 'NOT_SET_ANYWHERE');
    await stage.configure({ schedule: { seal: { cron: '0 25 * * *' } } });
    expectRefusal(await stage.run('check-config'), 3, 'schedule.seal');
    await rm(stage.config);
    expectRefusal(await stage.run('check-config'), 3, 'archiver.yaml');
  });
});

describe('the ledger', () => {
  test('unreachable, or refusing us: 4', async () => {
    const stage = await setStage();
    await stage.succeeds('init');
    await stage.configure({ ledger: { url: `postgres://user:hunter2@${NOWHERE}/ledger` } });
    const results = await Promise.all(['init', 'collect', 'status'].map((name) => stage.run(name)));
    for (const result of results) expectRefusal(result, 4, NOWHERE);
    const wrong = new URL(stage.ledger);
    wrong.password = 'hunter2';
    await stage.configure({ ledger: { url: wrong.href } });
    expectRefusal(await stage.run('collect'), 4, 'password');
    await stage.completes();
  });

  test('not migrated: 5', async () => {
    const stage = await setStage();
    await stage.succeeds('init');
    await stage.configure({ ledger: { url: (await createSchema()).url } });
    const names = ['collect', 'seal', 'run', 'status'];
    for (const result of await Promise.all(names.map((name) => stage.run(name)))) expectRefusal(result, 5);
    await stage.succeeds('migrate');
    // Another ledger than the one that knows the archive's log must not write to it, nor take all of Zoom for new.
    expectRefusal(await stage.run('collect'), 22, 'the ledger has no log', 'rebuild-ledger');
    expectRefusal(await stage.run('seal', '--all'), 22, 'the ledger has no log');
    expectRefusal(await stage.run('init'), 22, 'the ledger has no log');
    expectRefusal(await stage.run('run'), 22, 'the ledger has no log');
    await stage.configure();
    await stage.completes();
  });

  test('embedded, and another process has it: 4', async () => {
    const stage = await setStage({ ledger: { directory: './ledger' } });
    await stage.succeeds('init');
    stage.emulator.inject({ kind: 'slow-body', ms: 300_000, times: 100 });
    const other = startArchiver(['collect', '--config', stage.config]);
    await until(() => (stage.emulator.faultsHit()['slow-body'] ?? 0) > 0);
    expectRefusal(await stage.run('collect'), 4, 'ledger');
    other.signal('SIGKILL');
    await other.ended;
    stage.emulator.clearFaults();
    await stage.succeeds('collect');
  });
});

describe('Zoom', () => {
  test('does not answer: 11', async () => {
    const stage = await setStage();
    await stage.succeeds('init');
    await stage.configure({ zoom: { oauthUrl: `http://${NOWHERE}` } });
    expectRefusal(await stage.run('collect'), 11, NOWHERE);
    await stage.completes();
  });

  test('refuses the credentials: 12', async () => {
    const stage = await setStage({ zoom: { clientSecret: 'wrong-secret' } });
    await stage.succeeds('init');
    expectRefusal(await stage.run('collect'), 12, 'invalid_client');
    await stage.completes();
  });

  test('misses a scope: 13, and it is named', async () => {
    const stage = await setStage();
    await stage.succeeds('init');
    stage.emulator.inject({ kind: 'missing-scope', after: 12 });
    expectRefusal(await stage.run('collect'), 13, 'report:read:chat_session:admin');
    await stage.completes();
  });

  test('has had enough for today: 14, and says until when', async () => {
    const stage = await setStage();
    await stage.succeeds('init');
    stage.emulator.inject({ kind: 'daily-limit', after: 12, retryAfterMs: 3_600_000 });
    const result = await stage.run('collect');
    expectRefusal(result, 14);
    expect(result.stderr).toMatch(/until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
    await stage.completes();
  });
});
