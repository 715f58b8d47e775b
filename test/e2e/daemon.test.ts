/** The daemon: on schedule, stopped in two stages, and taken over when it dies. */
import { expect, test } from 'vitest';
import { type Running, startArchiver } from '../support/command.ts';
import { requests, until } from './campaign.ts';
import { comeToRest, type Scene, setScene } from './scene.ts';

const EVERY_SECOND = { cron: '* * * * * *', jitter: '0s' };

function scene(seed: number, drain: string): Promise<Scene> {
  return setScene({ kind: 'generated', seed, sessions: 5, messages: 150 }, 50, {
    schedule: { collect: EVERY_SECOND, seal: EVERY_SECOND },
    seal: { spool: './spool', maxAge: '1s' },
    metrics: { port: 0 },
    drain: drain as never,
  });
}

function message(running: Running, text: string): Promise<string> {
  return running.line((line) => line.includes(`"msg":"${text}"`));
}

/** A pass over sessions and messages is through. */
function collected(running: Running): Promise<string> {
  return running.line((line) => line.includes('"part":"reports"') && line.includes('"msg":"collected"'));
}

async function address(running: Running): Promise<string> {
  const { port } = JSON.parse(await message(running, 'archiver started')) as { port: number };
  return `http://127.0.0.1:${port}`;
}

test('collects and seals on schedule, answers probes, and ends on SIGTERM with the work in hand done', async () => {
  const stage = await scene(21, '20s');
  const daemon = startArchiver(['run', '--config', stage.config]);
  const url = await address(daemon);
  await collected(daemon);
  await message(daemon, 'sealed');
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([200, { status: 'ready' }]);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  expect(metrics).toMatch(/_lease_held\S* 1$/m);
  expect(metrics).toMatch(/_stream_seconds_since_complete\{stream="messages"\} \d/);
  expect(metrics).toMatch(/_drift_total\{stream="messages"\} 0$/m);
  expect(metrics).toMatch(/_job_runs_total\{job="maintain",outcome="failed"\} 0$/m);
  expect(metrics).toMatch(/_records_admitted_total\{[^}]*kind="sent"[^}]*\} [1-9]/);

  const moment = requests(stage.emulator) + 6;
  await until(() => requests(stage.emulator) >= moment);
  daemon.signal('SIGTERM');
  const { code, stdout, stderr } = await daemon.ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toContain('"msg":"archiver stopped"');
  expect(stderr).not.toMatch(/"level":"(error|fatal)"|"level":[56]0/);
  await comeToRest(stage);
});

test('a second SIGTERM does not wait for the work in hand', async () => {
  const stage = await scene(22, '120s');
  const daemon = startArchiver(['run', '--config', stage.config]);
  await collected(daemon);
  // Answers that take longer than this test may.
  stage.emulator.inject({ kind: 'slow-body', ms: 300_000, endpoint: 'messages', times: 1000 });
  await until(() => (stage.emulator.faultsHit()['slow-body'] ?? 0) > 0);
  daemon.signal('SIGTERM');
  await message(daemon, 'stopping: finishing the work in hand');
  daemon.signal('SIGTERM');
  expect((await daemon.ended).code).toBe(0);
  await comeToRest(stage);
});

test('a standby takes over from a leader that was killed', async () => {
  const stage = await scene(23, '20s');
  const leader = startArchiver(['run', '--config', stage.config]);
  await message(leader, 'leading');
  const standby = startArchiver(['run', '--config', stage.config]);
  const url = await address(standby);
  await message(standby, 'another process holds the lease; waiting');
  const waiting = await fetch(`${url}/readyz`);
  expect(waiting.status).toBe(503);
  expect(await waiting.json()).toMatchObject({
    checks: expect.arrayContaining([{ name: 'ledger', ok: true }]),
  });
  expect(await (await fetch(`${url}/metrics`)).text()).not.toContain('seconds_since_complete{');
  await collected(leader);
  const moment = requests(stage.emulator) + 4;
  await until(() => requests(stage.emulator) >= moment);
  leader.signal('SIGKILL');
  await leader.ended;
  await message(standby, 'leading');
  await collected(standby);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  standby.signal('SIGTERM');
  expect((await standby.ended).code).toBe(0);
  await comeToRest(stage);
});

function generationOf(line: string): number {
  return (JSON.parse(line) as { generation: number }).generation;
}

test('a leader that froze in the middle of a pass finds its lease gone when it wakes, and stands by', async () => {
  const stage = await scene(24, '20s');
  const frozen = startArchiver(['run', '--config', stage.config]);
  await message(frozen, 'leading');
  const standby = startArchiver(['run', '--config', stage.config]);
  await message(standby, 'another process holds the lease; waiting');
  await collected(frozen);
  // Requests in flight and admissions underway are held as they are.
  const moment = requests(stage.emulator) + 4;
  await until(() => requests(stage.emulator) >= moment);
  frozen.signal('SIGSTOP');
  const taken = generationOf(await message(standby, 'leading'));
  await collected(standby);
  frozen.signal('SIGCONT');
  await message(frozen, 'the lease is lost');
  await message(frozen, 'another process holds the lease; waiting');
  standby.signal('SIGTERM');
  expect((await standby.ended).code).toBe(0);
  // The one that woke leads again, with a generation of its own.
  await frozen.line((line) => line.includes('"msg":"leading"') && generationOf(line) > taken);
  frozen.signal('SIGTERM');
  expect((await frozen.ended).code).toBe(0);
  await comeToRest(stage);
});
