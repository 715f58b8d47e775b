/** The probe of the sink's locks, as `init`, `run` and `probe` make it and judge it. */
import { ArchiverError } from '../errors.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Finding } from '../sinks/probe.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Context } from './context.ts';
import { lockModeOf } from './schedule-in-force.ts';

/** Nothing is found where nothing is locked. */
export async function probeLocks(
  context: Context,
  sink: Sink,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const mode = lockModeOf(context);
  return mode === 'none' ? [] : sink.probe(mode, signal);
}

/** What the sink lets happen, though a lock means nothing with it. */
export function letPass(findings: readonly Finding[]): readonly Finding[] {
  return findings.filter(({ essential, enforced }) => essential && enforced === false);
}

/** The error of such a sink; undefined for one that keeps its locks, or of which that is not known. */
export function unlockedBy(findings: readonly Finding[]): ArchiverError | undefined {
  const passed = letPass(findings);
  if (passed.length === 0) return undefined;
  return new ArchiverError('sink-unlocked', 'the sink lets locks be undone', {
    detail: passed.map(({ check, meaning }) => `${check} (${meaning})`).join(', '),
  });
}

/** Fails with `sink-unlocked` where `compliance` is promised and not kept. */
export function requireCompliance(context: Context, findings: readonly Finding[]): void {
  const error = lockModeOf(context) === 'compliance' ? unlockedBy(findings) : undefined;
  if (error !== undefined) throw error;
}

/** Probes, and tells metrics and log; then as {@link requireCompliance}. */
export async function watchLocks(
  context: Context,
  sink: Sink,
  metrics: Metrics,
  signal: AbortSignal,
): Promise<void> {
  const findings = await probeLocks(context, sink, signal);
  if (findings.length === 0) return;
  metrics.locksProbed({ at: context.now(), checks: findings });
  for (const { check, essential, enforced, meaning } of findings) {
    if (enforced === true) continue;
    const level = essential ? 'warn' : 'info';
    context.log[level]({ check, enforced }, `object lock: ${meaning}`);
  }
  requireCompliance(context, findings);
}
