import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ARCHIVE_KEY,
  objectKey,
  parseObjectKey,
  parseSegmentKey,
  segmentKey,
  segmentsPrefix,
} from '../../src/segments/layout.ts';
import { checkedKey } from '../../src/sinks/key.ts';

const ROOT = 'ab'.repeat(32);
const hexRoot = fc.stringMatching(/^[0-9a-f]{64}$/);
const day = fc
  .date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.constantFrom(
      'messages',
      'a/b',
      '..',
      '.',
      '=',
      'a=b/class=c',
      '%',
      '%2F',
      ' ',
      '\0',
      '\\',
      'é',
      '😀',
      'date=2026-01-01',
    ),
  )
  .map((text) => text.toWellFormed());

describe('a segment key', () => {
  test('is folders that DuckDB, Athena, Trino and Spark read as partitions', () => {
    expect(segmentKey({ stream: 'messages', className: 'mifid_7-y', day: '2026-06-15', root: ROOT })).toBe(
      `segments/stream=messages/class=mifid_7-y/date=2026-06-15/${ROOT}.parquet`,
    );
  });

  test('written and read back is the same, whatever the names are', () => {
    fc.assert(
      fc.property(name, name, day, hexRoot, (stream, className, date, root) => {
        const parts = { stream, className, day: date, root };
        expect(parseSegmentKey(segmentKey(parts))).toEqual(parts);
      }),
      { numRuns: 500 },
    );
  });

  test('is different for different parts', () => {
    fc.assert(
      fc.property(name, name, name, name, (stream, className, otherStream, otherClass) => {
        fc.pre(stream !== otherStream || className !== otherClass);
        const rest = { day: '2026-06-15', root: ROOT };
        expect(segmentKey({ stream, className, ...rest })).not.toBe(
          segmentKey({ stream: otherStream, className: otherClass, ...rest }),
        );
      }),
    );
  });

  test('has no name that adds a folder, leaves one, or that a sink refuses', () => {
    fc.assert(
      fc.property(name, name, (stream, className) => {
        const key = segmentKey({ stream, className, day: '2026-06-15', root: ROOT });
        expect(key.split('/')).toHaveLength(5);
        expect(key).toMatch(/^[\w%=./-]+$/);
        expect(() => checkedKey(key)).not.toThrow();
        expect(key.startsWith(segmentsPrefix(stream))).toBe(true);
        expect(key.startsWith(segmentsPrefix())).toBe(true);
      }),
    );
  });
});

describe('parseSegmentKey knows only its own', () => {
  const good = segmentKey({ stream: 's', className: 'c', day: '2026-06-15', root: ROOT });

  test.each([
    '',
    ARCHIVE_KEY,
    segmentsPrefix(),
    segmentsPrefix('s'),
    `x/${good}`,
    `/${good}`,
    `${good}.tmp`,
    `${good}\n`,
    good.toUpperCase(),
    good.replace('.parquet', '.json'),
    good.replace(ROOT, ROOT.slice(2)),
    good.replace(ROOT, ROOT.toUpperCase()),
    good.replace('2026-06-15', '2026-6-15'),
    good.replace('stream=s', 'stream='),
    good.replace('stream=s/', ''),
    good.replace('class=c', 'class=c/x'),
    good.replace('class=c', 'kind=c'),
    good.replace('class=c', 'class=%ZZ'),
    good.replace('class=c', 'class=%63'),
  ])('%j', (key) => {
    expect(parseSegmentKey(key)).toBeUndefined();
  });

  test('any other text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseSegmentKey(text)).toBeUndefined();
      }),
    );
  });
});

test('prefixes of one stream do not hold those of another', () => {
  expect(segmentsPrefix('messages')).toBe('segments/stream=messages/');
  expect(segmentsPrefix('messages').startsWith(segmentsPrefix('message'))).toBe(false);
});

test('the key of an object tells its hash, and no other key does', () => {
  fc.assert(
    fc.property(hexRoot, (sha256) => {
      const key = objectKey(sha256);
      expect(key).toBe(`objects/sha256/${sha256.slice(0, 2)}/${sha256}`);
      expect(parseObjectKey(key)).toBe(sha256);
      expect(parseObjectKey(`${key}0`)).toBeUndefined();
      expect(parseObjectKey(key.slice(0, -1))).toBeUndefined();
      expect(parseSegmentKey(key)).toBeUndefined();
    }),
  );
  expect(parseObjectKey(`objects/sha256/ab/${'cd'.repeat(32)}`)).toBeUndefined();
});
