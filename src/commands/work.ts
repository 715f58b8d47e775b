/** Collecting and sealing, as one-shot commands and the daemon alike run them. */
import { setMaxListeners } from 'node:events';
import { type CollectSummary, collect, PASS_PARTS, type PassPart } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import { linkTotals } from '../ledger/links.ts';
import { objectTotals } from '../ledger/objects.ts';
import { stagedTotals } from '../ledger/staging.ts';
import { countFailing } from '../ledger/units.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import type { SegmentBuilder } from '../segments/build.ts';
import { type SealSummary, seal } from '../segments/seal.ts';
import type { Sink } from '../sinks/sink.ts';
import type { ZoomClient } from '../zoom/client.ts';
import { createClasses } from './classification.ts';
import { type Context, collectionPolicy, sealLimits, signerOf } from './context.ts';
import type { Progress } from './progress.ts';
import { bringIntoForce } from './schedule-in-force.ts';
import { rememberUnknownShapes } from './shapes.ts';
import { otherCollectors } from './streams.ts';

export interface Counts {
  readonly admitted: ReadonlyMap<string, number>;
  readonly sightings: number;
  readonly drift: number;
  readonly pages: number;
  /** Seconds by stage, all workers together. */
  readonly stages: Readonly<Record<string, number>>;
}

export interface CollectJob {
  readonly context: Context;
  readonly db: Database;
  readonly client: ZoomClient;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly metrics: Metrics;
  readonly stop: StopSignals;
  readonly progress?: Progress;
  /** All of them, unless said otherwise. */
  readonly parts?: readonly PassPart[];
  /** Collectors of this pass alone. */
  readonly also?: (tools: PassTools) => readonly Collector[];
}

/** One collection pass, with its numbers in `metrics` and in what it returns. */
export async function runCollect(job: CollectJob): Promise<CollectSummary & Counts> {
  const { context, db, client, sink, lease, metrics, stop, progress, parts = PASS_PARTS, also } = job;
  const admitted = new Map<string, number>();
  let sightings = 0;
  let drift = 0;
  let pages = 0;
  const stages: Record<string, number> = {};
  let records = 0;
  const { interrupt } = stop;
  const { lockFor } = await bringIntoForce({ context, db, sink, lease, interrupt });
  const summary = await collect({
    db,
    client,
    lease,
    policy: collectionPolicy(context.config),
    parts,
    classes: createClasses(db, lease.account, context.config.retention.schedule),
    parallel: context.config.zoom.parallel,
    others: (tools) => {
      const others = otherCollectors(context, sink, lockFor, metrics, tools, parts);
      return { ...others, units: [...others.units, ...(also?.(tools) ?? [])] };
    },
    now: context.now,
    drain: stop.drain,
    interrupt: stop.interrupt,
    log: context.log,
    events: {
      planned: (units) => progress?.expect(units),
      pageAdmitted(stream, admission) {
        pages += 1;
        records += admission.admitted.length;
        sightings += admission.sightings;
        metrics.sightings({ stream, count: admission.sightings });
        const byKind = new Map<string, { stream: string; kind: string; count: number }>();
        for (const record of admission.admitted) {
          const name = `${record.stream} ${record.kind}`;
          const entry = byKind.get(name) ?? { stream: record.stream, kind: record.kind, count: 0 };
          entry.count += 1;
          byKind.set(name, entry);
          if (record.drift) {
            drift += 1;
            metrics.drift({ stream: record.stream, count: 1 });
          }
        }
        for (const [name, entry] of byKind) {
          metrics.recordsAdmitted(entry);
          admitted.set(name, (admitted.get(name) ?? 0) + entry.count);
        }
      },
      spent(stage, seconds) {
        metrics.collectStage({ stage, seconds });
        stages[stage] = (stages[stage] ?? 0) + seconds;
      },
      unitEnded(unit, outcome) {
        metrics.unitFinished({ stream: unit.stream, mode: unit.mode, outcome });
        progress?.finish(`${records.toLocaleString('en-US')} records`);
      },
      streamComplete: (stream, at) => metrics.streamComplete({ stream, at }),
      oldestUncollected: (stream, at) => metrics.oldestUncollected({ stream, at }),
      windowLost: (stream) => metrics.windowLost({ stream }),
      surveyed(stream, state) {
        metrics.oldestUncollected({ stream, at: state.oldestUncollected });
        metrics.sessionsSurveyed({
          ...state,
          ...(state.untilLoss === undefined ? {} : { untilLossSeconds: state.untilLoss / 1000 }),
        });
      },
      sourceSetting: (setting, ok) => metrics.sourceSetting({ setting, ok }),
    },
  }).finally(async () => {
    await rememberUnknownShapes(db, lease, client.unknownShapes(), context);
    await reportBacklog(db, lease.account, metrics);
  });
  // What ended one stream early is no failure of the job, and has to be seen all the same.
  for (const { error } of summary.errors) metrics.errorSeen({ code: error.code, phrase: error.phrase });
  return { ...summary, admitted, sightings, drift, pages, stages };
}

export interface SealJob {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly builder: SegmentBuilder;
  readonly lease: Lease;
  readonly metrics: Metrics;
  readonly stop: StopSignals;
  /** Also groups that are neither full nor old. */
  readonly all: boolean;
  readonly progress?: Progress;
}

/** Seals what is due. */
export async function runSeal(
  job: SealJob,
): Promise<SealSummary & { readonly stages: Readonly<Record<string, number>> }> {
  const { context, db, sink, builder, lease, metrics, stop, all, progress } = job;
  let bytes = 0;
  const stages: Record<string, number> = {};
  // Each request to the store in flight listens to it several times.
  setMaxListeners(0, stop.interrupt);
  const { interrupt } = stop;
  const { lockFor, logLock } = await bringIntoForce({ context, db, sink, lease, interrupt });
  const summary = await seal({
    db,
    lease,
    sink,
    builder,
    limits: sealLimits(context.config, all),
    lockFor,
    logLock,
    signer: signerOf(context),
    now: context.now,
    drain: stop.drain,
    interrupt: stop.interrupt,
    log: context.log,
    events: {
      planned: (plans) => progress?.expect(plans.length),
      step(step, seconds) {
        metrics.sealStep({ step, seconds });
        stages[step] = (stages[step] ?? 0) + seconds;
      },
      published: (size) => metrics.logSize(size),
      sealed(plan, size) {
        bytes += size;
        metrics.segmentPut({ stream: plan.stream, class: plan.className, bytes: size });
        progress?.finish(`${(bytes / 1e6).toFixed(1)} MB`);
      },
    },
  }).finally(() => reportBacklog(db, lease.account, metrics));
  return { ...summary, stages };
}

/** After so many failures in a row a unit is worth an alert. */
const KEEPS_FAILING = 3;

/** Keeps the gauges of what waits and of what keeps failing true; that they cannot be read is not the job's failure. */
async function reportBacklog(db: Database, account: string, metrics: Metrics): Promise<void> {
  try {
    metrics.staged(await stagedTotals(db, account));
    metrics.objects(await objectTotals(db, account));
    for (const totals of await linkTotals(db, account)) metrics.links(totals);
    metrics.unitsFailing(await countFailing(db, account, KEEPS_FAILING));
  } catch {
    // The job itself met the same ledger and reports it.
  }
}
