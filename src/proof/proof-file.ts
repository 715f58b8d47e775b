/** Proofs that stand for themselves, C2SP tlog-proof: files named `.tlog-proof`. */
import { ArchiverError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';
import { parseDecimal } from './checkpoint.ts';
import { parseNote } from './note.ts';
import { HASH_BYTES } from './tree.ts';

export interface ProofFile {
  /** For the application; nothing vouches for it. */
  readonly extra: Uint8Array | undefined;
  /** Of the entry in the log, from 0. */
  readonly index: number;
  /** From the leaf's sibling up, 32 bytes each. */
  readonly path: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
}

const HEADER = 'c2sp.org/tlog-proof@v1';

export function formatProofFile({ extra, index, path, checkpoint }: ProofFile): string {
  const head = [HEADER, ...(extra === undefined ? [] : [`extra ${encodeBase64(extra)}`]), `index ${index}`];
  return `${[...head, ...path.map(encodeBase64)].join('\n')}\n\n${checkpoint}`;
}

/**
 * Reads a proof and verifies nothing. Fails with `proof-invalid` for anything that {@link formatProofFile} would not
 * have written, and when the checkpoint is no note.
 */
export function parseProofFile(text: string): ProofFile {
  const end = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(end, 0)).split('\n');
  if (lines.shift() !== HEADER) throw new ArchiverError('proof-invalid', 'file is no proof');
  const hasExtra = lines[0]?.startsWith('extra ') === true;
  const extra = hasExtra ? decodeBase64(lines.shift()?.slice('extra '.length) ?? '') : undefined;
  const [indexLine = '', ...hashLines] = lines;
  const index = indexLine.startsWith('index ') ? parseDecimal(indexLine.slice('index '.length)) : undefined;
  const path = hashLines.flatMap((line) => decodeBase64(line) ?? []);
  const readable =
    (extra !== undefined || !hasExtra) &&
    path.length === hashLines.length &&
    path.every(({ length }) => length === HASH_BYTES);
  if (!readable || index === undefined) throw new ArchiverError('proof-invalid', 'proof is not readable');
  const checkpoint = text.slice(end + 2);
  parseNote(checkpoint);
  return { extra, index, path, checkpoint };
}
