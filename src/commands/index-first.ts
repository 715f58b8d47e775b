import { join } from 'node:path';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import { countUnindexed } from '../ledger/segment-contents.ts';
import { scopeTag } from '../record.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import { indexSegments } from '../segments/index-contents.ts';
import { SegmentReader } from '../segments/read.ts';
import type { SinkReader } from '../sinks/sink.ts';
import type { Context } from './context.ts';
import { inTurn } from './turns.ts';

/**
 * Of a rebuilt ledger some segments have to be read before it is known what they hold. Fails as {@link indexSegments}
 * does.
 */
export function indexFirst(context: Context, job: IndexJob): Promise<void> {
  // Two readers would clear each other's folder.
  return inTurn(job.db, 'index', () => indexOnce(context, job));
}

interface IndexJob {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: SinkReader;
  readonly stop: StopSignals;
}

async function indexOnce({ account, config }: Context, { db, lease, sink, stop }: IndexJob): Promise<void> {
  if ((await countUnindexed(db, account)) === 0) return;
  const reader = await SegmentReader.create(join(config.seal.spool, `index-${scopeTag(account, '')}`));
  try {
    const signal = AbortSignal.any([stop.drain, stop.interrupt]);
    await indexSegments({ db, lease, sink, reader, signal });
  } catch (error) {
    // Asked to stop, it goes on the next time, and nothing is looked for before.
    if (!stop.drain.aborted || stop.interrupt.aborted) throw error;
  } finally {
    await reader.close();
  }
}
