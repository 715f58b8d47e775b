/** Cosignatures of witnesses, C2SP tlog-cosignature, Ed25519, version 1. */
import { sign, verify } from 'node:crypto';
import { ArchiverError } from '../errors.ts';
import { type SignerKey, type WitnessKey, witnessKeyOf } from './key.ts';
import { type Note, type NoteSignature, signaturesOf } from './note.ts';

interface Cosignature {
  /** Name of the witness. */
  readonly name: string;
  /** When the head was the largest the witness had seen of this log, in seconds since the epoch. */
  readonly time: number;
}

const TIME_BYTES = 8;

/**
 * Cosigns the text of a checkpoint as a witness.
 * @param time whole seconds since the epoch
 */
export function cosign(text: string, signer: SignerKey, time: number): NoteSignature {
  const { name, id } = witnessKeyOf(signer);
  const stamp = Buffer.alloc(TIME_BYTES);
  stamp.writeBigUInt64BE(BigInt(time));
  return {
    name,
    id,
    signature: Buffer.concat([stamp, sign(null, cosigned(text, time), signer.privateKey)]),
  };
}

/**
 * The cosignatures of these witnesses, in the note's order; those of others count for nothing. How many there must be
 * is the caller's rule. Fails with `proof-invalid` when one of these witnesses' does not hold.
 */
export function verifyCosignatures(note: Note, witnesses: readonly WitnessKey[]): readonly Cosignature[] {
  return signaturesOf(note, witnesses).map(({ key, signature }) => {
    const bytes = Buffer.from(signature);
    const time = bytes.length < TIME_BYTES ? Number.NaN : Number(bytes.readBigUInt64BE());
    const holds =
      Number.isSafeInteger(time) &&
      verify(null, cosigned(note.text, time), key.publicKey, bytes.subarray(TIME_BYTES));
    if (!holds) throw new ArchiverError('proof-invalid', 'cosignature does not hold', { detail: key.name });
    return { name: key.name, time };
  });
}

function cosigned(text: string, time: number): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
}
