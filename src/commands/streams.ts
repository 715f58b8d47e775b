/** The collectors of the streams beside sessions and messages, as the configuration asks for them. */
import type { OtherCollectors } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import type { LinkCollector } from '../collectors/links.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { Database } from '../ledger/database.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Context } from './context.ts';

export function otherCollectors(_context: Context, _sink: Sink, _tools: PassTools): OtherCollectors {
  const units: Collector[] = [];
  const links: LinkCollector[] = [];
  return { units, links };
}

/** How late a stream may be before what it has not collected is a hole. */
export const GRACE_MS = 3_600_000;

/** The same collectors with a clock that is late: what they plan is overdue. They only plan, and hold no lease. */
export function overdueCollectors(_context: Context, _db: Database): readonly Collector[] {
  return [];
}
