/** Signed notes, C2SP signed-note: text, an empty line, a line for each signature. */
import { sign, verify } from 'node:crypto';
import { ArchiverError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { isKeyName, type NoteKey, noteKeyOf, type SignerKey } from './key.ts';

export interface NoteSignature {
  readonly name: string;
  /** Of the key, 32 bits. */
  readonly id: number;
  /** What follows the key's id; its form is the key type's. */
  readonly signature: Uint8Array;
}

export interface Note {
  /** Ends in a line feed; these are the signed bytes. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** The format asks for 16 at least; a limit there must be, so that a note cannot make its reader work for hours. */
const MOST_SIGNATURES = 100;
const ID_BYTES = 4;

/**
 * Reads a note and verifies nothing. Fails with `proof-invalid` for what is no note: bytes that are not UTF-8, control
 * characters, no empty line, a line that is no signature, more than 100 of them.
 */
export function parseNote(message: string | Uint8Array): Note {
  const whole = typeof message === 'string' ? message : decodeUtf8(message);
  if (!whole.isWellFormed() || /[\u0000-\u0009\u000b-\u001f]/.test(whole)) {
    throw new ArchiverError('proof-invalid', 'note has characters that no note may have');
  }
  const end = whole.lastIndexOf('\n\n');
  if (end === -1) throw new ArchiverError('proof-invalid', 'note has no empty line before signatures');
  const lines = whole.slice(end + 2).split('\n');
  if (lines.pop() !== '') throw new ArchiverError('proof-invalid', 'note does not end with a line feed');
  if (lines.length === 0) throw new ArchiverError('proof-invalid', 'note has no signature');
  if (lines.length > MOST_SIGNATURES)
    throw new ArchiverError('proof-invalid', 'note has too many signatures');
  return { text: whole.slice(0, end + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [dash, name = '', encoded = '', ...rest] = line.split(' ');
  const bytes = decodeBase64(encoded);
  if (
    dash !== '—' ||
    !isKeyName(name) ||
    bytes === undefined ||
    bytes.length <= ID_BYTES ||
    rest.length > 0
  ) {
    throw new ArchiverError('proof-invalid', 'signature line of a note is not readable');
  }
  return { name, id: bytes.readUInt32BE(), signature: bytes.subarray(ID_BYTES) };
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new ArchiverError('proof-invalid', 'note is not UTF-8', { cause });
  }
}

/** The note as it is published. Fails with `internal` when the text does not end in a line feed. */
export function formatNote({ text, signatures }: Note): string {
  if (!text.endsWith('\n')) throw new ArchiverError('internal', 'text of a note has no last line feed');
  let whole = `${text}\n`;
  for (const { name, id, signature } of signatures) {
    const bytes = Buffer.alloc(ID_BYTES + signature.length);
    bytes.writeUInt32BE(id);
    bytes.set(signature, ID_BYTES);
    whole += `— ${name} ${encodeBase64(bytes)}\n`;
  }
  return whole;
}

/** Signs a note's text, which ends in a line feed. */
export function signText(text: string, signer: SignerKey): NoteSignature {
  const { name, id } = noteKeyOf(signer);
  return { name, id, signature: sign(null, Buffer.from(text), signer.privateKey) };
}

/**
 * Returns when at least one of `keys` signed the note. Signatures of other keys count for nothing. Fails with
 * `proof-invalid` when there is none of them, or when any signature of theirs is not one over this text.
 */
export function verifyNote(note: Note, keys: readonly NoteKey[]): void {
  const signed = signaturesOf(note, keys);
  for (const { key, signature } of signed) {
    if (!verify(null, Buffer.from(note.text), key.publicKey, signature)) {
      throw new ArchiverError('proof-invalid', 'signature of a note does not hold', { detail: key.name });
    }
  }
  if (signed.length === 0) throw new ArchiverError('proof-invalid', 'note is not signed by a known key');
}

/** The signatures that say they are of these keys: by name and id, for either alone may be another key's. */
export function signaturesOf<Key extends { readonly name: string; readonly id: number }>(
  note: Note,
  keys: readonly Key[],
): readonly { readonly key: Key; readonly signature: Uint8Array }[] {
  return note.signatures.flatMap(({ name, id, signature }) =>
    keys.filter((key) => key.name === name && key.id === id).map((key) => ({ key, signature })),
  );
}
