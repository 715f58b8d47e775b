/** Which days were looked at, from coverage records that the test names. */
import { expect, test } from 'vitest';
import type { LogEntry } from '../../src/proof/entry.ts';
import { type CalendarInput, type CoverageCalendar, calendar } from '../../src/query/calendar.ts';
import { holesOf } from '../../src/query/coverage-holes.ts';
import { type Reader, WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import type { Json } from '../../src/record.ts';
import { asking, openWritten, type Told, writeArchive } from '../support/told-archive.ts';

const DAY = 86_400_000;
/** Days are numbers, from the first of January. */
const at = (day: number): number => Date.UTC(2026, 0, 1) + day * DAY;
const iso = (day: number): string => new Date(at(day)).toISOString();

interface Unit {
  readonly outcome?: 'done' | 'failed' | 'lost' | 'refused' | 'withdrawn';
  readonly stream?: string;
  readonly scope?: string;
  readonly mode?: string;
  readonly said?: number;
  readonly fields?: Readonly<Record<string, Json>>;
}

/** A coverage record of days `from` to `to`. */
function unit(
  from: number,
  to: number,
  { outcome = 'done', stream = 'messages', scope = 's1', mode = 'sent', said = 50, fields = {} }: Unit = {},
): Told {
  return {
    stream: 'coverage',
    kind: outcome,
    at: at(said),
    record: {
      unit: { stream, scope, mode, from: iso(from), to: iso(to) },
      covers: outcome === 'done' ? { from: iso(from), to: iso(to) } : null,
      outcome,
      ...fields,
    },
  };
}

function message(session: string, day: number): Told {
  const sentAt = at(day);
  return {
    stream: 'messages',
    kind: 'sent',
    at: sentAt,
    session: { id: session, type: 'Group', name: `Room ${session}`, channelId: `c-${session}` },
    record: { id: `m${sentAt}`, timestamp: sentAt, message: 'text' },
  };
}

async function asked(
  told: readonly Told[],
  input: CalendarInput = {},
  {
    reader = {},
    deeds = [],
  }: { readonly reader?: Partial<Reader>; readonly deeds?: readonly LogEntry[] } = {},
): Promise<CoverageCalendar> {
  const { root } = await writeArchive(told, { deeds });
  return calendar(asking(await openWritten(root), reader).ctx, input);
}

const statesOf = ({ days }: CoverageCalendar): string => days.map(({ state }) => state[0]).join('');
const holesIn = ({ holes }: Pick<CoverageCalendar, 'holes'>): readonly string[] =>
  holes.map(({ session, from, to, why, reason }) => {
    const day = (text: string): number => (Date.parse(text) - at(0)) / DAY;
    return `${session} ${day(from)}-${day(to)} ${why} ${reason}`.trimEnd();
  });

test('each day says how it stands, and each hole has its reason', async () => {
  const told = [
    unit(0, 3),
    unit(2, 5),
    unit(7, 8.5, { said: 51 }),
    unit(8.5, 9, { outcome: 'lost', fields: { source_kept_since: iso(9) } }),
    unit(9, 11, { outcome: 'refused', fields: { first_served: '2026-01-12' } }),
    unit(11, 12),
    unit(12, 14, { outcome: 'failed', said: 60, fields: { error: 'zoom-scope' } }),
    message('s1', 0.5),
    message('s1', 0.7),
    message('s2', 7),
  ];
  const whole = await asked(told, { from: '2025-12-31', to: '2026-01-16' });
  expect(whole.days.map(({ state }) => state)).toEqual([
    'outside',
    ...Array(5).fill('covered'),
    ...Array(2).fill('missing'),
    'covered',
    'partly',
    ...Array(2).fill('lost'),
    'covered',
    ...Array(2).fill('missing'),
    ...Array(2).fill('outside'),
  ]);
  expect(holesIn(whole)).toEqual([
    's1 5-7 not-looked-at',
    `s1 8.5-9 lost Zoom kept it since ${iso(9)}`,
    's1 9-11 refused Zoom serves from 2026-01-12 on',
    's1 12-14 failed zoom-scope',
  ]);
  expect(whole.covered).toEqual({ from: iso(0), to: iso(12) });
  expect(whole.streams).toEqual(['messages']);
  expect(whole.days.filter(({ records }) => records !== 0).map(({ day, records }) => [day, records])).toEqual(
    [
      ['2026-01-01', 2],
      ['2026-01-08', 1],
    ],
  );
});

test('whoever may see some days is told of no time beyond them', async () => {
  const told = [unit(0, 5), unit(5, 7, { outcome: 'failed', fields: { error: 'zoom-scope' } }), unit(7, 12)];
  const scope = { ...WHOLE_ARCHIVE, from: '2026-01-03', to: '2026-01-06' };
  const seen = await asked(told, { from: '2026-01-01', to: '2026-01-14' }, { reader: { scope } });
  expect(statesOf(seen)).toBe('oocccmoooooooo');
  expect(seen.covered).toEqual({ from: iso(2), to: iso(5) });
  expect(holesIn(seen)).toEqual(['s1 5-6 not-looked-at']);
});

test('a stream that other sessions cover has no whole day where one has a hole', async () => {
  const told = [
    unit(0, 3),
    unit(0, 1, { scope: 's2' }),
    unit(2, 3, { scope: 's2' }),
    unit(0, 3, { stream: 'sessions', scope: '' }),
  ];
  expect(statesOf(await asked(told))).toBe('cpc');
  expect(holesIn(await asked(told))).toEqual(['s2 1-2 not-looked-at']);
  expect(statesOf(await asked(told, { session: 's1' }))).toBe('ccc');
  expect(statesOf(await asked(told, { session: 's2' }))).toBe('cmc');
  const sessions = await asked(told, { stream: 'sessions' });
  expect(statesOf(sessions)).toBe('ccc');
  expect(sessions.streams).toEqual(['messages', 'sessions']);
});

test('what was taken back does not count, and a failure that came through later is none', async () => {
  const told = [
    unit(0, 9, { said: 10 }),
    unit(0, 10, { outcome: 'withdrawn', scope: '', said: 20 }),
    unit(0, 3, { said: 30 }),
    unit(3, 4, { outcome: 'failed', said: 31, fields: { error: 'zoom-unreachable' } }),
    unit(3, 5, { said: 32 }),
  ];
  const whole = await asked(told, { to: '2026-01-07' });
  expect(statesOf(whole)).toBe('cccccoo');
  expect(whole.holes).toEqual([]);
});

test('of a session the days count its records, where records name one', async () => {
  const told = [unit(0, 2), message('s1', 0.5), message('s2', 0.6), message('s1', 1.5), message('s1', 1.6)];
  expect((await asked(told, { session: 's1' })).days.map(({ records }) => records)).toEqual([1, 2]);
  const matters = await asked([unit(0, 1, { stream: 'matters', scope: '' })], {
    session: 's1',
    stream: 'matters',
  });
  expect(matters.days.map(({ records }) => records)).toEqual([null]);
});

test('of time before coverage that was disposed of nothing is missing that can be told', async () => {
  const segment = `segments/stream=coverage/class=default/date=2026-01-08/${'a'.repeat(64)}.parquet`;
  const gone: LogEntry = {
    type: 'disposal',
    at: '2026-11-20T00:00:00.000Z',
    key: segment,
    version: 'v',
    sha256: 'b'.repeat(64),
    bytes: 1,
    class: 'default',
    by: 'ann',
    approved_by: null,
    reason: 'over',
  };
  const told = [unit(0, 2), unit(4, 5), unit(9, 11, {}), unit(2, 3, { outcome: 'lost' })];
  expect(holesIn(await asked(told))).toEqual(['s1 2-3 lost', 's1 3-4 not-looked-at', 's1 5-9 not-looked-at']);
  expect(holesIn(await asked(told, {}, { deeds: [gone] }))).toEqual(['s1 2-3 lost', 's1 8-9 not-looked-at']);
});

test('an archive without coverage has no days of its own; a calendar of centuries is refused', async () => {
  const told = [message('s1', 0)];
  expect(await asked(told)).toMatchObject({ days: [], holes: [], covered: null, streams: [] });
  expect(statesOf(await asked(told, { from: '2026-01-01', to: '2026-01-03' }))).toBe('ooo');
  for (const input of [
    { from: '2026-01-02', to: '2026-01-01' },
    { from: '0001-01-01', to: '2026-01-01' },
  ])
    await expect(asked(told, input)).rejects.toMatchObject({ code: 'usage' });
  await expect(asked(told, { from: '2026-02-30' })).rejects.toMatchObject({ code: 'usage' });
});

test('whoever may see a part is told of no hole and no number beyond it', async () => {
  const told = [
    ...['s1', 's2'].flatMap((scope) => [unit(0, 1, { scope }), unit(2, 3, { scope }), message(scope, 0.5)]),
  ];
  const reader = { role: 'auditor' as const, scope: { ...WHOLE_ARCHIVE, channels: ['c-s1'] } };
  const seen = await asked(told, {}, { reader });
  expect(holesIn(seen)).toEqual(['s1 1-2 not-looked-at']);
  expect(seen.days.map(({ records }) => records)).toEqual([null, null, null]);
  expect((await asked(told, { session: 's1' }, { reader })).days[0]).toMatchObject({ records: 1 });
  await expect(asked(told, { session: 's2' }, { reader })).rejects.toMatchObject({
    code: 'record-not-found',
  });
});

test('holes of a slice are those of its sessions and of the whole account, within its time', async () => {
  const told = [
    ...['s1', 's2'].flatMap((scope) => [unit(0, 1, { scope }), unit(4, 5, { scope })]),
    unit(0, 2, { stream: 'channel_activities', scope: '', mode: 'log' }),
    unit(3, 5, { stream: 'channel_activities', scope: '', mode: 'log' }),
    unit(0, 1, { stream: 'matters', scope: '' }),
    unit(2, 3, { stream: 'matters', scope: '' }),
  ];
  const { root } = await writeArchive(told);
  const { ctx } = asking(await openWritten(root));
  const holes = await holesOf(ctx, {
    streams: ['messages', 'channel_activities'],
    sessions: ['s2'],
    within: { from: at(1.5), to: at(2.5) },
  });
  expect(holes.map(({ stream }) => stream)).toEqual(['channel_activities', 'messages']);
  expect(holesIn({ holes })).toEqual([' 2-2.5 not-looked-at', 's2 1.5-2.5 not-looked-at']);
});
