/** The daemon's own verification: everything since the last time, and a sample of the past and of the flags of holds. */
import type { Database } from '../ledger/database.ts';
import { type HeldVersion, noteUnflagged, someFlagged } from '../ledger/hold-versions.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { noteKeyOf } from '../proof/key.ts';
import { verify } from '../proof/verify/verify.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import type { Sink } from '../sinks/sink.ts';
import { type Context, signerOf } from './context.ts';
import { openStoredFiles, placeOf } from './reading.ts';
import { inTurn } from './turns.ts';
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
 * Verifies what came since the last time, a sample of what was archived before, and all of the coverage, and looks at a
 * sample of the flags of legal holds. Each finding is an error in the log. Fails with `proof-invalid` or `coverage-hole`
 * when there is one, so that the job counts as failed; a flag that is gone is set again and fails nothing.
 */
export async function runWatch({ context, db, sink, lease, metrics, stop }: WatchJob): Promise<void> {
  const { config, log, now } = context;
  // A flag that is being set or lifted must not look like one that somebody else lifted.
  await inTurn(db, 'holds', () => watchFlags(context, db, lease, sink));
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

/** What somebody else freed from its hold at the store is flagged again by the next look at the holds. */
async function watchFlags(
  { account, config, log }: Context,
  db: Database,
  lease: Lease,
  sink: Sink,
): Promise<void> {
  const lifted: HeldVersion[] = [];
  for (const version of await someFlagged(db, account, config.verification.sample)) {
    const object = await sink.head(version.key, version.version);
    // What is missing is a finding of verification.
    if (object !== null && !object.held) lifted.push(version);
  }
  for (const { key, version } of lifted)
    log.error({ key, version }, 'somebody lifted the flag of a legal hold at the store; it is set again');
  if (lifted.length > 0) await noteUnflagged(db, lease, lifted);
}
