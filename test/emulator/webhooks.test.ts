import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Account } from '../../emulator/account.ts';
import { generateAccount } from '../../emulator/generate.ts';
import { type Emulator, startEmulator } from '../../emulator/server.ts';
import { eventsOf } from '../../emulator/webhook-events.ts';
import { NOON } from './client.ts';

const MINUTE = 60_000;
const SECRET = 'webhook secret';
/** The machine may be busy. */
const PATIENT = { timeout: 60_000 };

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

let emulator: Emulator;
let receiver: Server;
let received: Received[];
/** What the receiver answers next; 204 when there is nothing more. */
let answers: { readonly status: number; readonly body?: (event: Event) => string }[];
let session: string;

interface Event {
  readonly event: string;
  readonly event_ts: number;
  // biome-ignore lint/suspicious/noExplicitAny: payloads of many shapes
  readonly payload: any;
}

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const body = Buffer.concat(pieces);
    received.push({ headers: request.headers, body });
    const { status, body: answer } = answers.shift() ?? { status: 204 };
    response.writeHead(status).end(answer?.(JSON.parse(body.toString())));
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const source = { kind: 'generated', seed: 51, sessions: 10, messages: 300 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  session = emulator.perform({ verb: 'create-session', name: 'webhooks' });
});
afterAll(async () => {
  await emulator.close();
  receiver.close();
});
beforeEach(() => {
  received = [];
  answers = [];
  const { port } = receiver.address() as AddressInfo;
  emulator.aimWebhooks({ url: `http://127.0.0.1:${port}/hook`, secret: SECRET });
});
afterEach(() => {
  emulator.aimWebhooks(undefined);
  emulator.setSwitches({ webhookSignature: 'good', webhookBody: 'compact', webhookRepeats: false });
});

/** Waits until so many have come. */
async function take(count: number): Promise<(Received & { readonly event: Event })[]> {
  await expect.poll(() => received.length, PATIENT).toBeGreaterThanOrEqual(count);
  return received.map((one) => ({ ...one, event: JSON.parse(one.body.toString()) }));
}

function signatureOf({ headers, body }: Received): string {
  const hmac = createHmac('sha256', SECRET);
  hmac.update(`v0:${headers['x-zm-request-timestamp']}:`).update(body);
  return `v0=${hmac.digest('hex')}`;
}

function rename(name = 'renamed'): void {
  emulator.perform({ verb: 'rename-session', sessionId: session, name });
}

async function newest(): Promise<ReturnType<Emulator['webhooks']>[number]> {
  await expect.poll(() => emulator.webhooks().at(-1)?.attempts.length, PATIENT).toBeGreaterThan(0);
  return emulator.webhooks().at(-1) as ReturnType<Emulator['webhooks']>[number];
}

