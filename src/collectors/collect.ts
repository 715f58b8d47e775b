import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { z } from 'zod';
import { ArchiverError, asArchiverError, hasCode } from '../errors.ts';
import { type Admission, admit, type Page } from '../ledger/admit.ts';
import type { Database } from '../ledger/database.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import type { Lease } from '../ledger/lease.ts';
import { accountCoverage, eachKnownSession, forgetCoverage, registerSessions } from '../ledger/registry.ts';
import type { Provenance } from '../ledger/staged.ts';
import { knownStates } from '../ledger/states.ts';
import { endUnit, startUnit, type UnitKey } from '../ledger/units.ts';
import type { Logger } from '../log.ts';
import { type Candidate, instant, type RecordKey, scopeTag, utcDay } from '../record.ts';
import type { Reply, ZoomClient } from '../zoom/client.ts';
import { firstMessagePage, messagePages, type ReportDates, sessionPages } from '../zoom/reports.ts';
import type { MessagesPage } from '../zoom/schemas.ts';
import { coverageRecord } from './coverage.ts';
import { firstPageHoldsAll, NO_EVIDENCE, type PlacementEvidence, PlacementObserver } from './placement.ts';
import {
  byUrgency,
  type CollectionPolicy,
  dueListings,
  dueUnits,
  type ListingUnit,
  type MessagesUnit,
  oldestUncollected,
} from './planner.ts';
import { runExclusive } from './pool.ts';
import { pageCandidates } from './revisions.ts';
import { listedSession, sessionCandidate } from './sessions.ts';
import { DAY_MS, reportHorizon } from './windows.ts';

export type Unit = ListingUnit | MessagesUnit;

/** `fetch` waits for Zoom, `parse` reads and hashes, `admit` waits for the ledger. */
export type CollectStage = 'fetch' | 'parse' | 'admit';

/** What a pass tells whoever watches: metrics, a progress bar. Numbers are increments. */
export interface CollectEvents {
  planned(units: number): void;
  pageAdmitted(stream: string, admission: Admission): void;
  /** Seconds that one of the workers spent; several spend at the same time. */
  spent(stage: CollectStage, seconds: number): void;
  unitEnded(unit: Unit, outcome: 'done' | 'failed'): void;
  streamComplete(stream: string, at: number): void;
  oldestUncollected(stream: string, at: number | undefined): void;
}

export interface CollectOptions {
  readonly db: Database;
  readonly client: ZoomClient;
  readonly lease: Lease;
  readonly policy: CollectionPolicy;
  readonly classOf: (candidate: Candidate) => string;
  /** Sessions collected at the same time; within one, one request at a time. */
  readonly parallel: number;
  readonly now: () => number;
  /** Finish the units in flight, begin no other. */
  readonly drain: AbortSignal;
  /** Stop at once; units in flight begin anew next time. */
  readonly interrupt: AbortSignal;
  readonly log: Logger;
  readonly events: CollectEvents;
}

export interface CollectSummary {
  readonly run: string;
  readonly done: number;
  readonly failed: number;
  /** True when nothing due was left: not drained, nothing failed. */
  readonly complete: boolean;
}

/** Most urgent units held in memory at a time; the rest is planned again when these are done. */
const PLAN_LIMIT = 20_000;
/** Times a unit begins anew because a page token lapsed or came back, before it counts as failed. */
const RESTARTS = 3;
/** Name of the evidence in the ledger. */
const PLACEMENT = 'modification-placement';
const evidence = z.object({ whole: z.number(), spread: z.number() });
const UNANSWERED_LIMIT = 5;
const FAILED_RETRY_MS = 15 * 60_000;

/**
 * One pass: lists sessions, then collects every unit that is due, most urgent first, and returns. Everything it
 * did is in the ledger page by page, so a pass that ends early, in whatever way, loses nothing and the next one
 * goes on.
 *
 * Fails with what concerns every unit (`zoom-credentials`, `zoom-scope`, `zoom-rate-limited`, `lease-lost`,
 * `ledger-unreachable`, `interrupted`…); a unit's own failure is recorded, and the pass goes on.
 */
export async function collect(options: CollectOptions): Promise<CollectSummary> {
  // Every request in flight listens to it.
  setMaxListeners(0, options.interrupt);
  const pass = new Pass(options);
  try {
    return await pass.run();
  } catch (error) {
    const { interrupt } = options;
    if (!interrupt.aborted) throw error;
    if (hasCode(interrupt.reason, 'lease-lost')) throw interrupt.reason;
    throw new ArchiverError('interrupted', 'collection was interrupted', { cause: error });
  }
}

