import { afterEach, describe, expect, test } from 'vitest';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../emulator/server.ts';
import { Client, NOON, requestToken } from './client.ts';

const JUNE = { from: '2026-06-01', to: '2026-06-15' };
const HOUR = 3_600_000;

let emulator: Emulator;
afterEach(() => emulator.close());

async function start(options: Partial<EmulatorOptions> = {}): Promise<void> {
  const source = { kind: 'generated', seed: 4, sessions: 3, messages: 100 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, ...options });
}

describe('access tokens', () => {
  test('are granted to the app, with scopes and address of the API', async () => {
    await start({ scopes: ['one', 'two'] });
    const { status, json } = await requestToken(emulator.url);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      token_type: 'bearer',
      expires_in: 3600,
      scope: 'one two',
      api_url: emulator.url,
    });
  });

  test('may be asked for in the query', async () => {
    await start();
    const query = 'grant_type=account_credentials&account_id=emulated-account';
    const authorization = `Basic ${btoa('emulated-client:emulated-secret')}`;
    const response = await fetch(`${emulator.url}/oauth/token?${query}`, {
      method: 'POST',
      headers: { authorization },
    });
    expect(response.status).toBe(200);
  });

  test.each<[string, Record<string, string>, string | undefined, string]>([
    ['a wrong secret', {}, 'emulated-client:wrong', 'invalid_client'],
    ['another grant type', { grant_type: 'client_credentials' }, undefined, 'unsupported_grant_type'],
    ['another account', { account_id: 'other' }, undefined, 'invalid_request'],
  ])('are refused for %s, in the shape of the OAuth server', async (_what, fields, secret, error) => {
    await start();
    const { status, json } = await requestToken(emulator.url, fields, secret);
    expect(status).toBe(400);
    expect(json).toEqual({ reason: expect.any(String), error });
  });

  test('live an hour of emulated time, several side by side', async () => {
    await start();
    const first = await Client.connect(emulator);
    emulator.moveClock(HOUR - 1);
    const second = await Client.connect(emulator);
    expect((await first.sessions(JUNE)).status).toBe(200);
    emulator.moveClock(1);
    expect(await first.sessions(JUNE)).toMatchObject({ status: 401, json: { code: 124 } });
    expect((await second.sessions(JUNE)).status).toBe(200);
  });

  test('count in the header only', async () => {
    await start();
    const token = (await requestToken(emulator.url)).json.access_token;
    const at = `${emulator.url}/v2/report/chat/sessions?from=2026-06-01&to=2026-06-15`;
    const inQuery = await fetch(`${at}&access_token=${token}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(inQuery.status).toBe(401);
    expect(await inQuery.json()).toEqual({
      code: 124,
      message: expect.stringContaining('not supported as query parameter'),
    });
    expect((await fetch(at)).status).toBe(401);
    expect((await fetch(at, { headers: { authorization: 'Bearer made-up' } })).status).toBe(401);
  });

  test('let in only where one of the scopes is granted', async () => {
    await start({ scopes: ['report_chat:read:admin'] });
    const client = await Client.connect(emulator);
    expect((await client.sessions(JUNE)).status).toBe(200);
    const refused = await client.get('/accounts/me/settings');
    expect(refused).toMatchObject({ status: 400, json: { code: 4711 } });
    expect(refused.json.message).toContain(
      'does not contain scopes:[account:read:settings:admin, account:read:admin].',
    );
  });
});

describe('settings', () => {
  test('are those of the account, filtered when asked', async () => {
    await start();
    const client = await Client.connect(emulator);
    const all = (await client.get('/accounts/me/settings')).json;
    expect(Object.keys(all).length).toBeGreaterThan(1);
    expect(all.chat.store_revise_chat).toBe(true);
    const chat = (await client.get('/accounts/me/settings', { custom_query_fields: 'chat' })).json;
    expect(chat).toEqual({ chat: all.chat });
    expect((await client.get('/accounts/another/settings')).status).toBe(404);
  });
});

describe('rate limits', () => {
  test.each([
    ['pro', 20],
    ['business', 60],
  ] as const)('of plan %s are %i a second for the reports together', async (plan, limit) => {
    await start({ plan });
    const client = await Client.connect(emulator);
    await nextSecond();
    const replies = await Promise.all(Array.from({ length: limit + 5 }, () => client.sessions(JUNE)));
    const refused = replies.filter((reply) => reply.status === 429);
    const passed = replies.filter((reply) => reply.status === 200);
    // The last requests may have fallen into the next second on a busy machine.
    expect(passed.length + refused.length).toBe(limit + 5);
    expect(emulator.stats().busiestSecond.MEDIUM).toBeGreaterThan(limit);
    for (const { headers } of replies) {
      expect(headers.get('x-ratelimit-category')).toBe('Medium');
      expect(headers.get('x-ratelimit-type')).toBe('QPS');
      expect(headers.get('x-ratelimit-limit')).toBe(String(limit));
    }
    const remaining = passed.map(({ headers }) => Number(headers.get('x-ratelimit-remaining')));
    expect(Math.max(...remaining)).toBe(limit - 1);
    expect(refused.length).toBeGreaterThan(0);
    for (const { headers, json } of refused) {
      expect(json).toEqual({ code: 429, message: expect.stringContaining('maximum per-second rate limit') });
      expect(headers.get('x-ratelimit-remaining')).toBe('0');
      expect(headers.get('x-ratelimit-reset')).toBe(String(NOON / 1000 + 1));
    }
    await nextSecond();
    expect((await client.sessions(JUNE)).status).toBe(200);
  });

  test('can be switched off', async () => {
    await start({ plan: 'free', limits: false });
    const client = await Client.connect(emulator);
    const replies = await Promise.all(Array.from({ length: 20 }, () => client.sessions(JUNE)));
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200]));
    expect(emulator.stats().requests['sessions 200']).toBe(20);
  });
});

/** Limits count in seconds of the monotonic clock: wait for one to begin. */
async function nextSecond(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1010 - (performance.now() % 1000)));
}
