/** The emulator as a process of its own, driven over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client, requestToken } from './client.ts';

const JUNE = { from: '2026-06-01', to: '2026-06-15' };

let child: ChildProcess;
let ready: { url: string; accountId: string; clientId: string; clientSecret: string };

beforeAll(async () => {
  const flags =
    '--seed 5 --sessions 4 --messages 200 --no-limits --now 2026-06-15T12:00:00Z --frozen --switch sentText=original';
  child = run(flags.split(' '));
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    ready = JSON.parse(line);
    break;
  }
});
afterAll(() => child.kill());

function run(flags: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', 'emulator/main.ts', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
async function control(method: string, path: string, body?: object): Promise<any> {
  const response = await fetch(`${ready.url}/_emulator/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return await response.json();
}

test('says where it is and with what credentials', async () => {
  expect(ready).toEqual({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    secondUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    accountId: 'emulated-account',
    clientId: 'emulated-client',
    clientSecret: 'emulated-secret',
  });
  expect((await requestToken(ready.url)).status).toBe(200);
});

test('moves its clock', async () => {
  const { now } = await control('GET', 'clock');
  expect(now).toBe(Date.parse('2026-06-15T12:00:00Z'));
  expect(await control('POST', 'clock', { advanceMs: 1000 })).toEqual({ now: now + 1000 });
  expect(await control('POST', 'clock', { advanceMs: -1000 })).toEqual({ now });
});

test('lets people act, and tells the truth line by line', async () => {
  const truth = async () =>
    (await (await fetch(`${ready.url}/_emulator/truth`)).text()).trimEnd().split('\n');
  expect(await truth()).toHaveLength(200);
  await control('POST', 'act', { count: 50 });
  const lines = await truth();
  expect(lines.length).toBeGreaterThan(210);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ versions: [{ kind: 'sent' }] });
  const { id } = (await control('GET', 'sessions'))[0];
  const message = await control('POST', 'act', { verb: 'send', sessionId: id, text: 'by name' });
  expect((await truth()).join('\n').toLowerCase()).toContain(message.id);
  await control('POST', 'acting', { perSecond: 1000 });
  await expect.poll(async () => (await truth()).length).toBeGreaterThan(lines.length + 20);
  await control('POST', 'acting', { perSecond: 0 });
});

test('injects and clears faults and counts requests', async () => {
  const client = await Client.connect(ready);
  await control('POST', 'faults', { kind: 'status', status: 503, endpoint: 'sessions' });
  expect((await client.sessions(JUNE)).status).toBe(503);
  expect((await client.sessions(JUNE)).status).toBe(200);
  expect(await control('GET', 'faults')).toEqual({ status: 1 });
  await control('POST', 'faults', [{ kind: 'html', times: 9 }, { kind: 'reset' }]);
  await control('DELETE', 'faults');
  expect((await client.sessions(JUNE)).status).toBe(200);
  expect((await control('GET', 'stats')).requests).toMatchObject({ 'sessions 503': 1, 'sessions 200': 2 });
});

test('changes switches, and refuses what does not exist', async () => {
  expect(await control('PUT', 'switches', { reportZoneHours: -5 })).toMatchObject({
    reportZoneHours: -5,
    sentText: 'original',
  });
  await expect(control('PUT', 'switches', { noSuchSwitch: true })).rejects.toThrow('400');
  await expect(control('POST', 'faults', { kind: 'no such fault' })).rejects.toThrow('400');
  await expect(
    control('POST', 'act', { verb: 'edit', sessionId: 'x', messageId: 'y', text: '' }),
  ).rejects.toThrow('no session x');
});

test('changes settings, does deeds around the messages and tells the truth of both', async () => {
  const settings = await control('PUT', 'settings', {
    set_retention_period_in_cloud: { retention_period_of_channels: '2m' },
  });
  expect(settings).toMatchObject({
    store_revise_chat: true,
    set_retention_period_in_cloud: { enable: true, retention_period_of_channels: '2m' },
  });
  await expect(control('PUT', 'settings', { allow_edit_message: { time: 7 } })).rejects.toThrow('400');
  await control('PUT', 'settings', { store_revise_chat: false });
  expect(await control('PUT', 'switches', {})).toMatchObject({ storeRevisions: false });
  await control('PUT', 'switches', { storeRevisions: true });

  const { id: sessionId } = await control('POST', 'act', { verb: 'create-session', name: 'by control' });
  const context = await control('GET', 'truth/context');
  const channel = context.channels.find((one: { sessionId: string }) => one.sessionId === sessionId);
  expect(channel).toMatchObject({ name: 'by control', type: 2, retention: { custom: false, period: '2m' } });
  expect(context.settings).toEqual(settings);
  expect(Object.keys(context)).toEqual(['users', 'channels', 'spaces', 'emoji', 'pins', 'settings']);
  const stranger = context.users.find(
    (user: { memberId?: string }) => user.memberId && !channel.members.includes(user.memberId),
  );
  await control('POST', 'act', { verb: 'join', channelId: channel.id, people: [stranger.id] });
  const lines = (await (await fetch(`${ready.url}/_emulator/truth/membership-changes`)).text()).trimEnd();
  const changes = lines.split('\n').map((line) => JSON.parse(line));
  expect(changes.filter(({ channelId }) => channelId === channel.id)).toMatchObject([
    { status: 'joined', members: channel.members.map((memberId: string) => ({ memberId })) },
    { status: 'joined', operator: { userId: stranger.id }, members: [{ userId: stranger.id }] },
  ]);
  await expect(control('POST', 'act', { verb: 'join', channelId: 'x', people: [] })).rejects.toThrow('400');
});

test('has a help text and refuses unknown values', async () => {
  const help = run(['--help']);
  let text = '';
  help.stdout?.on('data', (piece) => {
    text += piece;
  });
  expect(await once(help, 'exit')).toEqual([0, null]);
  expect(text).toContain('--corpus <file>');
  expect(text).toContain('modificationArrays');
});

test('stops on SIGTERM', async () => {
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