class Pass {
  readonly #options: CollectOptions;
  readonly #id = randomUUID();
  /** Names of the units of this pass that reach to now. */
  readonly #newest = new Set<string>();
  #done = 0;
  #failed = 0;
  #unanswered = 0;
  #placement: PlacementEvidence = NO_EVIDENCE;
  /** The evidence that earlier units of this pass relied on turned out wrong. */
  #overturned = false;

  constructor(options: CollectOptions) {
    this.#options = options;
  }

  async run(): Promise<CollectSummary> {
    const { db, lease, now, drain, events, parallel } = this.#options;
    const startedAt = now();
    this.#placement = evidence.parse((await readLearned(db, lease.account, PLACEMENT)) ?? NO_EVIDENCE);
    await this.#listSessions();
    if (!drain.aborted && this.#failed === 0) events.streamComplete('sessions', startedAt);
    for (;;) {
      const units = await this.#plan();
      events.planned(units.length);
      if (units.length === 0 || drain.aborted) break;
      try {
        await runExclusive(
          units,
          (unit) => unit.scope,
          parallel,
          drain,
          (unit) => this.#runUnit(unit),
        );
      } finally {
        // Once more now that no unit is in flight: one may have been ending at the moment of the first time.
        if (this.#overturned) await forgetCoverage(db, lease, 'messages', 'modified');
      }
      if (units.length < PLAN_LIMIT) break;
    }
    const complete = !drain.aborted && this.#failed === 0;
    if (complete) events.streamComplete('messages', startedAt);
    events.oldestUncollected('messages', await this.#oldestUncollected());
    return { run: this.#id, done: this.#done, failed: this.#failed, complete };
  }

  async #listSessions(): Promise<void> {
    const { db, lease, policy, now, drain, events } = this.#options;
    const recent = await accountCoverage(db, lease.account, 'sessions', 'recent');
    const sweep = await accountCoverage(db, lease.account, 'sessions', 'sweep');
    const units = dueListings(
      { recent: recent.covered, sweep: sweep.covered, sweptAt: sweep.askedAt },
      policy,
      now(),
    );
    events.planned(units.length);
    for (const unit of units) {
      if (drain.aborted) return;
      await this.#runUnit(unit);
    }
  }

  /** The most urgent due units of all known sessions that this pass did not run yet. */
  async #plan(): Promise<readonly MessagesUnit[]> {
    const { db, lease, policy, now } = this.#options;
    const at = now();
    let urgent: readonly MessagesUnit[] = [];
    for await (const sessions of eachKnownSession(db, lease.account)) {
      const due = sessions
        .flatMap((session) => dueUnits(session, policy, at))
        .filter((unit) => !this.#newest.has(unitName(unit)));
      urgent = byUrgency([...urgent, ...due]).slice(0, PLAN_LIMIT);
    }
    return urgent;
  }

  async #oldestUncollected(): Promise<number | undefined> {
    const { db, lease, now } = this.#options;
    const at = now();
    let oldest: number | undefined;
    for await (const sessions of eachKnownSession(db, lease.account)) {
      for (const session of sessions) {
        const moment = oldestUncollected(session, at);
        if (moment !== undefined && (oldest === undefined || moment < oldest)) oldest = moment;
      }
    }
    return oldest;
  }

  /** One unit to its end: covered, or recorded as failed. Throws what concerns every unit. */
  async #runUnit(unit: Unit): Promise<void> {
    const { db, lease, now, classOf, events, log, interrupt } = this.#options;
    const startedAt = now();
    const key = await startUnit(
      db,
      lease,
      { stream: unit.stream, scope: unit.scope, mode: unit.mode, from: unit.window.from, to: unit.window.to },
      startedAt,
    );
    const tally = new Tally();
    let dates: ReportDates = { from: unit.window.fromDate, to: unit.window.toDate };
    let error: ArchiverError | undefined;
    for (let restart = 0; ; restart += 1) {
      try {
        await this.#fetch(unit, dates, key, tally);
      } catch (thrown) {
        if (interrupt.aborted) throw thrown;
        // Zoom's six months begin later than ours where its day is ahead of UTC, or midnight passed since planning.
        if (hasCode(thrown, 'zoom-request') && dates.from <= utcDay(reportHorizon(now()))) {
          dates = { ...dates, from: nextDate(dates.from) };
          continue;
        }
        if (hasCode(thrown, 'zoom-page-token') && restart < RESTARTS) {
          log.warn({ unit: unitName(unit), restart: restart + 1 }, thrown.message);
          continue;
        }
        error = asArchiverError(thrown);
        if (!isUnitsOwn(unit, error)) throw thrown;
      }
      break;
    }
    const finishedAt = now();
    // What the unit relied on was overturned while it ran: it proves nothing.
    const overturned = tally.firstPageAlone && !firstPageHoldsAll(this.#placement);
    const covers = overturned ? { from: unit.covers.from, to: unit.covers.from } : unit.covers;
    const outcome = error === undefined ? 'done' : 'failed';
    const candidate = coverageRecord(lease.account, this.#id, key, {
      outcome,
      ...(error === undefined ? {} : { error: error.code }),
      ...tally.counts(),
      startedAt,
      finishedAt,
      fromDate: dates.from,
      toDate: dates.to,
      covers,
    });
    await endUnit(db, lease, key, {
      outcome,
      ...(error === undefined ? {} : { error: error.code, retryAt: finishedAt + FAILED_RETRY_MS }),
      ...(tally.latestAction > 0 && unit.stream === 'messages' ? { latestAction: tally.latestAction } : {}),
      startedAt,
      now: finishedAt,
      covers,
      coverage: {
        candidate,
        provenance: { run: this.#id, requestId: '', trackingId: '', observedAt: instant(finishedAt) },
        className: classOf(candidate),
      },
    });
    // Coverage takes what was covered out of the next plan; only the newest window would be due again at once.
    if (unit.covers.to < unit.window.to) this.#newest.add(unitName(unit));
    if (error === undefined) {
      this.#done += 1;
      this.#unanswered = 0;
    } else {
      this.#failed += 1;
      log.error({ unit: unitName(unit), code: error.code, err: error.message }, 'unit failed');
      this.#unanswered = hasCode(error, 'zoom-unreachable', 'zoom-permission') ? this.#unanswered + 1 : 0;
    }
    events.unitEnded(unit, outcome);
    // Listings come first: when Zoom did not even answer one of them, no other unit will fare better.
    if (this.#unanswered >= UNANSWERED_LIMIT || (this.#unanswered > 0 && this.#done === 0)) throw error;
  }

  /** All pages of a unit into the ledger. A page is admitted while the next one is on its way. */
  async #fetch(unit: Unit, dates: ReportDates, key: UnitKey, tally: Tally): Promise<void> {
    switch (unit.stream) {
      case 'sessions': {
        const pages = await this.#fetchListing(unit, dates, key, tally);
        // The list is ordered by activity and moves while it is paged: a second look finds what slipped past.
        if (pages > 1) await this.#fetchListing(unit, dates, key, tally);
        return;
      }
      case 'messages':
        return this.#fetchMessages(unit, dates, key, tally);
      default:
        return unit satisfies never;
    }
  }

  async #fetchListing(unit: ListingUnit, dates: ReportDates, key: UnitKey, tally: Tally): Promise<number> {
    const { client, db, lease, interrupt } = this.#options;
    let pages = 0;
    for await (const reply of sessionPages(client, dates, interrupt)) {
      pages += 1;
      const observedAt = instant(reply.observedAt);
      await registerSessions(db, lease, reply.body.sessions.map(listedSession), reply.observedAt);
      await this.#admit(unit.stream, key, tally, {
        rows: reply.body.sessions.length,
        candidates: reply.body.sessions.map((row) => sessionCandidate(row, lease.account, observedAt)),
        provenance: { run: this.#id, requestId: reply.requestId, trackingId: reply.trackingId, observedAt },
        classOf: this.#options.classOf,
      });
    }
    return pages;
  }

