import { describe, expect, test } from 'vitest';
import { type ContextState, dueLooks, lastTurn } from '../../src/collectors/context-plan.ts';
import { contextCandidate, goneCandidate, type Sighted } from '../../src/collectors/context-records.ts';
import { accountRetention, judgeSettings, periodMs } from '../../src/collectors/source-settings.ts';
import { DAY_MS } from '../../src/collectors/windows.ts';
import { NOON } from '../zoom/connect.ts';

const LISTS = ['settings ', 'users ', 'spaces ', 'channels ', 'emoji '];
const CHANNELS = Array.from({ length: 1000 }, (_, index) => `channel-${index}`);

describe('the looks that are due', () => {
  const looked = (names: readonly string[], at: number): Map<string, number> =>
    new Map(names.map((name) => [name, at]));
  const state = (askedAt: ReadonlyMap<string, number>, waiting: readonly string[] = []): ContextState => ({
    channels: CHANNELS,
    spaces: ['space-1'],
    askedAt,
    coveredTo: askedAt,
    waiting: new Set(waiting),
  });
  const names = (...args: Parameters<typeof dueLooks>): string[] =>
    dueLooks(...args).map(({ mode, scope }) => `${mode} ${scope}`);

  test('are the lists first, then everything they told of', () => {
    expect(names(state(new Map()), DAY_MS, NOON)).toEqual(LISTS);
    const after = names(state(looked(LISTS, NOON)), DAY_MS, NOON);
    expect(after).toEqual(['space space-1', ...CHANNELS.map((id) => `channel ${id}`)]);
  });

  test('leave out what is fresh and what waits after a failure', () => {
    const lists = looked(LISTS, NOON - DAY_MS);
    expect(names(state(lists, ['users ']), DAY_MS, NOON)).toEqual(LISTS.filter((name) => name !== 'users '));
    expect(names(state(lists), DAY_MS, NOON - 1)).not.toContain('users ');
  });

  test('of channels spread over the interval, each once', () => {
    let asked = looked([...LISTS, 'space space-1', ...CHANNELS.map((id) => `channel ${id}`)], NOON);
    const counts: number[] = [];
    for (let hour = 1; hour <= 48; hour += 1) {
      const now = NOON + (hour * DAY_MS) / 24;
      const due = names(state(looked(LISTS, now)), DAY_MS, now).length;
      expect(due).toBe(1001);
      const turn = names(state(new Map([...asked, ...looked(LISTS, now)])), DAY_MS, now);
      counts.push(turn.length);
      asked = new Map([...asked, ...looked(turn, now)]);
    }
    expect(counts.slice(0, 24).reduce((sum, count) => sum + count, 0)).toBe(1001);
    expect(counts.slice(24).reduce((sum, count) => sum + count, 0)).toBe(1001);
    expect(Math.max(...counts)).toBeLessThan(100);
  });

  test('are due again when the clock was set back', () => {
    expect(names(state(looked(LISTS, NOON + DAY_MS)), DAY_MS, NOON)).toEqual(LISTS);
  });

  test('answer for the time since the look before', () => {
    const [first] = dueLooks(state(new Map()), DAY_MS, NOON);
    expect(first?.covers).toEqual({ from: Date.parse('2026-06-15'), to: NOON });
    const [again] = dueLooks(state(looked(LISTS, NOON - 3 * DAY_MS)), DAY_MS, NOON);
    expect(again?.covers).toEqual({ from: NOON - 3 * DAY_MS, to: NOON });
  });

  test('a turn comes once an interval', () => {
    for (const id of CHANNELS.slice(0, 50)) {
      const turn = lastTurn(id, DAY_MS, NOON);
      expect(NOON - turn).toBeGreaterThanOrEqual(0);
      expect(NOON - turn).toBeLessThan(DAY_MS);
      expect(lastTurn(id, DAY_MS, turn + DAY_MS)).toBe(turn + DAY_MS);
      expect(lastTurn(id, DAY_MS, turn + DAY_MS - 1)).toBe(turn);
    }
  });
});

describe('a context record', () => {
  const USER: Sighted = {
    kind: 'user',
    subject: 'u1',
    name: 'Ada',
    value: { id: 'u1', email: 'ada@company.example', last_login_time: '2026-06-01T00:00:00Z' },
  };
  const made = (change: object = {}) =>
    contextCandidate({ ...USER, value: { ...(USER.value as object), ...change } }, 'account', NOON);

  test('holds what Zoom sent, verbatim, beside what it is about', () => {
    expect(made()).toMatchObject({ stream: 'context', kind: 'user', rule: 'state', time: NOON });
    expect(JSON.parse(made().record)).toEqual(USER);
  });

  test('has not changed by what moves by itself', () => {
    expect(made({ last_login_time: '2026-06-09T00:00:00Z' })).toMatchObject({
      key: made().key,
      content: made().content,
    });
    expect(made({ email: 'a@company.example' }).content).not.toBe(made().content);
  });

  test('of what is gone is another state of the same', () => {
    const gone = goneCandidate({ kind: 'user', subject: 'u1', name: 'Ada' }, 'account', NOON);
    expect(gone).toMatchObject({ kind: 'user_gone', key: made().key });
    expect(gone.content).not.toBe(made().content);
    expect(JSON.parse(gone.record)).toEqual({ kind: 'user_gone', subject: 'u1', name: 'Ada', value: null });
  });
});

describe('the chat settings', () => {
  const cloud = (enable: boolean, direct: string, channels: string) => ({
    set_retention_period_in_cloud: {
      enable,
      retention_period_of_direct_messages_and_group_conversation: direct,
      retention_period_of_channels: channels,
    },
  });
  const verdicts = (chat: Parameters<typeof judgeSettings>[0]): Record<string, boolean> =>
    Object.fromEntries(judgeSettings(chat, 3 * DAY_MS).map(({ setting, ok }) => [setting, ok]));

  test.each<[Parameters<typeof judgeSettings>[0], Record<string, boolean>]>([
    [{}, {}],
    [{ store_revise_chat: false }, { store_revise_chat: false }],
    [{ store_revise_chat: true }, { store_revise_chat: true }],
    [cloud(false, '2y', '2y'), { cloud_storage: false }],
    [cloud(true, '2y', '3d'), { cloud_storage: true, retention_direct: true, retention_channels: true }],
    [cloud(true, '1d', '2d'), { cloud_storage: true, retention_direct: false, retention_channels: false }],
    [cloud(true, '1m', 'ever'), { cloud_storage: true, retention_direct: true, retention_channels: true }],
  ])('%j: %j', (chat, expected) => {
    expect(verdicts(chat)).toEqual(expected);
  });

  test('say how long Zoom keeps messages', () => {
    expect(accountRetention(cloud(true, '2y', '90d'))).toEqual([
      { scope: 'direct', period: '2y' },
      { scope: 'channels', period: '90d' },
    ]);
    expect(accountRetention(cloud(false, '2y', '90d')).map(({ period }) => period)).toEqual(['7d', '7d']);
    expect(accountRetention(cloud(true, '2y', 'ever'))[1]?.period).toBe('');
    expect(accountRetention({})).toEqual([]);
    expect([periodMs('1d'), periodMs('2m'), periodMs('1y'), periodMs('x')]).toEqual([
      DAY_MS,
      56 * DAY_MS,
      365 * DAY_MS,
      undefined,
    ]);
  });
});
