import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { Attempts, network } from '../../src/portal/attempts.ts';
import { Client, PASSWORD, rawGet, signedIn, stage } from './stage.ts';

describe('signing in by password', () => {
  test('gives a session that only its cookie names, and signing out ends it for good', async () => {
    const { url } = await stage();
    const client = new Client(url);
    const answer = await client.signIn('ada@example.com');
    expect(answer.json).toMatchObject({
      name: 'ada@example.com',
      role: 'auditor',
      can: ['search', 'view', 'export', 'coverage', 'verification'],
      archive: { origin: 'archive.example.com/test', size: 3, account: 'acct' },
      expires: '2026-11-21T00:00:00.000Z',
    });
    const [cookie = ''] = answer.headers.getSetCookie().filter((line) => line.startsWith('session='));
    expect(cookie).toMatch(/^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await client.get('/api/me')).json).toEqual(answer.json);

    const stolen = new Map(client.cookies);
    expect((await client.post('/api/sign-out')).status).toBe(204);
    expect((await client.get('/api/me')).status).toBe(401);
    for (const [name, value] of stolen) client.cookies.set(name, value);
    expect((await client.get('/api/me')).status).toBe(401);
  });

  test('by https the cookies are secure, bound to the host, and browsers stay with https', async () => {
    const { portal } = await stage({ options: { publicUrl: 'https://audit.example.com' } });
    const at = `http://127.0.0.1:${portal.port}`;
    expect(portal.url).toBe('https://audit.example.com');
    const answer = await rawGet(at, '/api/sign-in', { host: 'audit.example.com' });
    expect(answer.headers['strict-transport-security']).toBe('max-age=31536000');
    expect(String(answer.headers['set-cookie'])).toMatch(
      /^__Host-sign-in=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect((await rawGet(at, '/api/sign-in', { host: 'evil.example.com' })).status).toBe(421);
  });

  test('says the same of a wrong password and of a name that nobody has', async () => {
    const { url, watched } = await stage();
    const [wrong, nobody] = [
      await new Client(url).signIn('ada@example.com', 'no'),
      await new Client(url).signIn('eve', 'no'),
    ];
    expect(wrong.status).toBe(401);
    expect(nobody.status).toBe(401);
    expect(wrong.text).toBe(nobody.text);
    expect(wrong.headers.getSetCookie()).toEqual([]);
    expect(watched.filter(({ kind }) => kind === 'sign-in')).toEqual([
      { kind: 'sign-in', method: 'password', outcome: 'wrong' },
      { kind: 'sign-in', method: 'password', outcome: 'wrong' },
    ]);
  });

  // Where nobody has a password none is hashed, and many attempts cost nothing.
  const noPasswords = {
    users: () => 'users: [{ name: ada@example.com, role: auditor, scope: all }]',
  };

  test.each(['ada@example.com', 'eve'])(
    'takes ten wrong ones of %s in a quarter of an hour',
    async (name) => {
      const { url, clock, watched } = await stage(noPasswords);
      const client = new Client(url);
      for (let attempt = 0; attempt < 10; attempt += 1)
        expect((await client.signIn(name, `wrong ${attempt}`)).status).toBe(401);
      const refused = await client.signIn(name.toUpperCase());
      expect(refused.status).toBe(429);
      expect(refused.headers.get('retry-after')).toBe('900');
      expect(watched.at(-2)).toEqual({ kind: 'sign-in', method: 'password', outcome: 'too-many' });
      clock.now += 15 * 60_000;
      expect((await client.signIn(name)).status).toBe(401);
    },
  );

  test('takes twenty wrong ones of an address, whatever the names, however many come at once', async () => {
    const { url, clock } = await stage(noPasswords);
    const client = new Client(url);
    client.csrf = (await client.get('/api/sign-in')).json.csrf;
    const attempts = Array.from({ length: 24 }, (_, index) =>
      client.post('/api/sign-in', { name: `user-${index}`, password: 'guess' }),
    );
    const counts = (await Promise.all(attempts)).map(({ status }) => status);
    expect(counts.filter((status) => status === 429)).toHaveLength(4);
    expect((await client.signIn('new@example.com')).status).toBe(429);
    clock.now += 15 * 60_000;
    expect((await client.signIn('new@example.com')).status).toBe(401);
  });

  test('believes the address that a known proxy gives, and nobody else', async () => {
    const proxied = await stage({ ...noPasswords, options: { proxies: ['127.0.0.1'] } });
    const direct = await stage(noPasswords);
    const statuses = async (url: string): Promise<number[]> => {
      const client = new Client(url);
      client.csrf = (await client.get('/api/sign-in')).json.csrf;
      const attempts = Array.from({ length: 21 }, (_, index) =>
        client.post(
          '/api/sign-in',
          { name: `user-${index}`, password: 'guess' },
          { 'x-forwarded-for': `192.0.2.${index}` },
        ),
      );
      return (await Promise.all(attempts)).map(({ status }) => status);
    };
    expect(await statuses(proxied.url)).not.toContain(429);
    expect((await statuses(direct.url)).filter((status) => status === 429)).toHaveLength(1);
  });

  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:DB8:0:1:ffff:1:2:3', '2001:db8:0:1::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ])('the address %s counts as %s', (address, counted) => {
    expect(network(address)).toBe(counted);
  });

  test('an attempt that was none is given back, and one who signed in begins anew', () => {
    const clock = { now: 0 };
    const attempts = new Attempts({ most: 2, window: 1000 }, () => clock.now);
    const tries = (key: string, times: number) => Array.from({ length: times }, () => attempts.take(key));
    expect(tries('a', 3)).toEqual([undefined, undefined, 1]);
    attempts.giveBack('a');
    expect(tries('a', 2)).toEqual([undefined, 1]);
    attempts.forget('a');
    expect(tries('a', 3)).toEqual([undefined, undefined, 1]);
    clock.now = 1000;
    expect(tries('a', 1)).toEqual([undefined]);
    clock.now = 999;
    expect(tries('b', 1)).toEqual([undefined]);
  });

  test('needs the token of the page of sign-in, bound to its cookie', async () => {
    const { url } = await stage();
    const [client, other] = [new Client(url), new Client(url)];
    const body = { name: 'ada@example.com', password: PASSWORD };
    expect((await client.post('/api/sign-in', body)).status).toBe(403);
    client.csrf = (await client.get('/api/sign-in')).json.csrf;
    await other.get('/api/sign-in');
    other.csrf = client.csrf;
    expect((await other.post('/api/sign-in', body)).status).toBe(403);
    expect((await client.post('/api/sign-in', body)).status).toBe(200);
  });

  test.each([
    ['no object', '[]'],
    ['no JSON', '{'],
    ['another field', { name: 'a', password: 'b', role: 'admin' }],
    ['a name that is none', { name: { $ne: '' }, password: 'b' }],
    ['an endless password', { name: 'a', password: 'x'.repeat(1001) }],
  ])('refuses %s and says why, without what was sent', async (_, body) => {
    const { url } = await stage();
    const client = new Client(url);
    client.csrf = (await client.get('/api/sign-in')).json.csrf;
    const { status, json, text } = await client.post('/api/sign-in', body);
    expect(status).toBe(400);
    expect(json.error.code).toBe('usage');
    expect(text).not.toMatch(/xxx|\$ne|node_modules|at /);
  });
});

