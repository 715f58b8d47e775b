import { Agent } from 'undici';
import { describe, expect, test } from 'vitest';
import { silentLog } from '../../src/log.ts';
import { DEFAULT_RETRY } from '../../src/zoom/retry.ts';
import { sessionsPage } from '../../src/zoom/schemas.ts';
import { TokenSource } from '../../src/zoom/token.ts';
import { CREDENTIALS, connectTo, DATES, emulate, NOON, RUNNING, SESSIONS, serve } from './connect.ts';

const HOUR = 3_600_000;

function list(client: Awaited<ReturnType<typeof emulate>>['client']) {
  return client.get(SESSIONS, '/report/chat/sessions', DATES, sessionsPage, RUNNING);
}

describe('an access token', () => {
  test('is asked for once, however many requests need it', async () => {
    const { emulator, client } = await emulate();
    await Promise.all(Array.from({ length: 30 }, () => list(client)));
    expect(emulator.stats().requests).toEqual({ 'token 200': 1, 'sessions 200': 30 });
  });

  test('tells the scopes it grants', async () => {
    const { client } = await emulate({ scopes: ['a:read', 'b:read:admin'] });
    expect(await client.scopes(RUNNING)).toEqual(['a:read', 'b:read:admin']);
  });

  test('may say nothing of its scopes', async () => {
    const { url } = await serve([{}]);
    expect(await connectTo(url).client.scopes(RUNNING)).toEqual([]);
  });

  test('serves until a minute before its end, and is then renewed without a refused request', async () => {
    const { emulator, client } = await emulate();
    await list(client);
    emulator.moveClock(HOUR - 60_001);
    await list(client);
    expect(emulator.stats().requests).toEqual({ 'token 200': 1, 'sessions 200': 2 });
    emulator.moveClock(1);
    await list(client);
    expect(emulator.stats().requests).toEqual({ 'token 200': 2, 'sessions 200': 3 });
  });

  test('whose end we missed because our clock is slow is renewed on the first 401', async () => {
    const { emulator, client } = await emulate({}, { now: () => NOON });
    await list(client);
    emulator.moveClock(2 * HOUR);
    await list(client);
    expect(emulator.stats().requests).toEqual({ 'token 200': 2, 'sessions 200': 2, 'sessions 401': 1 });
  });

  test('that dies early is renewed once for all who used it', async () => {
    const { emulator, client } = await emulate();
    await list(client);
    emulator.inject({ kind: 'token-expired', endpoint: 'sessions' });
    await Promise.all(Array.from({ length: 8 }, () => list(client)));
    const { requests } = emulator.stats();
    expect(requests['token 200']).toBe(2);
    expect(requests['sessions 200']).toBe(9);
  });

  test('that is refused again when fresh ends in zoom-credentials, with no third try', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'token-expired', endpoint: 'sessions', times: 1000 });
    await expect(list(client)).rejects.toMatchObject({
      code: 'zoom-credentials',
      phrase: 'Zoom refused a fresh access token',
    });
    expect(emulator.stats().requests).toEqual({ 'token 200': 2, 'sessions 401': 2 });
    expect(waits).toEqual([]);
  });

  test('refused as code 124 with status 400 is renewed just so', async () => {
    const { url, seen, tokens } = await serve([
      { status: 400, body: { code: 124, message: 'Access token is expired.' } },
      { body: { sessions: [] } },
    ]);
    await list(connectTo(url).client);
    expect(tokens).toHaveLength(2);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  });

  test('never stands in a URL', async () => {
    const { url, seen } = await serve([{ body: { sessions: [] } }]);
    await list(connectTo(url).client);
    expect(seen.map(({ path }) => path)).toEqual(['/v2/report/chat/sessions?from=2026-05-20&to=2026-06-16']);
  });
});

describe('the token endpoint', () => {
  test.each([
    ['secret', { clientSecret: 'wrong' }, 'status 400, invalid_client, Invalid client_id or client_secret'],
    ['client', { clientId: 'wrong' }, 'status 400, invalid_client, Invalid client_id or client_secret'],
    ['account', { accountId: 'wrong' }, 'status 400, invalid_request, Bad Request'],
  ])('refuses a wrong %s as zoom-credentials, at once', async (_name, wrong, detail) => {
    const { emulator, client, waits } = await emulate({}, { credentials: { ...CREDENTIALS, ...wrong } });
    await expect(list(client)).rejects.toMatchObject({ code: 'zoom-credentials', detail });
    expect(emulator.stats().requests).toEqual({ 'token 400': 1 });
    expect(waits).toEqual([]);
  });

  test.each([
    [{ kind: 'status', status: 500 }],
    [{ kind: 'status', status: 429 }],
    [{ kind: 'reset' }],
    [{ kind: 'reset', when: 'mid-body' }],
    [{ kind: 'truncated-json' }],
    [{ kind: 'html' }],
  ] as const)('may fail for a while: %o', async (fault) => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ ...fault, endpoint: 'token', times: 3 });
    await Promise.all([list(client), list(client)]);
    expect(emulator.faultsHit()).toEqual({ [fault.kind]: 3 });
    expect(waits).toEqual([375, 750, 1500]);
  });

  test('that fails for ever is zoom-unreachable for all who wait, after one series of tries', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'status', status: 503, endpoint: 'token', times: 1000 });
    const settled = await Promise.allSettled([list(client), list(client), list(client)]);
    for (const result of settled) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { code: 'zoom-unreachable', detail: 'status 503' },
      });
    }
    expect(emulator.stats().requests).toEqual({ 'token 503': 6 });
    expect(waits).toHaveLength(5);
  });

  test('is asked again by the next request after it failed', async () => {
    const { emulator, client } = await emulate();
    emulator.inject({ kind: 'status', status: 503, endpoint: 'token', times: 6 });
    await expect(list(client)).rejects.toMatchObject({ code: 'zoom-unreachable' });
    await list(client);
    expect(emulator.stats().requests).toEqual({ 'token 503': 6, 'token 200': 1, 'sessions 200': 1 });
  });
});

test('one who stops waiting for a token does not stop the others', async () => {
  const { emulator } = await emulate();
  const dispatcher = new Agent();
  const reason = new Error('stopped');
  let stopWaiting = (): void => undefined;
  const tokens = new TokenSource({
    credentials: CREDENTIALS,
    oauthUrl: emulator.url,
    dispatcher,
    retry: DEFAULT_RETRY,
    timeoutMs: 10_000,
    now: () => NOON,
    random: () => 0,
    wait: (_ms, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        stopWaiting();
      }),
    log: silentLog(),
  });
  emulator.inject({ kind: 'status', status: 500, endpoint: 'token' });
  const stop = new AbortController();
  stopWaiting = () => stop.abort(reason);
  const first = tokens.get(stop.signal);
  const second = tokens.get(RUNNING);
  await expect(first).rejects.toBe(reason);
  expect((await second).value).toHaveLength(160);
  await dispatcher.close();
});
