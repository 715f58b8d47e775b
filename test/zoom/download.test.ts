import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Emulator, Fault } from '../../emulator/server.ts';
import { ArchiverError } from '../../src/errors.ts';
import type { StreamTarget, ZoomClient } from '../../src/zoom/client.ts';
import { type Download, type DownloadOptions, download } from '../../src/zoom/download.ts';
import { FILE_DOWNLOAD } from '../../src/zoom/files.ts';
import { HOLD_DOWNLOAD, holdDownload, holdFilesPage } from '../../src/zoom/legal-hold.ts';
import { Spool } from '../../src/zoom/spool.ts';
import { connect, connectTo, emulate, RUNNING, serve } from './connect.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'download-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function get(
  client: ZoomClient,
  target: StreamTarget,
  options: Partial<DownloadOptions> = {},
): Promise<Download> {
  const path = join(await folder(), 'file');
  return download(client, FILE_DOWNLOAD, target, { path, largest: 1e9, ...options }, RUNNING);
}

async function failure(promise: Promise<unknown>): Promise<ArchiverError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ArchiverError)) throw new Error(`not an error of ours: ${inspect(error)}`);
  return error;
}

interface FileLink {
  readonly fileId: string;
  readonly sha256: string;
  readonly size: number;
  readonly url: string;
}

