/** Until when Zoom keeps what a session holds: the retention-gap guard's arithmetic. Pure. */
import type { KnownSession } from '../ledger/registry.ts';
import { type Interval, intersection } from '../record.ts';
import { missing, reportHorizon } from './windows.ts';

/** Period of each scope as last read from Zoom: `direct`, `channels`, or a channel id. */
export type SourceRetention = ReadonlyMap<string, string>;

/** The moment a period in Zoom's notation (`90d`, `30m`, `7y`) before `now`; undefined for none or an unknown one. */
export function periodBefore(now: number, period: string): number | undefined {
  const match = /^(\d+)([dmy])$/.exec(period);
  if (match === null) return undefined;
  const count = Number(match[1]);
  if (match[2] === 'd') return now - count * 86_400_000;
  const date = new Date(now);
  const months = date.getUTCMonth() - count * (match[2] === 'y' ? 12 : 1);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), months + 1, 0)).getUTCDate();
  return Date.UTC(
    date.getUTCFullYear(),
    months,
    Math.min(date.getUTCDate(), lastDay),
    date.getUTCHours(),
    date.getUTCMinutes(),
    date.getUTCSeconds(),
    date.getUTCMilliseconds(),
  );
}

/**
 * The moment before which Zoom may have deleted what a session held, at `now`: the latest of the reports' six months,
 * and the period of its channel, else of the account (fact sheet section 2). A group without a policy of its own may
 * be a channel or a group chat, which have different periods: the shorter one counts, as it does for 1:1.
 */
export function keptSince(
  session: Pick<KnownSession, 'type' | 'channelId'>,
  retention: SourceRetention,
  now: number,
): number {
  const own = session.channelId === '' ? '' : (retention.get(session.channelId) ?? '');
  const account =
    session.type === '1:1' ? [retention.get('direct')] : [retention.get('channels'), retention.get('direct')];
  const periods = own === '' ? account : [own];
  const limits = periods.map((period) => periodBefore(now, period ?? '') ?? Number.NEGATIVE_INFINITY);
  return Math.max(reportHorizon(now), ...limits);
}

export type Mode = 'sent' | 'modified';
export const MODES: readonly Mode[] = ['sent', 'modified'];

/** From when on a session had to be collected: what Zoom still held when it was seen first. */
export function expectedSince(session: Pick<KnownSession, 'expectedFrom' | 'firstSeenAt'>): number {
  return session.expectedFrom ?? reportHorizon(session.firstSeenAt);
}

/**
 * Windows of a session that Zoom may have deleted before they were collected, and that are not on record as lost yet.
 * Before it is known what Zoom kept when the session was seen first, only the reports' six months count.
 */
export function lostWindows(
  session: KnownSession,
  mode: Mode,
  kept: number,
  now: number,
): readonly Interval[] {
  const passed = {
    from: expectedSince(session),
    to: session.expectedFrom === undefined ? reportHorizon(now) : kept,
  };
  if (passed.to <= passed.from) return [];
  return missing(passed, session[mode])
    .filter((gap) => mode === 'modified' || mayHoldMessages(session, gap))
    .flatMap((gap) => missing(gap, session.lost[mode]));
}

/** The newest gap holds no message when no listing showed one since it began; a gap further back may. */
function mayHoldMessages(session: KnownSession, gap: Interval): boolean {
  const isNewest = (session.sent.at(-1)?.to ?? 0) <= gap.from;
  return !isNewest || session.lastMessageAt >= Math.floor(gap.from / 1000) * 1000;
}

/**
 * Milliseconds until Zoom deletes something that was not collected, if the session held it; negative when that has
 * passed. The oldest moment that no unit covers decides; what is on record as lost no longer counts.
 */
export function untilLoss(session: KnownSession, kept: number, now: number): number {
  const whole = { from: Math.max(expectedSince(session), kept), to: now };
  const open = MODES.flatMap((mode) => missing(whole, session[mode])).map((gap) => gap.from);
  return Math.min(now, ...open) - kept;
}

/** The part of the expected time that is on record as lost, both modes together. */
export function lostTime(
  session: KnownSession,
): readonly { readonly mode: Mode; readonly window: Interval }[] {
  return MODES.flatMap((mode) =>
    session.lost[mode].flatMap((window) => {
      const part = intersection(window, { from: expectedSince(session), to: Number.MAX_SAFE_INTEGER });
      return part === undefined ? [] : [{ mode, window: part }];
    }),
  );
}
