/** Zoom's own SDK on files, forwarded messages and legal holds, and as a receiver of webhooks. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsLambdaReceiver, type S2SAuthToken, TeamChatS2SAuthClient } from '@zoom/rivet/teamchat';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Emulator, startEmulator } from '../../emulator/server.ts';
import { NOON, requestToken } from './client.ts';

let emulator: Emulator;
let endpoints: TeamChatS2SAuthClient['endpoints'];

beforeAll(async () => {
  const source = { kind: 'generated', seed: 71, sessions: 10, messages: 4000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  const granted = (await requestToken(emulator.url)).json;
  const token: S2SAuthToken = {
    accessToken: granted.access_token,
    expirationTimeIso: new Date(Date.now() + 3_600_000).toISOString(),
    scopes: granted.scope.split(' '),
  };
  const options = {
    clientId: 'emulated-client',
    clientSecret: 'emulated-secret',
    accountId: 'emulated-account',
    disableReceiver: true as const,
    tokenStore: { getLatestToken: () => token, storeToken: () => {} },
    baseUrl: `${emulator.url}/v2`,
  };
  ({ endpoints } = new TeamChatS2SAuthClient(options));
});
afterAll(() => emulator.close());

test('rivet describes a file, whose link brings the bytes that its digest promises', async () => {
  let described = 0;
  for await (const { fileId, fileSize, condition } of emulator.files()) {
    const asked = endpoints.chatFiles.getFileInfo({ path: { fileId } });
    if (condition === 'restricted' || condition === 'gone') {
      await expect(asked).rejects.toThrow(condition === 'gone' ? /404/ : /403/);
      continue;
    }
    const { data } = await asked;
    expect(data).toMatchObject({ file_id: fileId, length: fileSize });
    if (data?.download_url === '' || described === 5) continue;
    const bytes = Buffer.from(await (await fetch(data?.download_url ?? '')).arrayBuffer());
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(data?.digest);
    described += 1;
  }
  expect(described).toBe(5);
});

test('rivet resolves forwards', async () => {
  const outcomes = new Set<boolean>();
  for (const { forwardId, resolvable, message } of emulator.forwarded()) {
    outcomes.add(resolvable);
    const asked = endpoints.chatMessages.getForwardedMessage({ path: { forwardId } });
    if (resolvable) expect((await asked).data?.message).toBe(message?.message);
    else await expect(asked).rejects.toThrow(/404/);
  }
  expect(outcomes).toEqual(new Set([true, false]));
});

test('rivet lists matters and zips and downloads one', async () => {
  const { legalHold } = endpoints;
  const ids: string[] = [];
  for (let next_page_token = ''; ; ) {
    const { data } = await legalHold.listLegalHoldMatters({ query: { page_size: 2, next_page_token } });
    ids.push(...(data?.legal_hold_matters ?? []).map(({ matter_id }) => matter_id));
    next_page_token = data?.next_page_token ?? '';
    if (next_page_token === '') break;
  }
  expect(ids).toEqual(emulator.matters().map(({ matterId }) => matterId));

  const zips: { matterId: string; key: string }[] = [];
  for (const { matterId, custodians } of emulator.matters()) {
    for (const { email } of custodians) {
      for (let next_page_token = ''; ; ) {
        const { data } = await legalHold.listLegalHoldFilesByGivenMatter({
          path: { matterId },
          query: { identifier: email, next_page_token },
        });
        zips.push(...(data?.data ?? []).map(({ file_key: key }) => ({ matterId, key })));
        next_page_token = data?.next_page_token ?? '';
        if (next_page_token === '') break;
      }
    }
  }
  const truth = [];
  for await (const zip of emulator.holdFiles()) truth.push(zip);
  expect(zips.map(({ key }) => key).sort()).toEqual(truth.map(({ fileKey }) => fileKey).sort());

  const [zip] = zips;
  const download = async () =>
    await legalHold.downloadLegalHoldFilesForGivenMatter({
      path: { matterId: zip?.matterId ?? '' },
      query: { file_key: zip?.key ?? '' },
    });
  await expect(download()).rejects.toThrow(/404/);
  emulator.moveClock(5 * 60_000);
  const { statusCode, data } = await download();
  expect(statusCode).toBe(200);
  // rivet hands over text, which tells the beginning of a zip and not much more.
  expect(String(data)).toMatch(/^PK/);
});

test('rivet takes webhooks for genuine, unless they were signed otherwise, and answers a validation', async () => {
  // It prints every event.
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {});
  const receive = new AwsLambdaReceiver({ webhooksSecretToken: 'secret' }).start();
  const server = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const event = {
      body: Buffer.concat(pieces).toString(),
      headers: request.headers,
      isBase64Encoded: false,
    };
    const { statusCode, body } = await receive(event, {}, () => {});
    response.writeHead(statusCode).end(body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  emulator.aimWebhooks({ url, secret: 'secret' });
  expect(await emulator.validateWebhook()).toEqual({ status: 200, valid: true });
  emulator.perform({ verb: 'create-session', name: 'grüße 👋' });
  await expect.poll(() => emulator.webhooks().at(-1)?.outcome, { timeout: 60_000 }).toBe('delivered');
  emulator.aimWebhooks({ url, secret: 'other' });
  expect(await emulator.validateWebhook()).toEqual({ status: 400, valid: false });
  emulator.aimWebhooks(undefined);
  server.close();
  debug.mockRestore();
});