describe('deeds', () => {
  test('are told as they happen, signed over the bytes sent', async () => {
    const messageId = emulator.perform({ verb: 'send', sessionId: session, text: 'grüße 👋' });
    emulator.perform({ verb: 'edit', sessionId: session, messageId, text: 'edited' });
    emulator.perform({ verb: 'react', sessionId: session, messageId });
    emulator.perform({ verb: 'react', sessionId: session, messageId });
    emulator.perform({ verb: 'delete', sessionId: session, messageId });
    const created = emulator.perform({ verb: 'create-session', name: 'another' });
    emulator.perform({ verb: 'rename-session', sessionId: created, name: 'other name' });
    emulator.perform({ verb: 'delete-session', sessionId: created });
    await expect
      .poll(() => emulator.webhooks().every(({ outcome }) => outcome === 'delivered'), PATIENT)
      .toBe(true);
    const all = await take(8);
    const names = all.map(({ event }) => event.event).filter((name) => !name.startsWith('chat_message.'));
    expect(names.sort()).toEqual([
      'chat_channel.created',
      'chat_channel.deleted',
      'chat_channel.updated',
      'team_chat.channel_message_deleted',
      'team_chat.channel_message_posted',
      'team_chat.channel_message_updated',
      'team_chat.channel_reaction_added',
      'team_chat.channel_reaction_removed',
    ]);
    for (const one of all) {
      expect(one.headers['x-zm-signature']).toBe(signatureOf(one));
      expect(one.headers['x-zm-request-timestamp']).toBe(String(NOON / 1000));
      expect(one.event.payload).toMatchObject({ account_id: 'emulated-account', object: expect.any(Object) });
    }
    expect(new Set(all.map(({ headers }) => headers['x-zm-request-id'])).size).toBe(all.length);
    const posted = all.find(({ event }) => event.event === 'team_chat.channel_message_posted')?.event;
    expect(posted?.payload.object).toMatchObject({
      message: 'grüße 👋',
      channel_name: 'webhooks',
      session_id: expect.any(String),
      message_id: expect.stringMatching(new RegExp(messageId, 'i')),
    });
    const deleted = all.find(({ event }) => event.event === 'team_chat.channel_message_deleted')?.event;
    expect(deleted?.payload.object).not.toHaveProperty('message');
    expect(deleted?.payload.object).not.toHaveProperty('session_id');
  });

  test('of random people are told too, those of strangers only by the newer family', async () => {
    const before = emulator.webhooks().length;
    emulator.act(200);
    const told = () => emulator.webhooks().slice(before);
    await expect.poll(() => told().every(({ outcome }) => outcome === 'delivered'), PATIENT).toBe(true);
    const events = told().map(({ body }): Event => JSON.parse(body));
    const posted = events.filter(({ event }) => /_message_posted$/.test(event));
    const older = events.filter(({ event }) => /^chat_message\.(sent|replied)$/.test(event));
    const strangers = posted.filter(({ payload }) => payload.by_external_user);
    expect(strangers.length).toBeGreaterThan(0);
    expect(older).toHaveLength(posted.length - strangers.length);
    const direct = posted.find(({ event }) => event === 'team_chat.dm_message_posted');
    expect(direct?.payload.object.session_id).toMatch(/^[0-9a-f]+:[0-9a-f]+$/);
    expect(received).toHaveLength(told().length);
  });

  test('of those who join and leave are told for each of them', async () => {
    const { channels, users } = emulator.context();
    const channel = channels.find((one) => one.sessionId === session);
    const strangers = users
      .filter(({ memberId }) => memberId && !channel?.members.includes(memberId))
      .slice(0, 2);
    const people = strangers.map(({ id }) => id ?? '');
    const channelId = channel?.id ?? '';
    emulator.perform({ verb: 'join', channelId, people });
    emulator.perform({ verb: 'leave', channelId, people });
    emulator.perform({ verb: 'rename-channel', channelId, name: 'webhooks' });
    const events = (await take(5)).map(({ event }) => [event.event, event.payload.operator_id]);
    expect(events.sort()).toEqual(
      [
        ...people.flatMap((id) => [
          ['chat_channel.member_joined', id],
          ['chat_channel.member_left', id],
        ]),
        ['chat_channel.updated', expect.any(String)],
      ].sort(),
    );
  });

  test('are told to nobody when there is nobody to tell', () => {
    emulator.aimWebhooks(undefined);
    const before = emulator.webhooks().length;
    emulator.act(20);
    expect(emulator.webhooks()).toHaveLength(before);
  });
});

test('members who join or leave have events of their own', () => {
  const account: Account = generateAccount({ kind: 'generated', seed: 1, sessions: 3, messages: 0 }, NOON);
  const group = account.sessions.find(({ type }) => type === 'Group');
  const [person] = account.people;
  if (group === undefined || person === undefined) throw new Error('nobody there');
  const [joined] = eventsOf({ kind: 'member-joined', session: group, person, at: NOON }, 'account');
  expect(joined).toEqual({
    event: 'chat_channel.member_joined',
    event_ts: NOON,
    payload: {
      account_id: 'account',
      operator: person.email,
      operator_id: person.userId,
      object: {
        id: group.channelId,
        name: expect.any(String),
        type: 1,
        date_time: '2026-06-15T12:00:00Z',
        timestamp: NOON,
      },
    },
  });
  const [left] = eventsOf({ kind: 'member-left', session: group, person, at: NOON }, 'account');
  expect(left?.event).toBe('chat_channel.member_left');
});

