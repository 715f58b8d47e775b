import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  contentHash,
  type Json,
  keyMonth,
  LASTING,
  messageId,
  recordKey,
  scopeTag,
  utcDay,
} from '../src/record.ts';

/** Its types promise a default export that its CommonJS does not have. */
const canonicalize: (value: unknown) => string | undefined = createRequire(import.meta.url)('canonicalize');

/** Any text at all, lone surrogates included. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((units) => {
  return String.fromCharCode(...units);
});
/** Names that JavaScript orders, escapes or inherits in ways of its own. */
const awkwardName = fc.constantFrom(
  ...['', '0', '1', '10', '2', '-1', '01', '4294967295', '__proto__', 'constructor', 'toJSON', '"', '\\'],
  ...['\u0000', '\u2028', 'é', 'e\u0301', '\ufb33', '\u{1f600}', '\uffff', 'Z', 'a'],
);

function jsonOf(text: fc.Arbitrary<string>): fc.Arbitrary<Json> {
  const { value } = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<Json>(null, true, false, 0, -0, 1e21, 1e-7, 5e-324, 2 ** 53, 0.1),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      text,
      fc.array(tie('value'), { maxLength: 5 }),
      fc
        .array(fc.tuple(fc.oneof(awkwardName, text), tie('value')), { maxLength: 6 })
        .map((members) => Object.fromEntries(members)),
    ),
  }));
  return value;
}

const wellFormed = anyText.map((text) => text.toWellFormed());

describe('canonicalJson', () => {
  test('agrees with an independent implementation of RFC 8785', () => {
    fc.assert(
      fc.property(jsonOf(wellFormed), (value) => {
        expect(canonicalJson(value)).toBe(canonicalize(value));
      }),
      { numRuns: 2000 },
    );
  });

  test('is read back as what was written, lone surrogates included', () => {
    fc.assert(
      fc.property(jsonOf(anyText), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('can be stored and hashed as UTF-8 without loss, and holds no raw control character', () => {
    fc.assert(
      fc.property(jsonOf(anyText), (value) => {
        const text = canonicalJson(value);
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toMatch(/[\u0000-\u001f]/);
      }),
      { numRuns: 1000 },
    );
  });

  test('does not depend on the order in which members came', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.oneof(awkwardName, anyText), { maxLength: 8 }), (names) => {
        const members = names.map((name, index): [string, Json] => [name, index]);
        expect(canonicalJson(Object.fromEntries(members.toReversed()))).toBe(
          canonicalJson(Object.fromEntries(members)),
        );
      }),
    );
  });

  test.each<[string, string, string]>([
    ['members by UTF-16 code units', '{"b":1,"a":2,"A":3,"é":4}', '{"A":3,"a":2,"b":1,"é":4}'],
    ['names that look like numbers', '{"2":1,"10":2,"1":3}', '{"1":3,"10":2,"2":1}'],
    ['astral before the private-use area', '{"\ufb33":1,"\u{1f600}":2}', '{"\u{1f600}":2,"\ufb33":1}'],
    [
      'numbers',
      '[1E2,-0,1.0,1e21,0.000001,1e-7,333333333.33333329]',
      '[100,0,1,1e+21,0.000001,1e-7,333333333.3333333]',
    ],
    [
      'escapes',
      '"\\u0008\\u0009\\u000a\\u000c\\u000d\\u0001\\u001F\\"\\\\\\/"',
      '"\\b\\t\\n\\f\\r\\u0001\\u001f\\"\\\\/"',
    ],
    ['what needs none', '"\\u20ac\\u007f\\u2028\\ud83d\\ude00"', '"€\u007f\u2028😀"'],
    ['U+0000', '"a\\u0000b"', '"a\\u0000b"'],
    ['a lone surrogate', '"a\\uD83Db"', '"a\\ud83db"'],
    ['a lone surrogate in a name', '{"\\udc00":1}', '{"\\udc00":1}'],
    ['white space', ' { "a" : [ 1 , { } , [ ] ] } ', '{"a":[1,{},[]]}'],
    ['a member named __proto__', '{"__proto__":{"a":1}}', '{"__proto__":{"a":1}}'],
  ])('%s', (_name, given, expected) => {
    expect(canonicalJson(JSON.parse(given))).toBe(expected);
  });

  test('the example of RFC 8785 section 3.2.2', () => {
    const given = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(given))).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });
});

