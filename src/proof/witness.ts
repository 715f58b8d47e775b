/** A witness: somebody with a key of his own, who says that he saw the log only ever grow. */
import { ArchiverError } from '../errors.ts';
import { witnessKey } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { consistencyProof, verifyConsistency } from './consistency.ts';
import { cosign, verifyCosignatures } from './cosignature.ts';
import { formatVerifierKey, type NoteKey, type SignerKey, type WitnessKey, witnessKeyOf } from './key.ts';
import { formatNote } from './note.ts';
import { openPublished, type PublishedLog } from './published.ts';

export interface Cosigned {
  readonly checkpoint: Checkpoint;
  /** The signed note with the cosignature. */
  readonly text: string;
}

/**
 * Cosigns the published head, once it is shown to extend the last head that this witness cosigned. Fails with
 * `proof-invalid` where it does not: the log was forked or went back, and no witness may sign that.
 * @param last the note that this witness cosigned last, as he kept it; undefined the first time
 * @param time whole seconds since the epoch
 */
export async function cosignPublished(
  sink: SinkReader,
  key: NoteKey,
  witness: SignerKey,
  last: string | undefined,
  time: number,
): Promise<Cosigned> {
  const log = await openPublished(sink, key);
  if (last !== undefined) {
    const { checkpoint, note } = openCheckpoint(last, key, key.name);
    if (verifyCosignatures(note, [witnessKeyOf(witness)]).length === 0) {
      throw new ArchiverError(
        'proof-invalid',
        'the head given as the last one was not cosigned by this witness',
      );
    }
    await requireExtends(log, checkpoint);
  }
  const { note, checkpoint } = log;
  const own = witnessKeyOf(witness);
  // A witness has one signature on a head: that of the last time he looked.
  const others = note.signatures.filter(({ name, id }) => name !== own.name || id !== own.id);
  const text = formatNote({ text: note.text, signatures: [...others, cosign(note.text, witness, time)] });
  return { checkpoint, text };
}

/** What a witness says of a log. */
export interface Testimony {
  readonly name: string;
  /** Entries of the head that he cosigned last, and when; seconds since the epoch. */
  readonly size: number;
  readonly time: number;
}

/**
 * The log at the newest head in the archive that this witness cosigned; the published one must extend it. Fails with
 * `proof-invalid` when there is none, its cosignature does not hold, or the log does not extend it.
 */
export async function openCosigned(
  sink: SinkReader,
  log: PublishedLog,
  key: NoteKey,
  witness: WitnessKey,
): Promise<PublishedLog & { readonly testimony: Testimony }> {
  const current = await sink.current(witnessKey(witness.id));
  if (current === null) {
    throw new ArchiverError('proof-invalid', 'the witness has cosigned nothing', {
      detail: formatVerifierKey(witness),
    });
  }
  const { checkpoint, note } = openCheckpoint(current.bytes, key, key.name);
  const [said] = verifyCosignatures(note, [witness]);
  if (said === undefined) {
    throw new ArchiverError('proof-invalid', 'the witness has not cosigned this head', {
      detail: witness.name,
    });
  }
  await requireExtends(log, checkpoint);
  return {
    checkpoint,
    note,
    text: current.bytes.toString(),
    readSubtree: log.readSubtree,
    key,
    testimony: { name: said.name, size: checkpoint.size, time: said.time },
  };
}

/** Fails with `proof-invalid` unless the log begins with `older`. */
export async function requireExtends(
  { checkpoint, readSubtree }: PublishedLog,
  older: Checkpoint,
): Promise<void> {
  if (older.size > checkpoint.size) {
    throw new ArchiverError('proof-invalid', 'the log went back', {
      detail: `${checkpoint.size} entries, ${older.size} before`,
    });
  }
  if (older.size === 0) return;
  const proof = await consistencyProof(readSubtree, older.size, checkpoint.size);
  verifyConsistency(older, checkpoint, proof);
}
