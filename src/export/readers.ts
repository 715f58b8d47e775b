/** Finds the revisions in rendered members again, by the bytes alone: for the export's own check, and for `verify-export`. */
import type { Format } from './input.ts';
import { linesOf, NDJSON_MEMBER, ndjsonHash } from './ndjson.ts';

/** Hash of a revision, as it stands in a member; undefined where something stands there that is none. */
export type FoundHash = string | undefined;

/** Which format a member holds revisions of; undefined where it holds none. */
export function formatOfMember(path: string): Format | undefined {
  if (path === NDJSON_MEMBER) return 'ndjson';
  return undefined;
}

/** The revisions of a member, a few at a time. Fails where its bytes cannot be read. */
export async function* revisionsIn(
  format: Format,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly FoundHash[]> {
  switch (format) {
    case 'ndjson':
      for await (const lines of linesOf(bytes)) yield lines.map(ndjsonHash);
      return;
    default:
      throw new RangeError('nothing is known of this format');
  }
}
