/** What is due: pure functions from registry, coverage, policy and clock to units. */
import type { KnownSession } from '../ledger/registry.ts';
import type { Interval, SessionId } from '../record.ts';
import type { MessagesMode } from '../zoom/reports.ts';
import { DAY_MS, missing, type ReportWindow, reportHorizon, reportWindows } from './windows.ts';

export interface CollectionPolicy {
  /** A report may lack what happened in the last moments; that much is not counted as covered. Milliseconds. */
  readonly settleMs: number;
  /**
   * How often a session is asked for edits and deletes, by the time since its last activity: the first step
   * whose `youngerThanMs` is above that age counts; the last step counts for all older ones.
   */
  readonly modifications: readonly { readonly youngerThanMs: number; readonly everyMs: number }[];
  /** Every known session is asked for messages at least so often, also when no listing shows activity. */
  readonly sweepMs: number;
  /** All six months of sessions are listed again so often; in between only the newest days are. */
  readonly relistMs: number;
}

export interface ListingUnit {
  readonly stream: 'sessions';
  readonly scope: '';
  readonly mode: 'recent' | 'sweep';
  readonly window: ReportWindow;
  readonly covers: Interval;
}

export interface MessagesUnit {
  readonly stream: 'messages';
  readonly scope: SessionId;
  readonly mode: MessagesMode;
  readonly window: ReportWindow;
  /** What the unit proves when it succeeds; ends `settleMs` before now. */
  readonly covers: Interval;
  readonly session: KnownSession;
  /** When Zoom may delete the first of what the unit covers, milliseconds. */
  readonly deletedAt: number;
}

function unitWindows(
  gap: Interval,
  policy: CollectionPolicy,
  now: number,
): { window: ReportWindow; covers: Interval }[] {
  return reportWindows(gap, now).map((window) => ({
    window,
    covers: {
      from: Math.max(gap.from, window.from),
      to: Math.min(gap.to, window.to, now - policy.settleMs),
    },
  }));
}

/** What was collected of listings: by the recent days and by sweeps over all six months. */
export interface ListingState {
  readonly recent: readonly Interval[];
  readonly sweep: readonly Interval[];
  readonly sweptAt: number;
}

/**
 * Listings due now: the days since the last one, always; all six months when the last sweep is old or has holes.
 */
export function dueListings(
  state: ListingState,
  policy: CollectionPolicy,
  now: number,
): readonly ListingUnit[] {
  const whole = { from: reportHorizon(now), to: now };
  const sweepEnd = state.sweep.at(-1)?.to ?? 0;
  const unit = (mode: ListingUnit['mode'], gap: Interval): readonly ListingUnit[] =>
    unitWindows(gap, policy, now).map((part) => ({ stream: 'sessions', scope: '', mode, ...part }));
  // A sweep in the future was made by a clock that was set back since.
  if (now - state.sweptAt >= policy.relistMs || state.sweptAt > now) return unit('sweep', whole);
  const holes = missing({ from: whole.from, to: Math.max(sweepEnd, whole.from) }, state.sweep);
  const listedTo = Math.max(sweepEnd, state.recent.at(-1)?.to ?? 0);
  return [
    ...holes.flatMap((hole) => unit('sweep', hole)),
    ...unit('recent', { from: Math.min(Math.max(listedTo, whole.from), now - 1), to: now }),
  ];
}

/** Time between two asks for modifications of a session that was last active `ageMs` ago. */
export function modificationCadence(ageMs: number, policy: CollectionPolicy): number {
  const step = policy.modifications.find((candidate) => ageMs < candidate.youngerThanMs);
  return (step ?? policy.modifications.at(-1))?.everyMs ?? policy.sweepMs;
}

/**
 * How often a session is asked: as configured, and so often that each part of what Zoom keeps is asked for several
 * times before it goes.
 * @param kept the moment before which Zoom may have deleted
 */
export function askEvery(everyMs: number, kept: number, now: number): number {
  return Math.min(everyMs, (now - kept) / ASKS_WHILE_KEPT);
}

const ASKS_WHILE_KEPT = 4;

/**
 * Units of one session that are due now, oldest first. Holes are always due. The newest part is due for `sent`
 * when a listing showed a message since (or the sweep is), for `modified` when its cadence says so, and for both when
 * a webhook named the session since.
 * @param kept the moment before which Zoom may have deleted what the session held
 */
export function dueUnits(
  session: KnownSession,
  policy: CollectionPolicy,
  kept: number,
  now: number,
): readonly MessagesUnit[] {
  const whole = { from: reportHorizon(now), to: now };
  const due = (mode: MessagesMode, gaps: readonly Interval[]): readonly MessagesUnit[] =>
    gaps.flatMap((gap) =>
      unitWindows(gap, policy, now).map((part) => ({
        stream: 'messages' as const,
        scope: session.id,
        mode,
        session,
        deletedAt: part.covers.from + now - kept,
        ...part,
      })),
    );
  // A hint of the future was left by a clock that was set back since.
  const hinted = (gap: Interval): boolean => session.hintedAt >= gap.from && session.hintedAt <= now;
  const sent = missing(whole, session.sent).filter((gap) => {
    if (gap.to < now || session.sent.length === 0 || hinted(gap)) return true;
    // Listings give whole seconds, so a message in the second of the coverage's end may be new.
    return (
      session.lastMessageAt >= Math.floor(gap.from / 1000) * 1000 ||
      now - gap.from >= askEvery(policy.sweepMs, kept, now)
    );
  });
  const cadence = askEvery(modificationCadence(now - session.lastActivityAt, policy), kept, now);
  const modified = missing(whole, session.modified).filter(
    (gap) =>
      gap.to < now ||
      session.modified.length === 0 ||
      hinted(gap) ||
      now - gap.from >= cadence + policy.settleMs,
  );
  return byUrgency([...due('sent', sent), ...due('modified', modified)]);
}

/**
 * When the unit is wanted, for the order among units: by the time that Zoom may delete what it covers, and where its
 * window holds the moment at which a webhook named its session, as if that were a day after.
 */
function wantedBy({ session: { hintedAt }, covers, window, deletedAt }: MessagesUnit): number {
  const isHinted = hintedAt >= covers.from && hintedAt < window.to;
  return isHinted ? Math.min(deletedAt, hintedAt + DAY_MS) : deletedAt;
}

/**
 * What Zoom deletes first comes first, and after what it may delete within a day what webhooks named; within the same
 * moment messages before their modifications.
 */
export function byUrgency(units: readonly MessagesUnit[]): readonly MessagesUnit[] {
  return [...units].sort(
    (a, b) =>
      wantedBy(a) - wantedBy(b) ||
      a.covers.from - b.covers.from ||
      (a.mode === b.mode ? 0 : a.mode === 'sent' ? -1 : 1) ||
      (a.scope < b.scope ? -1 : a.scope > b.scope ? 1 : 0),
  );
}
