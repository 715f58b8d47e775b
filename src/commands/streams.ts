/** The collectors of the streams beside sessions and messages, as the configuration asks for them. */
import { activitiesCollector } from '../collectors/activities.ts';
import type { OtherCollectors, PassPart } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import { contextCollector } from '../collectors/context.ts';
import type { Expected } from '../collectors/coverage-report.ts';
import { filesCollector } from '../collectors/files.ts';
import { forwardedCollector } from '../collectors/forwarded.ts';
import { holdFilesCollector } from '../collectors/hold-files.ts';
import { legalHoldCollectors } from '../collectors/legal-hold.ts';
import type { LinkCollector } from '../collectors/links.ts';
import { sessionsCollector } from '../collectors/listings.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { StoreFile } from '../collectors/stored.ts';
import type { Config } from '../config.ts';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import type { LinkKind } from '../ledger/links.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Stream, scopeTag } from '../record.ts';
import { storeFile } from '../segments/objects.ts';
import type { Sink } from '../sinks/sink.ts';
import { Spool } from '../zoom/spool.ts';
import { type Context, collectionPolicy, lockFor } from './context.ts';
import { leastRetention } from './preflight.ts';

export function otherCollectors(
  context: Context,
  sink: Sink,
  metrics: Metrics,
  tools: PassTools,
  parts: readonly PassPart[],
): OtherCollectors {
  return {
    units: unitCollectors(context, tools, (files) => metrics.holdFilesNotReady({ files })),
    // Made only where it works: a new spool clears what an older one of this process left.
    links: parts.includes('links') ? linkCollectors(context, sink, metrics, tools) : [],
  };
}

function linkCollectors(
  { config }: Context,
  sink: Sink,
  metrics: Metrics,
  tools: PassTools,
): readonly LinkCollector[] {
  const { collection, streams, retention, seal } = config;
  const { patience: patienceMs } = collection;
  const { db, lease, now, interrupt } = tools;
  const spool = new Spool(seal.spool, scopeTag(lease.account, ''));
  const lock = lockFor(config);
  const store: StoreFile = (file) =>
    storeFile({ db, lease, sink, lockFor: lock, now, interrupt }, { ...file, className: retention.class });
  const links: LinkCollector[] = [];
  const kinds: LinkKind[] = [];
  if (streams.files.enabled) kinds.push('file');
  if (streams.context.enabled) kinds.push('emoji');
  if (kinds.length > 0)
    links.push(filesCollector(tools, { ...streams.files, kinds, patienceMs, spool, store }));
  if (streams.forwarded.enabled) links.push(forwardedCollector(tools, { patienceMs }));
  if (streams.legalHold.enabled) {
    const { parallel } = streams.legalHold;
    const archived = (outcome: 'stored' | 'broken'): void => metrics.holdZipArchived({ outcome });
    links.push(holdFilesCollector(tools, { parallel, patienceMs, spool, store, archived }));
  }
  return links;
}

function unitCollectors(
  { config }: Context,
  tools: PassTools,
  notReady: (files: number) => void,
): readonly Collector[] {
  const units: Collector[] = [];
  const { activities } = config.streams;
  if (activities.enabled) {
    const { every: everyMs, lookBack: lookBackMs } = activities;
    const policy = { settleMs: config.collection.settle, everyMs, lookBackMs };
    units.push(activitiesCollector(tools, policy, config.zoom.parallel));
  }
  if (config.streams.context.enabled) {
    const policy = { everyMs: config.streams.context.every, leastRetentionMs: leastRetention(config) };
    units.push(contextCollector(tools, policy));
  }
  if (config.streams.legalHold.enabled) {
    const { every: everyMs } = config.streams.legalHold;
    units.push(...legalHoldCollectors(tools, { everyMs }, notReady));
  }
  return units;
}

/**
 * The collectors of units as the coverage report needs them: they read the ledger to plan, and do nothing else. They
 * hold no lease, so it would refuse a write, and are given nothing to ask Zoom with.
 */
export function planningCollectors(context: Context, db: Database): readonly Expected[] {
  const never = new AbortController().signal;
  const tools: PassTools = {
    db,
    lease: { account: context.account, holder: '', generation: -1 },
    client: unusable(),
    classOf: unable,
    now: context.now,
    drain: never,
    interrupt: never,
    log: context.log,
    events: unusable(),
    run: '',
    admit: unable,
    linksFound: unable,
  };
  const { streams } = context.config;
  const everyMs: Partial<Record<Stream, number>> = {
    channel_activities: streams.activities.every,
    context: streams.context.every,
    matters: streams.legalHold.every,
    hold_files: streams.legalHold.every,
  };
  return [
    sessionsCollector(tools, collectionPolicy(context.config)),
    ...unitCollectors(context, tools, unable),
  ].map((collector) => ({ collector, everyMs: everyMs[collector.stream] ?? 0 }));
}

function unable(): never {
  throw new ArchiverError('internal', 'a plan tried to do more than planning');
}

/** Stands for a part that planning is given and does not use: any use of it throws. */
function unusable<T extends object>(): T {
  return new Proxy({}, { get: unable }) as T;
}

/** Kinds of links that the configuration asks for. */
export function linkKinds({ streams }: Config): readonly LinkKind[] {
  return [
    ...(streams.files.enabled ? (['file'] as const) : []),
    ...(streams.context.enabled ? (['emoji'] as const) : []),
    ...(streams.forwarded.enabled ? (['forwarded'] as const) : []),
    ...(streams.legalHold.enabled ? (['hold_file'] as const) : []),
  ];
}

/** The streams of which a pass collects all that is due. */
export function collectedStreams({ streams }: Config): readonly Stream[] {
  return [
    'sessions',
    'messages',
    ...(streams.activities.enabled ? (['channel_activities'] as const) : []),
    ...(streams.context.enabled ? (['context'] as const) : []),
    ...(streams.files.enabled || streams.context.enabled ? (['files'] as const) : []),
    ...(streams.forwarded.enabled ? (['forwarded'] as const) : []),
    ...(streams.legalHold.enabled ? (['matters', 'hold_files'] as const) : []),
  ];
}
