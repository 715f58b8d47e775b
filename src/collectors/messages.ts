/** Collects the messages of every known session, in both modes. */
import { z } from 'zod';
import type { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { readLearned, writeLearned } from '../ledger/learned.ts';
import { eachKnownSession, fixExpected, type KnownSession } from '../ledger/registry.ts';
import { readSourceRetention } from '../ledger/source-retention.ts';
import { knownStates } from '../ledger/states.ts';
import { type Interval, instant, type RecordKey, scopeTag } from '../record.ts';
import type { Reply } from '../zoom/client.ts';
import { firstMessagePage, messagePages } from '../zoom/reports.ts';
import type { MessagesPage } from '../zoom/schemas.ts';
import { type Collector, failedUnits, isOwnFault, PLAN_LIMIT, unitKey } from './collector.ts';
import { loseWindow, withdrawAll } from './lost.ts';
import type { PassTools } from './pass.ts';
import { firstPageHoldsAll, NO_EVIDENCE, type PlacementEvidence, PlacementObserver } from './placement.ts';
import { byUrgency, type CollectionPolicy, dueUnits, type MessagesUnit } from './planner.ts';
import { pageCandidates } from './revisions.ts';
import { keptSince, lostWindows, MODES, type Mode, type SourceRetention } from './source-retention.ts';
import { type SessionsState, Survey } from './survey.ts';
import { type Attempt, unitName } from './unit.ts';
import { DAY_MS } from './windows.ts';

/** Name of the evidence in the ledger. */
const PLACEMENT = 'modification-placement';
/** What rests on that evidence. */
const MODIFICATIONS = { stream: 'messages', mode: 'modified' } as const;
const evidence = z.object({ whole: z.number(), spread: z.number() });

/** How long after a session was seen first the policies of its account and channel are waited for. */
const POLICY_WAIT_MS = 2 * DAY_MS;

/** The session with the time from which it had to be collected, once that is known. */
function withExpected(session: KnownSession, retention: SourceRetention, now: number): KnownSession {
  if (session.expectedFrom !== undefined) return session;
  const isKnown =
    (retention.has('channels') && (session.channelId === '' || retention.has(session.channelId))) ||
    now - session.firstSeenAt > POLICY_WAIT_MS;
  return isKnown ? { ...session, expectedFrom: keptSince(session, retention, session.firstSeenAt) } : session;
}

/** How complete all known sessions of an account are. */
export async function surveySessions(
  db: Database,
  account: string,
  policy: CollectionPolicy,
  now: number,
): Promise<SessionsState> {
  const retention = await readSourceRetention(db, account);
  const survey = new Survey(policy, now);
  for await (const sessions of eachKnownSession(db, account)) {
    for (const session of sessions) survey.add(session, keptSince(session, retention, now));
  }
  return survey.state();
}

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

  /** The most urgent due units of all known sessions; what Zoom deleted meanwhile goes on record as lost. */
  async plan(ran: ReadonlySet<string> = new Set()): Promise<readonly MessagesUnit[]> {
    const { db, lease, now } = this.#tools;
    const at = now();
    const retention = await readSourceRetention(db, lease.account);
    const failing = await failedUnits(this.#tools, this.stream);
    const again: MessagesUnit[] = [];
    let urgent: readonly MessagesUnit[] = [];
    for await (const known of eachKnownSession(db, lease.account)) {
      const sessions = known.map((session) => withExpected(session, retention, at));
      await fixExpected(
        db,
        lease,
        sessions.flatMap(({ id, expectedFrom: from }, index) =>
          from !== undefined && known[index]?.expectedFrom === undefined ? [{ id, from }] : [],
        ),
      );
      const due: MessagesUnit[] = [];
      for (const session of sessions) {
        const kept = keptSince(session, retention, at);
        for (const mode of MODES) {
          for (const window of lostWindows(session, mode, kept, at))
            await this.#lose(session, mode, window, kept);
        }
        // Before the cut: what ran or waits would otherwise stand in front of what did not.
        for (const unit of dueUnits(session, this.#policy, kept, at)) {
          const failed = failing.get(unitKey(unit));
          if (ran.has(unitName(unit)) || (failed?.retryAt ?? 0) > at) continue;
          if (failed === undefined) due.push(unit);
          else again.push(unit);
        }
      }
      urgent = byUrgency([...urgent, ...due]).slice(0, PLAN_LIMIT);
    }
    // A session that Zoom denies is never covered and soon the most urgent: it must not keep the others from their turn.
    return [...urgent, ...byUrgency(again)].slice(0, PLAN_LIMIT);
  }

  async #lose(session: KnownSession, mode: Mode, window: Interval, kept: number): Promise<void> {
    const subject = { stream: this.stream, scope: session.id, mode };
    await loseWindow(this.#tools, subject, window, { kind: 'lost', keptSince: kept });
    this.#tools.log.error(
      { session: session.id, mode, from: new Date(window.from), to: new Date(window.to) },
      'Zoom may have deleted a window before it was collected',
    );
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
  isOwn(_unit: MessagesUnit, error: ArchiverError): boolean {
    return isOwnFault(error) || error.code === 'zoom-permission';
  }

  /** Once more now that no unit is in flight: one may have been ending at the moment of the first time. */
  async settle(): Promise<void> {
    if (this.#overturned) await withdrawAll(this.#tools, MODIFICATIONS);
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
    if (this.#overturned) await withdrawAll(this.#tools, MODIFICATIONS);
    await writeLearned(db, lease, PLACEMENT, found);
  }
}
