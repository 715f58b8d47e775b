/** Finds the revisions in rendered members again, by the bytes alone: for the export's own check, and for `verify-export`. */

import { collected } from './collected.ts';
import { CSV_MEMBER, csvHashes } from './csv.ts';
import { DAT_MEMBER, datHashes } from './dat.ts';
import { EML_FOLDER, emlHashes } from './eml.ts';
import { HTML_FOLDER, HTML_INDEX, htmlHashes } from './html.ts';
import type { Format } from './input.ts';
import { linesOf, NDJSON_MEMBER, ndjsonHash } from './ndjson.ts';
import type { FoundHash } from './renderer.ts';
import { RSMF_FOLDER } from './rsmf-form.ts';
import { checkRsmf } from './rsmf-rules.ts';

/** Which format a member holds revisions of; undefined where it holds none. */
export function formatOfMember(path: string): Format | undefined {
  if (path === NDJSON_MEMBER) return 'ndjson';
  if (path.startsWith(RSMF_FOLDER)) return 'rsmf';
  if (path.startsWith(EML_FOLDER)) return 'eml';
  if (path === CSV_MEMBER) return 'csv';
  if (path === DAT_MEMBER) return 'dat';
  if (path.startsWith(HTML_FOLDER) && path !== HTML_INDEX) return 'html';
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
    case 'rsmf': {
      const { hashes, issues } = await checkRsmf(await collected(bytes));
      if (issues.some(({ severity }) => severity === 'reject')) yield [undefined];
      yield hashes.map(knownHash);
      return;
    }
    case 'eml':
      yield emlHashes(await collected(bytes));
      return;
    case 'csv':
      yield* csvHashes(bytes);
      return;
    case 'html':
      yield htmlHashes((await collected(bytes)).toString());
      return;
    case 'dat':
      for await (const lines of linesOf(bytes)) yield datHashes(lines);
      return;
    default:
      return format satisfies never;
  }
}

function knownHash(text: string): FoundHash {
  return /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}
