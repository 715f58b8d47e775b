/** What all endpoints have in common: label, scopes, faults, counting, and that nothing can be written. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { RateLimits } from '../../emulator/limits.ts';
import { Refusal } from '../../emulator/refusal.ts';
import { type Emulator, type Fault, startEmulator } from '../../emulator/server.ts';
import { Client, NOON, type Parameters } from './client.ts';

const DAYS = { start_date: '2026-06-15', end_date: '2026-06-15' };
const JUNE = { from: '2026-06-01', to: '2026-06-15' };
const SOURCE = { kind: 'generated', seed: 41, sessions: 40, messages: 200 } as const;

/** Endpoint, path, parameters, category, granular scope of an account-level app. */
const ENDPOINTS: readonly [Fault['endpoint'], (ids: Ids) => string, Parameters, string, string][] = [
  ['sessions', () => '/report/chat/sessions', JUNE, 'Medium', 'report:read:list_chat_sessions:admin'],
  ['settings', () => '/accounts/me/settings', {}, 'Medium', 'account:read:settings:admin'],
  ['users', () => '/users', {}, 'Medium', 'user:read:list_users:admin'],
  [
    'channel-activities',
    () => '/chat/activities/channels',
    DAYS,
    'Light',
    'team_chat:read:list_channel_activity_logs:admin',
  ],
  [
    'activities-of-channel',
    ({ channel }) => `/chat/channels/${channel}/activities`,
    DAYS,
    'Light',
    'team_chat:read:list_channel_activity_logs:admin',
  ],
  ['channels', () => '/chat/channels', {}, 'Medium', 'team_chat:read:list_channels:admin'],
  ['user-channels', () => '/chat/users/me/channels', {}, 'Medium', 'team_chat:read:list_user_channels:admin'],
  ['channel', ({ channel }) => `/chat/channels/${channel}`, {}, 'Medium', 'team_chat:read:channel:admin'],
  [
    'channel-members',
    ({ channel }) => `/chat/channels/${channel}/members`,
    {},
    'Medium',
    'team_chat:read:list_members:admin',
  ],
  [
    'channel-admins',
    ({ owner, channel }) => `/chat/users/${owner}/channels/${channel}/admins`,
    {},
    'Medium',
    'team_chat:read:list_administrators:admin',
  ],
  [
    'channel-retention',
    ({ channel }) => `/chat/channels/${channel}/retention`,
    {},
    'Medium',
    'team_chat:read:retention:admin',
  ],
  [
    'pins',
    ({ channel }) => `/chat/channels/${channel}/pinned`,
    {},
    'Light',
    'team_chat:read:list_pinned_messages',
  ],
  ['spaces', () => '/chat/spaces', {}, 'Medium', 'team_chat:read:list_shared_spaces:admin'],
  ['space', ({ space }) => `/chat/spaces/${space}`, {}, 'Medium', 'team_chat:read:shared_space:admin'],
  [
    'space-channels',
    ({ space }) => `/chat/spaces/${space}/channels`,
    {},
    'Medium',
    'team_chat:read:list_shared_space_channels:admin',
  ],
  [
    'space-members',
    ({ space }) => `/chat/spaces/${space}/members`,
    {},
    'Medium',
    'team_chat:read:list_shared_space_members:admin',
  ],
  ['emoji', () => '/chat/emoji', {}, 'Light', 'team_chat:read:list_custom_emojis:admin'],
];

interface Ids {
  readonly channel: string;
  readonly owner: string;
  readonly space: string;
}

let emulator: Emulator;
let bare: Emulator;
let client: Client;
let stranger: Client;
let ids: Ids;

beforeAll(async () => {
  const common = { source: SOURCE, now: NOON, frozen: true, limits: false };
  emulator = await startEmulator(common);
  bare = await startEmulator({ ...common, scopes: ['none:at:all'] });
  const { channels, spaces, users } = emulator.context();
  const plain = channels.find(({ type, archived, deleted }) => type !== 4 && !archived && !deleted);
  ids = {
    channel: plain?.id ?? '',
    owner: users.find(({ memberId }) => memberId === plain?.owner)?.id ?? '',
    space: spaces[0]?.id ?? '',
  };
});
afterAll(async () => {
  await emulator.close();
  await bare.close();
});
beforeEach(async () => {
  client = await Client.connect(emulator);
  stranger = await Client.connect(bare);
});
afterEach(() => emulator.clearFaults());

