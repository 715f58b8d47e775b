import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Fault } from '../../emulator/server.ts';
import { ArchiverError, type ErrorCode } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import type { Reply, ZoomClient } from '../../src/zoom/client.ts';
import { type SessionsPage, sessionsPage } from '../../src/zoom/schemas.ts';
import {
  CREDENTIALS,
  connectTo,
  DATES,
  emulate,
  NOON,
  RUNNING,
  type Scripted,
  SESSIONS,
  serve,
} from './connect.ts';

function list(
  client: ZoomClient,
  query: Readonly<Record<string, string>> = {},
): Promise<Reply<SessionsPage>> {
  return client.get(SESSIONS, '/report/chat/sessions', { ...DATES, ...query }, sessionsPage, RUNNING);
}

/** The error of a request that must fail. */
async function failure(promise: Promise<unknown>): Promise<ArchiverError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ArchiverError)) throw new Error(`not an error of ours: ${inspect(error)}`);
  return error;
}

describe('an answer', () => {
  test('comes whole, with ids for the provenance', async () => {
    const { client } = await emulate();
    const { body, requestId, trackingId, observedAt } = await list(client);
    expect(body.sessions.length).toBeGreaterThan(5);
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(trackingId).toMatch(/^v=2\.0;/);
    expect(observedAt).toBe(NOON);
  });

  test('is the JSON Zoom sent, fields nobody knows included', async () => {
    const session = {
      id: 's',
      type: 'Hologram',
      last_message_sent_time: '2026-06-01T00:00:00Z',
      invented: { deep: [1, null] },
    };
    const { url } = await serve([{ body: { sessions: [session], next_page_token: '', later: true } }]);
    const { body } = await list(connectTo(url).client);
    expect(body).toEqual({ sessions: [session], next_page_token: '', later: true });
  });

  const row = { id: 's', type: 'Group', last_message_sent_time: '2026-06-01T00:00:00Z' };
  test.each<[string, unknown, string]>([
    ['no id', { ...row, id: undefined }, 'sessions.0.id'],
    ['an empty id', { ...row, id: '' }, 'sessions.0.id'],
    ['no time', { ...row, last_message_sent_time: undefined }, 'sessions.0.last_message_sent_time'],
    ['a bad time', { ...row, last_message_sent_time: 'noon' }, 'sessions.0.last_message_sent_time'],
    ['another shape', 7, 'sessions.0'],
  ])('with %s is refused, the field named', async (_name, session, field) => {
    const { url, seen } = await serve([
      { headers: { 'x-zm-trackingid': 'T1' }, body: { sessions: [session] } },
    ]);
    const error = await failure(list(connectTo(url).client));
    expect(error).toMatchObject({ code: 'zoom-response', phrase: 'answer has an unknown form' });
    expect(error.detail).toContain(`${field}: `);
    expect(error.detail).toContain('tracking id T1');
    expect(seen).toHaveLength(1);
  });

  describe('by a clock that differs from ours', () => {
    const at = (ms: number): Record<string, string> => ({ date: new Date(NOON + ms).toUTCString() });
    const clockTolerance = 300_000;

    test.each([
      ['an hour behind', -3_600_000],
      ['six minutes ahead', 360_000],
      ['years ahead', 1e11],
    ])('%s is refused, both clocks named', async (_name, ahead) => {
      const { url } = await serve([{ headers: at(ahead), body: { sessions: [] } }]);
      const error = await failure(list(connectTo(url, { clockTolerance }).client));
      expect(error.code).toBe('clock-skew');
      expect(error.detail).toContain(new Date(NOON).toISOString());
      expect(error.detail).toContain(new Date(NOON + ahead).toISOString());
    });

    test.each([
      ['by less than the tolerance', at(-290_000)],
      ['not readable', { date: 'noon' }],
    ])('%s is taken', async (_name, headers) => {
      const { url } = await serve([{ headers, body: { sessions: [] } }]);
      await list(connectTo(url, { clockTolerance }).client);
    });
  });

  test.each([[{}], [null], [[]], [{ code: 200, message: 'No permission.' }]])(
    'of %j with status 200 is no empty page',
    async (body) => {
      const { url } = await serve([{ body }]);
      expect(await failure(list(connectTo(url).client))).toMatchObject({ code: 'zoom-response' });
    },
  );
});

