import { createHash } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Emulator, type FileCondition, startEmulator, type TruthFile } from '../../emulator/server.ts';
import { Client, NOON, type Reply } from './client.ts';

const HOUR = 3_600_000;
const TODAY = { from: '2026-06-15', to: '2026-06-15' };

let emulator: Emulator;
let client: Client;
let session: string;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 21, sessions: 10, messages: 3000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  session = emulator.perform({ verb: 'create-session', name: 'files' });
});
afterAll(() => emulator.close());
beforeEach(async () => {
  client = await Client.connect(emulator);
});
afterEach(() => {
  emulator.clearFaults();
  emulator.setSwitches({ downloadRedirect: 'none', downloadNeedsBearer: false });
});

async function truth(): Promise<TruthFile[]> {
  const all = [];
  for await (const file of emulator.files()) all.push(file);
  return all;
}

/** Sends a message with one file; returns what is true of it. */
async function send(size: number, name = 'one.pdf'): Promise<TruthFile> {
  emulator.perform({ verb: 'send', sessionId: session, text: 'see file', files: [{ name, size }] });
  const file = (await truth()).at(-1);
  if (file === undefined) throw new Error('no file');
  return file;
}

async function info(fileId: string): Promise<Reply> {
  return await client.get(`/chat/files/${fileId}`);
}

async function linkOf(fileId: string): Promise<string> {
  return (await info(fileId)).json.download_url;
}

async function refusalOf(response: Response): Promise<[number, number]> {
  const { code } = (await response.json()) as { readonly code: number };
  return [response.status, code];
}

async function sha256(response: Response): Promise<string> {
  return createHash('sha256')
    .update(Buffer.from(await response.arrayBuffer()))
    .digest('hex');
}

