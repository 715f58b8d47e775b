import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ArchiverError, type ErrorCode } from '../../src/errors.ts';
import type { AuditContext } from '../../src/query/reader.ts';
import { Client, rawGet, signedIn, stage } from './stage.ts';

const SHA = 'b'.repeat(64);
const ORDER = { of: { kind: 'matter', matter: 'M-1' }, reason: 'discovery' };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/** Every route of whoever is signed in: what it is asked, and what each role is answered. */
const TABLE: readonly [
  string,
  string,
  unknown,
  { auditor: number; officer: number; admin: number; deed?: string },
][] = [
  ['GET', '/api/me', undefined, { auditor: 200, officer: 200, admin: 200 }],
  ['GET', '/api/openapi.json', undefined, { auditor: 200, officer: 200, admin: 200 }],
  ['POST', '/api/search', { text: 'a' }, { auditor: 200, officer: 200, admin: 403, deed: 'search' }],
  ['POST', '/api/sessions', {}, { auditor: 200, officer: 200, admin: 403, deed: 'search' }],
  ['POST', '/api/people', { text: 'a' }, { auditor: 200, officer: 200, admin: 403, deed: 'search' }],
  ['POST', '/api/conversation', { session: 's' }, { auditor: 200, officer: 200, admin: 403, deed: 'view' }],
  ['POST', '/api/message', { message: 'm' }, { auditor: 200, officer: 200, admin: 403, deed: 'view' }],
  [
    'GET',
    `/api/files/${SHA}?session=s&message=m`,
    undefined,
    { auditor: 404, officer: 404, admin: 403, deed: 'view' },
  ],
  ['POST', '/api/coverage', {}, { auditor: 200, officer: 200, admin: 200, deed: 'coverage' }],
  ['GET', '/api/retention', undefined, { auditor: 403, officer: 200, admin: 200, deed: 'retention' }],
  ['POST', '/api/access-log', {}, { auditor: 403, officer: 200, admin: 200, deed: 'access-log' }],
  ['GET', '/api/verification', undefined, { auditor: 200, officer: 200, admin: 200 }],
  ['POST', '/api/verification', {}, { auditor: 202, officer: 202, admin: 202, deed: 'verification' }],
  ['POST', '/api/exports', ORDER, { auditor: 202, officer: 202, admin: 403, deed: 'export' }],
  ['GET', '/api/exports', undefined, { auditor: 200, officer: 200, admin: 403 }],
  ['GET', `/api/exports/${'0'.repeat(32)}`, undefined, { auditor: 404, officer: 404, admin: 403 }],
  ['GET', `/api/exports/${'0'.repeat(32)}/download`, undefined, { auditor: 404, officer: 404, admin: 403 }],
  ['DELETE', `/api/exports/${'0'.repeat(32)}`, undefined, { auditor: 404, officer: 404, admin: 403 }],
];

describe('who may ask what', () => {
  test.each([
    ['auditor', 'ada@example.com'],
    ['officer', 'olga@example.com'],
    ['admin', 'adam'],
  ] as const)('as %s, and each deed is on record before it is answered', async (role, name) => {
    const { url, recorded } = await stage();
    const client = await signedIn(url, name);
    for (const [method, path, body, expected] of TABLE) {
      recorded.length = 0;
      const { status, json } = await client.send(method, path, body);
      expect([method, path, status]).toEqual([method, path, expected[role]]);
      if (status === 403) expect(json.error.code).toBe('access-denied');
      const deeds = status === 403 || expected.deed === undefined ? [] : [expected.deed];
      expect(recorded.map(({ access }) => access.action)).toEqual(deeds);
      expect(recorded.every((entry) => entry.name === name)).toBe(true);
    }
  });

  test('nothing without a session, or with the token of another', async () => {
    const { url, recorded } = await stage();
    const nobody = new Client(url);
    const [client, other] = [await signedIn(url), await signedIn(url, 'ada@example.com')];
    client.csrf = other.csrf;
    for (const [method, path, body] of TABLE) {
      expect([path, (await nobody.send(method, path, body)).json.error.code]).toEqual([
        path,
        'not-signed-in',
      ]);
      if (method === 'GET') continue;
      expect([path, (await client.send(method, path, body)).json.error.code]).toEqual([
        path,
        'not-from-here',
      ]);
      expect((await client.send(method, path, body, { 'x-csrf-token': '' })).status).toBe(403);
    }
    expect(recorded).toEqual([]);
  });

  test('verbs are asked with the scope that is granted, and questions are what was sent, defaults filled in', async () => {
    const { url } = await stage();
    const max = await signedIn(url, 'max');
    const { json } = await max.post('/api/search', { text: 'x' });
    expect(json.by).toBe('max');
    expect(json.scope).toEqual({ matters: ['M-1'], custodians: [], channels: [], from: null, to: null });
    expect(json.input).toMatchObject({ text: 'x', limit: 50, zone: 'UTC' });
  });

  test('what cannot be written down is not answered', async () => {
    const { url } = await stage({
      record: async () => {
        throw new ArchiverError('access-unrecorded', 'the access log cannot be written', {
          detail: 'secret place',
        });
      },
    });
    const client = await signedIn(url);
    for (const [method, path, body, { deed }] of TABLE) {
      if (deed === undefined) continue;
      const { status, json, text } = await client.send(method, path, body);
      expect([path, status, json.error.code]).toEqual([path, 503, 'access-unrecorded']);
      expect(text).not.toContain('secret place');
    }
    expect((await client.get('/api/exports')).json).toEqual({ exports: [] });
  });
});