/** A file that has nothing wrong with it, and a link to it. */
async function someFile(emulator: Emulator): Promise<FileLink> {
  const sessionId = emulator.sessions()[0]?.id ?? '';
  emulator.perform({ verb: 'send', sessionId, text: '', files: [{ name: 'x.bin', size: 300_000 }] });
  for await (const { fileId, sha256, fileSize: size, condition } of emulator.files()) {
    if (condition !== 'normal' || size !== 300_000) continue;
    const token = await fetch(`${emulator.url}/oauth/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from('emulated-client:emulated-secret').toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=account_credentials&account_id=emulated-account',
    });
    const { access_token } = (await token.json()) as { access_token: string };
    const info = await fetch(`${emulator.url}/v2/chat/files/${fileId}`, {
      headers: { authorization: `Bearer ${access_token}` },
    });
    const { download_url: url } = (await info.json()) as { download_url: string };
    return { fileId, sha256, size, url };
  }
  throw new Error('the account has no file');
}

describe('a link', () => {
  test('is followed without credential, hashed and measured on the way', async () => {
    const { emulator, client } = await emulate();
    const { url, sha256, size } = await someFile(emulator);
    const file = await get(client, { url });
    expect(file).toMatchObject({ outcome: 'whole', sha256, size, contentType: 'application/octet-stream' });
    if (file.outcome === 'too-large') return;
    expect(
      createHash('sha256')
        .update(await readFile(file.path))
        .digest('hex'),
    ).toBe(sha256);
    expect(file.requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('that asks for the credential gets it, where the host is Zoom’s', async () => {
    const { emulator, client } = await emulate({ switches: { downloadNeedsBearer: true } });
    const { url, sha256 } = await someFile(emulator);
    expect(await get(client, { url })).toMatchObject({ outcome: 'whole', sha256 });
    expect(emulator.stats().requests).toMatchObject({ 'file-download 401': 1, 'file-download 200': 1 });
  });

  test('keeps the credential on its way to another host of Zoom', async () => {
    const { emulator } = await emulate({
      switches: { downloadNeedsBearer: true, downloadRedirect: 'zoom' },
    });
    const { url, sha256 } = await someFile(emulator);
    // The second origin is configured, as an API of its own would be.
    const { client } = connect(
      emulator.secondUrl,
      () => emulator.now(),
      () => undefined,
      {
        oauthUrl: emulator.url,
      },
    );
    expect(await get(client, { url })).toMatchObject({ outcome: 'whole', sha256 });
    expect(emulator.stats().secondOrigin.withAuthorization).toBe(1);
  });

  test('to a foreign host never shows it the credential', async () => {
    const { emulator, client } = await emulate({
      switches: { downloadNeedsBearer: true, downloadRedirect: 'foreign' },
    });
    const { url, sha256 } = await someFile(emulator);
    expect(await get(client, { url })).toMatchObject({ outcome: 'whole', sha256 });
    expect(emulator.stats().secondOrigin).toEqual({ requests: 1, withAuthorization: 0 });
  });

  test('that comes back to Zoom by way of a stranger does not get it either', async () => {
    const zoom = await serve([{ body: 'x' }]);
    const foreign = await serve([{ status: 302, headers: { location: `${zoom.url}/secret` } }]);
    const home = await serve([
      { status: 401 },
      { status: 302, headers: { location: `${foreign.url}/away` } },
    ]);
    const { client } = connectTo(home.url);
    await get(client, { url: `${home.url}/file` });
    expect(home.seen.map(({ headers }) => headers.authorization !== undefined)).toEqual([false, true]);
    expect(foreign.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    expect(zoom.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test.each([
    [401, 'zoom-permission'],
    [403, 'zoom-permission'],
    [404, 'zoom-not-found'],
    [410, 'zoom-not-found'],
    [400, 'zoom-request'],
  ])('refused with %i is %s, and the access token stays', async (status, code) => {
    const { url, tokens } = await serve([{ status }]);
    const { client } = connectTo(url);
    expect(await failure(get(client, { url: `${url}/file?jwt=secret` }))).toMatchObject({ code });
    expect(tokens.length).toBe(status === 401 || status === 403 ? 1 : 0);
  });

  test.each([
    '',
    'no url',
    '/relative',
    'http://foreign.example/x',
    'https://foreign.example/x',
    'https://169.254.169.254/latest/meta-data',
    'http://127.0.0.1:1/x',
    'http://zoom.us/x',
    'file:///etc/passwd',
    'ftp://zoom.us/x',
  ])('that is %j is not followed', async (url) => {
    const server = await serve([]);
    expect(await failure(get(connectTo(server.url).client, { url }))).toMatchObject({
      code: 'zoom-address',
      phrase: 'the link is no address to download from',
    });
    expect(server.seen).toEqual([]);
  });

  test.each([
    'https://10.0.0.1/x',
    'https://[::ffff:192.168.0.1]/x',
    'https://[fe80::1]/x',
    'https://inside.example/x',
    'https://us01.zoom.us/x',
    'http://foreign.example/x',
    'http://10.0.0.1/x',
    'file:///etc/passwd',
  ])('that leads on to %s is not followed, and not tried again', async (location) => {
    const home = await serve([{ status: 302, headers: { location } }]);
    const resolve = async () => [{ address: '10.1.2.3', family: 4 }];
    const { client, waits } = connectTo(home.url, { resolve });
    expect(await failure(get(client, { url: `${home.url}/file` }))).toMatchObject({ code: 'zoom-address' });
    expect(home.seen).toHaveLength(1);
    expect(waits).toEqual([]);
  });

  test('is in no error, for it carries a right', async () => {
    const { url } = await serve([{ status: 404 }]);
    const error = await failure(get(connectTo(url).client, { url: `${url}/file?jwt=secret-token` }));
    expect(inspect(error, { depth: 10 })).not.toContain('secret-token');
  });

  test('a stranger’s 429 does not slow Zoom’s requests', async () => {
    const foreign = await serve([{ status: 429, headers: { 'x-ratelimit-type': 'Daily-limit' } }]);
    const home = await serve([{ status: 302, headers: { location: foreign.url } }]);
    const { client } = connectTo(home.url);
    expect(await failure(get(client, { url: home.url }))).toMatchObject({ code: 'zoom-unreachable' });
    expect(client.budgets().map((bucket) => bucket.parkedUntil())).toEqual([0, 0, 0, 0]);
  });
});

describe('a path of the API', () => {
  async function zip(): Promise<{
    emulator: Emulator;
    client: ZoomClient;
    target: StreamTarget;
    sha256: string;
  }> {
    const { emulator, client } = await emulate({ switches: { holdZipMinutes: 0 } });
    // Zoom makes what was listed.
    for (const { matterId, custodians } of emulator.matters()) {
      for (const { email } of custodians) {
        await client.get(
          { name: 'x', label: 'LIGHT' },
          `/chat/legalhold/matters/${matterId}/files`,
          { identifier: email },
          holdFilesPage,
          RUNNING,
        );
      }
    }
    for await (const { matterId, fileKey, sha256 } of emulator.holdFiles())
      return { emulator, client, target: holdDownload(matterId, fileKey), sha256 };
    throw new Error('no zip');
  }

  const cases: readonly Fault[] = [
    { kind: 'status', status: 500, times: 3 },
    { kind: 'status', status: 503 },
    { kind: 'reset' },
    { kind: 'reset', when: 'mid-body', times: 3 },
    { kind: 'slow-body', ms: 50 },
    { kind: 'token-expired' },
    { kind: 'second-limit' },
    { kind: 'concurrency-limit' },
    { kind: 'missing-rate-headers' },
    { kind: 'redirect', to: 'same-host' },
  ];
  test.each(cases)('rides out $kind $status $when', async (fault) => {
    const { emulator, client, target, sha256 } = await zip();
    emulator.inject({ ...fault, endpoint: 'hold-download' });
    const path = join(await folder(), 'zip');
    const file = await download(client, HOLD_DOWNLOAD, target, { path, largest: 1e9 }, RUNNING);
    expect(file).toMatchObject({ outcome: 'whole', sha256, contentType: 'application/zip' });
    expect(emulator.faultsHit()[fault.kind]).toBe(fault.times ?? 1);
  });

  test('a missing scope and a daily limit are named', async () => {
    const { emulator, client, target } = await zip();
    emulator.inject({ kind: 'missing-scope', endpoint: 'hold-download', scopes: ['a:b'] });
    expect(await failure(get(client, target))).toMatchObject({ code: 'zoom-scope', detail: 'a:b' });
    emulator.inject({ kind: 'daily-limit', endpoint: 'hold-download' });
    expect(await failure(get(client, target))).toMatchObject({ code: 'zoom-rate-limited' });
    expect(
      client
        .budgets()
        .find(({ label }) => label === 'LIGHT')
        ?.parkedUntil(),
    ).toBeGreaterThan(0);
  });
});

describe('a body', () => {
  /** Answers 200 with a body of `declared` bytes and closes after `sent`, as often as it is asked. */
  async function cutting(declared: number, sent: number): Promise<string> {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-length': declared, 'content-type': 'application/zip' });
      response.write(Buffer.alloc(sent, 7), () => response.socket?.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test('that breaks off in every try is unreachable', async () => {
    const url = await cutting(100_000, 40_000);
    const { client, waits } = connectTo(url);
    expect(await failure(get(client, { url }))).toMatchObject({ code: 'zoom-unreachable' });
    expect(waits).toHaveLength(5);
  });

  test('that breaks off is kept where that was asked for, once all tries are over', async () => {
    const url = await cutting(3_000_000, 2_500_000);
    const { client, waits } = connectTo(url);
    const file = await get(client, { url }, { keepPart: true });
    expect(file).toMatchObject({ outcome: 'part', contentType: 'application/zip' });
    if (file.outcome !== 'part') return;
    const bytes = await readFile(file.path);
    expect(bytes.length).toBe(file.size);
    expect(file.size).toBeGreaterThan(0);
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256);
    expect(waits).toHaveLength(5);
  });

  test.each([true, false])('larger than the largest is not downloaded; said before: %s', async (said) => {
    const body = 'x'.repeat(200_000);
    const headers = said ? { 'content-length': String(body.length) } : { 'transfer-encoding': 'chunked' };
    const { url, seen } = await serve([{ headers, body }]);
    expect(await get(connectTo(url).client, { url }, { largest: 199_999 })).toEqual({ outcome: 'too-large' });
    expect(await get(connectTo(url).client, { url }, { largest: 200_000 })).toMatchObject({ size: 200_000 });
    expect(seen).toHaveLength(2);
  });

  test('of nothing is a file of nothing', async () => {
    const { url } = await serve([{ body: '' }]);
    const file = await get(connectTo(url).client, { url });
    expect(file).toMatchObject({ outcome: 'whole', size: 0, sha256: createHash('sha256').digest('hex') });
  });

  test('ends with the stop, with its own reason', async () => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-length': 1000 });
      response.write('begun', () => stop.abort(new ArchiverError('interrupted', 'stopped')));
    });
    const stop = new AbortController();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const path = join(await folder(), 'file');
    const promise = download(
      connectTo(url).client,
      FILE_DOWNLOAD,
      { url },
      { path, largest: 1e9 },
      stop.signal,
    );
    expect(await failure(promise)).toMatchObject({ code: 'interrupted', phrase: 'stopped' });
  });

  test('that the disk has no room for is spool-full', async () => {
    const { url } = await serve([{ body: 'x'.repeat(3_000_000) }]);
    const promise = download(
      connectTo(url).client,
      FILE_DOWNLOAD,
      { url },
      { path: '/dev/full', largest: 1e9 },
      RUNNING,
    );
    expect(await failure(promise)).toMatchObject({ code: 'spool-full', exitCode: 9 });
  });
});

describe('the spool', () => {
  test('removes what a crash of the same owner left, and nothing else', async () => {
    const path = await folder();
    const left = `download-ab12-${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`;
    const others = [left.replace('ab12', 'cd34'), 'segment-ab12-7.parquet', 'download-ab12-note'];
    for (const name of [left, ...others]) await writeFile(join(path, name), 'x');
    await mkdir(join(path, 'duckdb'));
    const spool = new Spool(path, 'ab12');
    const mine = await spool.path();
    await writeFile(mine, 'x');
    const next = await spool.path();
    expect(next).not.toBe(mine);
    expect((await stat(mine)).size).toBe(1);
    expect((await readdir(path)).sort()).toEqual([...others, 'duckdb', mine.slice(path.length + 1)].sort());
  });

  test('is made when it is missing', async () => {
    const path = join(await folder(), 'deep', 'spool');
    await writeFile(await new Spool(path, 'ab').path(), 'x');
    expect(await readdir(path)).toHaveLength(1);
  });
});
