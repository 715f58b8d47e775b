/** The daemon with webhooks, good and bad: they bring passes forward, and the archive is what it is without them. */
import { expect, test } from 'vitest';
import { startArchiver } from '../support/command.ts';
import { until } from './campaign.ts';
import { comeToRest, setScene } from './scene.ts';

const SECRET = 'webhook secret';
/** One pass at the start; after that only webhooks ask for one. */
const NEVER = { cron: '0 0 1 1 *', jitter: '0s' };

test('hints bring passes forward; forged, missing and repeated ones change nothing in the archive', async () => {
  const stage = await setScene({ kind: 'generated', seed: 31, sessions: 5, messages: 150 }, 20, {
    schedule: { collect: NEVER, seal: NEVER },
    metrics: { port: 0 },
    webhooks: { enabled: true, port: 0, secret: SECRET, pause: '1s' },
  });
  const { emulator } = stage;
  const daemon = startArchiver(['run', '--config', stage.config, '--log-level', 'info']);
  const said = async (text: string): Promise<{ port: number; path: string }> =>
    JSON.parse(await daemon.line((line) => line.includes(`"msg":"${text}"`)));
  const metricsUrl = `http://127.0.0.1:${(await said('archiver started')).port}/metrics`;
  const { port, path } = await said('listening for webhooks');
  const url = `http://127.0.0.1:${port}${path}`;
  const metric = async (pattern: RegExp): Promise<number> =>
    Number(pattern.exec(await (await fetch(metricsUrl)).text())?.[1] ?? 0);
  const passes = () => metric(/_job_runs_total\{job="collect",outcome="done"\} (\d+)/);
  await until(async () => (await passes()) === 1);

  const collected = await metric(/_records_admitted_total\{stream="messages",kind="sent"\} (\d+)/);
  emulator.aimWebhooks({ url, secret: SECRET });
  expect(await emulator.validateWebhook()).toEqual({ status: 200, valid: true });
  await until(async () => (await passes()) >= 3);
  expect(await metric(/_records_admitted_total\{stream="messages",kind="sent"\} (\d+)/)).toBeGreaterThan(
    collected,
  );
  expect(await metric(/_webhook_hints_total\{hint="known"\} (\d+)/)).toBeGreaterThan(0);

  emulator.setSwitches({ webhookRepeats: true, webhookBody: 'unusual' });
  await until(async () => (await metric(/_webhooks_received_total\{receipt="repeated"\} (\d+)/)) > 3);
  emulator.setSwitches({ webhookRepeats: false });
  for (const webhookSignature of ['bad', 'stale', 'missing'] as const) {
    emulator.setSwitches({ webhookSignature });
    const before = emulator.webhooks().length;
    await until(() =>
      emulator
        .webhooks()
        .slice(before)
        .some(({ outcome }) => outcome === 'lost'),
    );
  }
  expect(await metric(/_webhooks_refused_total\{reason="signature"\} (\d+)/)).toBeGreaterThan(1);
  expect(await metric(/_webhooks_refused_total\{reason="stale"\} (\d+)/)).toBeGreaterThan(0);
  const forged = {
    event: 'chat_message.sent',
    payload: { object: { session_id: 'x', message: 'never said' } },
  };
  expect((await fetch(url, { method: 'POST', body: JSON.stringify(forged) })).status).toBe(401);
  // From here on none come at all.
  emulator.aimWebhooks(undefined);

  daemon.signal('SIGTERM');
  const { code, stderr } = await daemon.ended;
  expect(code).toBe(0);
  expect(stderr).not.toMatch(/"level":[56]0/);
  await comeToRest(stage);
});