describe('messageId', () => {
  const id = fc.uuid();

  test('every spelling of an id is the same id', () => {
    fc.assert(
      fc.property(id, (bare) => {
        const upper = bare.toUpperCase();
        for (const spelling of [bare, upper, `{${bare}}`, `{${upper}}`]) {
          expect(messageId(spelling)).toBe(bare);
        }
      }),
    );
  });

  test('takes off a whole pair of braces only', () => {
    expect(messageId('{ABC')).toBe('{abc');
    expect(messageId('ABC}')).toBe('abc}');
    expect(messageId('A{B}C')).toBe('a{b}c');
    expect(messageId('{}')).toBe('');
    expect(messageId('{')).toBe('{');
  });
});

describe('recordKey', () => {
  test('golden vector: every byte of it written down', () => {
    // sha256sum of `4:accts1` begins 7ecd3554, that of `8:messages1:s1:m` 38c107761c5ba86a; 1,700,000,000 s = 0x6553f100.
    expect(scopeTag('acct', 's1')).toBe('7ecd3554');
    expect(recordKey('7ecd3554', 1_700_000_000_999, ['messages', 's', 'm'])).toBe(
      '7ecd35546553f10038c107761c5ba86a',
    );
    // sha256 of the UTF-8 bytes; the length counts UTF-16 units.
    expect(scopeTag('😀', 'é')).toBe('031e68cd');
  });

  const tag = fc.tuple(fc.string(), fc.string()).map(([account, scope]) => scopeTag(account, scope));
  const parts = fc.array(fc.oneof(wellFormed, fc.constantFrom('', '1:', '1:a', ':', '2')), { maxLength: 5 });
  const time = fc.integer({ min: -1, max: 8.64e15 });

  test('is 32 hex digits, the same every time, scope first and then time', () => {
    fc.assert(
      fc.property(tag, time, parts, (scope, at, identity) => {
        const key = recordKey(scope, at, identity);
        expect(key).toMatch(/^[0-9a-f]{32}$/);
        expect(recordKey(scope, at, [...identity])).toBe(key);
        expect(key.slice(0, 8)).toBe(scope);
        const seconds = Math.min(Math.max(Math.floor(at / 1000), 0), 0xffff_ffff);
        expect(Number.parseInt(key.slice(8, 16), 16)).toBe(seconds);
      }),
    );
  });

  test('tells any two identities apart', () => {
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(recordKey('00000000', 0, one)).not.toBe(recordKey('00000000', 0, other));
      }),
      { numRuns: 2000 },
    );
  });

  test('tells identities apart whose boundaries moved', () => {
    fc.assert(
      fc.property(wellFormed, fc.nat(12), fc.nat(12), (text, a, b) => {
        const [one, other] = [a, b].map((cut) => Math.min(cut, text.length)) as [number, number];
        fc.pre(one !== other && text.slice(0, one).isWellFormed() && text.slice(0, other).isWellFormed());
        expect(recordKey('00000000', 0, [text.slice(0, one), text.slice(one)])).not.toBe(
          recordKey('00000000', 0, [text.slice(0, other), text.slice(other)]),
        );
      }),
    );
    expect(recordKey('00000000', 0, ['a', 'b'])).not.toBe(recordKey('00000000', 0, ['ab']));
    expect(recordKey('00000000', 0, ['1:a'])).not.toBe(recordKey('00000000', 0, ['', 'a']));
    expect(scopeTag('ab', 'c')).not.toBe(scopeTag('a', 'bc'));
  });
});

test('contentHash is the beginning of a SHA-256, golden vector', () => {
  expect(contentHash('{"a":1}')).toBe('015abd7f5cc57a2dd94b7590f04ad808');
});

describe('days and months', () => {
  test('are those of UTC, and a month is named by its first day', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
        (date) => {
          const [day] = date.toISOString().split('T');
          expect(utcDay(date.getTime())).toBe(day);
          expect(keyMonth(date.getTime())).toBe(`${day?.slice(0, 7)}-01`);
        },
      ),
    );
  });

  test('change at midnight UTC', () => {
    const midnight = Date.parse('2026-03-01T00:00:00Z');
    expect([utcDay(midnight - 1), utcDay(midnight)]).toEqual(['2026-02-28', '2026-03-01']);
    expect([keyMonth(midnight - 1), keyMonth(midnight)]).toEqual(['2026-02-01', '2026-03-01']);
    expect(keyMonth(Date.parse('2024-02-29T23:59:59.999Z'))).toBe('2024-02-01');
  });

  test('keys that never expire sort after every month in use', () => {
    expect(keyMonth(Date.parse('2999-01-01')) < LASTING).toBe(true);
  });
});
