import { describe, expect, test } from 'vitest';
import {
  generateSignerKey,
  noteKeyOf,
  parseNoteKey,
  parseSignerKey,
  type SignerKey,
  witnessKeyOf,
} from '../../src/proof/key.ts';
import { formatNote, type Note, parseNote, signText, verifyNote } from '../../src/proof/note.ts';

/** Vector of C2SP signed-note. */
const VKEY = parseNoteKey('example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k');
const SIGNATURE =
  'Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=';
const VECTOR = `This is an example message.\n\n— example.com/foo ${SIGNATURE}\n`;

const invalid = expect.objectContaining({ code: 'proof-invalid' });
const signers = Array.from({ length: 20 }, (_, index) => generateSignerKey(`signer${index}.example`));
const [one, other] = signers as [SignerKey, SignerKey];
const TEXT = 'a text\nof two lines\n';
const signedBy = (...by: readonly SignerKey[]): Note => ({
  text: TEXT,
  signatures: by.map((signer) => signText(TEXT, signer)),
});

test('the published note holds, and is written as it was read', () => {
  const note = parseNote(VECTOR);
  expect(note.text).toBe('This is an example message.\n');
  expect(() => verifyNote(note, [VKEY])).not.toThrow();
  expect(formatNote(note)).toBe(VECTOR);
  expect(() => verifyNote(parseNote(VECTOR.replace('an example', 'no example')), [VKEY])).toThrow(invalid);
});

test('the note that documents Go is signed with the very same bytes', () => {
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const signer = parseSignerKey(
    'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz',
  );
  expect(formatNote({ text, signatures: [signText(text, signer)] })).toBe(
    `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`,
  );
});

test('bytes are read as text is', () => {
  expect(parseNote(Buffer.from(VECTOR))).toEqual(parseNote(VECTOR));
});

test.each(['\n', 'a\n', 'a\n\nb\n', 'a\n\n', '\n\n\n', '— a b\n\nzürich 日本 😀\n', '\u007f\n'])(
  'a text like %j is signed, read back and holds',
  (text) => {
    const note = parseNote(formatNote({ text, signatures: [signText(text, one)] }));
    expect(note.text).toBe(text);
    expect(() => verifyNote(note, [noteKeyOf(one)])).not.toThrow();
  },
);

test('a text without a last line feed cannot be published', () => {
  expect(() => formatNote({ text: 'a', signatures: [] })).toThrow(
    expect.objectContaining({ code: 'internal' }),
  );
});

describe('of the signatures', () => {
  const keys = signers.map(noteKeyOf);

  test('one of a known key is enough, and those of unknown keys count for nothing', () => {
    const note = parseNote(formatNote(signedBy(...signers)));
    for (const key of keys) expect(() => verifyNote(note, [key])).not.toThrow();
    expect(() => verifyNote(note, keys)).not.toThrow();
    expect(() => verifyNote(note, [noteKeyOf(generateSignerKey(one.name)), noteKeyOf(one)])).not.toThrow();
  });

  test('none of a known key is too few', () => {
    const note = signedBy(one);
    expect(() => verifyNote(note, [])).toThrow(invalid);
    expect(() => verifyNote(note, [noteKeyOf(other)])).toThrow(invalid);
    expect(() => verifyNote(note, [noteKeyOf(generateSignerKey(one.name))])).toThrow(invalid);
  });

  test('a wrong one of an unknown key does no harm', () => {
    const wrong = { ...signText(TEXT, other), signature: Buffer.alloc(64) };
    const note = { text: TEXT, signatures: [wrong, signText(TEXT, one)] };
    expect(() => verifyNote(note, [noteKeyOf(one)])).not.toThrow();
  });

  test.each([0, 1, 63, 65, 72])('a wrong one of a known key is too many, of %i bytes', (length) => {
    const wrong = { ...signText(TEXT, other), signature: Buffer.alloc(length, 1) };
    for (const signatures of [
      [wrong, signText(TEXT, one)],
      [signText(TEXT, one), wrong],
    ]) {
      expect(() => verifyNote({ text: TEXT, signatures }, [noteKeyOf(one), noteKeyOf(other)])).toThrow(
        invalid,
      );
    }
  });

  test('no changed bit of text or signature holds', () => {
    const note = signedBy(one);
    const [signature] = note.signatures;
    for (let bit = 0; bit < 512; bit += 7) {
      const bytes = Buffer.from(signature?.signature ?? []);
      bytes.writeUInt8((bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7)), bit >> 3);
      const signatures = [{ name: one.name, id: noteKeyOf(one).id, signature: bytes }];
      expect(() => verifyNote({ text: TEXT, signatures }, [noteKeyOf(one)])).toThrow(invalid);
    }
    expect(() => verifyNote({ ...note, text: `${TEXT}\n` }, [noteKeyOf(one)])).toThrow(invalid);
  });

  test('a key with the same name or the same id is another key', () => {
    const key = noteKeyOf(one);
    const sameId = { ...noteKeyOf(other), id: key.id };
    const sameName = { ...noteKeyOf(other), name: key.name };
    for (const unknown of [sameId, sameName]) {
      expect(() => verifyNote(signedBy(one), [unknown])).toThrow('not signed by a known key');
    }
    expect(witnessKeyOf(one).id).not.toBe(key.id);
  });

  test('a hundred are read, more are not', () => {
    const line = formatNote(signedBy(one)).split('\n\n')[1] ?? '';
    expect(parseNote(`${TEXT}\n${line.repeat(100)}`).signatures).toHaveLength(100);
    expect(() => parseNote(`${TEXT}\n${line.repeat(101)}`)).toThrow(invalid);
  });
});

