import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Emulator, type Fault, startEmulator } from '../../emulator/server.ts';
import { Client, NOON, requestToken, sessionPath } from './client.ts';

const QUERY = { from: '2026-05-16', to: '2026-06-15', page_size: 20 };

let emulator: Emulator;
let client: Client;
let path: string;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 2, sessions: 5, messages: 3000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  path = sessionPath(emulator.sessions().reduce((a, b) => (a.messages > b.messages ? a : b)).id);
});
afterAll(() => emulator.close());
beforeEach(async () => {
  client = await Client.connect(emulator);
});
afterEach(() => emulator.clearFaults());

test.each<[string, Fault, object]>([
  ['a server error', { kind: 'status' }, { status: 500, json: { code: 500 } }],
  ['any other status', { kind: 'status', status: 404, code: 300 }, { status: 404, json: { code: 300 } }],
  [
    'a missing scope',
    { kind: 'missing-scope', scopes: ['a', 'b'] },
    {
      status: 400,
      json: { code: 4711, message: expect.stringContaining('does not contain scopes:[a, b].') },
    },
  ],
  [
    'too many concurrent requests',
    { kind: 'concurrency-limit' },
    { status: 429, json: { code: 429, message: expect.stringMatching(/^Too many concurrent requests\./) } },
  ],
])('%s', async (_what, fault, reply) => {
  emulator.inject(fault);
  expect(await client.get(path, QUERY)).toMatchObject(reply);
  expect((await client.get(path, QUERY)).status).toBe(200);
});

test('faults wait for their turn, their endpoint and their number of strikes', async () => {
  const before = emulator.faultsHit().status ?? 0;
  emulator.inject({ kind: 'status', status: 503, after: 1, times: 2, endpoint: 'messages' });
  expect((await client.sessions(QUERY)).status).toBe(200);
  const statuses = [];
  for (let request = 0; request < 4; request += 1) statuses.push((await client.get(path, QUERY)).status);
  expect(statuses).toEqual([200, 503, 503, 200]);
  expect(emulator.faultsHit().status).toBe(before + 2);
});

test('a reset connection, before the answer and in the middle of it', async () => {
  emulator.inject({ kind: 'reset' });
  await expect(client.fetch(path, QUERY)).rejects.toThrow();
  emulator.inject({ kind: 'reset', when: 'mid-body' });
  const response = await client.fetch(path, QUERY);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
  expect(emulator.stats().requests['messages reset']).toBe(2);
});

test('a slow body arrives whole, in pieces', async () => {
  const whole = (await client.get(path, QUERY)).json;
  emulator.inject({ kind: 'slow-body', ms: 100 });
  const response = await client.fetch(path, QUERY);
  const pieces = [];
  for await (const piece of response.body ?? []) pieces.push(piece);
  expect(pieces.length).toBeGreaterThan(2);
  expect(JSON.parse(Buffer.concat(pieces).toString()).messages).toHaveLength(whole.messages.length);
});

test('truncated JSON is a complete answer that does not parse', async () => {
  emulator.inject({ kind: 'truncated-json' });
  const response = await client.fetch(path, QUERY);
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text).toMatch(/^\{"from"/);
  expect(() => JSON.parse(text)).toThrow();
});

test('200 with HTML', async () => {
  emulator.inject({ kind: 'html' });
  const response = await client.fetch(path, QUERY);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(await response.text()).toMatch(/^<!DOCTYPE html>/);
});

test('a token that expires in mid-page stays dead; a new one continues at the same page', async () => {
  const first = (await client.get(path, QUERY)).json;
  emulator.inject({ kind: 'token-expired' });
  const next = { ...QUERY, next_page_token: first.next_page_token };
  const dead = { status: 401, json: { code: 124 } };
  expect(await client.get(path, next)).toMatchObject(dead);
  expect(await client.get(path, next)).toMatchObject(dead);
  await client.renewToken();
  expect((await client.get(path, next)).status).toBe(200);
});