describe.each(ENDPOINTS)('the endpoint %s', (endpoint = 'token', path, parameters, category, scope) => {
  test('has its label, and is counted by its name', async () => {
    const counted = () => emulator.stats().requests[`${endpoint} 200`] ?? 0;
    const before = counted();
    const { status, headers } = await client.get(path(ids), parameters);
    expect(status).toBe(200);
    expect(headers.get('x-ratelimit-category')).toBe(category);
    expect(headers.get('x-ratelimit-type')).toBe('QPS');
    expect(counted()).toBe(before + 1);
  });

  test('asks for one of its scopes, the granular one named first', async () => {
    const { status, json } = await stranger.get(path(ids), parameters);
    expect({ status, code: json.code }).toEqual({ status: 400, code: 4711 });
    const [first] = /\[(.*)\]/.exec(json.message)?.[1]?.split(', ') ?? [];
    expect(first).toBe(scope);
  });

  test('meets faults aimed at it, and no others', async () => {
    const other = endpoint === 'users' ? 'emoji' : 'users';
    emulator.inject({ kind: 'status', status: 502, endpoint: other });
    emulator.inject({ kind: 'second-limit', endpoint });
    emulator.inject({ kind: 'missing-scope', endpoint, after: 1 });
    const refused = await client.get(path(ids), parameters);
    expect(refused).toMatchObject({ status: 429, json: { code: 429 } });
    expect(refused.headers.get('x-ratelimit-category')).toBe(category);
    const scopeless = await client.get(path(ids), parameters);
    expect(scopeless.json).toMatchObject({ code: 4711, message: expect.stringContaining(scope) });
    expect((await client.get(path(ids), parameters)).status).toBe(200);
  });
});

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'])(
  'a %s is refused and counted, wherever it goes',
  async (method) => {
    const token = (await requestedToken()).access_token;
    const before = emulator.stats().writes;
    const paths = [
      '/v2/chat/channels',
      `/v2/chat/channels/${ids.channel}/retention`,
      '/v2/nothing',
      '/oauth',
    ];
    for (const path of paths) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = method === 'HEAD' ? null : '{"cloud_retention":';
      expect((await fetch(`${emulator.url}${path}`, { method, headers, body })).status).toBe(405);
    }
    expect(emulator.stats().writes).toBe(before + paths.length);
  },
);

test('asking for tokens and driving the emulator are no writes', async () => {
  const before = emulator.stats().writes;
  expect(await requestedToken()).toHaveProperty('access_token');
  await fetch(`${emulator.url}/_emulator/faults`, { method: 'DELETE' });
  expect(emulator.stats().writes).toBe(before);
});

// biome-ignore lint/suspicious/noExplicitAny: an answer of Zoom
async function requestedToken(): Promise<any> {
  const authorization = `Basic ${btoa('emulated-client:emulated-secret')}`;
  const query = 'grant_type=account_credentials&account_id=emulated-account';
  const response = await fetch(`${emulator.url}/oauth/token?${query}`, {
    method: 'POST',
    headers: { authorization },
  });
  return await response.json();
}

describe('RESOURCE-INTENSIVE requests', () => {
  const LABEL = 'RESOURCE-INTENSIVE';

  function refusal(take: () => unknown): Refusal {
    try {
      take();
    } catch (error) {
      if (error instanceof Refusal) return error;
    }
    throw new Error('was not refused');
  }

  test.each([
    ['free', 10],
    ['pro', 10],
    ['business', 20],
  ] as const)('of plan %s are %i in a minute of emulated time', (plan, limit) => {
    const limits = new RateLimits(plan, true);
    for (let left = limit - 1; left >= 0; left -= 1) {
      expect(limits.take(LABEL, NOON + 20_000)).toEqual({
        'x-ratelimit-category': 'Resource-intensive',
        'x-ratelimit-type': 'QPS',
        'x-ratelimit-limit': String(limit),
        'x-ratelimit-remaining': String(left),
      });
    }
    const { answer } = refusal(() => limits.take(LABEL, NOON + 59_999));
    expect(answer.status).toBe(429);
    expect(answer.headers).toMatchObject({
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': String(NOON / 1000 + 60),
    });
    expect(limits.take(LABEL, NOON + 60_000)['x-ratelimit-remaining']).toBe(String(limit - 1));
    expect(limits.busiestSecond()).toEqual({ [LABEL]: limit + 1 });
  });

  test('of paid plans share the day with HEAVY ones', () => {
    const limits = new RateLimits('pro', true);
    const heavy = () => {
      try {
        limits.take('HEAVY', NOON);
      } catch {
        // Most are refused for the second, and count for the day all the same.
      }
    };
    for (let count = 0; count < 30_000; count += 1) heavy();
    const { answer } = refusal(() => limits.take(LABEL, NOON));
    expect(answer.headers).toMatchObject({
      'x-ratelimit-category': 'Resource-intensive',
      'x-ratelimit-type': 'Daily-limit',
      'x-ratelimit-limit': '30000',
      'retry-after': '2026-06-16T00:00:00.000Z',
    });
    expect(limits.take('LIGHT', NOON)['x-ratelimit-category']).toBe('Light');
    const nextDay = NOON + 86_400_000;
    expect(limits.take(LABEL, nextDay)['x-ratelimit-remaining']).toBe('9');
  });

  test('of the free plan have a day of their own', () => {
    const limits = new RateLimits('free', true);
    for (let count = 0; count < 2_000; count += 1) {
      try {
        limits.take('HEAVY', NOON);
      } catch {
        // As above.
      }
    }
    expect(limits.take(LABEL, NOON)['x-ratelimit-remaining']).toBe('9');
  });
});