describe('requests from elsewhere', () => {
  test.each([
    ['another origin', { origin: 'https://evil.example.com' }],
    ['no origin at all', { origin: 'null' }],
    ['another site', { 'sec-fetch-site': 'cross-site' }],
    ['a neighbour', { 'sec-fetch-site': 'same-site' }],
  ])('of %s are refused, reading or writing', async (_, headers) => {
    const { url, portal } = await stage();
    const client = await signedIn(url);
    expect((await client.get('/api/me', headers)).status).toBe(403);
    expect((await client.post('/api/search', {}, headers)).status).toBe(403);
    const own = { origin: `http://localhost:${portal.port}`, 'sec-fetch-site': 'same-origin' };
    expect((await client.post('/api/search', {}, own)).status).toBe(200);
  });

  test('by another name of the host are refused', async () => {
    const { url } = await stage();
    const { status, text } = await rawGet(url, '/api/sign-in', { host: 'evil.example.com' });
    expect([status, JSON.parse(text).error.code]).toEqual([421, 'wrong-host']);
    expect((await rawGet(url, '/%61pi/sign-in', { host: 'evil.example.com' })).status).toBe(421);
  });

  test.each([
    ['text', 'text/plain', '{"text":"a"}', 415],
    ['a form', 'application/x-www-form-urlencoded', 'text=a', 415],
    ['half of a question', 'application/json', '{"text":', 400],
    ['a list', 'application/json', '[1]', 400],
    ['nothing', 'application/json', 'null', 400],
    ['a field that is none', 'application/json', '{"reader":"admin"}', 400],
    ['a prototype', 'application/json', '{"__proto__":{"role":"admin"}}', 400],
    ['too much', 'application/json', `{"text":"${'x'.repeat(300_000)}"}`, 413],
  ])('with %s are refused as such', async (_, type, body, expected) => {
    const { url, recorded } = await stage();
    const client = await signedIn(url);
    const { status, json, text } = await client.post('/api/search', body, { 'content-type': type });
    expect(status).toBe(expected);
    expect(json.error.hint).not.toBe('');
    expect(text).not.toMatch(/node_modules|\n\s+at |xxx/);
    expect(recorded).toEqual([]);
  });

  test('are too many at some point', async () => {
    const { url } = await stage({ options: { perMinute: 10 } });
    const client = new Client(url);
    const answers = [];
    for (let time = 0; time < 11; time += 1) answers.push(await client.get('/api/sign-in'));
    expect(answers.map(({ status }) => status)).toEqual([...Array(10).fill(200), 429]);
    expect(answers.at(-1)?.json.error.code).toBe('too-many');
    expect(Number(answers.at(-1)?.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  test('of one person are answered eight at a time', async () => {
    const open: (() => void)[] = [];
    const search = async (ctx: AuditContext) => {
      await ctx.record({ action: 'search', input: {} });
      await new Promise<void>((resolve) => open.push(resolve));
      return {} as never;
    };
    const { url } = await stage({ verbs: { search } });
    const client = await signedIn(url);
    const asked = Array.from({ length: 9 }, () => client.post('/api/search'));
    const first = await Promise.race(asked);
    expect(first.status).toBe(429);
    for (const answer of open) answer();
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(8);
  });
});

describe('what fails', () => {
  test.each<[ErrorCode, number, boolean]>([
    ['record-not-found', 404, true],
    ['access-denied', 403, true],
    ['proof-invalid', 502, true],
    ['sink-unreachable', 502, false],
    ['access-unrecorded', 503, false],
    ['spool-full', 507, false],
    ['internal', 500, false],
  ])(
    'with %s answers %i, with the hint, and the detail only where it is the reader’s',
    async (code, expected, told) => {
      const search = async () => {
        throw new ArchiverError(code, 'constant phrase', { detail: 'segments/day=1/segment-7.parquet' });
      };
      const { url } = await stage({ verbs: { search } });
      const { status, json } = await (await signedIn(url)).post('/api/search');
      expect([status, json.error.code]).toEqual([expected, code]);
      expect(json.error.hint).not.toBe('');
      expect(json.error.detail).toBe(told ? 'segments/day=1/segment-7.parquet' : undefined);
      expect(json.error.message).toBe(code === 'internal' ? 'unexpected error' : 'constant phrase');
    },
  );

  test('unexpectedly tells nobody how, and no process log what was asked or found', async () => {
    const search = async (_ctx: AuditContext, { text }: { text?: string | undefined }) => {
      throw new Error(`cannot match ${text}\nin the message: we sell at noon`, {
        cause: new TypeError(`${text}`),
      });
    };
    const { url, logged } = await stage({ verbs: { search } });
    const client = await signedIn(url);
    const { status, text } = await client.post('/api/search', { text: 'project falcon' });
    expect(status).toBe(500);
    expect(JSON.parse(text)).toEqual({
      error: {
        code: 'internal',
        message: 'unexpected error',
        hint: 'This is a bug. Please report it with the log.',
      },
    });
    await client.get(`/api/files/${SHA}?session=falcon&message=falcon`);
    expect(logged()).toContain('a request failed');
    expect(logged()).toContain('TypeError');
    expect(logged()).not.toMatch(/falcon|noon|olga|correct horse/);
  });

  test.each([
    ['in hand is finished when the server is asked to stop', undefined, 200],
    ['in hand is given up when it must stop at once', AbortSignal.abort(), 'nobody'],
  ])('an answer %s', async (_, interrupt, expected) => {
    let finish: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const started = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const search = async ({ signal }: AuditContext) => {
      begun();
      await new Promise<void>((resolve, reject) => {
        finish = resolve;
        signal.addEventListener('abort', () => reject(signal.reason));
      });
      return {} as never;
    };
    const { url, portal } = await stage({ verbs: { search } });
    const client = await signedIn(url);
    const answer = client.post('/api/search').then(
      ({ status }) => status,
      () => 'nobody',
    );
    await started;
    const stopped = portal.stop(interrupt);
    finish();
    expect(await answer).toBe(expected);
    await stopped;
    await expect(client.get('/api/me')).rejects.toThrow();
  });

  test('stops when nobody waits for the answer any more', async () => {
    let stopped: (reason: unknown) => void = () => undefined;
    let begun: () => void = () => undefined;
    const [aborted, started] = [
      new Promise((resolve) => (stopped = resolve)),
      new Promise<void>((resolve) => (begun = resolve)),
    ];
    const search = async ({ signal }: AuditContext) => {
      signal.addEventListener('abort', () => stopped(signal.reason));
      begun();
      await aborted;
      throw signal.reason;
    };
    const { url } = await stage({ verbs: { search } });
    const client = await signedIn(url);
    const gone = new AbortController();
    const cookie = [...client.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const asked = fetch(`${url}/api/search`, {
      method: 'POST',
      headers: { cookie, 'x-csrf-token': client.csrf, 'content-type': 'application/json' },
      body: '{}',
      signal: gone.signal,
    });
    await started;
    gone.abort();
    await expect(asked).rejects.toThrow();
    expect(await aborted).toMatchObject({ code: 'interrupted' });
  });
});

describe('files of messages', () => {
  const bytes = Buffer.from('<script>alert(1)</script>');

  async function withFile(name: string) {
    let released = 0;
    const built = await stage({
      verbs: {
        archivedFile: async (ctx, input) => {
          await ctx.record({ action: 'view', input });
          return {
            path: join(built.folder, 'file.bin'),
            size: bytes.length,
            name,
            release: async () => {
              released += 1;
            },
          };
        },
      },
    });
    await writeFile(join(built.folder, 'file.bin'), bytes);
    return { ...built, client: await signedIn(built.url), released: () => released };
  }

  test.each([
    ['plain.pdf', 'plain.pdf', 'plain.pdf'],
    ['a"; filename="evil.exe', 'a__ filename=_evil.exe', 'a__%20filename%3D_evil.exe'],
    ['x\r\nSet-Cookie: a=b', 'x__Set-Cookie_ a=b', 'x__Set-Cookie_%20a%3Db'],
    ['../../etc/passwd', '_._.._etc_passwd', undefined],
    ['\u202Egpj.exe', '_gpj.exe', '_gpj.exe'],
    ['Übersicht 🙂.xlsx', '_bersicht __.xlsx', '%C3%9Cbersicht%20%F0%9F%99%82.xlsx'],
    ['', 'file', 'file'],
    ['\ud800', '_', '_'],
  ])('named %j come as an attachment that nothing runs', async (name, ascii, encoded) => {
    const { client, released } = await withFile(name);
    const { status, headers, text } = await client.get(`/api/files/${SHA}?session=s&message=m`);
    expect([status, text]).toEqual([200, bytes.toString()]);
    const disposition = headers.get('content-disposition') ?? '';
    expect(disposition).toMatch(
      /^attachment; filename="[\x20-\x21\x23-\x7e]*"; filename\*=UTF-8''[\w.%~!$&+^`|-]*$/,
    );
    expect(disposition).not.toMatch(/filename="[^"]*[/\\]/);
    if (encoded !== undefined)
      expect(disposition).toBe(`attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`);
    expect(headers.get('content-type')).toBe('application/octet-stream');
    expect(headers.get('content-security-policy')).toBe('sandbox');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(released()).toBe(1);
  });

  test.each([
    `/api/files/..%2f..%2foutside.txt`,
    '/api/files/%00',
    `/api/files/${SHA}%2f..`,
    `/api/files/${SHA}`,
  ])('are named by their hash and message alone: %s', async (path) => {
    const { client, recorded } = await withFile('x');
    expect([400, 404]).toContain((await client.get(path)).status);
    expect(recorded).toEqual([]);
  });
});

describe('pages', () => {
  test('are served with what they are, and the index for every path of theirs', async () => {
    const { url } = await stage();
    const client = new Client(url);
    const script = await client.get('/assets/main-AAAA1111.js');
    expect([script.status, script.headers.get('cache-control')]).toEqual([
      200,
      'public, max-age=31536000, immutable',
    ]);
    expect(script.headers.get('content-type')).toContain('javascript');
    for (const path of ['/', '/search?text=a', '/conversation/abc', '/sign-in?failed=wrong']) {
      const page = await client.get(path);
      expect([path, page.status, page.headers.get('cache-control')]).toEqual([path, 200, 'no-cache']);
      expect(page.text).toContain('<title>portal');
    }
    expect((await client.get('/assets/missing.js')).status).toBe(404);
    expect((await client.get('/api/nothing')).status).toBe(404);
    expect((await client.post('/search')).status).toBe(404);
  });

  test.each([
    '/../outside.txt',
    '/..%2foutside.txt',
    '/%2e%2e/outside.txt',
    '/assets/../../outside.txt',
    '/assets/..%5c..%5coutside.txt',
    '/.secret',
    '//outside.txt',
    '/%00',
    '/%zz',
  ])('lead nowhere else: %s', async (path) => {
    const { url } = await stage();
    const { status, text, headers } = await rawGet(url, path);
    expect([200, 400, 404]).toContain(status);
    expect(text).not.toContain('not served');
    expect(headers['content-security-policy']).toBe(CSP);
  });

  test('are missed where they were not built', async () => {
    const { again, folder } = await stage();
    await expect(again({ pages: join(folder, 'nowhere') })).rejects.toMatchObject({
      code: 'config-invalid',
      phrase: 'the pages of the portal are not built',
    });
  });
});

test('every answer says what a browser may do with it', async () => {
  const { url } = await stage();
  const client = await signedIn(url);
  const paths = [
    '/',
    '/assets/missing.js',
    '/api/me',
    '/api/nothing',
    '/api/exports/x',
    '/auth/oidc',
    '/api/files/x',
  ];
  for (const path of [...paths, ...TABLE.map(([, each]) => each)]) {
    const { headers } = await client.get(path);
    expect([path, headers.get('content-security-policy')]).toEqual([path, CSP]);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin');
    if (path.startsWith('/api')) expect(headers.get('cache-control')).toBe('no-store');
  }
});

test('the routes that were asked are counted by their pattern, never by what was asked', async () => {
  const { url, watched } = await stage();
  const client = await signedIn(url);
  await client.get(`/api/files/${SHA}?session=s&message=m`);
  await client.get('/wp-admin/secret.php');
  const routes = watched
    .filter(({ kind }) => kind === 'request')
    .map(({ route, status }) => `${route} ${status}`);
  expect(routes).toEqual(['/api/sign-in 200', '/api/sign-in 200', '/api/files/:sha256 404', ' 200']);
});
