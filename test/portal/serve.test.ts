/** `serve` as it is run: a process of its own, stopped by a signal. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hashPassword } from '../../src/portal/password.ts';
import { runArchiver, startArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { smallArchive, temporaryFolder } from './small-archive.ts';
import { PASSWORD, signedIn } from './stage.ts';

async function prepared() {
  const { root } = await smallArchive();
  const folder = await temporaryFolder();
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  await mkdir(join(folder, 'pages'));
  await file('pages/index.html', '<!doctype html>');
  const hash = await hashPassword(PASSWORD, { ln: 14, r: 8, p: 5 });
  const users = await file(
    'users.yaml',
    `users: [{ name: olga@example.com, role: officer, scope: all, password: "${hash}" }]`,
  );
  const settings = await file(
    'portal.yaml',
    'portal: { port: 0, metrics: { port: 0 }, folder: ./state, cache: ./cache }',
  );
  const flags = [
    '--archive',
    root,
    '--key',
    PUBLIC_KEY,
    '--settings',
    settings,
    '--pages',
    join(folder, 'pages'),
  ];
  return { root, folder, file, users, flags };
}

describe('serve', () => {
  test('answers until it is asked to stop, verifies beside, and knows its last head again', async () => {
    const { flags, users, folder, root } = await prepared();
    const args = ['serve', ...flags, '--users', users, '--unrecorded'];
    const running = startArchiver(args);
    const line = JSON.parse(await running.line((text) => text.includes('portal started')));
    const client = await signedIn(line.url);
    expect((await client.get('/api/me')).json.archive).toEqual({
      origin: 'archive.example.com/test',
      size: 3,
      account: 'acct',
    });
    const metrics = `http://127.0.0.1:${line.metrics}`;
    expect((await fetch(`${metrics}/readyz`)).status).toBe(200);
    expect((await fetch(`${metrics}/healthz`)).status).toBe(200);
    await client.post('/api/verification');
    let state = (await client.get('/api/verification')).json;
    while (state.state === 'running') state = (await client.get('/api/verification')).json;
    expect(state).toMatchObject({ size: 3, error: null });
    const text = await (await fetch(`${metrics}/metrics`)).text();
    expect(text).toContain(
      'zoom_chat_archiver_portal_sign_ins_total{method="password",outcome="signed-in"} 1',
    );
    expect(text).toMatch(/zoom_chat_archiver_portal_requests_total\{route="\/api\/me",status="200"\} 1\n/);
    expect(text).toContain('zoom_chat_archiver_portal_log_size 3');
    running.signal('SIGTERM');
    expect((await running.ended).code).toBe(0);
    expect(await readFile(join(folder, 'state/served.checkpoint'), 'utf8')).toBe(
      await readFile(join(root, 'log/checkpoint'), 'utf8'),
    );
    expect(JSON.parse(await readFile(join(folder, 'state/verification.json'), 'utf8'))).toEqual(state);
  });

  test.each([
    ['no users file', [], 3, 'portal.users is missing'],
    ['no access log', ['--users', 'users.yaml'], 29, 'the archive has no access log'],
    ['no pages', ['--users', 'users.yaml', '--unrecorded', '--pages', '/nowhere'], 3, 'npm run build'],
    ['a weak hash', ['--users', 'weak.yaml', '--unrecorded'], 3, 'users.0.password: is too weak'],
    ['no key', ['--users', 'users.yaml', '--key', 'nonsense'], 20, 'key'],
  ])('does not start with %s, and says what to do', async (_, given, code, says) => {
    const { flags, folder, file } = await prepared();
    await file(
      'weak.yaml',
      'users: [{ name: a, role: admin, scope: all, password: "$scrypt$ln=4,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g" }]',
    );
    const args = given.map((arg) => (arg.endsWith('.yaml') ? join(folder, arg) : arg));
    const ended = await runArchiver(['serve', ...flags, ...args]);
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(says)]);
  });
});

test('hash-password makes what a users file takes, with a salt of its own, and refuses a short one', async () => {
  const { stdout, stderr, code } = await runArchiver(['serve', 'hash-password']);
  expect([stdout, code]).toEqual(['', 2]);
  expect(stderr).toContain('at least 12 characters');
  const [one, other] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD)]);
  expect(one).toMatch(/^\$scrypt\$ln=17,r=8,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  expect(one).not.toBe(other);
});
