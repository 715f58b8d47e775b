import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileGlob, globsMeet } from '../../src/retention/glob.ts';

test.each([
  ['trading-*', 'trading-fx', true],
  ['trading-*', 'TRADING-', true],
  ['trading-*', 'my trading-fx', false],
  ['*@desk.example.com', 'ann@desk.example.com', true],
  ['*@desk.example.com', 'ann@desk.example.com.evil.org', false],
  ['*@desk.example.com', 'ann@deskXexample.com', false],
  ['desk?', 'desk1', true],
  ['desk?', 'desk', false],
  ['a*b*c', 'a-b--b-c', true],
  ['[x]+(y)', '[X]+(Y)', true],
  ['line *', 'line one\nline two', true],
  ['caf\u00e9', 'cafe\u0301', true],
  ['?', '\u{1f600}', true],
  ['*', '', true],
  ['a/b/*', 'a/b/c/d', true],
])('%s on %s: %s', (pattern, text, expected) => {
  expect(compileGlob(pattern)(text)).toBe(expected);
});

test.each([
  ['trading-*', 'clinic-*', false],
  ['trading-*', '*-fx', true],
  ['*@a.com', '*@b.com', false],
  ['*@a.com', 'ann@*', true],
  ['a?c', 'ab*', true],
  ['a?c', 'abd', false],
  ['*', '', true],
  ['x*y', 'x*z', false],
])('%s and %s may fit one text: %s', (one, other, expected) => {
  expect(globsMeet(one, other)).toBe(expected);
  expect(globsMeet(other, one)).toBe(expected);
});

test('two patterns meet exactly where some short text fits both', () => {
  const pattern = fc
    .array(fc.constantFrom('a', 'b', '*', '?'), { maxLength: 4 })
    .map((parts) => parts.join(''));
  const texts = [''];
  for (let length = 1; length <= 6; length += 1) {
    for (const text of texts.filter((each) => each.length === length - 1)) texts.push(`${text}a`, `${text}b`);
  }
  fc.assert(
    fc.property(pattern, pattern, (one, other) => {
      const [fits, alsoFits] = [compileGlob(one), compileGlob(other)];
      // With four parts each, a text that fits both need not be longer than six.
      expect(globsMeet(one, other)).toBe(texts.some((text) => fits(text) && alsoFits(text)));
    }),
  );
});
