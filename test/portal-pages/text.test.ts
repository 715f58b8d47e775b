import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isAsked, questionAddress, questionOf } from '../../portal/state/address.ts';
import { counted, sizeText } from '../../portal/text/amount.ts';
import { excerpt, piecesOf, plainText, type Range } from '../../portal/text/pieces.ts';
import { clockText, dayOf, longDayText, utcText } from '../../portal/text/time.ts';
import type { SearchInput } from '../../src/query/search.ts';

/** As a reader sees it: marks by name, hits in angle quotes, links with where they lead. */
function seen(text: string, ranges: readonly Range[] = []): string {
  return piecesOf(text, ranges)
    .map((piece) => {
      if (piece.type === 'mark') return `[${piece.label}]`;
      if (piece.type === 'text') return piece.found ? `«${piece.text}»` : piece.text;
      const inside = piece.pieces.map((part) =>
        part.type === 'text' ? (part.found ? `«${part.text}»` : part.text) : `[${part.label}]`,
      );
      return `<${inside.join('')} → ${piece.host}>`;
    })
    .join('');
}

describe('text of others', () => {
  test.each<[string, string]>([
    ['plain', 'plain'],
    ['see https://example.com/a(b), ok', 'see <https://example.com/a(b) → example.com>, ok'],
    ['(http://example.com/a).', '(<http://example.com/a → example.com>).'],
    ['https://bank.example@evil.example/x', '<https://bank.example@evil.example/x → evil.example>'],
    ['HTTPS://EXAMPLE.COM', '<HTTPS://EXAMPLE.COM → example.com>'],
    ['https://раypal.example', '<https://раypal.example → xn--ypal-43d9g.example>'],
    ['write to mailto:a@b.example?subject=x', 'write to <mailto:a@b.example?subject=x → b.example>'],
    [
      'javascript:alert(1) data:text/html,x file:///etc vbscript:x',
      'javascript:alert(1) data:text/html,x file:///etc vbscript:x',
    ],
    ['https:// http://[', 'https:// http://['],
    ['xhttps://example.com', 'xhttps://example.com'],
    ['a\u202Egpj.exe', 'a[RLO]gpj.exe'],
    ['https://example.com/\u202Emoc', '<https://example.com/ → example.com>[RLO]moc'],
    ['x\u0000y\u001Bz', 'x[U+0000]y[U+001B]z'],
    ['one\r\ntwo\rthree\tfour', 'one\r\ntwo[U+000D]three\tfour'],
    ['👨‍👩‍👧 👋🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿', '👨‍👩‍👧 👋🏽 🏴󠁧󠁢󠁳󠁣󠁴󠁿'],
    ['pass\u200Bword a\u200Db', 'pass[ZWSP]word a[ZWJ]b'],
    ['می\u200Cخواهم', 'می\u200Cخواهم'],
    ['hidden\u{E0041}\u{E0042}', 'hidden[U+E0041][U+E0042]'],
  ])('%j is seen as %j', (text, expected) => {
    expect(seen(text)).toBe(expected);
  });

  test('what was found is marked, also across a link and a hidden character', () => {
    expect(seen('ab https://example.com cd', [[1, 8]])).toBe('a«b »<«https»://example.com → example.com> cd');
    expect(seen('in\u200Bvoice', [[0, 8]])).toBe('«in»[ZWSP]«voice»');
    expect(seen('short', [[3, 90]])).toBe('sho«rt»');
  });

  const wild = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc
      .array(
        fc.constantFrom(
          'https://',
          'a.example',
          '/',
          '@',
          '\u202E',
          '\u200D',
          '👩',
          '🏽',
          ' ',
          '(',
          ')',
          '\u0000',
          'é',
          'mailto:',
        ),
        { maxLength: 20 },
      )
      .map((parts) => parts.join('')),
  );

  test('property: nothing is lost but what is shown by name, and no address runs anything', () => {
    fc.assert(
      fc.property(wild, fc.array(fc.nat(60), { maxLength: 6 }), (text, cuts) => {
        const sorted = [...new Set(cuts)].sort((one, other) => one - other);
        const ranges = sorted.flatMap((start, at): Range[] =>
          at % 2 === 0 && sorted[at + 1] !== undefined ? [[start, sorted[at + 1] ?? 0]] : [],
        );
        const pieces = piecesOf(text, ranges).flatMap((piece) =>
          piece.type === 'link' ? piece.pieces : [piece],
        );
        const code = (title: string): string =>
          String.fromCodePoint(Number.parseInt(/U\+([0-9A-F]+)/.exec(title)?.[1] ?? '', 16));
        expect(pieces.map((piece) => (piece.type === 'mark' ? code(piece.title) : piece.text)).join('')).toBe(
          text,
        );
        for (const piece of piecesOf(text)) {
          if (piece.type === 'link') expect(new URL(piece.href).protocol).toMatch(/^(?:https?|mailto):$/);
        }
        expect(plainText(text)).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u0000-\u0008]/);
      }),
    );
  });

  test('property: an excerpt is a part of the text, with what was found in it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('word ', 'longer-', '👩‍👧', 'x'), { minLength: 100, maxLength: 300 }),
        fc.nat(900),
        (parts, near) => {
          const text = parts.join('');
          const start = Math.min(near, text.length - 3);
          const cut = excerpt(text, [[start, start + 3]]);
          expect(text).toContain(cut.text);
          expect(cut.ranges.map(([from, to]) => cut.text.slice(from, to))).toEqual([
            text.slice(start, start + 3),
          ]);
          expect(cut.text.length).toBeLessThan(420);
        },
      ),
    );
  });
});

