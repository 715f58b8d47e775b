import { createPublicKey } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import {
  formatSignerKey,
  formatVerifierKey,
  generateSignerKey,
  isKeyName,
  noteKeyOf,
  parseNoteKey,
  parseSignerKey,
  parseWitnessKey,
  publicKeyPem,
  witnessKeyOf,
} from '../../src/proof/key.ts';
import { sha256 } from './naive-tree.ts';

/** Vector of C2SP signed-note. */
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
/** Of the documentation of Go's golang.org/x/mod/sumdb/note. */
const SKEY = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz';
const badKey = expect.objectContaining({ code: 'bad-key' });

test('the published key is read and written back', () => {
  const key = parseNoteKey(VKEY);
  expect(key).toMatchObject({ name: 'example.com/foo', id: 0x530d903a });
  expect(formatVerifierKey(key)).toBe(VKEY);
});

test('an id is four bytes of SHA-256 over name, line feed, type and public key', () => {
  const signer = generateSignerKey('example.com/log');
  const spki = createPublicKey(signer.privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  const id = (type: number): number =>
    sha256(Buffer.from(`example.com/log\n`), Buffer.of(type), spki).readUInt32BE();
  expect(noteKeyOf(signer).id).toBe(id(1));
  expect(witnessKeyOf(signer).id).toBe(id(4));
  expect(formatVerifierKey(witnessKeyOf(signer))).toBe(
    `example.com/log+${id(4).toString(16).padStart(8, '0')}+${Buffer.concat([Buffer.of(4), spki]).toString('base64')}`,
  );
});

test('the published secret key is read, has the published public key, and is written back', () => {
  const signer = parseSignerKey(SKEY);
  expect(formatVerifierKey(noteKeyOf(signer))).toBe(
    'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  );
  expect(formatSignerKey(signer)).toBe(SKEY);
});

test('every key made is read back, with any first digit of its id', () => {
  for (let round = 0; round < 40; round += 1) {
    const signer = generateSignerKey('example.com/log');
    expect(formatSignerKey(parseSignerKey(formatSignerKey(signer)))).toBe(formatSignerKey(signer));
    const [note, witness] = [formatVerifierKey(noteKeyOf(signer)), formatVerifierKey(witnessKeyOf(signer))];
    expect(formatVerifierKey(parseNoteKey(note))).toBe(note);
    expect(formatVerifierKey(parseWitnessKey(witness))).toBe(witness);
    expect(() => parseNoteKey(witness)).toThrow(badKey);
    expect(() => parseWitnessKey(note)).toThrow(badKey);
  }
});

test('the public key in PEM is one that openssl reads', () => {
  const pem = publicKeyPem(parseNoteKey(VKEY));
  expect(pem).toMatch(/^-----BEGIN PUBLIC KEY-----\n[^-]+\n-----END PUBLIC KEY-----\n$/);
  const raw = createPublicKey(pem).export({ format: 'der', type: 'spki' }).subarray(-32);
  expect(Buffer.concat([Buffer.of(1), raw]).toString('base64')).toBe(VKEY.split('+').at(-1));
});

describe('an unreadable key', () => {
  test.each([
    '',
    'example.com/foo',
    'example.com/foo+530d903a',
    'example.com/foo+530d903a+',
    VKEY.replace('530d903a', '530d903b'),
    VKEY.replace('530d903a', '530D903A'),
    VKEY.replace('530d903a', '30d903a'),
    VKEY.replace('example.com/foo', 'example.com/fop'),
    VKEY.replace('example.com/foo', ''),
    VKEY.replace('example.com/foo', 'example.com foo'),
    VKEY.replace('+Aek', '+Bek'),
    VKEY.slice(0, -1),
    VKEY.slice(0, -4),
    `${VKEY}=`,
    `${VKEY}AAAA`,
    `${VKEY}\n`,
    ` ${VKEY}`,
    SKEY,
  ])('%j is refused', (text) => {
    expect(() => parseNoteKey(text)).toThrow(badKey);
  });

  test.each<[string, string]>([
    ['nothing', ''],
    ['a public key', VKEY],
    ['a public key as a secret one', `PRIVATE+KEY+${VKEY}`],
    ['another first word', SKEY.replace('PRIVATE', 'private')],
    ['another id', SKEY.replace('c74f20a3', 'c74f20a4')],
    ['another name', SKEY.replace('Peter', 'Paula')],
    ['a line feed', `${SKEY}\n`],
    ['cut short', SKEY.slice(0, -4)],
  ])('that is secret is refused, and the error does not tell it: %s', (_why, text) => {
    let thrown: unknown;
    try {
      parseSignerKey(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual(badKey);
    expect(inspect(thrown)).not.toContain('EKFALVFGy');
  });
});

test.each<[string, boolean]>([
  ['example.com/log', true],
  ['é—日本', true],
  ['', false],
  ['a b', false],
  ['a+b', false],
  ['a\u2003b', false],
  ['a\nb', false],
  ['a\u0085b', false],
  ['\ud800', false],
])('a name %j is usable: %s', (name, usable) => {
  expect(isKeyName(name)).toBe(usable);
  if (!usable) expect(() => generateSignerKey(name)).toThrow(badKey);
});
