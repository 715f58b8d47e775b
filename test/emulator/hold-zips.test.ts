/** The zips of legal holds: what is in them, and everything that can be wrong with one. */
import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExportFlaw } from '../../emulator/hold-flaws.ts';
import {
  type Emulator,
  startEmulator,
  type TruthHoldFile,
  type ZipCondition,
} from '../../emulator/server.ts';
import { Client, NOON, type Reply } from './client.ts';
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

async function truth(): Promise<TruthHoldFile[]> {
  const all = [];
  for await (const file of emulator.holdFiles()) all.push(file);
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

describe('a zip', () => {
  test('comes as listed: its length, its entries, what was said in their sessions in the month', async () => {
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

  test('bomb has an entry that says how much it unpacks to, and one that does not', async () => {
    set({ kind: 'bomb', bytes: 5_000_000_000 });
    const bytes = await read();
    expect(bytes.length).toBe(await sizeListed(file));
    expect(bytes.length).toBeLessThan(file.size + 12_000_000);
    for (const name of ['honest', 'lying']) expect(bytes.includes(`attachments/bomb/${name}.bin`)).toBe(true);
  });

  /** Names of the entries, and the lines of the CSV. */
  async function exported(condition: ZipCondition): Promise<{ names: string[]; lines: string[] }> {
    set(condition);
    const entries = readZip(await read());
    const csv = entries.find(({ name }) => name === 'messages.csv')?.content.toString() ?? '';
    return { names: entries.map(({ name }) => name), lines: csv.split('\r\n') };
  }

  test('with a flaw differs from the whole one in that alone', async () => {
    const good = await exported({ kind: 'normal' });
    const differing = (lines: readonly string[], others: readonly string[]): string[] =>
      lines.filter((line) => !others.includes(line));
    const flawed = async (kind: ExportFlaw) => {
      const { names, lines } = await exported({ kind });
      return {
        entries: [differing(good.names, names).length, differing(names, good.names).length],
        lines: [differing(good.lines, lines).length, differing(lines, good.lines).length],
        lost: differing(good.lines, lines),
        added: differing(lines, good.lines),
      };
    };
    const row = await flawed('lacks-row');
    expect(row).toMatchObject({ entries: [0, 0], added: [] });
    expect(row.lost.length).toBeGreaterThan(0);
    const text = await flawed('other-text');
    expect(text).toMatchObject({ entries: [0, 0], lost: row.lost });
    expect(text.added.every((line) => line.includes(' (altered)'))).toBe(true);
    expect(await flawed('extra-row')).toMatchObject({ entries: [0, 0], lines: [0, 1] });
    expect(await flawed('lacks-file')).toMatchObject({ entries: [1, 0], lines: [0, 0] });
    expect(await flawed('extra-file')).toMatchObject({ entries: [0, 1], lines: [0, 0] });
    expect(await flawed('other-file')).toMatchObject({ entries: [0, 0], lines: [0, 0] });
    const attachment = async () => readZip(await read())[1]?.content;
    const other = await attachment();
    set({ kind: 'normal' });
    const own = await attachment();
    expect(other?.length).toBe(own?.length);
    expect(other).not.toEqual(own);
    expect((await exported({ kind: 'no-ids' })).lines[0]).toBe('session_id,date_time,sender,message,files');
    expect((await exported({ kind: 'other-columns' })).lines[0]).toBe(
      'field 0,field 1,field 2,field 3,field 4,field 5,field 6,field 7',
    );
    expect((await flawed('cut-row')).added).toEqual(['"cut']);
    expect((await flawed('ragged-row')).added).toEqual(['two,fields']);
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

test('each of the three endpoints meets faults and wants a scope', async () => {
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
