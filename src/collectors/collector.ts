/** One stream's collector, run from its first due unit to its last. */
import { type ArchiverError, hasCode } from '../errors.ts';
import { failingUnits } from '../ledger/units.ts';
import type { Interval, Stream } from '../record.ts';
import type { PassTools } from './pass.ts';
import { runExclusive } from './pool.ts';
import { type Attempt, runUnit, type Unit, unitName } from './unit.ts';
import { DAY_MS } from './windows.ts';

/** Brings one stream; the pass runs what it plans. */
export interface Collector<U extends Unit = Unit> {
  readonly stream: Stream;
  /** Units at the same time; of one lane always one. */
  readonly parallel: number;
  /** What a unit has to itself while it runs: its scope, unless said otherwise. */
  lane?(unit: U): string;
  /** The units of a plan may bring others: it is planned anew until nothing is due. */
  readonly unfolds?: boolean;
  /**
   * Units due now, most urgent first, at most {@link PLAN_LIMIT}.
   * @param ran names of units that this pass ran and would run again: they count as not due. Left out by whoever only
   *   wants to know what is due: then the ledger alone is read, nothing asked for and nothing written.
   */
  plan(ran?: ReadonlySet<string>): Promise<readonly U[]>;
  /** Answers what the unit proves when that is less than planned. */
  collect(unit: U, attempt: Attempt): Promise<Interval | undefined>;
  /** Whether an error says something about this unit only; any other ends the collector. */
  isOwn(unit: U, error: ArchiverError): boolean;
  /** What it asked for and Zoom has not made yet, and since when (ms). Reads the ledger alone. */
  pending?(): Promise<readonly { readonly scope: string; readonly mode: string; readonly since: number }[]>;
  /** After the units of a plan have ended, however they did, also when there were none. */
  settle?(): Promise<void>;
}

/** Most urgent units held in memory at a time; the rest is planned again when these are done. */
export const PLAN_LIMIT = 20_000;
const UNANSWERED_LIMIT = 5;

/** Errors of a single request that another unit need not meet. */
export function isOwnFault(error: ArchiverError): boolean {
  return hasCode(
    error,
    'zoom-not-found',
    'zoom-address',
    'zoom-request',
    'zoom-response',
    'zoom-page-token',
    'zoom-unreachable',
  );
}

/** How a collector's part of a pass ended. */
export interface CollectorEnd {
  readonly done: number;
  readonly failed: number;
  /** Nothing due was left: not drained, nothing failed. */
  readonly complete: boolean;
  /** What ended it early and concerns the whole stream: a missing scope, a daily limit. */
  readonly error?: ArchiverError;
}

/**
 * Errors after which only this stream's collector ends: the others have other scopes, limits and endpoints. All
 * others (credentials, ledger, lease, our own faults) end the pass.
 */
const OF_STREAM = [
  'zoom-scope',
  'zoom-permission',
  'zoom-rate-limited',
  'zoom-not-found',
  'zoom-address',
  'zoom-request',
  'zoom-response',
  'zoom-page-token',
  'zoom-unreachable',
] as const;

/** True when an error ends one stream's collector, and not the pass. */
export function endsStream(error: unknown): error is ArchiverError {
  return hasCode(error, ...OF_STREAM);
}

/** Collects everything due of one stream. Throws what ends the pass. */
export async function runCollector<U extends Unit>(
  tools: PassTools,
  collector: Collector<U>,
): Promise<CollectorEnd> {
  const { now, drain, events } = tools;
  const startedAt = now();
  /** Names of the units of this pass that a new plan could hold again: those that reach to now, and failed ones. */
  const ran = new Set<string>();
  let done = 0;
  let failed = 0;
  let unanswered = 0;
  const run = async (unit: U): Promise<void> => {
    const error = await runUnit(
      tools,
      unit,
      (one, attempt) => collector.collect(one, attempt),
      (thrown) => collector.isOwn(unit, thrown),
    );
    if (error !== undefined || collector.unfolds === true || unit.covers.to < unit.window.to) {
      ran.add(unitName(unit));
    }
    if (error === undefined) {
      done += 1;
      unanswered = 0;
    } else {
      failed += 1;
      // A unit of the whole account is one of a kind: that it is denied says nothing about the others.
      const denied = hasCode(error, 'zoom-permission') && unit.scope !== '';
      unanswered = denied || hasCode(error, 'zoom-unreachable') ? unanswered + 1 : 0;
    }
    events.unitEnded(unit, error === undefined ? 'done' : 'failed');
    if (error !== undefined && (unanswered >= UNANSWERED_LIMIT || (unanswered > 0 && done === 0)))
      throw error;
  };
  try {
    for (;;) {
      const failing = await failedUnits(tools, collector.stream);
      const units = (await collector.plan(ran)).filter(
        (unit) => !ran.has(unitName(unit)) && (failing.get(unitKey(unit))?.retryAt ?? 0) <= now(),
      );
      events.planned(units.length);
      if (units.length === 0 || drain.aborted) {
        await collector.settle?.();
        break;
      }
      try {
        const lane = (unit: U): string => collector.lane?.(unit) ?? unit.scope;
        await runExclusive(units, lane, collector.parallel, drain, run);
      } finally {
        await collector.settle?.();
      }
      if (units.length < PLAN_LIMIT && collector.unfolds !== true) break;
    }
  } catch (error) {
    if (!endsStream(error)) throw error;
    return { done, failed, complete: false, error };
  }
  const complete = !drain.aborted && failed === 0;
  if (complete) events.streamComplete(collector.stream, startedAt);
  return { done, failed, complete };
}

/** A unit whose last attempt failed. */
export interface FailedUnit {
  /** May be tried again from this moment on, milliseconds. */
  readonly retryAt: number;
}

const FAILING_LIMIT = 100_000;

/** The failed units of a stream, by {@link unitKey}. A retry far off was set by a clock that was set back since. */
export async function failedUnits(
  { db, lease, now }: Pick<PassTools, 'db' | 'lease' | 'now'>,
  stream: Stream,
): Promise<ReadonlyMap<string, FailedUnit>> {
  const failing = await failingUnits(db, lease.account, FAILING_LIMIT, stream);
  return new Map(
    failing.map(({ mode, from, to, scope, retryAt }) => [
      `${mode} ${from} ${to} ${scope}`,
      { retryAt: retryAt - now() > DAY_MS ? 0 : retryAt },
    ]),
  );
}

export function unitKey({ mode, window, scope }: Unit): string {
  return `${mode} ${window.from} ${window.to} ${scope}`;
}