test.each<[string, string | Uint8Array]>([
  ['nothing', ''],
  ['no signatures', 'a text\n'],
  ['no line of signatures', 'a text\n\n'],
  ['no empty line', VECTOR.replace('\n\n', '\n')],
  ['no last line feed', VECTOR.slice(0, -1)],
  ['an empty line at the end', `${VECTOR}\n`],
  ['a line that is no signature', `${VECTOR}a line\n`],
  ['another dash', VECTOR.replace('—', '-')],
  ['no space after the dash', VECTOR.replace('— ', '—')],
  ['two spaces', VECTOR.replace('— ', '—  ')],
  ['no name', VECTOR.replace('example.com/foo ', ' ')],
  ['a name with a plus', VECTOR.replace('example.com/foo', 'example.com+foo')],
  ['a name with a wide space', VECTOR.replace('example.com/foo', 'example.com\u2003foo')],
  ['a word too many', VECTOR.replace(SIGNATURE, `${SIGNATURE} more`)],
  ['a space at the end', VECTOR.replace(SIGNATURE, `${SIGNATURE} `)],
  ['no signature after the name', VECTOR.replace(` ${SIGNATURE}`, '')],
  ['an empty signature', VECTOR.replace(SIGNATURE, '')],
  ['only a key id', VECTOR.replace(SIGNATURE, 'Uw2QOg==')],
  ['base64 without padding', VECTOR.replace('QM=', 'QM')],
  ['base64 with more padding', VECTOR.replace('QM=', 'QM==')],
  ['base64 with other last bits', VECTOR.replace('QM=', 'QN=')],
  ['base64 of the web', VECTOR.replace('XsYjOBH3', 'XsYj_BH3')],
  ['base64 with a foreign character', VECTOR.replace('XsYjOBH3', 'XsYj*BH3')],
  ['a tab', VECTOR.replace('example message', 'example\tmessage')],
  ['a carriage return', VECTOR.replaceAll('\n', '\r\n')],
  ['a zero', VECTOR.replace('This', 'Th\0is')],
  ['half a surrogate pair', VECTOR.replace('This', '\ud83d')],
  ['bytes that are not UTF-8', Buffer.concat([Buffer.of(0xc3, 0x28), Buffer.from(VECTOR)])],
  ['an overlong form', Buffer.concat([Buffer.of(0xc0, 0xaf), Buffer.from(VECTOR)])],
])('a note is refused: %s', (_why, message) => {
  expect(() => parseNote(message)).toThrow(invalid);
});