describe('a session', () => {
  test('ends half an hour after the last request, not after what its page asks by itself', async () => {
    const { url, clock } = await stage();
    const client = await signedIn(url);
    clock.now += 29 * 60_000;
    expect((await client.post('/api/search')).status).toBe(200);
    clock.now += 29 * 60_000;
    expect((await client.get('/api/exports')).status).toBe(200);
    expect((await client.get('/api/me')).status).toBe(200);
    clock.now += 60_000;
    expect((await client.get('/api/me')).status).toBe(401);
  });

  test('ends twelve hours after the sign-in, however busy', async () => {
    const { url, clock } = await stage();
    const client = await signedIn(url);
    for (let step = 0; step < 35; step += 1) {
      clock.now += 20 * 60_000;
      expect((await client.post('/api/search')).status).toBe(200);
    }
    clock.now += 20 * 60_000;
    expect((await client.post('/api/search')).status).toBe(401);
  });

  test('of one person does not end that of another, and a new one has another cookie', async () => {
    const { url } = await stage();
    const [one, other] = [await signedIn(url), await signedIn(url)];
    const before = one.cookies.get('session');
    expect(other.cookies.get('session')).not.toBe(before);
    await one.signIn('ada@example.com');
    expect(one.cookies.get('session')).not.toBe(before);
    expect((await other.get('/api/me')).json.name).toBe('olga@example.com');
    one.cookies.set('session', before ?? '');
    expect((await one.get('/api/me')).status).toBe(401);
  });

  test('has what the users file grants now: a role taken away is gone with the next request', async () => {
    const { url, users } = await stage();
    const client = await signedIn(url);
    const { json } = await client.get('/api/me');
    expect(json.role).toBe('officer');
    const text = await readFile(users, 'utf8');
    await writeFile(users, text.replace('role: officer', 'role: auditor'));
    expect((await client.get('/api/me')).json.role).toBe('auditor');
    expect((await client.get('/api/retention')).status).toBe(403);
    await writeFile(users, text.replace('olga@example.com', 'someone-else'));
    expect((await client.get('/api/me')).status).toBe(401);
    await writeFile(users, 'users: [');
    expect((await client.get('/api/me')).status).toBe(500);
    await writeFile(users, text);
    expect((await client.get('/api/me')).status).toBe(200);
  });

  test('is known to the server that began it alone; two side by side do not mix', async () => {
    const { url, again } = await stage();
    const client = await signedIn(url);
    const second = await again();
    const moved = new Client(second.url);
    for (const [name, value] of client.cookies) moved.cookies.set(name, value);
    expect((await moved.get('/api/me')).status).toBe(401);
    expect((await signedIn(second.url)).cookies.size).toBe(1);
    expect((await client.get('/api/me')).status).toBe(200);
  });
});