  async #fetchMessages(unit: MessagesUnit, dates: ReportDates, key: UnitKey, tally: Tally): Promise<void> {
    const { client, db, lease, interrupt, policy } = this.#options;
    const query = { session: unit.scope, dates, mode: unit.mode };
    const { from, to } = unit.window;
    const margin = 3 * DAY_MS;
    const knownReactions = await knownStates(db, scopeTag(lease.account, unit.scope), {
      from: from - margin,
      to: to + margin,
    });
    tally.firstPageAlone = unit.mode === 'modified' && firstPageHoldsAll(this.#placement);
    if (tally.firstPageAlone) {
      const reply = await firstMessagePage(client, query, interrupt);
      await this.#admitMessages(unit, key, tally, reply, knownReactions);
      return;
    }
    const observer = new PlacementObserver();
    for await (const reply of messagePages(client, query, interrupt)) {
      observer.page(reply.body, reply.observedAt, policy.settleMs);
      await this.#admitMessages(unit, key, tally, reply, knownReactions);
    }
    await this.#learnPlacement(observer.addTo(this.#placement));
  }

  async #admitMessages(
    unit: MessagesUnit,
    key: UnitKey,
    tally: Tally,
    reply: Reply<MessagesPage>,
    knownReactions: Set<RecordKey>,
  ): Promise<void> {
    const { lease, classOf, events } = this.#options;
    const { id, type, name, channelId } = unit.session;
    const begun = performance.now();
    const observedAt = instant(reply.observedAt);
    const { rows, candidates, latestAction } = pageCandidates(reply.body, {
      session: id,
      tag: scopeTag(lease.account, id),
      observedAt,
      knownReactions,
    });
    events.spent('fetch', reply.fetchSeconds);
    events.spent('parse', reply.parseSeconds + (performance.now() - begun) / 1000);
    const provenance: Provenance = {
      run: this.#id,
      requestId: reply.requestId,
      trackingId: reply.trackingId,
      observedAt,
      session: { id, type, name, channelId },
    };
    await this.#admit(unit.stream, key, tally, { rows, candidates, provenance, classOf });
    tally.latestAction = Math.max(tally.latestAction, latestAction);
  }

  /** Keeps new evidence. If it overturns what earlier units relied on, their modifications are asked for again. */
  async #learnPlacement(found: PlacementEvidence): Promise<void> {
    const { db, lease, log } = this.#options;
    const before = this.#placement;
    if (found.whole === before.whole && found.spread === before.spread) return;
    this.#placement = found;
    if (firstPageHoldsAll(before) && !firstPageHoldsAll(found)) {
      log.warn({ ...found }, 'Zoom spreads modifications over pages after all; asking for all of them again');
      this.#overturned = true;
    }
    // First: evidence without its consequence would be believed after a crash.
    if (this.#overturned) await forgetCoverage(db, lease, 'messages', 'modified');
    await writeLearned(db, lease, PLACEMENT, found);
  }

  async #admit(stream: string, key: UnitKey, tally: Tally, page: Page): Promise<void> {
    const { db, lease, events } = this.#options;
    const begun = performance.now();
    const admission = await admit(db, lease, key, page);
    events.spent('admit', (performance.now() - begun) / 1000);
    tally.add(admission);
    events.pageAdmitted(stream, admission);
  }
}