describe('times', () => {
  test.each([
    ['2026-03-29T00:59:59Z', 'Europe/Oslo', '01:59', '2026-03-29'],
    ['2026-03-29T01:00:00Z', 'Europe/Oslo', '03:00', '2026-03-29'],
    ['2026-10-25T00:30:00Z', 'Europe/Oslo', '02:30', '2026-10-25'],
    ['2026-10-25T01:30:00Z', 'Europe/Oslo', '02:30', '2026-10-25'],
    ['2026-03-08T06:59:59Z', 'America/New_York', '01:59', '2026-03-08'],
    ['2026-03-08T07:00:00Z', 'America/New_York', '03:00', '2026-03-08'],
    ['2026-01-01T10:30:00Z', 'Pacific/Kiritimati', '00:30', '2026-01-02'],
    ['2026-01-01T00:00:00Z', 'UTC', '00:00', '2026-01-01'],
  ])('%s in %s is %s of %s', (at, zone, clock, day) => {
    expect([clockText(at, zone), dayOf(at, zone)]).toEqual([clock, day]);
  });

  test('a day by name, a moment in UTC, and what is none', () => {
    expect(longDayText('2026-03-12T23:30:00Z', 'Europe/Oslo')).toBe('Friday, 13 March 2026');
    expect(utcText('2026-03-12T23:30:00.250Z')).toBe('2026-03-12 23:30:00.250 UTC');
    expect(utcText('yesterday')).toBe('yesterday');
  });
});

test('amounts are said as people say them', () => {
  expect([counted(1, 'file'), counted(1200, 'file'), counted(0, 'hit')]).toEqual([
    '1 file',
    '1,200 files',
    '0 hits',
  ]);
  expect([1, 999, 1000, 1449, 999_499, 999_600, 48_213_000_000].map(sizeText)).toEqual([
    '1 byte',
    '999 bytes',
    '1.0 kB',
    '1.4 kB',
    '999 kB',
    '1.0 MB',
    '48.2 GB',
  ]);
});

describe('a question', () => {
  const words = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => text.trim() === text && text !== '');
  const questions: fc.Arbitrary<SearchInput> = fc.record(
    {
      text: words,
      match: fc.constantFrom('phrase' as const, 'substring' as const, 'regex' as const),
      person: words,
      participant: words,
      session: words,
      channel: words,
      from: fc.constant('2026-01-01'),
      to: fc.constant('2026-01-02T00:00:00Z'),
      zone: fc.constant('Asia/Kolkata'),
      kind: fc.constantFrom('sent' as const, 'edited' as const, 'deleted' as const),
      hasFiles: fc.boolean(),
      external: fc.boolean(),
      edited: fc.boolean(),
      deleted: fc.boolean(),
      matter: words,
      custodian: words,
      order: fc.constant('newest' as const),
      after: words,
    },
    { requiredKeys: ['zone'] },
  );

  test('property: comes back whole from its address', () => {
    fc.assert(
      fc.property(questions, (question) => {
        const address = questionAddress('/search', question);
        expect(questionOf(new URL(address, 'http://portal.example').search, 'UTC')).toEqual(question);
      }),
    );
  });

  test('what an address says wrongly counts for nothing', () => {
    expect(questionOf('match=sql&kind=gone&hasFiles=maybe&order=random&text=++&limit=9999', 'UTC')).toEqual({
      zone: 'UTC',
    });
    expect(isAsked({ zone: 'UTC', order: 'newest', match: 'phrase', after: 'x' })).toBe(false);
    expect(isAsked({ hasFiles: false })).toBe(true);
  });
});