describe('an answer that fails and then comes', () => {
  test.each<Fault>([
    { kind: 'status', status: 500 },
    { kind: 'status', status: 502 },
    { kind: 'status', status: 503 },
    { kind: 'reset' },
    { kind: 'reset', when: 'mid-body' },
    { kind: 'truncated-json' },
    { kind: 'html' },
    { kind: 'concurrency-limit' },
  ])('%o is asked for again', async (fault) => {
    const { emulator, client, waits } = await emulate();
    const undisturbed = await list(client);
    emulator.inject({ ...fault, endpoint: 'sessions', times: 3 });
    const disturbed = await list(client);
    expect(disturbed.body).toEqual(undisturbed.body);
    expect(emulator.faultsHit()).toEqual({ [fault.kind]: 3 });
    expect(waits).toEqual(fault.kind === 'concurrency-limit' ? [1500, 1500, 2500] : [375, 750, 1500]);
  });

  test('a body that trickles in is no failure', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'slow-body', ms: 100, endpoint: 'sessions' });
    expect((await list(client)).body.sessions.length).toBeGreaterThan(5);
    expect(waits).toEqual([]);
  });

  test('missing rate headers change nothing', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'missing-rate-headers', times: 2, endpoint: 'sessions' });
    await list(client);
    await list(client);
    expect(waits).toEqual([]);
  });

  test('a server that never answers is given up after the time-out', async () => {
    const { emulator, client } = await emulate(
      {},
      { timeoutMs: 50, retry: { attempts: 1, baseMs: 1, capMs: 1 } },
    );
    await client.scopes(RUNNING);
    emulator.inject({ kind: 'slow-body', ms: 3_600_000, endpoint: 'sessions' });
    expect(await failure(list(client))).toMatchObject({ code: 'zoom-unreachable' });
  });

  test.each<[Fault, string]>([
    [{ kind: 'status', status: 500 }, 'Zoom could not answer'],
    [{ kind: 'html' }, 'Zoom could not answer'],
    [{ kind: 'reset' }, 'Zoom did not answer'],
  ])('%o for ever ends in zoom-unreachable after all tries', async (fault, phrase) => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ ...fault, endpoint: 'sessions', times: 1000 });
    expect(await failure(list(client))).toMatchObject({ code: 'zoom-unreachable', phrase });
    expect(emulator.faultsHit()).toEqual({ [fault.kind]: 6 });
    expect(waits).toHaveLength(5);
  });
});

