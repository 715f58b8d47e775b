import { resolve } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkedKey, compareKeys } from '../../src/sinks/key.ts';
import { isAtLeast, stricter } from '../../src/sinks/lock.ts';
import type { ObjectLock } from '../../src/sinks/sink.ts';

const parts = fc.constantFrom('.', '..', '', 'a', '.a', 'a.', '/', '\\', '\0', '\ud800', 'é', ' ');
const anyKey = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(parts).map((some) => some.join('/')),
  fc.array(parts).map((some) => some.join('')),
);

test('a key that passes stays below any root, and is one path for one key', () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      try {
        checkedKey(key);
      } catch (error) {
        expect(error).toMatchObject({ code: 'internal' });
        return;
      }
      expect(resolve('/root', key)).toBe(`/root/${key}`);
    }),
    { numRuns: 2000 },
  );
});

test('keys are compared as S3 does, not as JavaScript does', () => {
  expect(['\u{1d4d0}', '\uff5e', 'a/c', 'a.b'].sort(compareKeys)).toEqual([
    'a.b',
    'a/c',
    '\uff5e',
    '\u{1d4d0}',
  ]);
});

const anyLock: fc.Arbitrary<ObjectLock | null> = fc.option(
  fc.record({
    mode: fc.constantFrom('governance', 'compliance'),
    retainUntil: fc.integer({ min: 0, max: 3 }).map((year) => new Date(Date.UTC(2030 + year))),
  }),
);

test('the stricter of two locks is at least both, and not more than needed', () => {
  fc.assert(
    fc.property(anyLock, anyLock, (a, b) => {
      const both = stricter(a, b);
      expect(isAtLeast(both, a) && isAtLeast(both, b)).toBe(true);
      expect(stricter(b, a)).toEqual(both);
      if (isAtLeast(a, b)) expect(both).toEqual(a);
    }),
  );
});
