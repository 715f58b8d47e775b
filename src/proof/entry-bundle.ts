import { ArchiverError } from '../errors.ts';

/** Bytes of the length before each entry, big endian. */
const LENGTH_BYTES = 2;
/** Most bytes of one entry. */
export const MAX_ENTRY_BYTES = 65_535;

/** Bytes of an entry bundle, C2SP tlog-tiles. Fails with `internal` for an entry of more than 65,535 bytes. */
export function encodeBundle(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    entries.flatMap((entry) => {
      if (entry.length > MAX_ENTRY_BYTES) {
        throw new ArchiverError('internal', 'log entry is too long', { detail: `${entry.length} bytes` });
      }
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeUInt16BE(entry.length);
      return [length, entry];
    }),
  );
}

/**
 * The entries of a bundle, in order. Fails with `proof-invalid` unless the bytes are exactly `width` entries.
 * @param width entries of the bundle, as its key says
 */
export function decodeBundle(bytes: Uint8Array, width: number): readonly Uint8Array[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (entries.length < width) {
    const start = at + LENGTH_BYTES;
    const end = start <= all.length ? start + all.readUInt16BE(at) : Number.POSITIVE_INFINITY;
    if (end > all.length) {
      throw new ArchiverError('proof-invalid', 'entry bundle is cut short', {
        detail: `entry ${entries.length} of ${width}`,
      });
    }
    entries.push(all.subarray(start, end));
    at = end;
  }
  if (at !== all.length) {
    throw new ArchiverError('proof-invalid', 'entry bundle goes on after its last entry', {
      detail: `${all.length - at} bytes`,
    });
  }
  return entries;
}
