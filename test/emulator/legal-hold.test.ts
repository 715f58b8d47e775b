import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type Emulator,
  startEmulator,
  type TruthHoldFile,
  type ZipCondition,
} from '../../emulator/server.ts';
import { Client, NOON, type Parameters, type Reply } from './client.ts';
import { readZip } from './read-zip.ts';

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

async function truth(of: Emulator = emulator): Promise<TruthHoldFile[]> {
  const all = [];
  for await (const file of of.holdFiles()) all.push(file);
  return all;
}

/** The zips of one custodian as listed, on pages of 20. */
async function list(matterId: string, identifier: string): Promise<Reply['json'][]> {
  const pages = await client.pages(`${MATTERS}/${matterId}/files`, { identifier, page_size: 20 });
  return pages.flatMap((page) => page.data);
}

async function download(matterId: string, fileKey: string): Promise<Response> {
  return await client.fetch(`${MATTERS}/${matterId}/files/download`, { file_key: fileKey });
}

/** A zip with messages in it that can be downloaded. */
async function readyFile(): Promise<TruthHoldFile> {
  const [best] = (await truth()).sort((a, b) => b.entries - a.entries);
  if (best === undefined) throw new Error('no zips');
  await list(best.matterId, best.custodianEmail);
  emulator.moveClock(5 * MINUTE);
  return best;
}

