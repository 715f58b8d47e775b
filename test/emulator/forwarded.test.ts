import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Emulator, startEmulator, type TruthForwarded } from '../../emulator/server.ts';
import { Client, NOON, type Reply } from './client.ts';

let emulator: Emulator;
let client: Client;

beforeAll(async () => {
  const source = { kind: 'generated', seed: 41, sessions: 20, messages: 20_000 } as const;
  emulator = await startEmulator({ source, now: NOON, frozen: true, limits: false });
  client = await Client.connect(emulator);
});
afterAll(() => emulator.close());
afterEach(() => emulator.clearFaults());

async function resolve(forwardId: string): Promise<Reply> {
  return await client.get(`/chat/forwarded_message/${forwardId}`);
}

function withoutLinks(message: Reply['json']): object {
  const { download_url: _link, files, ...rest } = message;
  const bare = files?.map(({ download_url: _url, ...file }: { download_url?: string }) => file);
  return bare === undefined ? rest : { ...rest, files: bare };
}

test('lead to the message that the truth has, or to none', async () => {
  const forwards = [...emulator.forwarded()];
  expect(forwards.length).toBeGreaterThan(15);
  for (const { forwardId, resolvable, message } of forwards) {
    const { status, json, headers } = await resolve(forwardId);
    expect(headers.get('x-ratelimit-category')).toBe('Light');
    expect(status).toBe(resolvable ? 200 : 404);
    if (resolvable) expect(withoutLinks(json)).toEqual(message);
    else expect(json).toEqual({ code: 4131, message: expect.any(String) });
  }
  expect(new Set(forwards.map(({ resolvable }) => resolvable))).toEqual(new Set([true, false]));
  expect((await resolve('unknown')).status).toBe(404);
});

test('have the forms of Zoom’s reference: files, formatting, cards, mentions, the sender’s other name', async () => {
  const seen = new Set<string>();
  const types = new Set<string>();
  for (const { forwardId, resolvable } of emulator.forwarded()) {
    if (!resolvable) continue;
    const { json } = await resolve(forwardId);
    for (const name of Object.keys(json)) seen.add(name);
    types.add(json.message_type);
    expect(json).toMatchObject({
      id: expect.any(String),
      message: expect.any(String),
      sender: expect.any(String),
      send_member_id: expect.any(String),
      sender_display_name: expect.any(String),
      timestamp: expect.any(Number),
      date_time: expect.stringMatching(/Z$/),
    });
    if (json.files !== undefined) expect(json).toMatchObject(json.files[0]);
  }
  const expected = ['files', 'file_id', 'file_name', 'file_size', 'download_url', 'rich_text', 'bot_message'];
  expect([...seen]).toEqual(
    expect.arrayContaining([...expected, 'at_items', 'interactive_cards', 'reactions']),
  );
  expect(types.size).toBeGreaterThan(1);
});

test('bring files that can be downloaded', async () => {
  const normal = new Map<string, number>();
  for await (const { fileId, fileSize, condition } of emulator.files()) {
    if (condition === 'normal') normal.set(fileId, fileSize);
  }
  let downloads = 0;
  for (const { forwardId } of emulator.forwarded()) {
    const { json } = await resolve(forwardId);
    const size = normal.get(json.file_id);
    if (size === undefined) continue;
    expect((await (await fetch(json.download_url)).arrayBuffer()).byteLength).toBe(size);
    downloads += 1;
  }
  expect(downloads).toBeGreaterThan(0);
});

test('are sent on command, and their end is too', async () => {
  const session = emulator.perform({ verb: 'create-session', name: 'forwards' });
  const original = emulator.perform({ verb: 'send', sessionId: session, text: 'first' });
  emulator.perform({ verb: 'edit', sessionId: session, messageId: original, text: 'as forwarded' });
  emulator.moveClock(10);
  emulator.perform({ verb: 'send', sessionId: session, text: '', forward: true });
  emulator.moveClock(10);
  emulator.perform({ verb: 'edit', sessionId: session, messageId: original, text: 'too late' });
  const { forwardId } = [...emulator.forwarded()].at(-1) as TruthForwarded;
  expect((await resolve(forwardId)).json.message).toBe('as forwarded');
  emulator.setForward(forwardId, false);
  expect((await resolve(forwardId)).status).toBe(404);
  expect(() => emulator.setForward('unknown', true)).toThrow('no forward');
});

test('meet faults and want a scope', async () => {
  const { forwardId } = [...emulator.forwarded()].find(({ resolvable }) => resolvable) as TruthForwarded;
  emulator.inject({ kind: 'status', status: 403, endpoint: 'forwarded' });
  expect((await resolve(forwardId)).status).toBe(403);
  emulator.inject({ kind: 'missing-scope', endpoint: 'forwarded' });
  expect((await resolve(forwardId)).json.message).toContain('team_chat:read:user_message:admin');
  expect((await resolve(forwardId)).status).toBe(200);
});
