import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { pathOfPortal } from '../../src/portal/oidc.ts';
import { Client, type Stage, stage } from './stage.ts';

const CLIENT = { clientId: 'portal', clientSecret: 'a secret of the portal' };
const USERS = `
users:
  - { name: olga@example.com, role: officer, scope: all }
claims:
  - { claim: groups, value: auditors, role: auditor, scope: { matters: [M-1] } }
  - { claim: groups, value: scoped, role: auditor, scope: { claim: archive_scope } }
  - { claim: groups, value: admins, role: admin, scope: all }
`;

beforeAll(() => {
  // It says of everything that is left to its defaults that it is.
  for (const level of ['info', 'warn'] as const) vi.spyOn(console, level).mockImplementation(() => undefined);
});

/** A real provider on this machine, at which whoever comes is signed in as the test says. */
async function provider(portal: () => string, claims: () => Record<string, unknown>) {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const start = () => {
    const op = new Provider(issuer, {
      clients: [
        {
          client_id: CLIENT.clientId,
          client_secret: CLIENT.clientSecret,
          redirect_uris: [`${portal()}/auth/oidc/callback`],
        },
      ],
      pkce: { required: () => true },
      conformIdTokenClaims: false,
      claims: { openid: ['sub', 'email', 'email_verified', 'groups', 'archive_scope'] },
      features: { devInteractions: { enabled: false } },
      cookies: { keys: ['a key of a test'] },
      interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
      findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...claims() }) }),
    });
    server.on('request', async (request, response) => {
      if (request.url?.startsWith('/interaction/') !== true) {
        op.callback()(request, response);
        return;
      }
      const details = await op.interactionDetails(request, response);
      const grant = new op.Grant({ accountId: 'subject-1', clientId: CLIENT.clientId });
      grant.addOIDCScope(String(details.params.scope));
      await op.interactionFinished(request, response, {
        login: { accountId: 'subject-1' },
        consent: { grantId: await grant.save() },
      });
    });
  };
  return { issuer, start };
}

async function withProvider(claims: Record<string, unknown>, users = USERS) {
  let built: Stage | undefined;
  const op = await provider(
    () => built?.url ?? '',
    () => claims,
  );
  built = await stage({
    users: () => users,
    options: {
      oidc: {
        issuer: op.issuer,
        ...CLIENT,
        authentication: 'client_secret_basic',
        scopes: ['openid'],
        nameClaim: 'email',
      },
    },
  });
  op.start();
  return built;
}