describe('a refusal', () => {
  test.each<[string, Scripted, ErrorCode, string]>([
    [
      'of a field',
      {
        status: 400,
        body: {
          code: 300,
          message: 'Validation Failed.',
          errors: [{ field: 'from', message: 'Only 6 months.' }],
        },
      },
      'zoom-request',
      'Validation Failed. from: Only 6 months.',
    ],
    [
      'of an unknown session',
      { status: 404, body: { code: 300, message: 'No such session.' } },
      'zoom-not-found',
      'status 404, code 300',
    ],
    ['without a code', { status: 418, body: {} }, 'zoom-request', 'code none'],
    [
      'of the role, by code',
      { status: 400, body: { code: 200, message: 'No permission.' } },
      'zoom-permission',
      'No permission.',
    ],
    [
      'of the role, by status',
      { status: 403, body: { code: 1, message: 'Forbidden.' } },
      'zoom-permission',
      'Forbidden.',
    ],
    [
      'of the scopes',
      {
        status: 400,
        body: { code: 4711, message: 'Invalid access token, does not contain scopes:[a:read, b:read].' },
      },
      'zoom-scope',
      'a:read, b:read',
    ],
    [
      'of the scopes, as 401',
      { status: 401, body: { code: 4711, message: 'does not contain scopes:[a:read]' } },
      'zoom-scope',
      'a:read',
    ],
    [
      'of the scopes, in the old form',
      { status: 400, body: { code: 4700, message: 'Invalid access token.' } },
      'zoom-scope',
      'Invalid access token.',
    ],
  ])('%s', async (_name, answer, code, detail) => {
    const { url, seen } = await serve([{ ...answer, headers: { 'x-zm-trackingid': 'T2' } }]);
    const { client, waits } = connectTo(url);
    const error = await failure(list(client));
    expect(error.code).toBe(code);
    expect(error.detail).toContain(detail);
    if (code !== 'zoom-scope') expect(error.detail).toContain('tracking id T2');
    expect(waits).toEqual([]);
    expect(seen.length).toBe(answer.status === 401 ? 2 : 1);
  });

  test('names the scopes that the app lacks', async () => {
    const { client } = await emulate({ scopes: ['account:read:settings:admin'] });
    expect(await failure(list(client))).toMatchObject({
      code: 'zoom-scope',
      detail: 'report:read:list_chat_sessions:admin, report_chat:read:admin, imchat:read:admin',
    });
  });

  test('400 code 300 is a lapsed page token only where one was sent', async () => {
    const answer = { status: 400, body: { code: 300, message: 'Invalid.' } };
    const { url } = await serve([answer]);
    const { client } = connectTo(url);
    expect((await failure(list(client))).code).toBe('zoom-request');
    expect((await failure(list(client, { next_page_token: 't' }))).code).toBe('zoom-page-token');
  });
});

test('requests that may begin do not wait for each other', async () => {
  const together = 60;
  let waiting = 0;
  let release = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { url } = await serve(async () => {
    waiting += 1;
    if (waiting === together) release();
    await all;
    return { body: { sessions: [], next_page_token: '' } };
  });
  const { client } = connectTo(url);
  await Promise.all(Array.from({ length: together }, () => list(client)));
  expect(waiting).toBe(together);
});