test('a repeated page token strikes only paged requests and leads in a circle', async () => {
  emulator.inject({ kind: 'repeated-page-token', times: 2 });
  const first = (await client.get(path, QUERY)).json;
  const next = { ...QUERY, next_page_token: first.next_page_token };
  const second = (await client.get(path, next)).json;
  const again = (await client.get(path, next)).json;
  expect(second.next_page_token).toBe(first.next_page_token);
  expect(again.messages).toEqual(second.messages);
  expect((await client.get(path, next)).json.next_page_token).not.toBe(first.next_page_token);
});

test.each([['messages'], ['sessions']] as const)('rows repeated across pages of %s', async (name) => {
  const at = name === 'messages' ? path : '/report/chat/sessions';
  const query = { ...QUERY, page_size: 3 };
  const first = (await client.get(at, query)).json;
  emulator.inject({ kind: 'repeated-rows', rows: 2 });
  const second = (await client.get(at, { ...query, next_page_token: first.next_page_token })).json;
  const ids = (rows: readonly { id: string }[]) => rows.map((row) => row.id);
  expect(ids(second[name]).slice(0, 2)).toEqual(ids(first[name]).slice(1));
});

test('an expired page token', async () => {
  emulator.inject({ kind: 'expired-page-token' });
  const first = (await client.get(path, QUERY)).json;
  const next = { ...QUERY, next_page_token: first.next_page_token };
  expect(await client.get(path, next)).toMatchObject({ status: 400, json: { code: 300 } });
  expect((await client.get(path, next)).status).toBe(200);
});

test('missing rate headers', async () => {
  const limitHeaders = async () =>
    [...(await client.fetch(path, QUERY)).headers.keys()].filter((name) => name.startsWith('x-ratelimit'));
  emulator.inject({ kind: 'missing-rate-headers' });
  expect(await limitHeaders()).toEqual([]);
  expect(await limitHeaders()).toHaveLength(4);
});

test.each([
  ['iso', '2026-06-16T00:00:00Z'],
  ['http-date', 'Tue, 16 Jun 2026 00:00:00 GMT'],
  ['seconds', '43200'],
] as const)('a daily limit with Retry-After as %s', async (notation, text) => {
  emulator.inject({ kind: 'daily-limit', notation });
  const { status, headers, json } = await client.get(path, QUERY);
  expect(status).toBe(429);
  expect(json.message).toContain('maximum daily rate limit');
  expect(headers.get('retry-after')).toBe(text);
  expect(headers.get('x-ratelimit-type')).toBe('Daily-limit');
});

test('a limit of the second', async () => {
  emulator.inject({ kind: 'second-limit' });
  const { status, headers, json } = await client.get(path, QUERY);
  expect(status).toBe(429);
  expect(json.message).toContain('maximum per-second rate limit');
  expect(headers.get('x-ratelimit-type')).toBe('QPS');
  expect(headers.get('x-ratelimit-reset')).toBe(String(NOON / 1000 + 1));
});

test('redirects: to the same host, where the request succeeds, and to a foreign one', async () => {
  emulator.inject({ kind: 'redirect', to: 'same-host' });
  const here = await client.fetch(path, QUERY);
  expect(here.status).toBe(302);
  expect(here.headers.get('location')).toMatch(`${emulator.url}/v2${path}?from=`);

  const foreign = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => foreign.once('listening', resolve));
  const { port } = foreign.address() as AddressInfo;
  emulator.inject({ kind: 'redirect', to: 'foreign', port });
  const there = await client.fetch(path, QUERY);
  expect(there.headers.get('location')).toMatch(`http://127.0.0.1:${port}/v2${path}?from=`);
  foreign.close();
});

test('the token endpoint can fail too, and meets only faults that make sense there', async () => {
  emulator.inject({ kind: 'expired-page-token' });
  emulator.inject({ kind: 'status', status: 502, endpoint: 'token' });
  expect((await requestToken(emulator.url)).status).toBe(502);
  expect((await requestToken(emulator.url)).status).toBe(200);
});
