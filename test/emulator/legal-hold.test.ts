import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/server.ts';
import { Client, NOON, type Parameters, type Reply } from './client.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const MATTERS = '/chat/legalhold/matters';
const SOURCE = { kind: 'generated', seed: 31, sessions: 20, messages: 1500 } as const;

let emulator: Emulator;
let client: Client;

beforeAll(async () => {
  emulator = await startEmulator({ source: SOURCE, now: NOON, frozen: true, limits: false });
});
afterAll(() => emulator.close());
beforeEach(async () => {
  client = await Client.connect(emulator);
});
afterEach(() => emulator.clearFaults());

/** The zips of one custodian as listed, on pages of 20. */
async function list(matterId: string, identifier: string): Promise<Reply['json'][]> {
  const pages = await client.pages(`${MATTERS}/${matterId}/files`, { identifier, page_size: 20 });
  return pages.flatMap((page) => page.data);
}

describe('matters', () => {
  test('are made up, some without dates, and held apart from the account', async () => {
    const { status, json, headers } = await client.get(MATTERS);
    expect(status).toBe(200);
    expect(headers.get('x-ratelimit-category')).toBe('Resource-intensive');
    expect(json).toMatchObject({ next_page_token: '', page_size: 30 });
    expect(json.legal_hold_matters).toEqual(
      emulator.matters().map(({ matterId, name, startDay, endDay, custodians, createdAt }) => ({
        matter_id: matterId,
        matter_name: name,
        ...(startDay === undefined ? {} : { matter_start_date: startDay }),
        ...(endDay === undefined ? {} : { matter_end_date: endDay }),
        matter_creation_date: new Date(createdAt).toISOString().slice(0, 10),
        matter_users: custodians.map(({ userId, email }) => ({ user_id: userId, email })),
      })),
    );
    const dates = emulator
      .matters()
      .map(({ startDay, endDay }) => [startDay !== undefined, endDay !== undefined]);
    expect(dates).toEqual([
      [true, false],
      [true, true],
      [false, false],
    ]);
    const again = await startEmulator({ source: SOURCE, now: NOON, frozen: true });
    expect(again.matters()).toEqual(emulator.matters());
    await again.close();
  });

  test('are listed in pages of up to 100', async () => {
    const pages = await client.pages(MATTERS, { page_size: 2 });
    expect(pages.map((page) => page.legal_hold_matters.length)).toEqual([2, 1]);
    expect((await client.get(MATTERS, { page_size: 100 })).status).toBe(200);
    expect(await client.get(MATTERS, { page_size: 101 })).toMatchObject({ status: 400, json: { code: 300 } });
  });

  test('are added, renamed and closed', async () => {
    const [someone] = emulator.matters()[0]?.custodians ?? [];
    const matterId = emulator.hold({
      verb: 'add-matter',
      name: 'New',
      custodians: [someone?.userId ?? '', someone?.email ?? ''],
    });
    emulator.hold({ verb: 'rename-matter', matterId, name: 'Renamed' });
    const found = async () =>
      (await client.get(MATTERS)).json.legal_hold_matters.find(
        (row: { matter_id: string }) => row.matter_id === matterId,
      );
    expect(await found()).toEqual({
      matter_id: matterId,
      matter_name: 'Renamed',
      matter_start_date: '2026-06-15',
      matter_creation_date: '2026-06-15',
      matter_users: [{ user_id: someone?.userId, email: someone?.email }],
    });
    emulator.hold({ verb: 'close-matter', matterId });
    expect(await found()).toBeUndefined();
    const files = await client.get(`${MATTERS}/${matterId}/files`, { identifier: someone?.email ?? '' });
    expect(files).toMatchObject({ status: 404, json: { code: 1001 } });
    expect(() => emulator.hold({ verb: 'close-matter', matterId })).toThrow('no matter');
    expect(() => emulator.hold({ verb: 'add-matter', name: 'x', custodians: ['nobody'] })).toThrow('no user');
  });

  test('cannot be written: every attempt is refused and counted', async () => {
    const before = emulator.stats().writes;
    const { matterId } = emulator.matters()[0] ?? { matterId: '' };
    for (const [method, path] of [
      ['POST', MATTERS],
      ['PATCH', `${MATTERS}/${matterId}`],
      ['DELETE', `${MATTERS}/${matterId}`],
    ] as const) {
      expect((await fetch(`${emulator.url}/v2${path}`, { method })).status).toBe(405);
    }
    expect(emulator.stats().writes).toBe(before + 3);
    expect(emulator.matters()).toHaveLength(3);
  });

  test('are limited to 20 lists a minute of the account’s clock', async () => {
    const limited = await startEmulator({ source: SOURCE, now: NOON, frozen: true });
    const one = await Client.connect(limited);
    const statuses = [];
    for (let request = 0; request < 21; request += 1) statuses.push((await one.get(MATTERS)).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 200), 429]);
    limited.moveClock(MINUTE);
    expect((await one.get(MATTERS)).status).toBe(200);
    await limited.close();
  });
});

