import { expect, test } from 'vitest';
import { countRefusal, isLastWord, refusedReason } from '../../src/collectors/patience.ts';
import { ArchiverError } from '../../src/errors.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test('only answers of one reason in a row count, and another one begins anew', () => {
  const first = countRefusal(undefined, 'restricted', 1000);
  expect(first).toEqual({ reason: 'restricted', times: 1, since: 1000 });
  const second = countRefusal(first, 'restricted', 2000);
  expect(second).toEqual({ reason: 'restricted', times: 2, since: 1000 });
  expect(countRefusal(second, 'not-found', 3000)).toEqual({ reason: 'not-found', times: 1, since: 3000 });
});

test('a clock that was ahead does not make the wait longer', () => {
  const ahead = countRefusal(undefined, 'restricted', 90 * DAY);
  expect(countRefusal(ahead, 'restricted', DAY)).toMatchObject({ times: 2, since: DAY });
});

test.each([
  // Often, but within hours: a role may have lost its right for so long.
  [20, 23 * HOUR, DAY, false],
  // Long ago, but only twice: the archiver may have stood still.
  [2, 9 * DAY, DAY, false],
  [3, DAY, DAY, true],
  [1, 0, 0, true],
])('%i refusals over %i ms with a patience of %i are the last word: %s', (times, span, patience, last) => {
  expect(isLastWord({ reason: 'restricted', times, since: 5 }, patience, 5 + span)).toBe(last);
});

test('what failed on its way is no refusal', () => {
  expect(refusedReason(new ArchiverError('zoom-unreachable', 'x'))).toBeUndefined();
  expect(refusedReason(new Error('x'))).toBeUndefined();
});
