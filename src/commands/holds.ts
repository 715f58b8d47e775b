/** Legal holds as the daemon and the commands carry them out: Zoom's matters, ends of cool-offs, flags at the store. */
import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { type KnownMatter, readMatters } from '../collectors/hold-matters.ts';
import type { Database } from '../ledger/database.ts';
import { type HoldTotals, holdTotals } from '../ledger/hold-versions.ts';
import { changeHold, endHold, isLive, noteGone, placeHold, readHolds } from '../ledger/holds.ts';
import type { Lease } from '../ledger/lease.ts';
import { countUnindexed } from '../ledger/segment-contents.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { scopeTag } from '../record.ts';
import { followSteps, type Scope } from '../retention/holds.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import { carryOutHolds, type HoldSummary } from '../segments/holds.ts';
import { indexSegments } from '../segments/index-contents.ts';
import { SegmentReader } from '../segments/read.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Context } from './context.ts';
import { changeEntries, holdEntry, placeEntries } from './hold-entries.ts';
import type { Progress } from './progress.ts';

export interface HoldsJob {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly metrics: Metrics;
  readonly stop: StopSignals;
  readonly progress?: Progress;
}

/**
 * Follows Zoom's matters, ends what was released long enough ago, and brings the flags at the store up to date. A crash
 * at any point is repaired by the next call. Fails as {@link carryOutHolds} does, and with `proof-invalid` and
 * `spool-full` where segments of a rebuilt ledger have to be read first.
 */
export async function runHolds(job: HoldsJob): Promise<HoldSummary> {
  const { context, db, sink, lease, metrics, stop, progress } = job;
  const { account, config, log, now } = context;
  const { drain, interrupt } = stop;
  // Each request to the store in flight listens to it several times.
  setMaxListeners(0, interrupt);
  if (config.holds.followZoomMatters && config.streams.legalHold.enabled) await followMatters(context, db);
  await endDue(context, db);
  try {
    const holds = await readHolds(db, account);
    if (holds.every((hold) => !isLive(hold) && hold.liftedAt !== undefined))
      return { flagged: 0, lifted: 0, missing: 0 };
    await indexFirst(job);
    const options = { db, lease, sink, now, drain, interrupt, log };
    return await carryOutHolds(progress === undefined ? options : { ...options, progress });
  } finally {
    await report(db, account, metrics);
  }
}

/** Of a rebuilt ledger some segments have to be read before it is known what they hold. */
export async function indexFirst({
  context,
  db,
  sink,
  lease,
  stop,
}: Omit<HoldsJob, 'metrics' | 'progress'>): Promise<void> {
  const { account, config } = context;
  if ((await countUnindexed(db, account)) === 0) return;
  const reader = await SegmentReader.create(join(config.seal.spool, `holds-${scopeTag(account, '')}`));
  try {
    const signal = AbortSignal.any([stop.drain, stop.interrupt]);
    await indexSegments({ db, lease, sink, reader, signal });
  } catch (error) {
    // Asked to stop, it goes on the next time, and nothing is looked for before.
    if (!stop.drain.aborted || stop.interrupt.aborted) throw error;
  } finally {
    await reader.close();
  }
}

async function report(db: Database, account: string, metrics: Metrics): Promise<void> {
  try {
    metrics.holds(await holdTotals(db, account));
  } catch {
    // The job itself met the same ledger and reports it.
  }
}

const CHANGED = 'matter changed at Zoom';

async function followMatters({ account, log, now }: Context, db: Database): Promise<void> {
  const matters: readonly KnownMatter[] = await readMatters(db, account);
  const holds = (await readHolds(db, account)).map((hold) => ({ ...hold, gone: hold.goneAt !== undefined }));
  for (const step of followSteps(matters, holds)) {
    const at = now();
    switch (step.kind) {
      case 'place':
        await placeZoomHold(db, account, step, at);
        log.info({ hold: step.id }, 'a matter of Zoom became a legal hold');
        break;
      case 'change': {
        const { hold, matter, scope } = step;
        const deed = { by: 'zoom', at, reason: CHANGED };
        const entries = changeEntries({ ...hold, matter }, scope, deed);
        await changeHold(db, account, hold.id, { matter, scope }, entries);
        log.info({ hold: hold.id }, 'a legal hold follows its matter at Zoom');
        break;
      }
      case 'gone':
        await noteGone(db, account, step.hold.id, at);
        if (isLive(step.hold))
          log.warn(
            { hold: step.hold.id },
            'Zoom does not list the matter of a legal hold any more; it stays',
          );
        break;
      case 'back':
        await noteGone(db, account, step.hold.id, undefined);
        break;
      default:
        step satisfies never;
    }
  }
}

async function placeZoomHold(
  db: Database,
  account: string,
  step: { readonly id: string; readonly zoomMatter: string; readonly matter: string; readonly scope: Scope },
  at: number,
): Promise<void> {
  const { id, zoomMatter, matter, scope } = step;
  const placed = { by: 'zoom', at, reason: 'matter at Zoom' };
  const hold = { id, matter, source: 'zoom', zoomMatter, scope, placed } as const;
  await placeHold(db, account, hold, placeEntries(hold));
}

async function endDue({ account, log, now }: Context, db: Database): Promise<void> {
  for (const hold of await readHolds(db, account)) {
    const { state, endsAt, released } = hold;
    const at = now();
    if (state !== 'releasing' || endsAt === undefined || endsAt > at || released === undefined) continue;
    const entry = holdEntry(hold, 'end', { by: released.by, at, reason: released.reason });
    if (await endHold(db, account, hold.id, at, [entry])) log.info({ hold: hold.id }, 'a legal hold ended');
  }
}

/** Versions whose flag is still to be set or lifted, holds not looked at yet counted as one. */
export async function stillToDo(db: Database, account: string): Promise<number> {
  const holds = await readHolds(db, account);
  const { waiting }: HoldTotals = await holdTotals(db, account);
  return waiting + holds.filter((hold) => isLive(hold) && hold.refreshedAt === undefined).length;
}