describe('the zips of a custodian', () => {
  test('cover the months of the matter that are over', async () => {
    const [, closed] = emulator.matters();
    const rows = await list(closed?.matterId ?? '', closed?.custodians[0]?.email ?? '');
    const days = rows.map((row) => [row.file_start_date, row.file_end_date]);
    expect(days).toEqual([
      ['2026-02-15', '2026-02-28'],
      ['2026-03-01', '2026-03-31'],
      ['2026-04-01', '2026-04-06'],
    ]);
    const someone = closed?.custodians[0]?.userId ?? '';
    const matterId = emulator.hold({
      verb: 'add-matter',
      name: 'June',
      custodians: [someone],
      startDay: '2026-06-10',
    });
    expect(await list(matterId, someone)).toEqual([]);
    emulator.moveClock(15.5 * DAY);
    await client.renewToken();
    expect(await list(matterId, someone)).toMatchObject([
      { file_start_date: '2026-06-10', file_end_date: '2026-06-30' },
    ]);
    emulator.moveClock(-15.5 * DAY);
    emulator.hold({ verb: 'close-matter', matterId });
  });

  test('become ready some minutes after they were asked for, and not before they were', async () => {
    const fresh = await startEmulator({ source: SOURCE, now: NOON, frozen: true, limits: false });
    const one = await Client.connect(fresh);
    const [matter] = fresh.matters();
    const path = `${MATTERS}/${matter?.matterId}/files`;
    const query = { identifier: matter?.custodians[0]?.email ?? '', page_size: 2 };
    const states = async (more: Parameters = {}) =>
      (await one.get(path, { ...query, ...more })).json.data.map(
        (row: { ready_for_download: boolean; total_file_size: number }) => [
          row.ready_for_download,
          row.total_file_size > 0,
        ],
      );
    const [waiting, ready] = [
      [false, false],
      [true, true],
    ];
    expect(await states()).toEqual([waiting, waiting]);
    fresh.moveClock(5 * MINUTE - 1);
    expect(await states()).toEqual([waiting, waiting]);
    const { file_key } = (await one.get(path, query)).json.data[0];
    const early = await one.get(`${path}/download`, { file_key });
    expect(early).toMatchObject({ status: 404, json: { code: 1001 } });
    fresh.moveClock(1);
    expect(await states()).toEqual([ready, ready]);
    // Those on the second page were not asked for by looking at the first.
    expect((await states({ page_size: 3 }))[2]).toEqual(waiting);
    await fresh.close();
  });

  test('are listed for custodians only, by id or address, in pages of 1 to 20', async () => {
    const [{ matterId, custodians }] = emulator.matters() as [ReturnType<Emulator['matters']>[number]];
    const path = `${MATTERS}/${matterId}/files`;
    const [{ userId, email }] = custodians as [{ userId: string; email: string }];
    const byAddress = await client.get(path, { identifier: email.toUpperCase() });
    expect(byAddress).toMatchObject({ status: 200, json: { page_size: 5 } });
    expect((await client.get(path, { identifier: userId })).json.data).toEqual(byAddress.json.data);
    expect(await client.get(path)).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'identifier' }] },
    });
    const stranger = await client.get(path, { identifier: 'someone@else.example' });
    expect(stranger).toMatchObject({ status: 404, json: { code: 1001 } });
    for (const page_size of [0, 21]) {
      const refused = await client.get(path, { identifier: email, page_size });
      expect(refused).toMatchObject({ status: 400, json: { errors: [{ field: 'page_size' }] } });
    }
    expect((await client.get(`${MATTERS}/other/files`, { identifier: email })).status).toBe(404);
  });
});

describe('lists', () => {
  test('repeat their pages like the reports when told to', async () => {
    const first = (await client.get(MATTERS, { page_size: 2 })).json;
    emulator.inject({ kind: 'repeated-rows', rows: 1, endpoint: 'matters' });
    const query = { page_size: 2, next_page_token: first.next_page_token };
    const second = (await client.get(MATTERS, query)).json;
    expect(second.legal_hold_matters[0]).toEqual(first.legal_hold_matters[1]);
    emulator.inject({ kind: 'repeated-page-token', endpoint: 'matters' });
    expect((await client.get(MATTERS, query)).json.next_page_token).toBe(first.next_page_token);
    emulator.moveClock(15 * MINUTE + 1);
    expect(await client.get(MATTERS, query)).toMatchObject({ status: 400, json: { code: 300 } });
  });
});
