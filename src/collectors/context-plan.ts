/** What is to be looked at around the messages, and when. Pure. */
import { hash } from 'node:crypto';
import { type Interval, utcDay } from '../record.ts';
import { type ReportWindow, startOfDay } from './windows.ts';

/** Lists of the whole account, in the order in which they are looked at. */
export const CONTEXT_LISTS = ['settings', 'users', 'spaces', 'channels', 'emoji'] as const;

/** One look: at a list, at a channel with all that belongs to it, at a shared space. */
export interface ContextUnit {
  readonly stream: 'context';
  /** Channel or space; empty for a list. */
  readonly scope: string;
  readonly mode: (typeof CONTEXT_LISTS)[number] | 'channel' | 'space';
  /** A look has no window; its dates are the day of the look. */
  readonly window: ReportWindow;
  /** From the look before, the first from the beginning of its day. */
  readonly covers: Interval;
}

export interface ContextState {
  readonly channels: Iterable<string>;
  readonly spaces: Iterable<string>;
  /** When each was last looked at, milliseconds, by {@link lookName}. */
  readonly askedAt: ReadonlyMap<string, number>;
  /** Up to when each is covered, milliseconds. */
  readonly coveredTo: ReadonlyMap<string, number>;
  /** Names of those that failed and are not asked again yet. */
  readonly waiting: ReadonlySet<string>;
}

export function lookName({ mode, scope }: { readonly mode: string; readonly scope: string }): string {
  return `${mode} ${scope}`;
}

/**
 * Looks that are due. Lists come first and alone, for they tell which channels and spaces there are. Each of those has a
 * moment of its own within the interval, so that the looks of a large account spread over it; one never looked at is due
 * at once.
 * @param everyMs how often each is looked at
 */
export function dueLooks(state: ContextState, everyMs: number, now: number): readonly ContextUnit[] {
  const due = (
    mode: ContextUnit['mode'],
    scope: string,
    isDue: (askedAt: number) => boolean,
  ): ContextUnit[] => {
    const name = lookName({ mode, scope });
    const askedAt = state.askedAt.get(name);
    if (state.waiting.has(name)) return [];
    // One in the future was made by a clock that was set back since.
    if (askedAt !== undefined && askedAt <= now && !isDue(askedAt)) return [];
    const today = utcDay(now);
    return [
      {
        stream: 'context',
        scope,
        mode,
        window: { from: 0, to: 0, fromDate: today, toDate: today },
        // A list that is looked at now was there all the time since it was looked at last.
        covers: { from: Math.min(state.coveredTo.get(name) ?? startOfDay(now), now), to: now },
      },
    ];
  };
  const lists = CONTEXT_LISTS.flatMap((mode) => due(mode, '', (askedAt) => now - askedAt >= everyMs));
  if (lists.length > 0) return lists;
  const scoped = (mode: 'space' | 'channel', ids: Iterable<string>): ContextUnit[] =>
    [...ids].flatMap((id) => due(mode, id, (askedAt) => askedAt < lastTurn(id, everyMs, now)));
  return [...scoped('space', state.spaces), ...scoped('channel', state.channels)];
}

/** The last moment at which it was the turn of a subject: once in each interval, at a place that its id decides. */
export function lastTurn(id: string, everyMs: number, now: number): number {
  const place = Number.parseInt(hash('sha256', id, 'hex').slice(0, 8), 16) / 2 ** 32;
  const offset = Math.floor(place * everyMs);
  return Math.floor((now - offset) / everyMs) * everyMs + offset;
}
