/** The collectors of the streams beside sessions and messages, as the configuration asks for them. */
import type { OtherCollectors } from '../collectors/collect.ts';
import type { Collector } from '../collectors/collector.ts';
import { filesCollector } from '../collectors/files.ts';
import { forwardedCollector } from '../collectors/forwarded.ts';
import { holdFilesCollector } from '../collectors/hold-files.ts';
import { dueHoldFiles, dueMatters, legalHoldCollectors } from '../collectors/legal-hold.ts';
import type { LinkCollector } from '../collectors/links.ts';
import type { PassTools } from '../collectors/pass.ts';
import type { StoreFile } from '../collectors/stored.ts';
import type { Database } from '../ledger/database.ts';
import type { LinkKind } from '../ledger/links.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { type Stream, scopeTag } from '../record.ts';
import { storeFile } from '../segments/objects.ts';
import type { Sink } from '../sinks/sink.ts';
import { Spool } from '../zoom/spool.ts';
import { type Context, lockFor } from './context.ts';

export function otherCollectors(
  context: Context,
  sink: Sink,
  metrics: Metrics,
  tools: PassTools,
): OtherCollectors {
  const { streams, retention, seal } = context.config;
  const units: Collector[] = [];
  const links: LinkCollector[] = [];
  const { db, lease, now, interrupt } = tools;
  const spool = new Spool(seal.spool, scopeTag(lease.account, ''));
  const lock = lockFor(context.config, now);
  const store: StoreFile = (file) =>
    storeFile({ db, lease, sink, lockFor: lock, now, interrupt }, { ...file, className: retention.class });
  const kinds: LinkKind[] = [];
  if (streams.files.enabled) kinds.push('file');
  if (streams.context.enabled) kinds.push('emoji');
  if (kinds.length > 0) links.push(filesCollector(tools, { ...streams.files, kinds, spool, store }));
  if (streams.forwarded.enabled) links.push(forwardedCollector(tools));
  if (streams.legalHold.enabled) {
    const { every, parallel } = streams.legalHold;
    const holds = legalHoldCollectors(tools, { everyMs: every }, (files) =>
      metrics.holdFilesNotReady({ files }),
    );
    units.push(holds.matters, holds.files);
    const archived = (outcome: 'stored' | 'broken'): void => metrics.holdZipArchived({ outcome });
    links.push(holdFilesCollector(tools, { parallel, spool, store, archived }));
  }
  return { units, links };
}

/** How late a stream may be before what it has not collected is a hole. */
export const GRACE_MS = 3_600_000;

/** The same collectors with a clock that is late: what they plan is overdue. They only plan, and hold no lease. */
export function overdueCollectors({ config, account, now }: Context, db: Database): readonly Collector[] {
  const { legalHold } = config.streams;
  const planning = { db, account, now: () => now() - GRACE_MS };
  const onlyPlans = (stream: Stream, plan: Collector['plan']): Collector => ({
    stream,
    parallel: 1,
    plan,
    collect: async () => undefined,
    isOwn: () => true,
  });
  if (!legalHold.enabled) return [];
  const policy = { everyMs: legalHold.every };
  return [
    onlyPlans('matters', () => dueMatters(planning, policy)),
    onlyPlans('hold_files', () => dueHoldFiles(planning, policy)),
  ];
}
