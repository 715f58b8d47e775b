/** What is kept, by logs whose every entry the test knows. */
import { describe, expect, test } from 'vitest';
import type { LogEntry } from '../../src/proof/entry.ts';
import { type Kept, kept } from '../../src/query/kept.ts';
import type { Role } from '../../src/query/reader.ts';
import { asking, openWritten, type Told, writeArchive } from '../support/told-archive.ts';

const T0 = Date.UTC(2026, 4, 1, 12);
const DAY = 86_400_000;
const NOW = Date.UTC(2027, 0, 1);

const told = (className: string, at: number, count = 1): readonly Told[] =>
  Array.from({ length: count }, (_, number) => ({
    stream: 'messages',
    kind: 'sent',
    at: at + number,
    class: className,
    session: { id: 's', type: 'Group', name: 'General', channelId: 'c' },
    record: { id: `m${number}`, timestamp: at + number, message: 'text' },
  }));

/** Deeds upon the segments of an archive, which has to be written once without them. */
async function keptOf(
  records: readonly Told[],
  deeds: (segments: readonly Extract<LogEntry, { type: 'segment' }>[]) => readonly LogEntry[],
  objects: readonly Buffer[] = [],
): Promise<Kept> {
  const first = await writeArchive(records, { objects });
  const segments = first.entries.filter((entry) => entry.type === 'segment');
  const { root } = await writeArchive(records, { objects, deeds: deeds(segments) });
  return kept(asking(await openWritten(root)).ctx, NOW);
}

const lockOf = (
  { key, version }: { readonly key: string; readonly version: string },
  mode: 'governance' | 'compliance',
  until: string,
  className = 'default',
): LogEntry => ({
  type: 'lock',
  at: '2026-11-20T00:00:00.000Z',
  key,
  version,
  class: className,
  lock: { mode, retain_until: until },
});

