import { verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { openCheckpoint, signCheckpoint } from '../../src/proof/checkpoint.ts';
import { cosign, verifyCosignatures } from '../../src/proof/cosignature.ts';
import { generateSignerKey, noteKeyOf, witnessKeyOf } from '../../src/proof/key.ts';
import { formatNote, type NoteSignature, parseNote, signText } from '../../src/proof/note.ts';

const ORIGIN = 'example.com/log';
const TIME = 1_679_315_147;
const log = generateSignerKey(ORIGIN);
const [first, second] = [generateSignerKey('witness1.example'), generateSignerKey('witness2.example')];
const witnesses = [witnessKeyOf(first), witnessKeyOf(second)];
const invalid = expect.objectContaining({ code: 'proof-invalid' });

const signed = parseNote(
  signCheckpoint({ origin: ORIGIN, size: 5, root: Buffer.alloc(32, 1), extensions: [] }, log),
);
const withMore = (...more: readonly NoteSignature[]) =>
  parseNote(formatNote({ text: signed.text, signatures: [...signed.signatures, ...more] }));

test('signs the time and the whole text, and carries the time', () => {
  const { signature } = cosign(signed.text, first, TIME);
  const bytes = Buffer.from(signature);
  expect(bytes).toHaveLength(72);
  expect(bytes.readBigUInt64BE()).toBe(BigInt(TIME));
  const message = Buffer.from(`cosignature/v1\ntime 1679315147\n${signed.text}`);
  expect(verify(null, message, witnessKeyOf(first).publicKey, bytes.subarray(8))).toBe(true);
});

test('those of known witnesses tell name and time, and the checkpoint still opens', () => {
  const note = withMore(cosign(signed.text, first, TIME), cosign(signed.text, second, TIME + 1));
  expect(verifyCosignatures(note, witnesses)).toEqual([
    { name: 'witness1.example', time: TIME },
    { name: 'witness2.example', time: TIME + 1 },
  ]);
  expect(openCheckpoint(formatNote(note), noteKeyOf(log), ORIGIN).checkpoint.size).toBe(5);
});

test('those of unknown witnesses count for nothing', () => {
  const note = withMore(cosign(signed.text, second, TIME));
  expect(verifyCosignatures(note, [witnessKeyOf(first)])).toEqual([]);
  expect(verifyCosignatures(signed, witnesses)).toEqual([]);
});

test('a signature of the same key over the text alone is no cosignature', () => {
  expect(verifyCosignatures(withMore(signText(signed.text, first)), witnesses)).toEqual([]);
  const renamed = { ...signText(signed.text, first), id: witnessKeyOf(first).id };
  expect(() => verifyCosignatures(withMore(renamed), witnesses)).toThrow(invalid);
});

test('one over another text, time or with other bytes does not hold', () => {
  const good = cosign(signed.text, first, TIME);
  const changed = (at: number): NoteSignature => {
    const bytes = Buffer.from(good.signature);
    bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at);
    return { ...good, signature: bytes };
  };
  for (const wrong of [
    cosign(`${signed.text}more\n`, first, TIME),
    changed(0),
    changed(7),
    changed(8),
    changed(71),
    { ...good, signature: good.signature.subarray(0, 7) },
    { ...good, signature: good.signature.subarray(0, 71) },
    { ...good, signature: Buffer.concat([good.signature, Buffer.of(0)]) },
  ]) {
    expect(() => verifyCosignatures(withMore(wrong), witnesses)).toThrow(invalid);
  }
});
