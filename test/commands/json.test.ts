/** What scripts rely on: `--json` of every command that has it, and help that is complete. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { expectRefusal, setStage } from './stage.ts';

const COMMANDS = [
  'init',
  'migrate',
  'check-config',
  'probe',
  'verify',
  'cosign',
  'run',
  'collect',
  'seal',
  'status',
  'catalog',
  'query',
  'prove',
  'verify-proof',
  'find-person',
];

test('help names every command, and each has its own', async () => {
  const all = await runArchiver(['help']);
  expect(all).toMatchObject({ code: 0, stderr: '' });
  const helps = await Promise.all(COMMANDS.map((name) => runArchiver(['help', name])));
  for (const [index, { code, stdout, stderr }] of helps.entries()) {
    const name = COMMANDS[index] ?? '';
    expect(all.stdout).toContain(`  ${name} `);
    expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: '' });
    expect(stdout).toContain(`Usage: zoom-chat-archiver ${name}`);
    expect(stdout).toContain('--config <path>');
    if (name !== 'run') expect(stdout).toContain('--json');
  }
});

test('hold has commands below it, each with its help', async () => {
  const [all, drift, none, wrong] = await Promise.all([
    runArchiver(['hold', '--help']),
    runArchiver(['hold', 'drift', '--help']),
    runArchiver(['hold']),
    runArchiver(['hold', 'drift', '--json']),
  ]);
  expect(all).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('  drift ') });
  expect(drift).toMatchObject({ code: 0, stderr: '' });
  for (const option of ['--matter <matter>', '--archive <place>', '--json', '--config <path>'])
    expect(drift.stdout).toContain(option);
  expect(none.code).toBe(2);
  expectRefusal(wrong, 2, '--matter');
  expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: 'usage' } });
});

test('no command, an unknown one, a wrong option: 2, also as JSON', async () => {
  const lines = [[], ['colect'], ['collect', '--al'], ['query'], ['status', '--json', 'superfluous']];
  const [none, unknown, option, missing, json] = await Promise.all(lines.map((args) => runArchiver(args)));
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('Usage: zoom-chat-archiver') });
  if (unknown === undefined || option === undefined || missing === undefined || json === undefined)
    throw new Error('a command did not run');
  expectRefusal(unknown, 2, 'colect', 'Did you mean collect?');
  expectRefusal(option, 2, '--al');
  expectRefusal(missing, 2, 'sql');
  expectRefusal(json, 2);
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'usage' } });
});

test('the life of an archive, read by a script', async () => {
  const stage = await setStage();
  const json = async (...args: string[]) => JSON.parse(await stage.succeeds(...args, '--json'));

  expect(await json('check-config')).toEqual({ ok: true, account: 'emulated-account' });
  const created = {
    archive: {
      format: 1,
      account: 'emulated-account',
      origin: 'archive.example.com/test',
      key: PUBLIC_KEY,
      created_at: expect.any(String),
    },
  };
  expect(await json('init')).toEqual({
    ...created,
    created: true,
    migrations: expect.arrayContaining([expect.stringMatching(/^0001-/)]),
    locks: [],
  });
  expect(await json('init')).toEqual({ ...created, created: false, migrations: [], locks: [] });
  expect(await json('probe')).toEqual({ mode: 'none', findings: [] });
  expect(await json('migrate')).toEqual({ applied: [] });

  const pass = await json('collect');
  expect(pass).toMatchObject({
    complete: true,
    units: { done: expect.any(Number), failed: 0 },
    admitted: { 'messages sent': expect.any(Number), 'messages edited': expect.any(Number) },
    sightings: expect.any(Number),
    drift: 0,
    pages: expect.any(Number),
    seconds: expect.any(Number),
  });

  const waiting = await json('status');
  expect(waiting).toMatchObject({
    account: 'emulated-account',
    sessions: 2,
    units: { running: 0, done: pass.units.done, failed: 0 },
    segments: { planned: 0, committed: 0, records: 0, bytes: 0 },
    staged: { records: expect.any(Number), bytes: expect.any(Number), oldest: expect.any(String) },
    holes: 0,
    lease: null,
  });

  const sealed = await json('seal', '--all');
  expect(sealed).toMatchObject({
    segments: expect.any(Number),
    records: waiting.staged.records,
    bytes: expect.any(Number),
  });
  expect(await json('seal', '--all')).toMatchObject({ segments: 0, records: 0, bytes: 0 });
  expect(await json('status')).toMatchObject({
    segments: { planned: 0, committed: sealed.segments, records: sealed.records, bytes: sealed.bytes },
    staged: { records: 0, bytes: 0, oldest: null },
  });

  const rows: { kind: string; n: number }[] = await json(
    'query',
    'select kind, count(*)::int as n from messages group by kind order by kind',
  );
  expect(rows.map(({ kind, n }) => [`messages ${kind}`, n])).toEqual(
    Object.entries(pass.admitted).filter(([name]) => name.startsWith('messages ')),
  );
  expectRefusal(await stage.run('query', 'select nothing from nowhere'), 2, 'nowhere');
  const leak = join(stage.folder, 'leak.csv');
  expectRefusal(await stage.run('query', `copy messages to '${leak}'`), 2);

  // For people: the same without JSON.
  expect(await stage.succeeds('status')).toContain('records sealed');
  expect(await stage.succeeds('query', 'select count(*) from messages')).toContain('1 rows from');
  await stage.completes();
});
