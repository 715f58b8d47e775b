import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBundle, encodeBundle } from '../../src/proof/entry-bundle.ts';
import { hex, hexes } from './naive-tree.ts';

const invalid = expect.objectContaining({ code: 'proof-invalid' });

test('each entry stands after its length, big endian', () => {
  const bytes = encodeBundle([Buffer.from('abc'), Buffer.of(), Buffer.alloc(300, 1)]);
  expect(hex(bytes)).toBe(`0003616263${'0000'}012c${'01'.repeat(300)}`);
});

test('what was written is read back', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { maxLength: 256 }), (entries) => {
      expect(hexes(decodeBundle(encodeBundle(entries), entries.length))).toEqual(hexes(entries));
    }),
  );
});

test('65,535 bytes fit, one more does not', () => {
  const longest = Buffer.alloc(65_535, 7);
  expect(hexes(decodeBundle(encodeBundle([longest]), 1))).toEqual([hex(longest)]);
  const longer = [Buffer.alloc(65_536)];
  expect(() => encodeBundle(longer)).toThrow(expect.objectContaining({ code: 'internal' }));
});

test('a part of an array is read from where it begins', () => {
  const bytes = encodeBundle([Buffer.from('abc')]);
  const within = new Uint8Array([9, 9, ...bytes, 9]).subarray(2, 2 + bytes.length);
  expect(hexes(decodeBundle(within, 1))).toEqual(['616263']);
});

test('bytes cut short anywhere, one more entry or anything after the last are refused', () => {
  const bytes = encodeBundle([Buffer.from('abc'), Buffer.of(), Buffer.from('de')]);
  for (let length = 0; length < bytes.length; length += 1) {
    expect(() => decodeBundle(bytes.subarray(0, length), 3)).toThrow(invalid);
  }
  expect(() => decodeBundle(bytes, 4)).toThrow(invalid);
  expect(() => decodeBundle(bytes, 2)).toThrow(invalid);
  expect(() => decodeBundle(Buffer.concat([bytes, Buffer.of(0)]), 3)).toThrow(invalid);
});
