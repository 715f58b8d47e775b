/** Looks for the records of a message in every segment of the log that may hold some. */
import type { SegmentEntry } from '../proof/entry.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import type { PlacedEntry } from '../proof/published.ts';
import { MessageSearch, type SegmentRows, type WantedRecords } from '../query/message-records.ts';
import type { CommandIo } from './context.ts';
import { withProgress } from './segments.ts';

export interface Searched {
  readonly files: IntactFiles;
  readonly segments: readonly PlacedEntry<SegmentEntry>[];
}

/**
 * What `make` makes of each segment with something wanted, in the log's order. Nothing counts as looked at that is not
 * exactly what the log names: fails with `proof-invalid`, and with `sink-*`.
 */
export async function searchMessages<T>(
  io: CommandIo,
  { files, segments }: Searched,
  wanted: WantedRecords,
  make: (placed: PlacedEntry<SegmentEntry>, rows: SegmentRows) => Promise<readonly T[]>,
): Promise<readonly T[]> {
  const search = await MessageSearch.create();
  try {
    const perSegment = await withProgress(io, 'searching', segments, async (placed) => {
      const path = await files.intact(placed.entry);
      const rows = await search.find(path, placed.entry.stream, wanted);
      await files.release(placed.entry);
      return rows === undefined ? [] : make(placed, rows);
    });
    return perSegment.flat();
  } finally {
    search.close();
  }
}
