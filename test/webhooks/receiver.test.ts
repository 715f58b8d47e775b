import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runExclusive } from '../../src/collectors/pool.ts';
import { silentLog } from '../../src/log.ts';
import { startWebhooks, type WebhookOptions } from '../../src/webhooks/receiver.ts';
import { until } from '../e2e/campaign.ts';
import { emulate, NOON, RUNNING } from '../zoom/connect.ts';

const SECRET = 'webhook secret';

/** A receiver for whom sessions are known by names that begin with `known`, and what it reported. */
async function receiver(options: Partial<WebhookOptions> = {}) {
  const seen: string[] = [];
  const hinted: string[] = [];
  const server = await startWebhooks({
    host: '127.0.0.1',
    port: 0,
    path: '/hook',
    secret: SECRET,
    account: 'emulated-account',
    now: () => NOON,
    async hint(name) {
      hinted.push(name);
      return name.startsWith('known');
    },
    onReceived: (receipt) => seen.push(receipt),
    onRefused: (reason) => seen.push(`refused ${reason}`),
    onHinted: (hint) => seen.push(`hint ${hint}`),
    log: silentLog(),
    ...options,
  });
  onTestFinished(() => server.stop());
  return { server, seen, hinted, url: `http://127.0.0.1:${server.port}/hook` };
}

/** A hint that is not noted before the test says so. */
function gate() {
  let open = (): void => undefined;
  const opened = new Promise<boolean>((resolve) => {
    open = () => resolve(true);
  });
  return { opened, open };
}

function signed(body: string, extra: Record<string, string> = {}): RequestInit {
  const timestamp = String(NOON / 1000);
  const hmac = createHmac('sha256', SECRET).update(`v0:${timestamp}:${body}`).digest('hex');
  const headers = { 'x-zm-request-timestamp': timestamp, 'x-zm-signature': `v0=${hmac}`, ...extra };
  return { method: 'POST', body, headers };
}

function sent(session: string): string {
  const object = { session_id: session };
  return JSON.stringify({ event: 'chat_message.sent', payload: { account_id: 'emulated-account', object } });
}

describe('a webhook', () => {
  test('is answered at once, and what it names is noted after', async () => {
    const held = gate();
    const { server, seen, url } = await receiver({ hint: () => held.opened });
    let heard = 0;
    server.whenHinted(() => {
      heard += 1;
    });
    expect((await fetch(url, signed(sent('known')))).status).toBe(204);
    expect([seen, heard]).toEqual([['queued'], 0]);
    held.open();
    await until(() => seen.length === 2);
    expect([seen, heard]).toEqual([['queued', 'hint known'], 1]);
  });

  test('that comes again under the same id is heard once', async () => {
    const { seen, hinted, url } = await receiver();
    for (const id of ['one', 'one', 'two', 'one'])
      expect((await fetch(url, signed(sent('known'), { 'x-zm-request-id': id }))).status).toBe(204);
    await until(() => seen.length === 6);
    expect(seen.filter((what) => what === 'repeated')).toHaveLength(2);
    expect(hinted).toEqual(['known', 'known']);
  });

  test('that names no known session is counted, and so is one that the ledger could not take', async () => {
    const { seen, url } = await receiver({
      async hint(name) {
        if (name === 'fails') throw new Error('down');
        return false;
      },
    });
    for (const name of ['a:b', 'fails', 'c:d']) await fetch(url, signed(sent(name)));
    await until(() => seen.length === 6);
    expect(seen.filter((what) => what.startsWith('hint')).sort()).toEqual([
      'hint failed',
      'hint unknown',
      'hint unknown',
    ]);
  });

  test('is refused while too much waits, so that Zoom sends it again', async () => {
    const held = gate();
    const { seen, url } = await receiver({ hint: () => held.opened });
    const post = async (id: number): Promise<number> => {
      const object = { id: `${id} a`, session_id: `${id} b`, channel_id: `${id} c` };
      const body = JSON.stringify({ event: 'chat_channel.updated', payload: { object } });
      return (await fetch(url, signed(body, { 'x-zm-request-id': String(id) }))).status;
    };
    // Three names each, of 10,000 that may wait; the first is in hand.
    const taken = 3_333;
    await runExclusive(
      Array.from({ length: taken }, (_, id) => id),
      String,
      20,
      RUNNING,
      async (id) => expect(await post(id)).toBe(204),
    );
    expect(await post(taken)).toBe(503);
    held.open();
    await until(() => seen.filter((what) => what === 'hint known').length === taken * 3);
    expect(await post(taken)).toBe(204);
    expect(seen.filter((what) => what === 'refused busy')).toHaveLength(1);
  });
});

