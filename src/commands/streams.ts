/** The collectors of the streams beside sessions and messages, as the configuration asks for them. */
import { activitiesCollector } from '../collectors/activities.ts';
import type { OtherCollectors } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import { contextCollector } from '../collectors/context.ts';
import type { Expected } from '../collectors/coverage-report.ts';
import type { LinkCollector } from '../collectors/links.ts';
import { sessionsCollector } from '../collectors/listings.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { Config } from '../config.ts';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import type { Stream } from '../record.ts';
import type { Sink } from '../sinks/sink.ts';
import { type Context, collectionPolicy } from './context.ts';
import { leastRetention } from './preflight.ts';

export function otherCollectors(context: Context, _sink: Sink, tools: PassTools): OtherCollectors {
  const links: LinkCollector[] = [];
  return { units: unitCollectors(context, tools), links };
}

function unitCollectors({ config }: Context, tools: PassTools): readonly Collector[] {
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
  return units;
}

/**
 * The collectors of units as the coverage report needs them: they read the ledger to plan, and do nothing else. They
 * hold no lease, so it would refuse a write, and are given nothing to ask Zoom with.
 */
export function planningCollectors(context: Context, db: Database): readonly Expected[] {
  const never = new AbortController().signal;
  const unable = (): never => {
    throw new ArchiverError('internal', 'a plan tried to do more than planning');
  };
  const tools: PassTools = {
    db,
    lease: { account: context.account, holder: '', generation: -1 },
    get client(): never {
      return unable();
    },
    classOf: unable,
    now: context.now,
    drain: never,
    interrupt: never,
    log: context.log,
    get events(): never {
      return unable();
    },
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
  return [sessionsCollector(tools, collectionPolicy(context.config)), ...unitCollectors(context, tools)].map(
    (collector) => ({ collector, everyMs: everyMs[collector.stream] ?? 0 }),
  );
}

/** The streams of which a pass collects all that is due. */
export function collectedStreams({ streams }: Config): readonly Stream[] {
  return [
    'sessions',
    'messages',
    ...(streams.activities.enabled ? (['channel_activities'] as const) : []),
    ...(streams.context.enabled ? (['context'] as const) : []),
  ];
}
