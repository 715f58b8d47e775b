import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ARCHIVE_KEY,
  bundleKey,
  CHECKPOINT_KEY,
  objectKey,
  parseBundleKey,
  parseObjectKey,
  parseSegmentKey,
  parseTileKey,
  segmentKey,
  segmentsPrefix,
  tileKey,
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

describe('a key of the log', () => {
  const number = fc.oneof(fc.nat(2000), fc.maxSafeNat());
  const bundle = fc.record({ number, width: fc.integer({ min: 1, max: 256 }) });
  const tile = fc.record({ level: fc.nat(63), number, width: fc.integer({ min: 1, max: 256 }) });

  test('is the one of C2SP tlog-tiles', () => {
    expect(CHECKPOINT_KEY).toBe('log/checkpoint');
    expect(tileKey({ level: 0, number: 1_234_067, width: 256 })).toBe('log/tile/0/x001/x234/067');
    expect(tileKey({ level: 63, number: 0, width: 1 })).toBe('log/tile/63/000.p/1');
    expect(tileKey({ level: 1, number: 1000, width: 255 })).toBe('log/tile/1/x001/000.p/255');
    expect(bundleKey({ number: 999, width: 256 })).toBe('log/tile/entries/999');
    expect(bundleKey({ number: 273, width: 112 })).toBe('log/tile/entries/273.p/112');
  });

  test('written and read back is the same, and a sink takes it', () => {
    fc.assert(
      fc.property(tile, bundle, (someTile, someBundle) => {
        expect(parseTileKey(tileKey(someTile))).toEqual(someTile);
        expect(parseBundleKey(bundleKey(someBundle))).toEqual(someBundle);
        expect(parseBundleKey(tileKey(someTile))).toBeUndefined();
        expect(parseTileKey(bundleKey(someBundle))).toBeUndefined();
        for (const key of [tileKey(someTile), bundleKey(someBundle)]) {
          expect(() => checkedKey(key)).not.toThrow();
          expect(parseSegmentKey(key) ?? parseObjectKey(key)).toBeUndefined();
        }
      }),
    );
  });

  test.each([
    '',
    CHECKPOINT_KEY,
    'log/tile/',
    'log/tile/0',
    'log/tile/0/0',
    'log/tile/0/00',
    'log/tile/0/0000',
    'log/tile/00/000',
    'log/tile/01/000',
    'log/tile/64/000',
    'log/tile/-1/000',
    'log/tile/0/x000/000',
    'log/tile/0/x001',
    'log/tile/0/001/000',
    'log/tile/0/x001/x000',
    'log/tile/0/x009/x007/x199/x254/x740/992',
    'log/tile/0/000.p/0',
    'log/tile/0/000.p/01',
    'log/tile/0/000.p/256',
    'log/tile/0/000.p/1000',
    'log/tile/0/000.p/',
    'log/tile/0/000.p',
    'log/tile/0/000\n',
    'log/tile/0/000/',
    '/log/tile/0/000',
    'x/log/tile/0/000',
  ])('is not %j', (key) => {
    expect(parseTileKey(key)).toBeUndefined();
    expect(parseBundleKey(key)).toBeUndefined();
  });

  test.each(['entries', 'entries/', 'entries/0', 'entries/x000/000', 'entries/000.p/256', 'Entries/000'])(
    'is not log/tile/%s',
    (rest) => {
      expect(parseBundleKey(`log/tile/${rest}`)).toBeUndefined();
      expect(parseTileKey(`log/tile/${rest}`)).toBeUndefined();
    },
  );
});
