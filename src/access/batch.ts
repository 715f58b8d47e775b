/**
 * Batches: what one writer adds to the access log at once. Many may write, so the place behind the last entry is given to
 * whoever creates the batch with that number first; from then on every writer makes the same tiles and the same head.
 */
import { ArchiverError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../proof/base64.ts';
import { parseDecimal } from '../proof/checkpoint.ts';
import type { TreeHead } from '../proof/consistency.ts';
import type { NoteKey, SignerKey } from '../proof/key.ts';
import { formatNote, parseNote, signText, verifyNote } from '../proof/note.ts';

/**
 * First line of a batch's text. No checkpoint begins with it, so the signature is not one over a head: a batch that came
 * second, and was never part of the log, leaves none behind.
 */
const BATCH_FORM = 'zoom-chat-archiver/access-batch@v1';

/** Entries that are added behind the tree of {@link TreeHead}. */
export interface Batch extends TreeHead {
  readonly entries: readonly Uint8Array[];
}

/**
 * A signed note: the form, the log's origin, size and root of the tree that it continues, and a line for each entry,
 * which as canonical JSON has no line feed.
 */
export function formatBatch({ size, root, entries }: Batch, signer: SignerKey): Buffer {
  const lines = entries.map((entry) => Buffer.from(entry).toString());
  const text = [BATCH_FORM, signer.name, String(size), encodeBase64(root), ...lines, ''].join('\n');
  return Buffer.from(formatNote({ text, signatures: [signText(text, signer)] }));
}

/** Reads a batch. Fails with `proof-invalid` when it is none, of another log, or not signed by `key`. */
export function parseBatch(bytes: Uint8Array, key: NoteKey): Batch {
  const note = parseNote(bytes);
  verifyNote(note, [key]);
  const [form, origin, digits = '', encoded = '', ...lines] = note.text.slice(0, -1).split('\n');
  const size = parseDecimal(digits);
  const root = decodeBase64(encoded);
  if (form !== BATCH_FORM || origin !== key.name || size === undefined || root === undefined)
    throw new ArchiverError('proof-invalid', 'batch of the access log is not readable');
  if (lines.length === 0) throw new ArchiverError('proof-invalid', 'batch of the access log is empty');
  return { size, root, entries: lines.map((line) => Buffer.from(line)) };
}

/** Fails with `proof-invalid` unless the batch continues this tree. */
export function requireContinues({ size, root }: TreeHead, batch: Batch): void {
  if (batch.size === size && Buffer.compare(batch.root, root) === 0) return;
  throw new ArchiverError('proof-invalid', 'batch of the access log continues another tree', {
    detail: `at ${size} entries`,
  });
}
