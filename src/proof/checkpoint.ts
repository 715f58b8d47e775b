/** Heads of logs as text, C2SP tlog-checkpoint. */
import { ArchiverError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import type { TreeHead } from './consistency.ts';
import type { NoteKey, SignerKey } from './key.ts';
import { formatNote, type Note, parseNote, signText, verifyNote } from './note.ts';
import { HASH_BYTES } from './tree.ts';

export interface Checkpoint extends TreeHead {
  /** Name of the log, a URL without scheme; its key has the same. */
  readonly origin: string;
  /** Lines that others may have added; this program writes none. */
  readonly extensions: readonly string[];
}

/** A checkpoint as a note's text: a line each for origin, size and root, and one for each extension. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  return [origin, String(size), encodeBase64(root), ...extensions, ''].join('\n');
}

/** Reads a note's text. Fails with `proof-invalid` when it is no checkpoint. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  const last = lines.pop();
  const [origin = '', digits = '', encoded = '', ...extensions] = lines;
  const size = parseDecimal(digits);
  const root = decodeBase64(encoded);
  if (last !== '' || lines.includes('') || size === undefined || root?.length !== HASH_BYTES) {
    throw new ArchiverError('proof-invalid', 'checkpoint is not readable');
  }
  return { origin, size, root, extensions };
}

/** A count or an index as these formats write it; undefined for leading zeros and what is not a safe integer. */
export function parseDecimal(digits: string): number | undefined {
  const value = /^(0|[1-9]\d{0,15})$/.test(digits) ? Number(digits) : Number.NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The signed note to publish. Fails with `internal` for a head of another log than the key's. */
export function signCheckpoint(checkpoint: Checkpoint, signer: SignerKey): string {
  if (checkpoint.origin !== signer.name) {
    throw new ArchiverError('internal', 'key does not sign for this log', { detail: checkpoint.origin });
  }
  const text = formatCheckpoint(checkpoint);
  return formatNote({ text, signatures: [signText(text, signer)] });
}

interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** Holds the cosignatures. */
  readonly note: Note;
}

/**
 * Reads a signed checkpoint that must be of this log. Fails with `proof-invalid` when it is not readable, not signed
 * by `key`, or of another origin.
 */
export function openCheckpoint(message: string | Uint8Array, key: NoteKey, origin: string): OpenedCheckpoint {
  const note = parseNote(message);
  verifyNote(note, [key]);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== origin) {
    throw new ArchiverError('proof-invalid', 'checkpoint is of another log', { detail: checkpoint.origin });
  }
  return { checkpoint, note };
}