describe('refused', () => {
  test.each<[string, string, RequestInit, number]>([
    ['signature', '', { ...signed(sent('known')), body: sent('known but forged') }, 401],
    ['signature', '', { method: 'POST', body: sent('known') }, 401],
    ['form', '', signed('no json'), 400],
    ['form', '', signed('{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1:{}"}}'), 400],
    ['route', '/elsewhere', signed(sent('known')), 404],
    ['route', '', { method: 'GET' }, 404],
    ['size', '', signed(sent('x'.repeat(300_000))), 413],
  ])('for its %s: %s %#', async (reason, path, request, status) => {
    const { seen, hinted, url } = await receiver();
    const response = await fetch(`${url}${path}`, request);
    expect([response.status, seen, hinted]).toEqual([status, [`refused ${reason}`], []]);
  });

  test('one whose body does not come is not waited for', async () => {
    const { server, seen } = await receiver();
    const socket = connectSocket(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write('POST /hook HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{');
    expect(await text(socket)).toMatch(/^(HTTP\/1\.1 408|$)/);
    expect(seen).toEqual([]);
  });
});

test('stopping is safe twice, and drops what waits', async () => {
  const held = gate();
  const { server, seen, url } = await receiver({ hint: () => held.opened });
  await fetch(url, signed(sent('known')));
  await fetch(url, signed(sent('known too')));
  const stopped = Promise.all([server.stop(), server.stop()]);
  held.open();
  await stopped;
  expect(seen.filter((what) => what.startsWith('hint'))).toHaveLength(1);
  await expect(fetch(url, signed(sent('known')))).rejects.toThrow();
});

test('as Zoom sends them: validated, in any form of JSON, repeated, forged and stale', async () => {
  const { emulator } = await emulate();
  const { seen, hinted, url } = await receiver({ now: () => emulator.now() });
  emulator.aimWebhooks({ url, secret: SECRET });
  expect(await emulator.validateWebhook()).toEqual({ status: 200, valid: true });
  const session = emulator.perform({ verb: 'create-session', name: 'told' });
  const channel = emulator.context().channels.find(({ sessionId }) => sessionId === session)?.id;
  const told = async (): Promise<(number | undefined)[]> => {
    const before = emulator.webhooks().length;
    emulator.perform({ verb: 'send', sessionId: session, text: 'naïve 👩‍💻' });
    await until(() => emulator.webhooks().every(({ outcome }) => outcome !== 'waiting'));
    return emulator
      .webhooks()
      .slice(before)
      .flatMap(({ attempts }) => attempts.map(({ status }) => status));
  };
  expect(new Set(await told())).toEqual(new Set([204]));
  emulator.setSwitches({ webhookBody: 'unusual', webhookRepeats: true });
  expect(new Set(await told())).toEqual(new Set([204]));
  await until(() => seen.includes('repeated'));
  expect(new Set(hinted)).toEqual(new Set([channel]));
  seen.length = 0;
  for (const webhookSignature of ['bad', 'missing', 'stale'] as const) {
    emulator.setSwitches({ webhookSignature, webhookRepeats: false });
    expect(new Set(await told())).toEqual(new Set([401]));
  }
  expect(new Set(seen)).toEqual(new Set(['refused signature', 'refused stale']));
});
