/** The collectors of the streams beside sessions and messages, as the configuration asks for them. */
import type { OtherCollectors } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import type { LinkCollector } from '../collectors/links.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Context } from './context.ts';

export function otherCollectors(_context: Context, _sink: Sink, _tools: PassTools): OtherCollectors {
  const units: Collector[] = [];
  const links: LinkCollector[] = [];
  return { units, links };
}
