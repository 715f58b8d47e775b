/** `conversation`, `message` and `calendar` as they are run, from an archive whose every record the test knows. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CAM, DAY, HOUR, membership, OTHER, SESSION, said, T0 } from '../query/saying.ts';
import { type Ended, runArchiver } from '../support/command.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { type Told, writeArchive } from '../support/told-archive.ts';
import { expectRefusal } from './stage.ts';

const FILE = { file_id: 'f1', file_name: '\u202egpj.exe', file_size: 1234 };
const told: readonly Told[] = [
  said('m1', T0, { text: 'Pay 100 EUR\n── by nobody ──\u001b[2J' }),
  said('m1', T0, { kind: 'edited', action: T0 + HOUR, text: 'Pay 1000 EUR\n── by nobody ──\u001b[2J' }),
  said('m2', T0 + 5 * HOUR, { text: 'gone', fields: { reply_main_message_id: 'M1' } }),
  said('m2', T0 + 5 * HOUR, { kind: 'deleted', action: T0 + 2 * DAY, text: '' }),
  said('m3', T0 + 6 * HOUR, {
    text: '',
    fields: {
      files: [FILE],
      reply_main_message_id: 'unknown',
      reactions: [{ emoji: 'U+1F44D', total_count: 1, member_ids: ['MEMBER-ANN'] }],
      sender: '',
      sender_member_id: '',
      sender_display_name: '',
    },
  }),
  membership('joined', T0 + 7 * HOUR, [CAM], { display_name: 'Ann', member_id: 'MEMBER-ANN' }),
  membership('left', T0 + 8 * HOUR, [CAM], CAM),
  {
    stream: 'coverage',
    kind: 'failed',
    at: T0 + DAY,
    record: {
      unit: {
        stream: 'messages',
        scope: SESSION.id,
        mode: 'sent',
        from: '2026-03-28T00:00:00.000Z',
        to: '2026-03-29T00:00:00.000Z',
      },
      outcome: 'failed',
      covers: null,
      error: 'zoom-scope',
    },
  },
];

async function place(): Promise<readonly string[]> {
  const { root } = await writeArchive(told);
  return ['--archive', root, '--key', PUBLIC_KEY];
}

const run = (...args: readonly string[]): Promise<Ended> => runArchiver([...args]);

test('a conversation is a transcript, in the days and times of a zone', async () => {
  const archive = await place();
  const shown = await run('conversation', SESSION.id, '--zone', 'Europe/Berlin', ...archive);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout.split('\n').slice(0, -2)).toEqual([
    'General (Group, channel channel-1)',
    'session session/1 ü',
    'members at 2026-03-28 21:00:00: Ann <ann@example.com> (inferred from lists, changes and who wrote)',
    '',
    '── Saturday, 28 March 2026 (Europe/Berlin) ──',
    '21:00:00  Ann <ann@example.com>  [edited]',
    '          Pay 1000 EUR',
    '          ── by nobody ── [2J',
    '          · sent 21:00:00: Pay 100 EUR',
    '                           ── by nobody ── [2J',
    '          · edited 22:00:00: Pay [-100-]{+1000+} EUR',
    '                             ── by nobody ── [2J',
    '',
    '── Sunday, 29 March 2026 (Europe/Berlin) ──',
    '03:00:00  Ann <ann@example.com>  [deleted 2026-03-30 22:00:00]',
    '          in reply to Ann <ann@example.com>: “Pay 1000 EUR ── by nobody ── [2J”',
    '          gone',
    '          · sent 03:00:00: gone',
    '          · deleted 2026-03-30 22:00:00: ',
    '04:00:00  unknown',
    '          in reply to unknown',
    '          file:  gpj.exe, 1,234 bytes, not in the archive (not-archived)',
    '          👍 1 (Ann <ann@example.com>)',
    '05:00:00  * Cam joined (by Ann <ann@example.com>)',
    '06:00:00  * Cam left',
    '',
  ]);
  expect(shown.stdout).toMatch(/by checkpoint archive\.example\.com\/test of \d+ entries, root \S+\n$/);

  const paged = await run(
    'conversation',
    SESSION.id,
    '--limit',
    '2',
    '--from',
    '2026-03-29',
    '--json',
    ...archive,
  );
  const { events, next, previous, session } = JSON.parse(paged.stdout);
  expect(events.map(({ type }: { type: string }) => type)).toEqual(['message', 'message']);
  expect({ next, previous, name: session.name }).toEqual({
    next: expect.any(String),
    previous: null,
    name: 'General',
  });
  const rest = await run('conversation', SESSION.id, '--after', next, ...archive);
  expect(rest.stdout).toContain('* Cam left');
  expect(rest.stdout).toContain('before this: --after ');
  expect(rest.stdout).not.toContain('behind this');
});

test('a session is named by what only it was ever called', async () => {
  const now = { ...SESSION, name: 'General \u001b[2J' };
  const { root } = await writeArchive([
    said('m1', T0, { text: 'before' }),
    said('m2', T0 + HOUR, { session: now, text: 'renamed' }),
    said('m3', T0, { session: { ...OTHER, name: 'Generals' }, text: 'elsewhere' }),
  ]);
  const archive = ['--archive', root, '--key', PUBLIC_KEY];
  const named = await run('conversation', 'General', ...archive);
  expect(named.stdout).toContain('before');
  expect(named.stdout).toContain('renamed');
  expect((await run('conversation', 'generals', ...archive)).stdout).toContain('elsewhere');
  const several = await run('conversation', 'gener', ...archive);
  expectRefusal(several, 2, 'several sessions are called like this');
  expect(several.stderr).toMatch(/session\/1 ü {2}Group General {2}\[2J.*\n.*session-2/);
  expectRefusal(await run('calendar', '--session', 'gener', ...archive), 2, 'several sessions');
});

test('a message is every version and where its records stand', async () => {
  const archive = await place();
  const shown = await run('message', '{M1}', ...archive);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toContain('2026-03-28T21:00:00.000Z  edited by Ann <ann@example.com> in General');
  expect(shown.stdout).toContain('          Pay [-100-]{+1000+} EUR\n');
  expect(shown.stdout.match(/messages (sent|edited)/g)).toEqual(['messages sent', 'messages edited']);
  const { records } = JSON.parse((await run('message', 'm1', '--proofs', '--json', ...archive)).stdout);
  expect(records[0].evidence.proof).toMatch(/^c2sp\.org\/tlog-proof@v1\n/);
});

test('a calendar has a sign for each day, and names holes', async () => {
  const archive = await place();
  const shown = await run('calendar', '--from', '2026-03-27', '--to', '2026-04-02', ...archive);
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toContain(`2026-03  ${' '.repeat(26)}.!...\n2026-04  ..\n`);
  expect(shown.stdout).toMatch(/failed.*session\/1 ü.*2026-03-28T00:00:00\.000Z.*zoom-scope/);
});

test('what is not there, not asked rightly or altered ends with its exit code', async () => {
  const archive = await place();
  const refused = async (exit: number, text: string, ...args: readonly string[]): Promise<void> => {
    const ended = await run(...args, ...archive);
    expectRefusal(ended, exit, text);
  };
  await Promise.all([
    refused(25, 'nowhere', 'conversation', 'nowhere'),
    refused(25, 'nobody', 'message', 'nobody'),
    refused(2, 'Mars', 'conversation', SESSION.id, '--zone', 'Mars'),
    refused(2, 'from', 'calendar', '--from', '2026-02-30'),
    refused(28, 'admin', 'conversation', SESSION.id, '--role', 'admin'),
  ]);
  const [, root = ''] = archive;
  const names = await readdir(join(root, 'segments/stream=messages'), { recursive: true });
  for (const name of names.filter((one) => one.endsWith('.parquet'))) {
    const path = join(root, 'segments/stream=messages', name);
    await writeFile(path, (await readFile(path)).fill(1, 30, 40));
  }
  await refused(19, 'segments/stream=messages', 'conversation', SESSION.id);
});
