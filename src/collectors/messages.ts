/** Collects the messages of every known session, in both modes. */
import { z } from 'zod';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import { eachKnownSession, forgetCoverage } from '../ledger/registry.ts';
import { knownStates } from '../ledger/states.ts';
import { type Interval, instant, type RecordKey, scopeTag } from '../record.ts';
import type { Reply } from '../zoom/client.ts';
import { firstMessagePage, messagePages } from '../zoom/reports.ts';
import type { MessagesPage } from '../zoom/schemas.ts';
import { type Collector, isOwnFault, PLAN_LIMIT } from './collector.ts';
import type { PassTools } from './pass.ts';
import { firstPageHoldsAll, NO_EVIDENCE, type PlacementEvidence, PlacementObserver } from './placement.ts';
import {
  byUrgency,
  type CollectionPolicy,
  dueUnits,
  type MessagesUnit,
  oldestUncollected,
} from './planner.ts';
import { pageCandidates } from './revisions.ts';
import { type Attempt, unitName } from './unit.ts';
import { DAY_MS } from './windows.ts';

/** Name of the evidence in the ledger. */
const PLACEMENT = 'modification-placement';
const evidence = z.object({ whole: z.number(), spread: z.number() });

/** Sessions run in parallel, with one request at a time in each (fact sheet section 8, concurrency). */
export class MessagesCollector implements Collector<MessagesUnit> {
  readonly stream = 'messages';
  readonly parallel: number;
  readonly #tools: PassTools;
  readonly #policy: CollectionPolicy;
  #placement: PlacementEvidence;
  /** The evidence that earlier units of this pass relied on turned out wrong. */
  #overturned = false;

  private constructor(
    tools: PassTools,
    policy: CollectionPolicy,
    parallel: number,
    placement: PlacementEvidence,
  ) {
    this.#tools = tools;
    this.#policy = policy;
    this.parallel = parallel;
    this.#placement = placement;
  }

  static async create(
    tools: PassTools,
    policy: CollectionPolicy,
    parallel: number,
  ): Promise<MessagesCollector> {
    const known = await readLearned(tools.db, tools.lease.account, PLACEMENT);
    return new MessagesCollector(tools, policy, parallel, evidence.parse(known ?? NO_EVIDENCE));
  }

  /** The most urgent due units of all known sessions. */
  async plan(ran: ReadonlySet<string>): Promise<readonly MessagesUnit[]> {
    const { db, lease, now } = this.#tools;
    const at = now();
    let urgent: readonly MessagesUnit[] = [];
    for await (const sessions of eachKnownSession(db, lease.account)) {
      // Before the cut: hinted units that ran would otherwise stand in front of what did not.
      const due = sessions
        .flatMap((session) => dueUnits(session, this.#policy, at))
        .filter((unit) => ran.size === 0 || !ran.has(unitName(unit)));
      urgent = byUrgency([...urgent, ...due]).slice(0, PLAN_LIMIT);
    }
    return urgent;
  }

  readonly collect = async (unit: MessagesUnit, attempt: Attempt): Promise<Interval | undefined> => {
    const { client, db, lease, interrupt } = this.#tools;
    const query = { session: unit.scope, dates: attempt.dates, mode: unit.mode };
    const { from, to } = unit.window;
    const margin = 3 * DAY_MS;
    const knownReactions = await knownStates(db, scopeTag(lease.account, unit.scope), {
      from: from - margin,
      to: to + margin,
    });
    if (unit.mode === 'modified' && firstPageHoldsAll(this.#placement)) {
      const reply = await firstMessagePage(client, query, interrupt);
      await this.#admit(unit, attempt, reply, knownReactions);
      // What the unit relied on may have been overturned while it ran: then it proves nothing.
      return firstPageHoldsAll(this.#placement)
        ? undefined
        : { from: unit.covers.from, to: unit.covers.from };
    }
    const observer = new PlacementObserver();
    for await (const reply of messagePages(client, query, interrupt)) {
      observer.page(reply.body, reply.observedAt, this.#policy.settleMs);
      await this.#admit(unit, attempt, reply, knownReactions);
    }
    await this.#learnPlacement(observer.addTo(this.#placement));
    return undefined;
  };

  // One session may be denied while the others are served.
  isOwn(_unit: MessagesUnit, error: Parameters<typeof isOwnFault>[0]): boolean {
    return isOwnFault(error) || error.code === 'zoom-permission';
  }

  /** Once more now that no unit is in flight: one may have been ending at the moment of the first time. */
  async settle(): Promise<void> {
    const { db, lease } = this.#tools;
    if (this.#overturned) await forgetCoverage(db, lease, 'messages', 'modified');
  }

  /** The oldest moment of which a listing showed something that was not collected. */
  async oldestUncollected(): Promise<number | undefined> {
    const { db, lease, now } = this.#tools;
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

  async #admit(
    unit: MessagesUnit,
    attempt: Attempt,
    reply: Reply<MessagesPage>,
    knownReactions: Set<RecordKey>,
  ): Promise<void> {
    const { lease, events } = this.#tools;
    const { id, type, name, channelId } = unit.session;
    const session = { id, type, name, channelId };
    const begun = performance.now();
    const { rows, candidates, links, latestAction } = pageCandidates(reply.body, {
      session,
      tag: scopeTag(lease.account, id),
      observedAt: instant(reply.observedAt),
      knownReactions,
    });
    events.spent('fetch', reply.fetchSeconds);
    events.spent('parse', reply.parseSeconds + (performance.now() - begun) / 1000);
    await attempt.admit(reply, { rows, candidates, links, session });
    attempt.latestAction = Math.max(attempt.latestAction, latestAction);
  }

  /** Keeps new evidence. If it overturns what earlier units relied on, their modifications are asked for again. */
  async #learnPlacement(found: PlacementEvidence): Promise<void> {
    const { db, lease, log } = this.#tools;
    const before = this.#placement;
    if (found.whole === before.whole && found.spread === before.spread) return;
    this.#placement = found;
    // More of what is known already is not worth a write for each unit.
    if (firstPageHoldsAll(before) && firstPageHoldsAll(found)) return;
    if (firstPageHoldsAll(before)) {
      log.warn({ ...found }, 'Zoom spreads modifications over pages after all; asking for all of them again');
      this.#overturned = true;
    }
    // First: evidence without its consequence would be believed after a crash.
    if (this.#overturned) await forgetCoverage(db, lease, 'messages', 'modified');
    await writeLearned(db, lease, PLACEMENT, found);
  }
}
