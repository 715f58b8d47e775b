import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Checkpoint,
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from '../../src/proof/checkpoint.ts';
import { generateSignerKey, noteKeyOf } from '../../src/proof/key.ts';
import { formatNote, signText } from '../../src/proof/note.ts';

const ROOT = Buffer.from('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'base64');
/** The example of C2SP tlog-checkpoint. */
const TEXT = `example.com/behind-the-sofa\n20852163\n${ROOT.toString('base64')}\n`;
const ORIGIN = 'example.com/behind-the-sofa';
const HEAD: Checkpoint = { origin: ORIGIN, size: 20_852_163, root: ROOT, extensions: [] };
const invalid = expect.objectContaining({ code: 'proof-invalid' });

test('the example of the specification is read and written back', () => {
  expect(parseCheckpoint(TEXT)).toEqual(HEAD);
  expect(formatCheckpoint(HEAD)).toBe(TEXT);
});

test('any head is read as it was written, with extension lines', () => {
  const line = fc.stringMatching(/^[^\n]+$/);
  const head = fc.record({
    origin: line,
    size: fc.maxSafeNat(),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    extensions: fc.array(line, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(head, (checkpoint) => {
      expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
    }),
  );
});

test.each<[string, string]>([
  ['nothing', ''],
  ['no origin', TEXT.replace(ORIGIN, '')],
  ['no size', TEXT.replace('20852163\n', '')],
  ['an empty size', TEXT.replace('20852163', '')],
  ['a leading zero', TEXT.replace('20852163', '020852163')],
  ['two zeros', TEXT.replace('20852163', '00')],
  ['a sign', TEXT.replace('20852163', '+1')],
  ['a negative size', TEXT.replace('20852163', '-1')],
  ['a fraction', TEXT.replace('20852163', '1.0')],
  ['an exponent', TEXT.replace('20852163', '1e3')],
  ['a space', TEXT.replace('20852163', ' 1')],
  ['a size that no number holds', TEXT.replace('20852163', '9007199254740992')],
  ['no root', TEXT.split('\n').slice(0, 2).join('\n')],
  ['a short root', TEXT.replace(/[^\n]+\n$/, `${ROOT.subarray(1).toString('base64')}\n`)],
  ['a long root', TEXT.replace(/[^\n]+\n$/, `${Buffer.alloc(33).toString('base64')}\n`)],
  ['a root without padding', TEXT.replace('=', '')],
  ['no last line feed', TEXT.slice(0, -1)],
  ['an empty extension line', `${TEXT}\nmore\n`],
  ['an empty last line', `${TEXT}\n`],
])('a checkpoint is refused: %s', (_why, text) => {
  expect(() => parseCheckpoint(text)).toThrow(invalid);
});

describe('a signed checkpoint', () => {
  const signer = generateSignerKey(ORIGIN);
  const key = noteKeyOf(signer);

  test('opens with the key and the origin of its log', () => {
    const signed = signCheckpoint(HEAD, signer);
    const opened = openCheckpoint(Buffer.from(signed), key, ORIGIN);
    expect(opened.checkpoint).toEqual(HEAD);
    expect(formatNote(opened.note)).toBe(signed);
  });

  test('does not open with another key, another origin or other bytes', () => {
    const signed = signCheckpoint(HEAD, signer);
    expect(() => openCheckpoint(signed, noteKeyOf(generateSignerKey(ORIGIN)), ORIGIN)).toThrow(invalid);
    expect(() => openCheckpoint(signed, key, 'example.com/other')).toThrow('of another log');
    expect(() => openCheckpoint(signed.replace('20852163', '20852164'), key, ORIGIN)).toThrow(invalid);
  });

  test('of something that is no checkpoint does not open', () => {
    const text = 'a text\n';
    const signed = formatNote({ text, signatures: [signText(text, signer)] });
    expect(() => openCheckpoint(signed, key, ORIGIN)).toThrow(invalid);
  });

  test('is not made for another log', () => {
    const head = { ...HEAD, origin: 'example.com/other' };
    expect(() => signCheckpoint(head, signer)).toThrow(expect.objectContaining({ code: 'internal' }));
  });
});