describe('a file', () => {
  test.each([0, 1, 36, 65_536, 200_001])('of %i bytes is described and served whole', async (size) => {
    const file = await send(size, 'a&b=c ü.txt');
    const { status, json } = await info(file.fileId);
    expect(status).toBe(200);
    expect(json).toEqual({
      file_id: file.fileId,
      file_name: 'a&b=c ü.txt',
      OS_file_type: 'txt',
      length: size,
      digest: file.sha256,
      created_time: expect.any(Number),
      modified_time: json.created_time,
      download_url: expect.stringMatching(
        /\/file\/download\/\w+\?filename=a%26b%3Dc%20%C3%BC\.txt&jwt=[\w-]+\.[\w-]+\.[\w-]+$/,
      ),
    });
    const response = await fetch(json.download_url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe(String(size));
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    expect(response.headers.get('x-ratelimit-category')).toBeNull();
    expect(await sha256(response)).toBe(file.sha256);
  });

  test('of the same id and size has the same bytes in another process, and no other file has them', async () => {
    const again = await startEmulator({
      source: { kind: 'generated', seed: 21, sessions: 10, messages: 3000 },
      now: NOON,
      frozen: true,
    });
    const hashes = new Map((await truth()).map((file) => [file.fileId, file.sha256]));
    for await (const file of again.files()) expect(hashes.get(file.fileId)).toBe(file.sha256);
    expect(new Set([...hashes.values()]).size).toBe(hashes.size);
    await again.close();
  });

  test('comes with its message, under a link that differs from response to response', async () => {
    const file = await send(500);
    const links = [];
    for (let request = 0; request < 2; request += 1) {
      const rows = (await client.messages(session, { ...TODAY, page_size: 100 })).json.messages;
      const row = rows.findLast((candidate: { files?: object[] }) => candidate.files !== undefined);
      expect(row.files).toMatchObject([{ file_id: file.fileId, file_name: 'one.pdf', file_size: 500 }]);
      links.push(row.files[0].download_url);
    }
    expect(links[0]).not.toBe(links[1]);
    for (const link of links) expect(await sha256(await fetch(link))).toBe(file.sha256);
  });
});

describe('a link', () => {
  test('lives a day, whatever becomes of access tokens, and names its end as a JWT does', async () => {
    const file = await send(10);
    const link = await linkOf(file.fileId);
    const claims = new URL(link).searchParams.get('jwt')?.split('.')[1] ?? '';
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iat: NOON / 1000,
      exp: NOON / 1000 + 86_400,
      dig: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    emulator.moveClock(24 * HOUR - 1);
    expect((await fetch(link)).status).toBe(200);
    emulator.moveClock(1);
    expect(await refusalOf(await fetch(link))).toEqual([401, 106]);
    emulator.moveClock(-24 * HOUR);
  });

  test('opens nothing but its file', async () => {
    const [one, other] = [await send(10), await send(10)];
    const link = await linkOf(one.fileId);
    const spoilt = [
      link.replace(one.fileId, other.fileId),
      link.replace(/jwt=.*/, 'jwt=a.b.c'),
      link.replace(/&jwt=.*/, ''),
    ];
    for (const url of spoilt) {
      expect(await refusalOf(await fetch(url))).toEqual([401, 100]);
    }
  });
});

describe('access to the description', () => {
  test('is refused with codes of its own', async () => {
    const { fileId } = await send(10);
    const url = `${emulator.url}/v2/chat/files/${fileId}`;
    const refused = async (headers: Record<string, string>) => {
      return await refusalOf(await fetch(url, { headers }));
    };
    expect(await refused({})).toEqual([401, 300]);
    expect(await refused({ authorization: 'Bearer made-up' })).toEqual([401, 100]);
    emulator.inject({ kind: 'token-expired', endpoint: 'file-info' });
    expect(await info(fileId)).toMatchObject({ status: 401, json: { code: 106 } });
    await client.renewToken();
    emulator.moveClock(HOUR);
    expect(await info(fileId)).toMatchObject({ status: 401, json: { code: 106 } });
    emulator.moveClock(-HOUR);
    expect(await info('unknown')).toMatchObject({ status: 404, json: { code: 404 } });
  });

  test('needs a scope, and counts as LIGHT', async () => {
    const poor = await startEmulator({
      source: { kind: 'generated', seed: 1, sessions: 1, messages: 1 },
      scopes: ['report:read:chat_session:admin'],
    });
    const { status, json, headers } = await (await Client.connect(poor)).get('/chat/files/any');
    expect(status).toBe(400);
    expect(json).toMatchObject({ code: 4711, message: expect.stringContaining('team_chat:read:file:admin') });
    expect(headers.get('x-ratelimit-category')).toBe('Light');
    await poor.close();
  });
});

describe('a file in condition', () => {
  test.each<[FileCondition, number, number]>([
    ['restricted', 403, 403],
    ['gone', 404, 404],
  ])('%s is refused, link and description', async (condition, status, code) => {
    const { fileId } = await send(100);
    const link = await linkOf(fileId);
    emulator.setFile(fileId, condition);
    expect(await info(fileId)).toMatchObject({ status, json: { code } });
    expect(await refusalOf(await fetch(link))).toEqual([status, code]);
    emulator.setFile(fileId, 'normal');
    expect((await info(fileId)).status).toBe(200);
  });

  test('third-party has an empty link or none', async () => {
    const forms = new Set<unknown>();
    for (let sent = 0; sent < 30; sent += 1) {
      const { fileId } = await send(1);
      emulator.setFile(fileId, 'third-party');
      expect(await info(fileId)).toMatchObject({ status: 200, json: { download_url: '' } });
      const { messages } = (await client.messages(session, { ...TODAY, page_size: 100 })).json;
      forms.add(messages.at(-1).files[0].download_url);
    }
    expect(forms).toEqual(new Set(['', undefined]));
  });

  test('html is a sign-in page with status 200', async () => {
    const { fileId } = await send(100);
    emulator.setFile(fileId, 'html');
    const response = await fetch(await linkOf(fileId));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await response.text()).toMatch(/^<!DOCTYPE html>/);
  });

  test('wrong-digest is served whole and described with another hash', async () => {
    const { fileId, sha256: hash } = await send(100);
    emulator.setFile(fileId, 'wrong-digest');
    const { json } = await info(fileId);
    expect(json.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(json.digest).not.toBe(hash);
    expect(await sha256(await fetch(json.download_url))).toBe(hash);
  });

  test('truncated breaks off, short ends too early', async () => {
    const { fileId } = await send(300_000);
    emulator.setFile(fileId, 'truncated');
    const cut = await fetch(await linkOf(fileId));
    expect(cut.headers.get('content-length')).toBe('300000');
    await expect(cut.arrayBuffer()).rejects.toThrow();
    emulator.setFile(fileId, 'short');
    expect((await (await fetch(await linkOf(fileId))).arrayBuffer()).byteLength).toBe(150_000);
  });

  test('not normal is what a few files are from the beginning', async () => {
    const source = { kind: 'generated', seed: 22, sessions: 10, messages: 8000 } as const;
    const large = await startEmulator({ source, now: NOON, frozen: true });
    const counts = new Map<string, number>();
    for await (const { condition } of large.files()) counts.set(condition, (counts.get(condition) ?? 0) + 1);
    await large.close();
    expect(counts.get('normal')).toBeGreaterThan(50);
    for (const condition of ['third-party', 'restricted', 'gone']) {
      expect(counts.get(condition)).toBeGreaterThan(0);
    }
  });
});

describe('downloads that are redirected', () => {
  test('lead to the second origin, which tells whether an access token reached it', async () => {
    const file = await send(1000);
    const link = await linkOf(file.fileId);
    emulator.setSwitches({ downloadRedirect: 'foreign' });
    const hop = await fetch(link, { redirect: 'manual' });
    expect(hop.status).toBe(302);
    expect(hop.headers.get('location')).toMatch(`${emulator.secondUrl}/file/download/${file.fileId}?`);
    const before = emulator.stats().secondOrigin;
    expect(await sha256(await fetch(link))).toBe(file.sha256);
    expect(emulator.stats().secondOrigin).toEqual({ ...before, requests: before.requests + 1 });
    const leak = { headers: { authorization: 'Bearer secret' } };
    await (await fetch(hop.headers.get('location') ?? '', leak)).arrayBuffer();
    expect(emulator.stats().secondOrigin.withAuthorization).toBe(before.withAuthorization + 1);
  });

  test('may want the access token at each host of Zoom’s, and never at a stranger’s', async () => {
    const file = await send(1000);
    const link = await linkOf(file.fileId);
    const second = link.replace(emulator.url, emulator.secondUrl);
    emulator.setSwitches({ downloadNeedsBearer: true });
    expect(await refusalOf(await fetch(link))).toEqual([401, 300]);
    expect((await client.fetchUrl(link)).status).toBe(200);
    emulator.setSwitches({ downloadRedirect: 'zoom' });
    expect((await client.fetchUrl(link)).status).toBe(302);
    expect((await fetch(second)).status).toBe(401);
    expect(await sha256(await client.fetchUrl(second))).toBe(file.sha256);
    emulator.setSwitches({ downloadRedirect: 'foreign' });
    expect((await fetch(second)).status).toBe(200);
  });
});

describe('faults of downloads', () => {
  test('a server error, a limit, a reset before the answer', async () => {
    const link = await linkOf((await send(1000)).fileId);
    emulator.inject({ kind: 'status', status: 503, endpoint: 'file-download' });
    expect((await fetch(link)).status).toBe(503);
    emulator.inject({ kind: 'second-limit', endpoint: 'file-download' });
    expect((await fetch(link)).status).toBe(429);
    emulator.inject({ kind: 'reset', endpoint: 'file-download' });
    await expect(fetch(link)).rejects.toThrow();
    expect(emulator.stats().requests['file-download 503']).toBe(1);
  });

  test('a body that breaks off, ends early, trickles or is a sign-in page', async () => {
    const file = await send(200_000);
    const link = await linkOf(file.fileId);
    const endpoint = 'file-download';
    emulator.inject({ kind: 'reset', when: 'mid-body', endpoint });
    const cut = await fetch(link);
    expect(cut.status).toBe(200);
    await expect(cut.arrayBuffer()).rejects.toThrow();
    emulator.inject({ kind: 'truncated-json', endpoint });
    expect((await (await fetch(link)).arrayBuffer()).byteLength).toBe(100_000);
    emulator.inject({ kind: 'html', endpoint });
    expect(await (await fetch(link)).text()).toMatch(/^<!DOCTYPE html>/);
    emulator.inject({ kind: 'slow-body', ms: 40, endpoint });
    expect(await sha256(await fetch(link))).toBe(file.sha256);
  });
});
