import type { OpenArchive } from './archive.ts';
import type { ReadAt } from './revision.ts';

/** The state of the archive that answers are read from. */
export function readAt({ log }: OpenArchive): ReadAt {
  const { origin, size, root } = log.checkpoint;
  return { origin, size, root: Buffer.from(root).toString('base64') };
}
