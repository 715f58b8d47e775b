/** The daemon's own verification: everything since the last time, and a sample of what was archived before. */
import type { Database } from '../ledger/database.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { noteKeyOf } from '../proof/key.ts';
import { verify } from '../proof/verify/verify.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import type { Sink } from '../sinks/sink.ts';
import { type Context, signerOf } from './context.ts';
import { openStoredFiles, placeOf } from './reading.ts';
import { verdictOf } from './verify.ts';

/** Where the ledger keeps the head that was verified last. */
const VERIFIED_HEAD = 'verified-head';

export interface WatchJob {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly metrics: Metrics;
  readonly stop: StopSignals;
}

/**
 * Verifies what came since the last time, a sample of what was archived before, and all of the coverage. Each finding is an error in the log. Fails with
 * `proof-invalid` or `coverage-hole` when there is one, so that the job counts as failed.
 */
export async function runWatch({ context, db, sink, lease, metrics, stop }: WatchJob): Promise<void> {
  const { config, log, now } = context;
  const signal = AbortSignal.any([stop.drain, stop.interrupt]);
  const files = await openStoredFiles({ sink, place: placeOf(config.sink) }, signal);
  try {
    const last = await readLearned(db, lease.account, VERIFIED_HEAD);
    const { findings, text, entries, objects, locksUnseen } = await verify({
      ...{ sink, files, key: noteKeyOf(signerOf(context)), now, signal },
      // Without an earlier head all of it is read.
      ...(typeof last === 'string' ? { since: last, past: config.verification.sample } : {}),
    });
    for (const finding of findings) log.error({ finding }, 'verification found something');
    // A hole is no reason to read all of it again the next time.
    if (findings.every(({ check }) => check === 'coverage'))
      await writeLearned(db, lease, VERIFIED_HEAD, text);
    metrics.verified({ at: now(), findings: findings.length });
    if (locksUnseen > 0)
      log.warn({ objects: locksUnseen }, 'the store does not show locks to these credentials');
    log.info({ entries, objects, findings: findings.length }, 'verified');
    const verdict = verdictOf(findings);
    if (verdict !== undefined) throw verdict;
  } finally {
    await files.close();
  }
}
