/** Ed25519 keys of signed notes, as C2SP signed-note and Go's golang.org/x/mod/sumdb/note write them. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  hkdfSync,
  type KeyObject,
} from 'node:crypto';
import { ArchiverError, hasCode } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** First byte of a key, and part of its id, so that a signature for one use is none for the other. */
const TYPE_BYTES = { note: 0x01, cosignature: 0x04 } as const;
type KeyType = keyof typeof TYPE_BYTES;

interface VerifierKey<Type extends KeyType> {
  readonly type: Type;
  readonly name: string;
  /** First 4 bytes of SHA-256 over name, line feed, type byte and public key. */
  readonly id: number;
  readonly publicKey: KeyObject;
}

/** Verifies signatures over a note's text. */
export type NoteKey = VerifierKey<'note'>;
/** Verifies cosignatures of a witness. */
export type WitnessKey = VerifierKey<'cosignature'>;

export interface SignerKey {
  readonly name: string;
  readonly privateKey: KeyObject;
}

const SECRET = 'PRIVATE+KEY+';
/** Of a seed, and of a public key. */
const KEY_BYTES = 32;
/** What stands before the 32 bytes in DER (RFC 8410): PKCS #8 of a seed, and SubjectPublicKeyInfo. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** True for a name that a note can carry: not empty, well-formed, without white space, control characters and `+`. */
export function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^\s\p{Cc}+]+$/u.test(name);
}

/** A new key. Fails with `bad-key` when the name is none. */
export function generateSignerKey(name: string): SignerKey {
  if (!isKeyName(name)) throw new ArchiverError('bad-key', 'unusable name of a key', { detail: name });
  return { name, privateKey: generateKeyPairSync('ed25519').privateKey };
}

/** 32 bytes that nobody knows who does not have the key, others for each use. */
export function secretOf({ privateKey }: SignerKey, use: string): Buffer {
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8.length);
  return Buffer.from(hkdfSync('sha256', seed, '', `zoom-chat-archiver ${use}`, KEY_BYTES));
}

/** The key whose signatures over notes `signer` makes. */
export function noteKeyOf(signer: SignerKey): NoteKey {
  return keyOf('note', signer.name, createPublicKey(signer.privateKey));
}

/** The key whose cosignatures `signer` makes. */
export function witnessKeyOf(signer: SignerKey): WitnessKey {
  return keyOf('cosignature', signer.name, createPublicKey(signer.privateKey));
}

/** `PRIVATE+KEY+name+id+base64(0x01 || seed)`: a secret. */
export function formatSignerKey(signer: SignerKey): string {
  const { id } = noteKeyOf(signer);
  const seed = signer.privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8.length);
  return `${SECRET}${keyText(signer.name, id, 'note', seed)}`;
}

/** Reads {@link formatSignerKey}. Fails with `bad-key`, and never tells the text. */
export function parseSignerKey(text: string): SignerKey {
  const { name, id, key } = parts(text.startsWith(SECRET) ? text.slice(SECRET.length) : '', 'note');
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, key]), format: 'der', type: 'pkcs8' });
  const signer = { name, privateKey };
  checkId(noteKeyOf(signer).id, id);
  return signer;
}

/** `name+id+base64(type byte || public key)`, which C2SP calls a vkey. */
export function formatVerifierKey(key: NoteKey | WitnessKey): string {
  return keyText(key.name, key.id, key.type, rawPublicKey(key.publicKey));
}

/** Reads the vkey of a log or of another signer of notes. Fails with `bad-key`, also for a witness's. */
export function parseNoteKey(text: string): NoteKey {
  return parseVerifierKey(text, 'note');
}

/** Whose log's key a text is; undefined where it is none. */
export function nameOfNoteKey(text: string): string | undefined {
  try {
    return parseNoteKey(text).name;
  } catch (error) {
    if (hasCode(error, 'bad-key')) return undefined;
    throw error;
  }
}

/** Reads the vkey of a witness. Fails with `bad-key`, also for a log's. */
export function parseWitnessKey(text: string): WitnessKey {
  return parseVerifierKey(text, 'cosignature');
}

/** SubjectPublicKeyInfo in PEM, which openssl reads. */
export function publicKeyPem(key: NoteKey | WitnessKey): string {
  return key.publicKey.export({ format: 'pem', type: 'spki' }).toString();
}

function parseVerifierKey<Type extends KeyType>(text: string, type: Type): VerifierKey<Type> {
  const { name, id, key } = parts(text, type);
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, key]), format: 'der', type: 'spki' });
  const parsed = keyOf(type, name, publicKey);
  checkId(parsed.id, id);
  return parsed;
}

function keyOf<Type extends KeyType>(type: Type, name: string, publicKey: KeyObject): VerifierKey<Type> {
  const typed = Buffer.from([TYPE_BYTES[type], ...rawPublicKey(publicKey)]);
  const digest = hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer');
  return { type, name, id: digest.readUInt32BE(), publicKey };
}

function rawPublicKey(publicKey: KeyObject): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
}

function keyText(name: string, id: number, type: KeyType, key: Uint8Array): string {
  return `${name}+${id.toString(16).padStart(8, '0')}+${encodeBase64(Buffer.from([TYPE_BYTES[type], ...key]))}`;
}

/** What both kinds of text say. Base64 may hold a `+` itself. */
function parts(text: string, type: KeyType): { name: string; id: string; key: Buffer } {
  const [, name = '', id = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? [];
  const typed = decodeBase64(encoded);
  if (!isKeyName(name) || typed === undefined || typed.length !== 1 + KEY_BYTES) {
    throw new ArchiverError('bad-key', 'key is not readable');
  }
  if (typed[0] !== TYPE_BYTES[type]) throw new ArchiverError('bad-key', 'key is for another use');
  return { name, id, key: typed.subarray(1) };
}

function checkId(id: number, stated: string): void {
  if (id.toString(16).padStart(8, '0') !== stated) {
    throw new ArchiverError('bad-key', 'key has another id than it says', { detail: stated });
  }
}
