/** Legal holds as the daemon and the commands carry them out: Zoom's matters, ends of cool-offs, flags at the store. */
import { setMaxListeners } from 'node:events';
import { type KnownMatter, readMatters } from '../collectors/hold-matters.ts';
import { hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { sessionsNamed } from '../ledger/hold-coverage.ts';
import { type HoldTotals, holdTotals } from '../ledger/hold-versions.ts';
import { changeHold, endHold, isLive, noteGone, placeHold, readHolds } from '../ledger/holds.ts';
import type { Lease } from '../ledger/lease.ts';
import { trustedNow } from '../ledger/trusted-clock.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { HoldScope } from '../record.ts';
import { followSteps } from '../retention/holds.ts';
import type { StopSignals } from '../scheduler/stop.ts';
import { carryOutHolds, type HoldSummary } from '../segments/holds.ts';
import type { Sink } from '../sinks/sink.ts';
import type { Context } from './context.ts';
import { changeEntries, holdEntry, placeEntries } from './hold-entries.ts';
import { indexFirst } from './index-first.ts';
import type { Progress } from './progress.ts';
import { inTurn } from './turns.ts';

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
 * Follows Zoom's matters, keeps sessions that were found by name, ends what was released long enough ago, and brings the flags at the store up to date. A crash
 * at any point is repaired by the next call. Fails as {@link carryOutHolds} does, with `proof-invalid` and `spool-full`
 * where segments of a rebuilt ledger have to be read first, and, when all else is done, with `clock-skew`.
 */
export function runHolds(job: HoldsJob): Promise<HoldSummary> {
  // Disposition asks for it too: one that lifts a flag must not meet one that sets it.
  return inTurn(job.db, 'holds', () => holdsOnce(job));
}

async function holdsOnce(job: HoldsJob): Promise<HoldSummary> {
  const { context, db, metrics, stop } = job;
  const { account, config } = context;
  // Each request to the store in flight listens to it several times.
  setMaxListeners(0, stop.interrupt);
  if (config.holds.followZoomMatters && config.streams.legalHold.enabled) await followMatters(context, db);
  await keepNamed(context, db);
  // That none may end is no reason to leave what is covered without a flag.
  const skew = await endDue(context, db).catch((error: unknown) => {
    if (hasCode(error, 'clock-skew')) return error;
    throw error;
  });
  try {
    const summary = await carryOut(job);
    if (skew !== undefined) throw skew;
    return summary;
  } finally {
    await report(db, account, metrics);
  }
}

async function carryOut({ context, db, sink, lease, stop, progress }: HoldsJob): Promise<HoldSummary> {
  const { account, log, now } = context;
  const holds = await readHolds(db, account);
  if (holds.every((hold) => !isLive(hold) && hold.liftedAt !== undefined))
    return { flagged: 0, lifted: 0, missing: 0 };
  await indexFirst(context, { db, lease, sink, stop });
  const options = { db, lease, sink, now, ...stop, log };
  return carryOutHolds(progress === undefined ? options : { ...options, progress });
}

async function report(db: Database, account: string, metrics: Metrics): Promise<void> {
  try {
    metrics.holds(await holdTotals(db, account));
  } catch {
    // The job itself met the same ledger and reports it.
  }
}

const NAMED = 'sessions that have one of its names';

/** A session that is named otherwise later stays in the hold: by its id. The names stay for sessions to come. */
async function keepNamed({ account, log, now }: Context, db: Database): Promise<void> {
  for (const hold of (await readHolds(db, account)).filter(isLive)) {
    const { id, matter, scope } = hold;
    const found = await sessionsNamed(db, account, scope.sessions);
    if (found.length === 0) continue;
    const wide = { ...scope, sessions: [...scope.sessions, ...found] };
    const added = { ...scope, custodians: [], channels: [], sessions: found };
    const entries = changeEntries(hold, added, { by: 'archiver', at: now(), reason: NAMED });
    if (await changeHold(db, account, id, { matter, scope: wide }, entries))
      log.info({ hold: id, sessions: found.length }, 'a legal hold names the sessions that it found by name');
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
  step: {
    readonly id: string;
    readonly zoomMatter: string;
    readonly matter: string;
    readonly scope: HoldScope;
  },
  at: number,
): Promise<void> {
  const { id, zoomMatter, matter, scope } = step;
  const placed = { by: 'zoom', at, reason: 'matter at Zoom' };
  const hold = { id, matter, source: 'zoom', zoomMatter, scope, placed } as const;
  await placeHold(db, account, hold, placeEntries(hold));
}

/** Fails with `clock-skew` where a hold would end by a clock that is not trusted. */
async function endDue({ account, log, now }: Context, db: Database): Promise<undefined> {
  for (const hold of await readHolds(db, account)) {
    const { state, endsAt, released } = hold;
    const at = now();
    if (state !== 'releasing' || endsAt === undefined || endsAt > at || released === undefined) continue;
    // Where there is no cool-off there is nothing to wait for by any clock.
    if (endsAt > released.at && endsAt > (await trustedNow(db, account, at))) continue;
    const entry = holdEntry(hold, 'end', { by: released.by, at, reason: released.reason });
    if (await endHold(db, account, hold.id, at, [entry])) log.info({ hold: hold.id }, 'a legal hold ended');
  }
}

/** How many flags are still to be set or lifted as far as it is known, and how many holds nobody looked at yet. */
export async function stillToDo(
  db: Database,
  account: string,
): Promise<{ readonly flags: number; readonly unlooked: number }> {
  const holds = await readHolds(db, account);
  const { waiting }: HoldTotals = await holdTotals(db, account);
  const unlooked = holds.filter((hold) => isLive(hold) && hold.refreshedAt === undefined).length;
  return { flags: waiting, unlooked };
}
