import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { ArchiverError, hasCode } from '../errors.ts';
import { admit } from '../ledger/admit.ts';
import type { Stream } from '../record.ts';
import { type Collector, type CollectorEnd, runCollector } from './collector.ts';
import { LinkBell, type LinkCollector, runLinks } from './links.ts';
import { sessionsCollector } from './listings.ts';
import { MessagesCollector, surveySessions } from './messages.ts';
import type { PassTools } from './pass.ts';
import type { CollectionPolicy } from './planner.ts';

export interface CollectOptions extends Omit<PassTools, 'run' | 'admit' | 'linksFound'> {
  readonly policy: CollectionPolicy;
  /** Sessions collected at the same time; within one, one request at a time. */
  readonly parallel: number;
  /** What the pass does; a daemon gives each part a pass of its own, so that none waits for another one. */
  readonly parts?: readonly PassPart[];
  /** The collectors of the other streams. */
  readonly others?: (tools: PassTools) => OtherCollectors;
}

/** Sessions and messages; the units of the other streams; what records point to, one by one. */
export const PASS_PARTS = ['reports', 'units', 'links'] as const;
export type PassPart = (typeof PASS_PARTS)[number];

export interface OtherCollectors {
  readonly units: readonly Collector[];
  readonly links: readonly LinkCollector[];
}

export interface CollectSummary {
  readonly run: string;
  readonly done: number;
  readonly failed: number;
  /** True when nothing due was left in any stream: not drained, nothing failed. */
  readonly complete: boolean;
  /** What ended the collection of one of the other streams early. */
  readonly errors: readonly { readonly stream: Stream; readonly error: ArchiverError }[];
}

/**
 * One pass: lists sessions, then collects every unit that is due, most urgent first, of all streams side by side,
 * and returns. Everything it did is in the ledger page by page, so a pass that ends early, in whatever way, loses
 * nothing and the next one goes on.
 *
 * Fails with what concerns every stream (`zoom-credentials`, `lease-lost`, `ledger-unreachable`, `interrupted`…), and
 * with what ended sessions or messages early (`zoom-scope`, `zoom-rate-limited`…), once the other streams are through.
 * What ended another stream is in the summary; a unit's own failure is recorded.
 */
export async function collect(options: CollectOptions): Promise<CollectSummary> {
  const { db, lease, interrupt } = options;
  // Every request in flight listens to it.
  setMaxListeners(0, interrupt);
  // When one stream meets what ends the pass, the others finish what they have in hand.
  const halt = new AbortController();
  const bell = new LinkBell();
  const tools: PassTools = {
    ...options,
    drain: AbortSignal.any([options.drain, halt.signal]),
    run: randomUUID(),
    admit: (unit, page) => admit(db, lease, unit, page),
    linksFound: () => bell.ring(),
  };
  setMaxListeners(0, tools.drain);
  try {
    return await collectAll(options, tools, bell, halt);
  } catch (error) {
    if (!interrupt.aborted) throw error;
    if (hasCode(interrupt.reason, 'lease-lost')) throw interrupt.reason;
    throw new ArchiverError('interrupted', 'collection was interrupted', { cause: error });
  }
}

async function collectAll(
  { policy, parallel, others, drain, parts = PASS_PARTS }: CollectOptions,
  tools: PassTools,
  bell: LinkBell,
  halt: AbortController,
): Promise<CollectSummary> {
  const { units = [], links = [] } = others?.(tools) ?? {};
  const does = (part: PassPart): boolean => parts.includes(part);
  const ends: { readonly stream: Stream; readonly end: CollectorEnd }[] = [];
  let fatal: { readonly error: unknown } | undefined;
  const keep = async (stream: Stream, work: Promise<CollectorEnd>): Promise<void> => {
    try {
      ends.push({ stream, end: await work });
    } catch (error) {
      fatal ??= { error };
      halt.abort();
      bell.close();
    }
  };
  const collectReports = async (): Promise<void> => {
    await keep('sessions', runCollector(tools, sessionsCollector(tools, policy)));
    const listed = ends.find(({ stream }) => stream === 'sessions')?.end;
    // What ended the listing early, messages would meet as well.
    if (listed !== undefined && listed.error === undefined) {
      await keep('messages', collectMessages(tools, policy, parallel));
    }
    // Also where nothing was collected: then above all the guard has to be heard.
    if (fatal === undefined) {
      tools.events.surveyed(
        'messages',
        await surveySessions(tools.db, tools.lease.account, policy, tools.now()),
      );
    }
  };
  const linkWork = (does('links') ? links : []).map((collector) =>
    keep(collector.stream, runLinks(tools, collector, bell)),
  );
  await Promise.all([
    does('reports') ? collectReports() : undefined,
    ...(does('units') ? units : []).map((collector) =>
      keep(collector.stream, runCollector(tools, collector)),
    ),
  ]);
  bell.close();
  await Promise.all(linkWork);
  if (fatal !== undefined) throw fatal.error;
  const errors = ends.flatMap(({ stream, end }) =>
    end.error === undefined ? [] : [{ stream, error: end.error }],
  );
  for (const { stream, error } of errors) {
    tools.log.error({ stream, code: error.code, err: error.message, hint: error.hint }, 'stream ended early');
  }
  const [main] = errors.filter(({ stream }) => stream === 'sessions' || stream === 'messages');
  if (main !== undefined) throw main.error;
  return {
    run: tools.run,
    done: ends.reduce((sum, { end }) => sum + end.done, 0),
    failed: ends.reduce((sum, { end }) => sum + end.failed, 0),
    complete: !drain.aborted && ends.every(({ end }) => end.complete),
    errors,
  };
}

async function collectMessages(
  tools: PassTools,
  policy: CollectionPolicy,
  parallel: number,
): Promise<CollectorEnd> {
  return runCollector(tools, await MessagesCollector.create(tools, policy, parallel));
}