async function sizeListed({ matterId, custodianEmail, fileKey }: TruthHoldFile): Promise<unknown> {
  const rows = await list(matterId, custodianEmail);
  return rows.find((row) => row.file_key === fileKey)?.total_file_size;
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
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

describe('a zip', () => {
  test('comes as listed: its length, its entries, the messages of the custodian in the month', async () => {
    const file = await readyFile();
    const row = (await list(file.matterId, file.custodianEmail)).find((one) => one.file_key === file.fileKey);
    expect(row).toMatchObject({
      ready_for_download: true,
      file_count: file.entries,
      total_file_size: file.size,
    });
    expect(Buffer.from(file.fileKey, 'base64').toString()).toMatch(`${file.custodianEmail}-`);
    const response = await download(file.matterId, file.fileKey);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/zip');
    expect(response.headers.get('content-length')).toBe(String(file.size));
    expect(response.headers.get('content-disposition')).toMatch(
      /^attachment; filename=LEGAL_HOLD_files_messages_\d{8}_\d{8}\.zip$/,
    );
    expect(response.headers.get('x-zm-trackingid')).toMatch(/^v=2.0/);
    const bytes = Buffer.from(await response.arrayBuffer());
    expect(sha256(bytes)).toBe(file.sha256);

    const [csv, ...attachments] = readZip(bytes);
    expect(csv?.name).toBe('messages.csv');
    const inMonth = [...emulator.truth()].filter(
      ({ sentAt }) =>
        sentAt >= Date.parse(row.file_start_date) && sentAt < Date.parse(row.file_end_date) + DAY,
    );
    const text = csv?.content.toString() ?? '';
    const sent = inMonth.filter(({ sessionId, messageId }) => text.includes(`\n${sessionId},${messageId},`));
    expect(sent.length).toBeGreaterThan(3);
    expect(text.match(/,sent,/g)).toHaveLength(sent.length);
    expect(attachments).toHaveLength(file.entries - 1);
    const files = new Map<string, string>();
    for await (const one of emulator.files())
      files.set(`attachments/${one.fileId}/${one.fileName}`, one.sha256);
    for (const { name, content } of attachments) expect(sha256(content)).toBe(files.get(name));
  });

  test('stays the same when messages are edited and written later', async () => {
    const before = await truth();
    emulator.act(300);
    expect((await truth()).map((file) => file.sha256)).toEqual(before.map((file) => file.sha256));
  });

  test('is not had for a wrong key or with another matter', async () => {
    const file = await readyFile();
    const other = emulator.matters().find(({ matterId }) => matterId !== file.matterId)?.matterId ?? '';
    for (const [matterId, key] of [
      [file.matterId, 'bm8='],
      [other, file.fileKey],
      ['other', file.fileKey],
    ] as const) {
      const refused = await client.get(`${MATTERS}/${matterId}/files/download`, { file_key: key });
      expect(refused).toMatchObject({ status: 404, json: { code: 1001 } });
    }
    const without = await client.get(`${MATTERS}/${file.matterId}/files/download`);
    expect(without).toMatchObject({ status: 400, json: { errors: [{ field: 'file_key' }] } });
  });
});

describe('a zip in condition', () => {
  let file: TruthHoldFile;
  beforeEach(async () => {
    file = await readyFile();
  });
  afterEach(() => set({ kind: 'normal' }));

  function set(condition: ZipCondition): void {
    emulator.hold({ verb: 'set-zip', fileKey: file.fileKey, condition });
  }

  async function read(): Promise<Buffer> {
    return Buffer.from(await (await download(file.matterId, file.fileKey)).arrayBuffer());
  }

  async function whole(): Promise<TruthHoldFile | undefined> {
    return (await truth()).find(({ fileKey }) => fileKey === file.fileKey);
  }

  test('empty has no bytes', async () => {
    set({ kind: 'empty' });
    expect(await sizeListed(file)).toBe(0);
    expect(await read()).toHaveLength(0);
  });

  test('truncated breaks off, short ends where it says but has no directory', async () => {
    set({ kind: 'truncated' });
    expect(await sizeListed(file)).toBe(file.size);
    const response = await download(file.matterId, file.fileKey);
    expect(response.headers.get('content-length')).toBe(String(file.size));
    await expect(response.arrayBuffer()).rejects.toThrow();
    set({ kind: 'short' });
    const bytes = await read();
    expect(bytes).toHaveLength(Math.floor(file.size / 2));
    expect(await sizeListed(file)).toBe(bytes.length);
    expect(() => readZip(bytes)).toThrow();
    expect(await whole()).toMatchObject({ sha256: file.sha256, condition: { kind: 'short' } });
  });

  test('wrong-size is whole, but listed with another size', async () => {
    set({ kind: 'wrong-size' });
    expect(await sizeListed(file)).toBe(file.size + 1);
    expect(sha256(await read())).toBe(file.sha256);
  });

  test('many has 100,000 entries', async () => {
    set({ kind: 'many' });
    const { entries, size, sha256: hash } = (await whole()) ?? {};
    expect(entries).toBe(100_000);
    const bytes = await read();
    expect([bytes.length, sha256(bytes)]).toEqual([size, hash]);
    expect(readZip(bytes)).toHaveLength(100_000);
  });

  test('escaping has names that lead out of the folder', async () => {
    set({ kind: 'escaping' });
    const names = readZip(await read()).map(({ name }) => name);
    for (const pattern of [/^\.\.\/\.\.\/etc/, /^\/etc/, /\\/, /^C:/, /\u0000/]) {
      expect(names.some((name) => pattern.test(name))).toBe(true);
    }
  });

  test('huge has the size it was given', async () => {
    set({ kind: 'huge', bytes: 3_000_000 });
    const bytes = await read();
    expect(readZip(bytes).at(-1)?.content).toHaveLength(3_000_000);
    expect(sha256(bytes)).toBe((await whole())?.sha256);
    expect(await sizeListed(file)).toBe(bytes.length);
  });

  test('not-a-zip is a sign-in page, never-ready is as it says', async () => {
    set({ kind: 'not-a-zip' });
    const response = await download(file.matterId, file.fileKey);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html;charset=utf-8']);
    expect(await response.text()).toMatch(/^<!DOCTYPE html>/);
    set({ kind: 'never-ready' });
    emulator.moveClock(DAY);
    await client.renewToken();
    const rows = await list(file.matterId, file.custodianEmail);
    expect(rows.find((row) => row.file_key === file.fileKey).ready_for_download).toBe(false);
    expect((await download(file.matterId, file.fileKey)).status).toBe(404);
    emulator.moveClock(-DAY);
  });
});

describe('faults and scopes', () => {
  test('of each of the three endpoints', async () => {
    const file = await readyFile();
    const path = `${MATTERS}/${file.matterId}/files`;
    for (const [endpoint, at, query] of [
      ['matters', MATTERS, {}],
      ['hold-files', path, { identifier: file.custodianEmail }],
      ['hold-download', `${path}/download`, { file_key: file.fileKey }],
    ] as const) {
      emulator.inject({ kind: 'status', status: 403, endpoint });
      expect(await client.get(at, query)).toMatchObject({ status: 403, json: { code: 403 } });
      emulator.inject({ kind: 'second-limit', endpoint });
      expect((await client.get(at, query)).status).toBe(429);
      emulator.inject({ kind: 'missing-scope', endpoint });
      expect((await client.get(at, query)).json.message).toContain('chat_history_legal_hold:read:admin');
      emulator.inject({ kind: 'reset', when: 'mid-body', endpoint });
      const cut = await client.fetch(at, query);
      await expect(cut.arrayBuffer()).rejects.toThrow();
    }
  });

  test('pages of lists repeat themselves like those of the reports', async () => {
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
