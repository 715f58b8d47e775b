/** Files, forwards, legal holds and webhooks of an emulator that is a process of its own, driven over HTTP. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TruthFile, TruthForwarded, TruthHoldFile, TruthMatter } from '../../emulator/server.ts';
import { Client } from './client.ts';

const MB = 2 ** 20;
const GB = 2 ** 30;

let child: ChildProcess;
let url: string;

beforeAll(async () => {
  const flags =
    '--seed 61 --sessions 5 --messages 600 --no-limits --now 2026-06-15T12:00:00Z --frozen --switch holdZipMinutes=0';
  child = spawn(process.execPath, ['--import', 'tsx', 'emulator/main.ts', ...flags.split(' ')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    url = JSON.parse(line).url;
    break;
  }
});
afterAll(async () => {
  child.kill();
  await once(child, 'exit');
});

async function ask(method: string, path: string, body?: object): Promise<Response> {
  const response = await fetch(`${url}/_emulator/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response;
}

// biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
async function control(method: string, path: string, body?: object): Promise<any> {
  return await (await ask(method, path, body)).json();
}

async function lines<Row>(path: string): Promise<Row[]> {
  const text = await (await ask('GET', path)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

async function sendFile(size: number): Promise<string> {
  const { id: sessionId } = await control('POST', 'act', { verb: 'create-session', name: 'large' });
  await control('POST', 'act', { verb: 'send', sessionId, text: 'large', files: [{ name: 'x.mp4', size }] });
  const client = await Client.connect({ url });
  const day = { from: '2026-06-15', to: '2026-06-15' };
  return (await client.messages(sessionId, day)).json.messages[0].files[0].file_id;
}

/** Reads a body without keeping it; tells its length, its hash and the most memory the emulator took meanwhile. */
async function drain(response: Response): Promise<{ length: number; sha256: string; peakBytes: number }> {
  const hash = createHash('sha256');
  let length = 0;
  let peakBytes = 0;
  let nextLook = 0;
  for await (const piece of response.body ?? []) {
    hash.update(piece);
    length += piece.length;
    if (length < nextLook) continue;
    peakBytes = Math.max(peakBytes, (await control('GET', 'stats')).residentBytes);
    nextLook += 100 * MB;
  }
  return { length, sha256: hash.digest('hex'), peakBytes };
}

test('a file of 2 GB is hashed and served in memory that does not grow with it', async () => {
  const fileId = await sendFile(2 * GB);
  const client = await Client.connect({ url });
  const { residentBytes } = await control('GET', 'stats');
  const { json } = await client.get(`/chat/files/${fileId}`);
  expect(json.length).toBe(2 * GB);
  const { length, sha256, peakBytes } = await drain(await fetch(json.download_url));
  expect(length).toBe(2 * GB);
  expect(sha256).toBe(json.digest);
  expect(peakBytes).toBeLessThan(residentBytes + 200 * MB);
});

test('so is a large zip', async () => {
  const [file] = await lines<TruthHoldFile>('truth/hold-files');
  if (file === undefined) throw new Error('no zips');
  const condition = { kind: 'huge', bytes: 300 * MB };
  await control('POST', 'holds', { verb: 'set-zip', fileKey: file.fileKey, condition });
  const client = await Client.connect({ url });
  const path = `/chat/legalhold/matters/${file.matterId}/files`;
  const listed = await client.get(path, { identifier: file.custodianEmail, page_size: 20 });
  const row = listed.json.data.find((one: { file_key: string }) => one.file_key === file.fileKey);
  expect(row.total_file_size).toBeGreaterThan(300 * MB);
  const { residentBytes } = await control('GET', 'stats');
  const { length, peakBytes } = await drain(
    await client.fetch(`${path}/download`, { file_key: row.file_key }),
  );
  expect(length).toBe(row.total_file_size);
  expect(peakBytes).toBeLessThan(residentBytes + 200 * MB);
  await control('POST', 'holds', { verb: 'set-zip', fileKey: file.fileKey, condition: { kind: 'normal' } });
});

test('a client that leaves in the middle of a body does no harm', async () => {
  const client = await Client.connect({ url });
  const { json } = await client.get(`/chat/files/${await sendFile(GB / 4)}`);
  const leave = new AbortController();
  const response = await fetch(json.download_url, { signal: leave.signal });
  await response.body?.getReader().read();
  leave.abort();
  expect((await control('GET', 'stats')).requests['file-download 200']).toBeGreaterThan(0);
  expect((await client.get('/chat/files/unknown')).status).toBe(404);
});

test('files and forwards are told of line by line, and changed', async () => {
  const files = await lines<TruthFile>('truth/files');
  expect(files[0]).toEqual({
    fileId: expect.any(String),
    fileName: expect.any(String),
    fileSize: expect.any(Number),
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    condition: expect.any(String),
    sessionId: expect.any(String),
    messageId: expect.any(String),
  });
  const { fileId } = files[0] as TruthFile;
  await control('POST', 'files', { fileId, condition: 'gone' });
  expect((await lines<TruthFile>('truth/files'))[0]?.condition).toBe('gone');
  await expect(control('POST', 'files', { fileId, condition: 'odd' })).rejects.toThrow('400');
  await expect(control('POST', 'files', { fileId: 'x', condition: 'gone' })).rejects.toThrow('no file x');

  const { id: sessionId } = await control('POST', 'act', { verb: 'create-session', name: 'forwards' });
  await control('POST', 'act', { verb: 'send', sessionId, text: 'original' });
  await control('POST', 'act', { verb: 'send', sessionId, text: '', forward: true });
  const forward = (await lines<TruthForwarded>('truth/forwarded')).at(-1);
  expect(forward).toMatchObject({ sessionId, resolvable: true, message: { message: 'original' } });
  await control('POST', 'forwarded', { forwardId: forward?.forwardId, resolvable: false });
  expect((await lines<TruthForwarded>('truth/forwarded')).at(-1)?.resolvable).toBe(false);
});

test('matters are told of, made and closed', async () => {
  const [matter] = (await control('GET', 'truth/matters')) as TruthMatter[];
  const custodians = [matter?.custodians[0]?.email];
  const { id } = await control('POST', 'holds', { verb: 'add-matter', name: 'One', custodians });
  expect((await control('GET', 'truth/matters')).at(-1)).toMatchObject({ matterId: id, name: 'One' });
  await control('POST', 'holds', { verb: 'close-matter', matterId: id });
  expect(await control('GET', 'truth/matters')).toHaveLength(3);
  await expect(control('POST', 'holds', { verb: 'close-matter', matterId: id })).rejects.toThrow('no matter');
});

test('webhooks are aimed, told of and ended', async () => {
  await control('PUT', 'webhooks', { url: 'http://127.0.0.1:9/', secret: 'secret' });
  await control('POST', 'act', { verb: 'create-session', name: 'told' });
  const [first] = await control('GET', 'truth/webhooks');
  expect(first).toMatchObject({ event: 'chat_channel.created', signature: 'good' });
  expect(await control('POST', 'webhooks/validate')).toEqual({ valid: false });
  await control('DELETE', 'webhooks');
  await control('POST', 'act', { count: 5 });
  expect(await control('GET', 'truth/webhooks')).toHaveLength(1);
  await expect(control('PUT', 'webhooks', { url: 'nowhere', secret: '' })).rejects.toThrow('400');
});
