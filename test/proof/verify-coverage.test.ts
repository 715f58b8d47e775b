/** What verification says about coverage records, by cases. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openDuckDB } from '../../src/duckdb.ts';
import { Coverage, type CoverageVerdict } from '../../src/proof/verify/coverage.ts';
import type { Finding } from '../../src/proof/verify/finding.ts';

/** Days are numbers; what was said, when, of which days. */
interface Told {
  readonly stream?: string;
  readonly scope?: string;
  readonly mode?: string;
  readonly outcome?: string;
  readonly said?: number;
  /** Default: `covers`. */
  readonly window?: readonly [number, number];
  readonly covers?: readonly [number, number];
}

const DAY = 86_400_000;
const at = (day: number): number => Date.UTC(2026, 0, 1) + day * DAY;
const moment = (day: number | undefined): string =>
  day === undefined ? 'null::timestamptz' : `make_timestamptz(${at(day) * 1000}::bigint)`;

/** Each of `segments` is a Parquet file with the columns that a coverage segment has. */
async function checked(
  segments: readonly (readonly Told[])[],
  now = 100,
  from?: number,
): Promise<CoverageVerdict & { readonly holes: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'coverage-'));
  const duckdb = await openDuckDB({ threads: 1, temporary: join(folder, 'duckdb') });
  onTestFinished(async () => {
    duckdb.closeSync();
    await rm(folder, { recursive: true });
  });
  const coverage = await Coverage.open(duckdb);
  const connection = await duckdb.connect();
  for (const [index, rows] of segments.entries()) {
    const values = rows.map(
      ({ stream = 'messages', scope = 's', mode = 'sent', outcome = 'done', said = 50, covers, ...rest }) => {
        const [from, to] = rest.window ?? covers ?? [];
        const times = [said, from, to, covers?.[0], covers?.[1]].map(moment);
        return `('${stream}', '${scope}', '${mode}', '${outcome}', ${times.join(', ')}, '{}')`;
      },
    );
    const path = join(folder, `${index}.parquet`);
    await connection.run(`copy (select * from (values ${values.join(', ')}) as
      told(unit_stream, session_id, mode, outcome, event_at, window_from, window_to, covers_from, covers_to, record))
      to '${path}' (format parquet)`);
    await coverage.read([path]);
  }
  connection.closeSync();
  const findings: Finding[] = [];
  const verdict = await coverage.check(
    at(now),
    from === undefined ? Number.NEGATIVE_INFINITY : at(from),
    (finding) => void findings.push(finding),
  );
  coverage.close();
  const days = (text = ''): string =>
    text.replace(/\d{4}-\S+Z/g, (iso) => String((Date.parse(iso) - at(0)) / DAY));
  return {
    ...verdict,
    holes: findings.map(({ what, key, expected }) => `${what}: ${key}, ${days(expected)}`),
  };
}

test('time between is a gap, in whatever order and segment it is told', async () => {
  const { holes, covered } = await checked([[{ covers: [6, 9] }], [{ covers: [0, 3] }, { covers: [2, 4] }]]);
  expect(holes).toEqual(['time that nobody looked at: messages sent s, covered from 4 to 6']);
  expect(covered).toEqual([{ stream: 'messages', from: at(0), to: at(9) }]);
});

