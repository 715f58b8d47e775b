import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { literal, openDuckDB } from '../../src/duckdb.ts';
import { exceptional, fold, foldWithPlaces } from '../../src/query/fold.ts';

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await openDuckDB();
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

const character = fc.oneof(
  fc.constantFrom(
    'é',
    'e\u0301',
    'ß',
    'ẞ',
    'ﬁ',
    'Σ',
    'ς',
    'İ',
    'ı',
    'ｶ',
    'ﾞ',
    'ガ',
    '가',
    '\u1100',
    '\u1161',
    '\u0323',
    '🙂',
    '❤\ufe0f',
  ),
  fc.constantFrom('a', 'B', ' ', '0'),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const text = fc.array(character, { maxLength: 12 }).map((parts) => parts.join('').replaceAll('\0', ''));

test('what is the same for Unicode and a reader is the same when folded', () => {
  for (const [one, other] of [
    ['Straße', 'STRASSE'],
    ['e\u0301', 'É'],
    ['ﬁ', 'FI'],
    ['ΟΔΟΣ', 'οδος'],
    ['ｶﾞ', 'ガ'],
    ['\u1112\u1161\u11ab', '한'],
    ['a\u202eb\u202c', 'ab'],
    ['❤\ufe0f', '❤'],
    ['a\u0323\u0307', 'a\u0307\u0323'],
  ] as const)
    expect(fold(one)).toBe(fold(other));
  fc.assert(
    fc.property(text, (one) => {
      expect(fold(one.normalize('NFD'))).toBe(fold(one));
      expect(fold(one.normalize('NFKC'))).toBe(fold(one));
      expect(fold(fold(one))).toBe(fold(one));
    }),
    { numRuns: 500 },
  );
});

test('with places it is the same text, and places lie in the text', () => {
  fc.assert(
    fc.property(text, (one) => {
      const { folded, starts, ends } = foldWithPlaces(one);
      expect(folded).toBe(fold(one));
      expect([starts.length, ends.length]).toEqual([folded.length, folded.length]);
      for (const [unit, start] of starts.entries()) {
        const end = ends[unit] ?? 0;
        expect(start < end && end <= one.length && start >= (starts[unit - 1] ?? 0)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test('where nothing is exceptional DuckDB folds alike', async () => {
  const special = await exceptional(connection);
  const texts = fc.sample(text, 1_500);
  const list = texts.map((one) => one.toWellFormed());
  const reader = await connection.runAndReadAll(
    `select lower(t), strlen(t) <> length(t) and regexp_matches(t, ${literal(special)})
     from (select unnest([${list.map(literal).join(', ')}]) as t)`,
  );
  let plain = 0;
  for (const [index, [lower, isSpecial]] of reader.getRows().entries()) {
    if (isSpecial === true) continue;
    plain += 1;
    expect(lower).toBe(fold(list[index] ?? ''));
  }
  expect(plain).toBeGreaterThan(100);
});
