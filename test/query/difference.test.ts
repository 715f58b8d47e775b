import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DifferenceSegment, difference } from '../../src/query/difference.ts';

/** `-removed-` and `+added+`. */
function shown(segments: readonly DifferenceSegment[]): string {
  const signs = { kept: '', removed: '-', added: '+' };
  return segments.map(({ kind, text }) => `${signs[kind]}${text}${signs[kind]}`).join('');
}

test.each<[string, string, string]>([
  ['same', 'same', 'same'],
  ['', '', ''],
  ['', 'new', '+new+'],
  ['gone', '', '-gone-'],
  ['the first of May', 'the second of May', 'the -first-+second+ of May'],
  ['pay 100 EUR', 'pay 1000 EUR now', 'pay -100-+1000+ EUR+ now+'],
  ['Yes.', 'Yes!', 'Yes-.-+!+'],
  ['a\nb', 'a b', 'a-\n-+ +b'],
  ['明日会う', '今日会う', '-明-+今+日会う'],
  ['שלום עולם', 'שלום לכם', 'שלום -עולם-+לכם+'],
  ['ok 👩‍💻 done', 'ok 👩 done', 'ok -👩‍💻-+👩+ done'],
  ['👍🏽', '👍🏿', '-👍🏽-+👍🏿+'],
  ['🇫🇷🇩🇪', '🇫🇷🇮🇹', '🇫🇷-🇩🇪-+🇮🇹+'],
  ['cafe\u0301', 'cafe', '-cafe\u0301-+cafe+'],
  ['a \ud83d b', 'a b', 'a -\ud83d -b'],
  ['one two', 'three four', '-one two-+three four+'],
  ['x one y', 'x two z', 'x -one y-+two z+'],
])('%j and %j', (before, after, expected) => {
  expect(shown(difference(before, after))).toBe(expected);
});

const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(fc.constantFrom('a', 'b', ' ', '.', 'אב', '👍🏽', '中'), { maxLength: 30 })
    .map((parts) => parts.join('')),
);

test('what is kept and removed is the one text, what is kept and added the other', () => {
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const segments = difference(before, after);
      const without = (kind: string): string =>
        segments.flatMap((one) => (one.kind === kind ? [] : [one.text])).join('');
      expect(without('added')).toBe(before);
      expect(without('removed')).toBe(after);
      expect(segments.every(({ text }) => text !== '')).toBe(true);
      for (const [index, { kind }] of segments.entries()) {
        const next = segments[index + 1]?.kind;
        expect(next).not.toBe(kind);
        if (kind === 'added') expect(next).not.toBe('removed');
      }
    }),
  );
});

/** The longest common run of words, by the table that everybody knows. */
function longest(one: readonly string[], other: readonly string[]): number {
  let row = new Array<number>(other.length + 1).fill(0);
  for (const word of one) {
    const next = [0];
    for (const [index, against] of other.entries())
      next.push(word === against ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0));
    row = next;
  }
  return row.at(-1) ?? 0;
}

test('as much as possible is kept', () => {
  const words = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 20 });
  fc.assert(
    fc.property(words, words, (one, other) => {
      // Signs, each a word by itself.
      const text = (list: readonly string[]): string =>
        list.map((word) => ({ a: '中', b: '国', c: '日' })[word] ?? '').join('');
      const kept = difference(text(one), text(other))
        .filter(({ kind }) => kind === 'kept')
        .reduce((sum, segment) => sum + segment.text.length, 0);
      expect(kept).toBe(longest(one, other));
    }),
  );
});

test('texts that have nothing in common are replaced, within bounded work', () => {
  const before = Array.from({ length: 20_000 }, (_, index) => `old${index}`).join(' ');
  const after = Array.from({ length: 20_000 }, (_, index) => `new${index}`).join('\n');
  expect(difference(`begin ${before} end`, `begin ${after} end`)).toEqual([
    { kind: 'kept', text: 'begin ' },
    { kind: 'removed', text: before },
    { kind: 'added', text: after },
    { kind: 'kept', text: ' end' },
  ]);
});