class Tally {
  latestAction = 0;
  /** The last attempt took the first page for all there is. Evidence may change between attempts, and after. */
  firstPageAlone = false;
  #pages = 0;
  #rows = 0;
  #admitted = 0;
  #sightings = 0;
  #drift = 0;

  add(admission: Admission): void {
    this.#pages += 1;
    this.#rows += admission.rows;
    this.#admitted += admission.admitted.length;
    this.#sightings += admission.sightings;
    this.#drift += admission.admitted.filter((record) => record.drift).length;
  }

  counts(): { pages: number; rows: number; admitted: number; sightings: number; drift: number } {
    return {
      pages: this.#pages,
      rows: this.#rows,
      admitted: this.#admitted,
      sightings: this.#sightings,
      drift: this.#drift,
    };
  }
}

function unitName(unit: Unit): string {
  return `${unit.stream} ${unit.mode} ${unit.window.fromDate}..${unit.window.toDate} ${unit.scope}`;
}

function nextDate(date: string): string {
  return utcDay(Date.parse(date) + DAY_MS);
}

/** Errors that say something about this unit only; any other concerns all of them and ends the pass. */
function isUnitsOwn(unit: Unit, error: ArchiverError): boolean {
  // One session may be denied while the others are served; a listing that is denied concerns all.
  if (error.code === 'zoom-permission') return unit.stream === 'messages';
  return hasCode(error, 'zoom-request', 'zoom-response', 'zoom-page-token', 'zoom-unreachable');
}