test('classes count what is there, by the locks that are in force and the class that counts now', async () => {
  const { classes, at } = await keptOf(
    [
      ...told('books', T0, 3),
      ...told('books', T0 + DAY),
      ...told('short', T0 + 2 * DAY),
      ...told('short', T0 + 9 * DAY, 2),
    ],
    ([a, b, c, d]) => {
      if (a === undefined || b === undefined || c === undefined || d === undefined)
        throw new Error('segments');
      return [
        lockOf(a, 'compliance', '2030-01-01T00:00:00.000Z', 'books'),
        lockOf(b, 'compliance', '2029-01-01T00:00:00.000Z', 'books'),
        // Over by now, and of another class from then on.
        lockOf(c, 'governance', '2026-12-31T00:00:00.000Z', 'other'),
        {
          type: 'disposal',
          at: '2026-12-30T10:00:00.000Z',
          key: d.key,
          version: d.version,
          sha256: d.sha256,
          bytes: d.bytes,
          class: 'short',
          by: 'ann',
          approved_by: 'bob',
          reason: 'over',
        },
      ];
    },
    [Buffer.from('file')],
  );
  expect(at.size).toBe(1 + 4 + 1 + 4);
  expect(classes.map(({ bytes, ...rest }) => ({ ...rest, bytes: bytes > 0 }))).toEqual([
    {
      name: 'books',
      segments: 2,
      objects: 0,
      records: 4,
      bytes: true,
      firstDay: '2026-05-01',
      lastDay: '2026-05-02',
      disposed: 0,
      locks: [
        { mode: 'compliance', count: 2, from: '2029-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
      ],
    },
    {
      name: 'default',
      segments: 0,
      objects: 1,
      records: 0,
      bytes: true,
      firstDay: null,
      lastDay: null,
      disposed: 0,
      locks: [{ mode: 'none', count: 1, from: null, to: null }],
    },
    {
      name: 'other',
      segments: 1,
      objects: 0,
      records: 1,
      bytes: true,
      firstDay: '2026-05-03',
      lastDay: '2026-05-03',
      disposed: 0,
      locks: [{ mode: 'none', count: 1, from: null, to: null }],
    },
    {
      name: 'short',
      segments: 0,
      objects: 0,
      records: 0,
      bytes: false,
      firstDay: null,
      lastDay: null,
      disposed: 1,
      locks: [],
    },
  ]);
});

type HoldEntry = Extract<LogEntry, { type: 'hold' }>;
type Step = Pick<HoldEntry, 'action'> & Partial<HoldEntry>;

const EMPTY = { custodians: [], channels: [], sessions: [], from: null, to: null };

function steps(hold: string, list: readonly Step[]): readonly LogEntry[] {
  return list.map((step, number) => ({
    type: 'hold',
    at: new Date(T0 + number * DAY).toISOString(),
    hold,
    matter: 'Acme',
    source: 'own',
    by: 'ann',
    reason: 'because',
    scope: null,
    ends_at: null,
    ...step,
  }));
}

describe('holds', () => {
  test('have the scope of all their steps and the state after the last', async () => {
    const ends = '2026-08-01T00:00:00.000Z';
    const { holds } = await keptOf(told('default', T0), () => [
      ...steps('one', [
        { action: 'place', scope: { ...EMPTY, custodians: ['a@x'], from: '2026-03-01', to: '2026-04-01' } },
        {
          action: 'change',
          matter: 'Acme II',
          scope: { ...EMPTY, sessions: ['s'], from: '2026-01-01', to: null },
        },
        { action: 'release', matter: 'Acme II', ends_at: ends },
        { action: 'cancel', matter: 'Acme II' },
      ]),
      ...steps('two', [
        { action: 'place', scope: EMPTY },
        { action: 'release', ends_at: ends },
      ]),
      ...steps('three', [
        { action: 'place', scope: EMPTY },
        { action: 'release', ends_at: ends },
        { action: 'end' },
      ]),
    ]);
    expect(holds.map(({ hold, state }) => `${hold} ${state}`)).toEqual([
      'three ended',
      'two ending',
      'one in force',
    ]);
    expect(holds[2]).toMatchObject({
      matter: 'Acme II',
      source: 'own',
      scope: { custodians: ['a@x'], channels: [], sessions: ['s'], from: '2026-01-01', to: null },
      steps: [
        { action: 'place', by: 'ann', reason: 'because', endsAt: null, entry: 2 },
        { action: 'change', entry: 3 },
        { action: 'release', endsAt: ends },
        { action: 'cancel' },
      ],
    });
  });
});

test('disposals of one day, class, persons and reason are one, newest first', async () => {
  const disposal = (at: string, reason: string, bytes: number): LogEntry => ({
    type: 'disposal',
    at,
    key: `objects/sha256/aa/${'a'.repeat(64)}`,
    version: `version ${bytes}`,
    sha256: 'a'.repeat(64),
    bytes,
    class: 'short',
    by: 'ann',
    approved_by: null,
    reason,
  });
  const { disposals } = await keptOf(told('default', T0), () => [
    disposal('2026-12-01T10:00:00.000Z', 'over', 1),
    disposal('2026-12-01T11:00:00.000Z', 'over', 2),
    disposal('2026-12-01T11:00:00.000Z', 'other', 4),
    disposal('2026-12-02T11:00:00.000Z', 'over', 8),
  ]);
  const said = disposals.map(({ at, reason, count, bytes }) => [at.slice(0, 10), reason, count, bytes]);
  expect(said).toEqual([
    ['2026-12-02', 'over', 1, 8],
    ['2026-12-01', 'over', 2, 3],
    ['2026-12-01', 'other', 1, 4],
  ]);
});

test.each<[Role, boolean]>([
  ['auditor', false],
  ['officer', true],
  ['admin', true],
])('%s may ask: %s', async (role, may) => {
  const { root } = await writeArchive(told('default', T0));
  const { ctx, recorded } = asking(await openWritten(root), { role });
  if (may) {
    await kept(ctx, NOW);
    expect(recorded).toEqual([{ action: 'retention', input: {} }]);
  } else {
    await expect(kept(ctx, NOW)).rejects.toMatchObject({ code: 'access-denied' });
    expect(recorded).toEqual([]);
  }
});
