/** How complete what is known of the sessions is: looked at by passes, `status` and `coverage` alike. Pure. */
import type { KnownSession } from '../ledger/registry.ts';
import type { Interval } from '../record.ts';
import { askEvery, type CollectionPolicy, modificationCadence } from './planner.ts';
import { expectedSince, lostTime, MODES, type Mode, untilLoss } from './source-retention.ts';
import { missing, reportHorizon } from './windows.ts';

/** Time that is not collected though it should be. */
export interface Hole {
  readonly mode: Mode;
  readonly window: Interval;
  /** `missing`: to be collected still; `lost`: Zoom had deleted it before. */
  readonly kind: 'missing' | 'lost';
}

/** How late the newest part may be beyond its cadence before it counts as a hole. */
const GRACE_MS = 3_600_000;

/**
 * Holes of one session: time that no unit covers, other than the newest part while it is not due, and lost windows.
 * @param kept the moment before which Zoom may have deleted what the session held
 */
export function sessionHoles(
  session: KnownSession,
  policy: CollectionPolicy,
  kept: number,
  now: number,
): readonly Hole[] {
  const expected = { from: expectedSince(session), to: now };
  const open = MODES.flatMap((mode) =>
    missing(expected, session[mode])
      .filter((gap) => gap.to < now || isLate(session, mode, gap, policy, kept, now))
      .flatMap((gap) => missing(gap, session.lost[mode]))
      .map((window): Hole => ({ mode, window, kind: 'missing' })),
  );
  return [...open, ...lostTime(session).map(({ mode, window }): Hole => ({ mode, window, kind: 'lost' }))];
}

function isLate(
  session: KnownSession,
  mode: Mode,
  newest: Interval,
  policy: CollectionPolicy,
  kept: number,
  now: number,
): boolean {
  if (session[mode].length === 0) return true;
  const every = mode === 'sent' ? policy.sweepMs : modificationCadence(now - session.lastActivityAt, policy);
  if (now - newest.from > askEvery(every, kept, now) + policy.settleMs + GRACE_MS) return true;
  return (
    mode === 'sent' &&
    session.lastMessageAt >= newest.from &&
    now - session.lastMessageAt > policy.settleMs + GRACE_MS
  );
}

/**
 * The moment of the oldest thing a session may hold that was not collected; undefined when a listing shows none.
 */
export function oldestUncollected(session: KnownSession, now: number): number | undefined {
  const whole = { from: reportHorizon(now), to: now };
  const [sent] = missing(whole, session.sent);
  const [modified] = missing(whole, session.modified);
  const starts: number[] = [];
  if (sent !== undefined && session.lastMessageAt >= sent.from) starts.push(sent.from);
  if (modified !== undefined && session.lastActivityAt >= modified.from) starts.push(modified.from);
  return starts.length === 0 ? undefined : Math.min(...starts);
}

/** Thresholds of the retention-gap guard, by their name in the metric; milliseconds. */
export const GAP_THRESHOLDS: ReadonlyMap<string, number> = new Map([
  ['0s', 0],
  ['6h', 6 * 3_600_000],
  ['1d', 86_400_000],
  ['3d', 3 * 86_400_000],
  ['7d', 7 * 86_400_000],
  ['14d', 14 * 86_400_000],
  ['30d', 30 * 86_400_000],
]);

/** What the sessions looked at come to. */
export interface SessionsState {
  readonly sessions: number;
  /** Sessions times modes with a hole. */
  readonly holes: number;
  /** Lost windows on record. */
  readonly lost: number;
  readonly oldestUncollected: number | undefined;
  /** Least time until Zoom deletes something that was not collected, milliseconds; undefined without sessions. */
  readonly untilLoss: number | undefined;
  /** The same, as a part of how long Zoom keeps it: 1 when all is collected, 0 at the deletion. */
  readonly untilLossRatio: number | undefined;
  /** Sessions whose time until loss is below each of {@link GAP_THRESHOLDS}. */
  readonly within: ReadonlyMap<string, number>;
}

/** Takes sessions one by one, and what their state comes to. */
export class Survey {
  readonly #policy: CollectionPolicy;
  readonly #now: number;
  readonly #within = new Map([...GAP_THRESHOLDS.keys()].map((name) => [name, 0]));
  #sessions = 0;
  #holes = 0;
  #lost = 0;
  #oldest: number | undefined;
  #untilLoss: number | undefined;
  #ratio: number | undefined;

  constructor(policy: CollectionPolicy, now: number) {
    this.#policy = policy;
    this.#now = now;
  }

  /** @param kept the moment before which Zoom may have deleted what the session held */
  add(session: KnownSession, kept: number): void {
    const now = this.#now;
    this.#sessions += 1;
    for (const hole of sessionHoles(session, this.#policy, kept, now)) {
      if (hole.kind === 'lost') this.#lost += 1;
      else this.#holes += 1;
    }
    const oldest = oldestUncollected(session, now);
    if (oldest !== undefined) this.#oldest = Math.min(this.#oldest ?? oldest, oldest);
    const left = untilLoss(session, kept, now);
    this.#untilLoss = Math.min(this.#untilLoss ?? left, left);
    const ratio = left / (now - kept);
    this.#ratio = Math.min(this.#ratio ?? ratio, ratio);
    for (const [name, limit] of GAP_THRESHOLDS) {
      if (left <= limit) this.#within.set(name, (this.#within.get(name) ?? 0) + 1);
    }
  }

  state(): SessionsState {
    return {
      sessions: this.#sessions,
      holes: this.#holes,
      lost: this.#lost,
      oldestUncollected: this.#oldest,
      untilLoss: this.#untilLoss,
      untilLossRatio: this.#ratio,
      within: this.#within,
    };
  }
}