describe('rate limits', () => {
  const midnight = Date.parse('2026-06-16T00:00:00Z');

  test.each(['iso', 'http-date', 'seconds'] as const)(
    'a daily limit that ends at a moment written as %s parks the label until then',
    async (notation) => {
      const limited: [string, string][] = [];
      const { emulator, client, waits } = await emulate(
        {},
        { onRateLimited: (label, type) => limited.push([label, type]) },
      );
      emulator.inject({ kind: 'daily-limit', notation, endpoint: 'sessions' });
      const error = await failure(list(client));
      expect(error).toMatchObject({ code: 'zoom-rate-limited', retryAt: midnight });
      expect(error.detail).toBe('MEDIUM until 2026-06-16T00:00:00.000Z');
      expect(limited).toEqual([['MEDIUM', 'daily']]);

      const before = emulator.stats().requests;
      expect(await failure(list(client))).toMatchObject({ code: 'zoom-rate-limited', retryAt: midnight });
      expect(emulator.stats().requests).toEqual(before);
      expect(client.budgets().map((budget) => [budget.label, budget.parkedUntil()])).toContainEqual([
        'MEDIUM',
        midnight,
      ]);

      emulator.moveClock(midnight - NOON);
      await list(client);
      expect(waits).toEqual([]);
    },
  );

  test.each<[string, Record<string, string>, number]>([
    ['names no moment', { 'x-ratelimit-type': 'Daily-limit' }, NOON + 3_600_000],
    [
      'names one that is over',
      { 'x-ratelimit-type': 'Daily-limit', 'retry-after': '2026-06-15T11:59:00Z' },
      NOON + 60_000,
    ],
    [
      'names one years ahead',
      { 'x-ratelimit-type': 'Daily-limit', 'retry-after': '2031-01-01T00:00:00Z' },
      NOON + 25 * 3_600_000,
    ],
    ['has no type', { 'retry-after': '2026-06-16T00:00:00Z' }, midnight],
  ])('a daily limit that %s', async (_name, headers, retryAt) => {
    const { url, seen } = await serve([{ status: 429, headers, body: { code: 429 } }]);
    const { client } = connectTo(url);
    expect(await failure(list(client))).toMatchObject({ code: 'zoom-rate-limited', retryAt });
    expect(seen).toHaveLength(1);
  });

  test('the limit of the second is waited out as long as Zoom says', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'second-limit', endpoint: 'sessions', times: 2 });
    expect((await list(client)).body.sessions.length).toBeGreaterThan(5);
    expect(waits).toEqual([1000, 1000]);
  });

  test('it holds back every other request of the label too', async () => {
    const reset = { 'x-ratelimit-type': 'QPS', 'x-ratelimit-reset': String(NOON / 1000 + 5) };
    const { url, seen } = await serve([
      { status: 429, headers: reset, body: {} },
      { body: { sessions: [] } },
    ]);
    const waits: number[] = [];
    let now = NOON;
    let other: Promise<unknown> | undefined;
    const { client } = connectTo(url, {
      now: () => now,
      monotonic: () => now,
      wait: async (ms) => {
        waits.push(ms);
        // While the first request waits for its second try, another one comes.
        other ??= list(client);
        await new Promise((resolve) => setImmediate(resolve));
        now += ms;
      },
    });
    await list(client);
    await other;
    expect(waits.slice(0, 2)).toEqual([5000, 5000]);
    expect(seen).toHaveLength(3);
  });

  test.each<[string, Record<string, string>, number]>([
    [
      'is over by our clock',
      { 'x-ratelimit-type': 'QPS', 'x-ratelimit-reset': String(NOON / 1000 - 90) },
      1500,
    ],
    [
      'is far by our clock',
      { 'x-ratelimit-type': 'QPS', 'x-ratelimit-reset': String(NOON / 1000 + 90) },
      30_000,
    ],
    ['is missing', {}, 1500],
  ])('a limit of the second whose end %s', async (_name, headers, wait) => {
    const limited: string[] = [];
    const { url } = await serve([{ status: 429, headers, body: 'no JSON' }, { body: { sessions: [] } }]);
    const { client, waits } = connectTo(url, { onRateLimited: (_label, type) => limited.push(type) });
    await list(client);
    expect(waits).toEqual([wait]);
    expect(limited).toEqual(['qps']);
  });

  test('without end it becomes zoom-rate-limited after all tries', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'second-limit', endpoint: 'sessions', times: 1000 });
    expect(await failure(list(client))).toMatchObject({ code: 'zoom-rate-limited', retryAt: undefined });
    expect(waits).toEqual([1000, 1000, 1000, 1000, 1000]);
  });
});

describe('redirects', () => {
  test('to the same host are followed with the credential', async () => {
    const { emulator, client, waits } = await emulate();
    emulator.inject({ kind: 'redirect', to: 'same-host', endpoint: 'sessions', times: 3 });
    expect((await list(client)).body.sessions.length).toBeGreaterThan(5);
    expect(emulator.stats().requests).toMatchObject({ 'sessions 302': 3, 'sessions 200': 1 });
    expect(waits).toEqual([]);
  });

  test('too many of them are refused', async () => {
    const { emulator, client } = await emulate();
    emulator.inject({ kind: 'redirect', to: 'same-host', endpoint: 'sessions', times: 1000 });
    expect(await failure(list(client))).toMatchObject({ code: 'zoom-request', phrase: 'too many redirects' });
    expect(emulator.faultsHit()).toEqual({ redirect: 4 });
  });

  test('to a foreign host never reach it: neither with the credential, nor is its answer taken for Zoom’s', async () => {
    const foreign = await serve([{ body: { sessions: [] } }]);
    const { emulator, client } = await emulate();
    emulator.inject({ kind: 'redirect', to: 'foreign', port: foreign.port, endpoint: 'sessions' });
    expect(await failure(list(client))).toMatchObject({
      code: 'zoom-request',
      phrase: 'redirect to a foreign host',
      detail: `http://127.0.0.1:${foreign.port}`,
    });
    expect(foreign.seen).toEqual([]);
  });

  test.each([
    'https://zoom.us.evil.example/x',
    'http://api.zoom.us/x',
    'https://evil-zoom.us/x',
    'https://zoom.us@evil.example/',
    'ftp://zoom.us/x',
  ])('to %s are refused', async (location) => {
    const { url, seen } = await serve([{ status: 307, headers: { location } }]);
    expect(await failure(list(connectTo(url).client))).toMatchObject({
      phrase: 'redirect to a foreign host',
    });
    expect(seen).toHaveLength(1);
  });

  test('from a foreign token endpoint are refused too', async () => {
    const foreign = await serve([{}]);
    const { url } = await serve([{}], { status: 302, headers: { location: `${foreign.url}/oauth/token` } });
    expect(await failure(list(connectTo(url).client))).toMatchObject({
      code: 'zoom-credentials',
      detail: 'status 302',
    });
    expect(foreign.tokens).toEqual([]);
  });
});

