/** The coverage report and the repair of what it names, as commands. */
import { join } from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { runArchiver, writeConfig } from '../support/command.ts';
import { createSchema } from '../support/postgres.ts';
import { readStream } from '../support/stream-rows.ts';
import { emulate, workFolder } from './campaign.ts';

const DAY = 86_400_000;

interface Report {
  readonly streams: readonly {
    readonly stream: string;
    readonly expected: number;
    readonly missing: number;
  }[];
  readonly holes: readonly {
    readonly stream: string;
    readonly kind: string;
    readonly mode: string;
    readonly scope: string;
    readonly name: string;
    readonly from: string;
    readonly to: string;
    readonly error?: string;
  }[];
}

async function collected() {
  const folder = await workFolder();
  const emulator = await emulate({ source: { kind: 'generated', seed: 41, sessions: 4, messages: 80 } });
  emulator.setSwitches({ holdZipMinutes: 0 });
  const { url } = await createSchema();
  const streams = { activities: { enabled: true }, context: { enabled: true }, files: { enabled: true } };
  const config = await writeConfig(folder, emulator.url, {
    ledger: { url },
    // The emulator means its first answer.
    collection: { settle: '1s', patience: '0s', modifications: [{ youngerThan: '365d', every: '1s' }] },
    streams,
  });
  const run = (...args: string[]) => runArchiver([...args, '--config', config]);
  expect(await run('init')).toMatchObject({ code: 0 });
  expect(await run('collect')).toMatchObject({ code: 0 });
  const ledger = new pg.Client(url);
  await ledger.connect();
  onTestFinished(() => ledger.end());
  const coverage = async (...args: string[]): Promise<{ code: number | null; report: Report }> => {
    const { code, stdout } = await run('coverage', '--json', ...args);
    return { code, report: JSON.parse(stdout.split('\n')[0] ?? '') };
  };
  return { emulator, folder, run, ledger, coverage };
}

test('is clean after a pass, also of periods in which nothing happened, and names a unit that is taken away', async () => {
  const { emulator, folder, run, ledger, coverage } = await collected();
  const clean = await coverage();
  expect(clean).toMatchObject({ code: 0, report: { holes: [] } });
  for (const { stream, expected, missing } of clean.report.streams) {
    expect([stream, expected > 0, missing]).toEqual([stream, true, 0]);
  }

  const [session] = emulator.sessions();
  const from = Math.floor(emulator.now() / DAY) * DAY - 40 * DAY;
  const range = [from, from + 5 * DAY];
  await ledger.query(
    `update coverage set covered = covered - int8multirange(int8range($1, $2))
     where stream = 'messages' and scope = $3 and mode = 'sent'`,
    [...range, session?.id],
  );
  await ledger.query(
    `update coverage set covered = covered - int8multirange(int8range($1, $2)) where stream = 'channel_activities'`,
    range,
  );
  await ledger.query(`delete from coverage where stream = 'context' and mode = 'users'`);
  const holed = await coverage();
  expect(holed.code).toBe(18);
  expect(holed.report.holes).toMatchObject([
    {
      stream: 'messages',
      kind: 'missing',
      mode: 'sent',
      scope: session?.id,
      name: session?.name,
      from: new Date(from).toISOString(),
      to: new Date(from + 5 * DAY).toISOString(),
    },
    ...Array.from({ length: 5 }, (_, day) => ({
      stream: 'channel_activities',
      from: new Date(from + day * DAY).toISOString(),
    })),
    { stream: 'context', mode: 'users' },
  ]);
  expect(holed.report.holes).toHaveLength(7);

  const date = (time: number): string => new Date(time).toISOString().slice(0, 10);
  expect((await coverage('--from', date(from + 5 * DAY), '--to', date(from + 9 * DAY))).report.holes).toEqual(
    [],
  );
  const other = emulator.sessions()[1]?.id ?? '';
  expect(await coverage('--session', other)).toMatchObject({ code: 0, report: { holes: [] } });
  const shown = await run('coverage');
  expect(shown.code).toBe(18);
  expect(shown.stdout).toContain(session?.id);
  expect(shown.stderr).toContain('repair');

  expect(await run('repair')).toMatchObject({ code: 0 });
  expect(await coverage()).toMatchObject({ code: 0, report: { holes: [] } });
  expect(await run('seal', '--all')).toMatchObject({ code: 0 });
  const archived = await readStream(join(folder, 'archive'), 'messages');
  const seen = archived.map(({ columns, kind, eventAt }) => `${columns.message_id} ${kind} ${eventAt}`);
  expect(new Set(seen).size).toBe(seen.length);
});

test('a unit that keeps failing is a hole with its last error, the others go on, and repair tries it at once', async () => {
  const { emulator, run, coverage, ledger } = await collected();
  await ledger.query(`update coverage set covered = '{}' where stream = 'messages' and scope = $1`, [
    emulator.sessions()[0]?.id,
  ]);
  emulator.inject({ kind: 'status', status: 404, code: 300, endpoint: 'messages', times: 1000 });
  expect(await run('collect')).toMatchObject({ code: 17 });
  const { code, report } = await coverage();
  expect(code).toBe(18);
  expect(report.holes[0]).toMatchObject({ stream: 'messages', error: 'zoom-not-found' });
  emulator.clearFaults();
  // It waits for its next try; repair does not.
  expect(await run('collect')).toMatchObject({ code: 0 });
  expect((await coverage()).code).toBe(18);
  expect(await run('repair')).toMatchObject({ code: 0 });
  expect((await coverage()).code).toBe(0);
});

test('repair asks the log of one channel again, and a channel that is unknown does no harm', async () => {
  const { emulator, run, coverage } = await collected();
  const channel = emulator.context().channels.find(({ deleted }) => !deleted)?.id ?? '';
  const asked = () => emulator.stats().requests['activities-of-channel 200'] ?? 0;
  expect(asked()).toBe(0);
  expect(await run('repair', '--channel', channel)).toMatchObject({ code: 0 });
  expect(asked()).toBeGreaterThan(0);
  await run('repair', '--channel', 'no-such-channel');
  expect(await coverage()).toMatchObject({ code: 0, report: { holes: [] } });
});

test('a look that keeps failing, and a file that is not fetched, are holes until they are repaired', async () => {
  const { emulator, run, coverage, ledger } = await collected();
  await ledger.query(`update links set open = true, found_at = now() - interval '1 day', retry_at = now() + interval '1 day'
    where kind = 'file'
      and id = (select min(id) from links where kind = 'file' and error is null and detail->>'downloadUrl' <> '')`);
  await ledger.query(`delete from coverage where stream = 'context' and mode = 'users'`);
  emulator.inject({ kind: 'status', status: 404, code: 300, endpoint: 'users', times: 1000 });
  await run('collect');
  const { code, report } = await coverage();
  expect(code).toBe(18);
  expect(report.holes.map(({ stream, mode }) => `${stream} ${mode}`).sort()).toEqual([
    'context users',
    'files file',
  ]);
  emulator.clearFaults();
  expect(await run('repair')).toMatchObject({ code: 0 });
  expect(await coverage()).toMatchObject({ code: 0, report: { holes: [] } });
});
