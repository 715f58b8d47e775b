/** Zoom sends more than its reference says, or less: through the commands, against a server that does. */
import { expect, test } from 'vitest';
import { workFolder } from '../e2e/campaign.ts';
import { runArchiver, writeConfig } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { type Scripted, serve } from '../zoom/connect.ts';

const HOUR = 3_600_000;

/** Two sessions with a message each, of now; every message has a field and a word that the reference does not know. */
function account(now: number): (path: string) => Promise<Scripted> {
  const at = now - HOUR;
  const time = new Date(at).toISOString().replace(/\.\d+/, '');
  return async (path) => {
    const { pathname } = new URL(path, 'http://zoom');
    const [, session] = /\/sessions\/(.+)$/.exec(pathname) ?? [];
    if (pathname.endsWith('/settings')) return { body: { chat: { store_revise_chat: true } } };
    if (session === undefined) {
      const sessions = ['whole', 'lacking'].map((id) => ({
        ...{ id, type: id === 'whole' ? 'Forum' : 'Group', last_message_sent_time: time },
      }));
      return { body: { sessions } };
    }
    const row = { id: 'm', message: 'private words', date_time: time, mood: 'private mood' };
    return { body: { messages: [session === 'whole' ? { ...row, timestamp: at } : row] } };
  };
}

test('what is new is archived, said once over restarts and listed; what is missing fails its unit alone', async () => {
  const server = await serve(account(Date.now()));
  const folder = await workFolder();
  const config = await writeConfig(folder, server.url, {
    ledger: { url: (await createSchema()).url, lease: '2s' },
  });
  const run = (...args: string[]) => runArchiver([...args, '--config', config]);
  expect(await run('init')).toMatchObject({ code: 0 });

  const first = await run('collect', '--json');
  expect(first.code).not.toBe(0);
  const pass = JSON.parse(first.stdout.split('\n')[0] ?? '');
  expect(pass).toMatchObject({ complete: false, errors: [], admitted: { 'messages sent': 1 } });
  expect(pass.units.failed).toBeGreaterThan(0);
  expect(pass.units.done).toBeGreaterThan(pass.units.failed / 2);
  const said = first.stderr.split('\n').filter((line) => line.includes('Zoom sends what'));
  expect(said.map((line) => JSON.parse(line))).toEqual([
    expect.objectContaining({ endpoint: 'report_chat_sessions', name: 'sessions[].type=Forum' }),
    expect.objectContaining({ endpoint: 'report_chat_messages', name: 'messages[].mood', type: 'string' }),
  ]);
  expect(first.stderr).not.toContain('private');
  expect(first.stderr).toContain('messages.0.timestamp');

  expect((await run('collect', '--json')).stderr).not.toContain('Zoom sends what');
  const status = JSON.parse((await run('status', '--json')).stdout);
  expect(status.unknownShapes).toEqual([
    expect.objectContaining({ name: 'sessions[].type=Forum', first_seen: expect.any(String) }),
    expect.objectContaining({ name: 'messages[].mood' }),
  ]);
  expect((await run('status')).stdout).toContain('report_chat_messages: messages[].mood (string)');

  expect(await run('seal', '--all')).toMatchObject({ code: 0 });
  const query = await run('query', '--json', 'select record from messages');
  const [{ record }] = JSON.parse(query.stdout) as [{ record: string }];
  expect(JSON.parse(record)).toMatchObject({ mood: 'private mood' });
});