test.each<[string, readonly Told[]]>([
  ['lost time', [{ covers: [0, 3] }, { outcome: 'lost', window: [3, 6] }, { covers: [6, 9] }]],
  ['refused time', [{ covers: [0, 3] }, { outcome: 'refused', window: [3, 6] }, { covers: [6, 9] }]],
  [
    'lists of sessions of two modes',
    [
      { stream: 'sessions', scope: '', mode: 'recent', covers: [0, 3] },
      { stream: 'sessions', scope: '', mode: 'all', covers: [3, 6] },
      { stream: 'sessions', scope: '', mode: 'recent', covers: [6, 9] },
    ],
  ],
  [
    'looks that each cover from the one before on',
    [
      { stream: 'context', mode: 'users', scope: '', window: [1, 1], covers: [1, 2] },
      { stream: 'context', mode: 'users', scope: '', window: [5, 5], covers: [2, 5] },
    ],
  ],
  ['a repair somewhere', [{ covers: [5, 9] }, { mode: 'repair', covers: [0, 1] }]],
  [
    'what was taken back and asked for again',
    [
      { covers: [0, 1], said: 10 },
      { covers: [4, 5], said: 10 },
      { outcome: 'withdrawn', scope: '', said: 20 },
      { covers: [0, 5], said: 30 },
    ],
  ],
  [
    'a failure that came through later',
    [
      { covers: [0, 3], said: 3 },
      { outcome: 'failed', window: [3, 4], said: 4 },
      { covers: [3, 3.9], said: 4.5 },
    ],
  ],
  [
    'the part of its first day that was not asked for',
    [
      { outcome: 'failed', window: [0, 3], said: 4 },
      { covers: [0.5, 3], said: 5 },
    ],
  ],
  ['a failure of today', [{ covers: [0, 3] }, { outcome: 'failed', window: [3, 101], said: 99.5 }]],
  [
    'a look that failed and came through later',
    [
      { stream: 'context', outcome: 'failed', window: [1, 1], said: 1 },
      { stream: 'context', outcome: 'done', window: [2, 2], said: 2 },
    ],
  ],
])('%s is none', async (_name, told) => {
  expect((await checked([told])).holes).toEqual([]);
});

test.each<[string, readonly Told[], string]>([
  [
    'a unit that only failed',
    [{ outcome: 'failed', window: [3, 6], said: 5 }],
    'messages sent s, covered from 3 to 5',
  ],
  [
    'a unit that failed before all that was covered',
    [
      { outcome: 'failed', window: [0, 3], said: 50 },
      { covers: [3, 9], said: 51 },
    ],
    'messages sent s, covered from 0 to 3',
  ],
  [
    'a unit that failed behind all that was covered',
    [
      { covers: [0, 3], said: 3 },
      { outcome: 'failed', window: [2, 6], said: 8 },
    ],
    'messages sent s, covered from 3 to 6',
  ],
  [
    'one that failed last, though another window came through later',
    [
      { covers: [0, 3], said: 60 },
      { outcome: 'failed', window: [4, 6], said: 50 },
    ],
    'messages sent s, covered from 4 to 6',
  ],
  [
    'a look that failed since it came through',
    [
      { stream: 'context', mode: 'users', scope: '', window: [1, 1], covers: [0, 1], said: 1 },
      { stream: 'context', mode: 'users', scope: '', outcome: 'failed', window: [2, 2], said: 2 },
      { stream: 'context', mode: 'users', scope: '', outcome: 'failed', window: [4, 4], said: 4 },
    ],
    'context users, covered from 1 to 4',
  ],
])('%s is found', async (_name, told, hole) => {
  expect((await checked([told])).holes).toEqual([`time that could not be collected: ${hole}`]);
});

test('of a gap that began before what was disposed of, the part since is found', async () => {
  const told: readonly Told[] = [{ covers: [0, 2] }, { covers: [8, 9] }];
  const gap = (from: number): string =>
    `time that nobody looked at: messages sent s, covered from ${from} to 8`;
  expect((await checked([told], 100, 1)).holes).toEqual([gap(2)]);
  expect((await checked([told], 100, 5)).holes).toEqual([gap(5)]);
  expect((await checked([told], 100, 8)).holes).toEqual([]);
});

test('lost and refused windows are counted, those taken back not', async () => {
  const { lost } = await checked([
    [
      { outcome: 'lost', window: [0, 1], said: 30 },
      { outcome: 'refused', window: [1, 2], said: 30 },
      { outcome: 'lost', window: [1, 2], said: 10 },
      { outcome: 'failed', window: [1, 2], said: 99.9 },
      { outcome: 'withdrawn', scope: '', said: 20 },
    ],
  ]);
  expect(lost).toBe(2);
});
