/** The collectors of the streams beside sessions and messages, as the configuration asks for them. */
import { activitiesCollector } from '../collectors/activities.ts';
import type { OtherCollectors } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import { contextCollector } from '../collectors/context.ts';
import type { LinkCollector } from '../collectors/links.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { Config } from '../config.ts';
import type { Stream } from '../record.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Context } from './context.ts';
import { leastRetention } from './preflight.ts';

export function otherCollectors({ config }: Context, _sink: Sink, tools: PassTools): OtherCollectors {
  const units: Collector[] = [];
  const links: LinkCollector[] = [];
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
  return { units, links };
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