/** Goes where a browser is sent, until it is back. */
async function throughProvider(url: string, client: Client, start = '/auth/oidc?return=/conversation/c1') {
  const begun = await client.get(start);
  const jar = new Map<string, string>();
  let at = begun.headers.get('location') ?? '';
  while (!at.startsWith(url)) {
    const response = await fetch(at, {
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      jar.set(name, value);
    }
    const next = response.headers.get('location');
    if (next === null) throw new Error(`the provider answered ${response.status}: ${await response.text()}`);
    at = new URL(next, at).href;
  }
  return { begun, callback: at.slice(url.length) };
}

describe('signing in by a provider', () => {
  test('ends where it began, with the scope that is granted to a claim', async () => {
    const { url, watched } = await withProvider({
      email: 'ada@example.com',
      email_verified: true,
      groups: ['staff', 'auditors'],
    });
    const client = new Client(url);
    expect((await client.get('/api/sign-in')).json.methods).toEqual({ oidc: true, password: false });
    const { begun, callback } = await throughProvider(url, client);
    const asked = new URL(begun.headers.get('location') ?? '').searchParams;
    expect(asked.get('code_challenge_method')).toBe('S256');
    expect(asked.get('state')).toMatch(/^[\w-]{40,}$/);
    expect(asked.get('nonce')).toMatch(/^[\w-]{40,}$/);
    expect(begun.headers.getSetCookie().find((line) => line.startsWith('oidc='))).toMatch(
      /; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/,
    );
    const back = await client.get(callback, { 'sec-fetch-site': 'cross-site' });
    expect([back.status, back.headers.get('location')]).toEqual([303, '/conversation/c1']);
    expect(back.headers.getSetCookie().find((line) => line.startsWith('session='))).toMatch(
      /HttpOnly; SameSite=Strict$/,
    );
    expect((await client.get('/api/me')).json).toMatchObject({
      name: 'ada@example.com',
      role: 'auditor',
      scope: { matters: ['M-1'], custodians: [], channels: [], from: null, to: null },
    });
    expect(watched).toContainEqual({ kind: 'sign-in', method: 'oidc', outcome: 'signed-in' });

    // The same answer of the provider serves nobody a second time.
    const thief = new Client(url);
    const again = await thief.get(callback);
    expect(again.headers.get('location')).toBe('/sign-in?failed=wrong');
    expect(thief.cookies.has('session')).toBe(false);
    expect((await client.get(callback)).headers.get('location')).toBe('/sign-in?failed=wrong');
  });

  test.each([
    ['a user of the file, by name', { email: 'olga@example.com' }, 'officer'],
    ['a group of administrators', { email: 'adam@example.com', groups: 'admins' }, 'admin'],
    [
      'a scope in a claim',
      { email: 'max@example.com', groups: ['scoped'], archive_scope: { channels: ['C1'] } },
      'auditor',
    ],
  ])('knows %s', async (_, claims, role) => {
    const { url } = await withProvider(claims);
    const client = new Client(url);
    const { callback } = await throughProvider(url, client);
    await client.get(callback);
    expect((await client.get('/api/me')).json.role).toBe(role);
  });

  test.each([
    ['nothing is granted to', { email: 'eve@example.com', groups: ['staff'] }],
    ['has no name', { groups: ['auditors'] }],
    ['has an address that nobody verified', { email: 'olga@example.com', email_verified: false }],
    ['has a name that turns round', { email: 'ada\u202Emoc.elpmaxe@', groups: ['auditors'] }],
    ['has a scope that is none', { email: 'max@example.com', groups: ['scoped'], archive_scope: {} }],
    ['has no scope at all', { email: 'max@example.com', groups: ['scoped'] }],
  ])('lets nobody in who %s', async (_, claims) => {
    const { url } = await withProvider(claims);
    const client = new Client(url);
    const { callback } = await throughProvider(url, client);
    expect((await client.get(callback)).headers.get('location')).toBe('/sign-in?failed=not-granted');
    expect((await client.get('/api/me')).status).toBe(401);
  });

  test.each([
    ['another state', (callback: string) => callback.replace(/state=[^&]+/, 'state=forged')],
    ['another code', (callback: string) => callback.replace(/code=[^&]+/, 'code=forged')],
    ['an error', () => '/auth/oidc/callback?error=access_denied&state=x'],
    ['nothing', () => '/auth/oidc/callback'],
  ])('takes no answer with %s', async (_, forge) => {
    const { url, watched } = await withProvider({ email: 'olga@example.com' });
    const client = new Client(url);
    const { callback } = await throughProvider(url, client);
    expect((await client.get(forge(callback))).headers.get('location')).toMatch(/^\/sign-in\?failed=wrong$/);
    expect((await client.get('/api/me')).status).toBe(401);
    expect(watched).toContainEqual({ kind: 'sign-in', method: 'oidc', outcome: 'wrong' });
  });

  test('takes no answer after ten minutes, and none to a transaction that it did not sign', async () => {
    const { url, clock } = await withProvider({ email: 'olga@example.com' });
    const client = new Client(url);
    const late = await throughProvider(url, client);
    clock.now += 10 * 60_000;
    expect((await client.get(late.callback)).headers.get('location')).toBe('/sign-in?failed=wrong');
    const forged = await throughProvider(url, client);
    client.cookies.set('oidc', `${Buffer.from('{}').toString('base64url')}.forged`);
    expect((await client.get(forged.callback)).headers.get('location')).toBe('/sign-in?failed=wrong');
  });

  test('is not there while the provider does not answer, and is when it does again', async () => {
    const { again, users } = await stage({ users: () => USERS });
    const oidc = {
      issuer: 'http://127.0.0.1:9',
      ...CLIENT,
      authentication: 'client_secret_basic',
      scopes: ['openid'],
      nameClaim: 'email',
    } as const;
    const portal = await again({ oidc });
    expect(users).toContain('users.yaml');
    const { status, json } = await new Client(portal.url).get('/auth/oidc');
    expect([status, json.error.code]).toEqual([503, 'sign-in-unavailable']);
  });
});

test.each([
  ['/a?b=c#d', '/a?b=c#d'],
  ['https://evil.example.com/', '/'],
  ['//evil.example.com/', '/'],
  ['/\\evil.example.com', '/'],
  ['/..//evil.example.com', '/'],
  ['/\t/evil.example.com', '/'],
  ['javascript:alert(1)', '/'],
  ['', '/'],
])('nobody is sent elsewhere after signing in: %j', (asked, path) => {
  expect(pathOfPortal(asked)).toBe(path);
});
