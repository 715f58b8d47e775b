/** The daemon's own verification: everything since the last time, and a sample of what was archived before. */
import type { Database } from '../ledger/database.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { noteKeyOf } from '../proof/key.ts';
import type { Finding } from '../proof/verify/finding.ts';
import { verify } from '../proof/verify/verify.ts';
import { fetchedFiles, filesInPlace } from '../query/segment-files.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import type { Sink } from '../sinks/sink.ts';
import { type Context, signerOf } from './context.ts';
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
 * Verifies what came since the last time, and a sample of all. Each finding is an error in the log. Fails with
 * `proof-invalid` or `coverage-hole` when there is one, so that the job counts as failed.
 */
export async function runWatch({ context, db, sink, lease, metrics, stop }: WatchJob): Promise<void> {
  const { config, log, now } = context;
  const signal = AbortSignal.any([stop.drain, stop.interrupt]);
  const files =
    config.sink.kind === 'directory' ? filesInPlace(config.sink.path) : await fetchedFiles(sink, signal);
  const options = { sink, files, key: noteKeyOf(signerOf(context)), now, signal };
  const findings: Finding[] = [];
  try {
    const last = await readLearned(db, lease.account, VERIFIED_HEAD);
    const since = typeof last === 'string' ? { since: last } : {};
    const recent = await verify({ ...options, ...since });
    findings.push(...recent.findings);
    const { sample } = config.verification;
    // Without an earlier head all of it was read just now.
    if (typeof last === 'string' && sample > 0) {
      findings.push(...(await verify({ ...options, sample })).findings);
    }
    for (const finding of findings) log.error({ finding }, 'verification found something');
    // A hole is no reason to read all of it again the next time.
    if (findings.every(({ check }) => check === 'coverage'))
      await writeLearned(db, lease, VERIFIED_HEAD, recent.text);
    metrics.verified({ at: now(), findings: findings.length });
    log.info({ entries: recent.entries, objects: recent.objects, findings: findings.length }, 'verified');
  } finally {
    await files.close();
  }
  const verdict = verdictOf(findings);
  if (verdict !== undefined) throw verdict;
}
