/** Reads what segments hold of which the ledger does not know it: those of a rebuilt ledger that the rebuild passed over. */
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import {
  countUnindexed,
  indexSegment,
  type UnindexedSegment,
  unindexedSegments,
} from '../ledger/segment-contents.ts';
import type { SinkReader } from '../sinks/sink.ts';
import type { SegmentReader } from './read.ts';

export interface IndexOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: SinkReader;
  readonly reader: SegmentReader;
  readonly progress?: {
    expect(segments: number): void;
    /** One of them is done. */
    finish(note: string): void;
  };
  readonly signal: AbortSignal;
}

/** Segments that are fetched and read at once. */
const PARALLEL = 4;
const AT_A_TIME = 256;

/**
 * Indexes every committed segment that is not, and was not destroyed. Each is done for good before the next begins, so
 * that what was interrupted goes on where it was. Fails with `proof-invalid` where a segment is not what the ledger
 * says, `lease-lost`, `spool-full`, `sink-*`, and with the signal's reason.
 * @returns how many were indexed
 */
export async function indexSegments(options: IndexOptions): Promise<number> {
  const {
    db,
    lease: { account },
    progress,
  } = options;
  progress?.expect(await countUnindexed(db, account));
  let indexed = 0;
  for (let after = 0; ; ) {
    const segments = await unindexedSegments(db, account, after, AT_A_TIME);
    const last = segments.at(-1);
    if (last === undefined) return indexed;
    const waiting = [...segments];
    const worker = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        await indexOne(options, next).catch((error: unknown) => {
          // The other workers finish what they have in hand.
          waiting.length = 0;
          throw error;
        });
        indexed += 1;
        progress?.finish('');
      }
    };
    const workers = Array.from({ length: PARALLEL }, worker);
    // Nothing may be underway any more when this ends, also by a failure.
    await Promise.allSettled(workers);
    await Promise.all(workers);
    after = last.id;
  }
}

async function indexOne(
  { db, lease, sink, reader, signal }: IndexOptions,
  { id, ...segment }: UnindexedSegment,
): Promise<void> {
  signal.throwIfAborted();
  const local = await reader.fetch(sink, segment, signal);
  try {
    await indexSegment(db, lease, id, await reader.contents(local));
  } finally {
    await reader.discard(local);
  }
}
