/**
 * A file is hashed once for as long as its stamp stays the same: device, inode, size, and when content and inode last
 * changed, which nobody can set back. Kept in this process only, for a note on disk would have to be believed.
 */
import { stat } from 'node:fs/promises';
import { type Digest, digestOf, fileBytes } from '../digest.ts';

interface Stamped {
  readonly stamp: string;
  readonly found: Digest;
}

const stamps = new Map<string, Stamped>();
const MOST_STAMPS = 500_000;

/** A file system's clock may have ticks as long as this: within one, a second change leaves no trace. */
const TICK_MS = 2_000;

/** What the bytes of a file are. Errors of the file system pass through unchanged. */
export async function digestOfFile(path: string): Promise<Digest> {
  const [stamp, changedAt] = await stampOf(path);
  const known = stamps.get(path);
  if (known?.stamp === stamp) return known.found;
  const found = await digestOf(fileBytes(path));
  const [after] = await stampOf(path);
  // What changes while it is hashed is hashed again when it is asked for again.
  if (after === stamp && Math.abs(Date.now() - changedAt) > TICK_MS) {
    if (stamps.size >= MOST_STAMPS) stamps.clear();
    stamps.set(path, { stamp, found });
  } else {
    stamps.delete(path);
  }
  return found;
}

async function stampOf(path: string): Promise<readonly [stamp: string, changedAt: number]> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return [`${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`, Number(ctimeNs / 1_000_000n)];
}