describe('secrets', () => {
  /** Everything a person could see of an error: message, fields, causes, and the log line made of it. */
  function shown(error: unknown): string {
    const lines: string[] = [];
    createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } }).error({
      err: error,
    });
    return `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${lines.join('')}`;
  }

  test.each<[string, Scripted, Scripted?]>([
    ['a refusal', { status: 400, body: { code: 1, message: 'no' } }],
    ['an unknown form', { body: { sessions: 'all' } }],
    ['a bad status', { status: 500, body: {} }],
    ['no JSON', { body: '<html>' }],
    ['a foreign redirect', { status: 302, headers: { location: 'https://evil.example' } }],
    ['a bad redirect', { status: 302, headers: { location: 'http://[' } }],
    ['a refused token', { status: 401, body: { code: 124 } }],
    ['refused credentials', {}, { status: 400, body: { error: 'invalid_client' } }],
    ['a token of unknown form', {}, { body: { access_token: 'token-1', expires_in: 'soon' } }],
  ])('are not in the error of %s', async (_name, answer, token) => {
    const { url } = await serve([answer], token);
    const text = shown(await failure(list(connectTo(url).client)));
    const basic = Buffer.from(`${CREDENTIALS.clientId}:${CREDENTIALS.clientSecret}`).toString('base64');
    for (const secret of [CREDENTIALS.clientSecret, basic, 'token-1']) expect(text).not.toContain(secret);
  });

  test('nor in the one of a host that does not answer', async () => {
    const { client } = connectTo('http://127.0.0.1:1');
    const error = await failure(list(client));
    expect(error.code).toBe('zoom-unreachable');
    expect(shown(error)).not.toContain(CREDENTIALS.clientSecret);
  });
});

test('a stop ends the request and every wait, with its own reason', async () => {
  const reason = new ArchiverError('interrupted', 'stopped');
  const stopped = AbortSignal.abort(reason);
  const { client, emulator } = await emulate();
  await expect(client.get(SESSIONS, '/x', {}, sessionsPage, stopped)).rejects.toBe(reason);
  await client.scopes(RUNNING);
  await expect(client.get(SESSIONS, '/x', {}, sessionsPage, stopped)).rejects.toBe(reason);

  const stop = new AbortController();
  emulator.inject({ kind: 'slow-body', ms: 3_600_000, endpoint: 'sessions' });
  const asking = client.get(SESSIONS, '/report/chat/sessions', DATES, sessionsPage, stop.signal);
  while (emulator.faultsHit()['slow-body'] !== 1) await new Promise((resolve) => setImmediate(resolve));
  stop.abort(reason);
  await expect(asking).rejects.toBe(reason);
});

test('each request is told to whoever measures', async () => {
  const facts: string[] = [];
  const { emulator, client } = await emulate(
    {},
    { onRequest: ({ endpoint, status }) => facts.push(`${endpoint} ${status}`) },
  );
  emulator.inject({ kind: 'reset', endpoint: 'sessions' });
  await list(client);
  expect(facts).toEqual(['report_chat_sessions error', 'report_chat_sessions 200']);
});
