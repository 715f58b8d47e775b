/** The bytes of emulated files. They follow from id and size, so a file of gigabytes is served from a few kilobytes. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { hashText, Random } from './random.ts';

const BLOCK = 65_536;
/** About 16 MB: so much is hashed before others get their turn. */
const BLOCKS_A_TURN = 256;

/** A file's bytes in pieces of up to 64 KB; `size` in bytes. Every piece is memory of its own. */
export function* fileBytes(fileId: string, size: number): Generator<Buffer> {
  const pattern = Buffer.allocUnsafe(Math.min(Math.ceil(size / 4) * 4, BLOCK));
  const random = new Random(hashText(`${fileId} ${size}`));
  for (let at = 0; at < pattern.length; at += 4) pattern.writeUInt32LE(random.next(), at);
  for (let at = 0; at < size; at += BLOCK) {
    const piece = Buffer.from(pattern.subarray(0, size - at));
    // Numbered, or blocks that were lost and doubled would leave the hash as it is.
    if (piece.length >= 8) piece.writeDoubleLE(at / BLOCK, 0);
    yield piece;
  }
}

/** SHA-256 of the pieces in hex. Yields between them, so that a server goes on serving. */
export async function sha256Of(pieces: Iterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  let blocks = 0;
  for (const piece of pieces) {
    hash.update(piece);
    blocks += 1;
    if (blocks % BLOCKS_A_TURN === 0) await setImmediate();
  }
  return hash.digest('hex');
}