describe('a receiver', () => {
  test('that fails is tried again after 5, 20 and 60 minutes of the account’s clock, then no more', async () => {
    answers = [{ status: 500 }, { status: 503 }, { status: 500 }, { status: 502 }];
    rename();
    for (const [tries, minutes] of [
      [1, 5],
      [2, 20],
      [3, 60],
    ] as const) {
      await expect.poll(() => emulator.webhooks().at(-1)?.attempts, PATIENT).toHaveLength(tries);
      emulator.moveClock(minutes * MINUTE - 1);
      expect(emulator.webhooks().at(-1)).toMatchObject({ outcome: 'waiting' });
      emulator.moveClock(1);
    }
    await expect.poll(() => emulator.webhooks().at(-1)?.outcome, PATIENT).toBe('lost');
    expect(
      emulator
        .webhooks()
        .at(-1)
        ?.attempts.map(({ status }) => status),
    ).toEqual([500, 503, 500, 502]);
    expect(new Set(received.map(({ headers }) => headers['x-zm-request-id'])).size).toBe(1);
    emulator.moveClock(-85 * MINUTE);
  });

  test('that refuses or redirects is not tried again', async () => {
    for (const status of [400, 302]) {
      answers = [{ status }];
      rename();
      await expect.poll(() => emulator.webhooks().at(-1)?.outcome, PATIENT).toBe('lost');
      expect((await newest()).attempts).toMatchObject([{ status }]);
    }
  });

  test('that is not there counts as failed', async () => {
    emulator.aimWebhooks({ url: 'http://127.0.0.1:9/', secret: SECRET });
    rename();
    expect(await newest()).toMatchObject({ outcome: 'waiting', attempts: [{ status: undefined }] });
  });

  test('is validated by the hash of a token', async () => {
    const answer = (key: string) => (event: Event) => {
      const { plainToken } = event.payload;
      const encryptedToken = createHmac('sha256', key).update(plainToken).digest('hex');
      return JSON.stringify({ plainToken, encryptedToken });
    };
    answers = [{ status: 200, body: answer(SECRET) }];
    expect(await emulator.validateWebhook()).toEqual({ status: 200, valid: true });
    const [asked] = await take(1);
    expect(asked?.event.event).toBe('endpoint.url_validation');
    expect(asked?.headers['x-zm-signature']).toBe(signatureOf(asked as Received));
    answers = [{ status: 200, body: answer('other') }];
    expect(await emulator.validateWebhook()).toEqual({ status: 200, valid: false });
    answers = [{ status: 200, body: () => 'no JSON' }];
    expect(await emulator.validateWebhook()).toEqual({ status: 200, valid: false });
  });
});

describe('switches', () => {
  test('webhookSignature bad, stale and missing', async () => {
    emulator.setSwitches({ webhookSignature: 'bad' });
    rename();
    const [bad] = await take(1);
    expect(bad?.headers['x-zm-signature']).toMatch(/^v0=[0-9a-f]{64}$/);
    expect(bad?.headers['x-zm-signature']).not.toBe(signatureOf(bad as Received));
    emulator.setSwitches({ webhookSignature: 'stale' });
    rename();
    const [, stale] = await take(2);
    expect(stale?.headers['x-zm-signature']).toBe(signatureOf(stale as Received));
    expect(stale?.headers['x-zm-request-timestamp']).toBe(String(NOON / 1000 - 600));
    emulator.setSwitches({ webhookSignature: 'missing' });
    rename();
    const [, , missing] = await take(3);
    expect(missing?.headers).not.toHaveProperty('x-zm-signature');
    expect(emulator.webhooks().at(-1)?.signature).toBe('missing');
  });

  test('webhookBody unusual cannot be signed over anything but its bytes', async () => {
    emulator.setSwitches({ webhookBody: 'unusual' });
    rename();
    const [one] = await take(1);
    expect(one?.headers['x-zm-signature']).toBe(signatureOf(one as Received));
    const again = Buffer.from(JSON.stringify(one?.event));
    expect(signatureOf({ headers: one?.headers ?? {}, body: again })).not.toBe(
      one?.headers['x-zm-signature'],
    );
    expect(one?.body.toString('latin1')).not.toBe(one?.body.toString('utf8'));
  });

  test('webhookRepeats sends twice under one id', async () => {
    emulator.setSwitches({ webhookRepeats: true });
    rename();
    const [one, two] = await take(2);
    expect(one?.headers['x-zm-request-id']).toBe(two?.headers['x-zm-request-id']);
    expect(one?.body.equals(two?.body ?? Buffer.alloc(0))).toBe(true);
  });
});
