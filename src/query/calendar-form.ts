/** What coverage is asked for by, and what is answered. */
import { z } from 'zod';
import type { ReadAt } from './revision.ts';

export const calendarInput = z.strictObject({
  stream: z.string().min(1).default('messages').describe('Stream whose coverage is asked for.'),
  session: z.string().min(1).optional().describe('Id of a session; the whole stream where it is left out.'),
  from: z.iso.date().optional().describe('First day; where left out, the first that is covered.'),
  to: z.iso.date().optional().describe('Last day, included; where left out, the last that is covered.'),
});

export type CalendarInput = z.input<typeof calendarInput>;

/**
 * How a UTC day stands:
 * - `covered`: looked at from its begin to its end, and archived if there was anything;
 * - `partly`: only a part of it was;
 * - `missing`: nobody looked, or the attempts failed;
 * - `lost`: on record as gone before it could be collected, or refused by Zoom;
 * - `outside`: before coverage begins or after it ends.
 */
export type DayState = 'covered' | 'partly' | 'missing' | 'lost' | 'outside';

export interface CalendarDay {
  /** `yyyy-mm-dd`, UTC. */
  readonly day: string;
  readonly state: DayState;
  /** Records of the stream whose own time is on this day, null where that is not told for a session. */
  readonly records: number | null;
}

/** Time without coverage. */
export interface CoverageHole {
  readonly stream: string;
  /** Id of a session, or empty for the stream as a whole. */
  readonly session: string;
  readonly from: string;
  readonly to: string;
  readonly why: 'not-looked-at' | 'failed' | 'lost' | 'refused';
  /** As the coverage record says it; empty where there is none. */
  readonly reason: string;
}

export interface CoverageCalendar {
  readonly at: ReadAt;
  readonly stream: string;
  readonly session: string | null;
  /** Streams that the archive has coverage of. */
  readonly streams: readonly string[];
  /** Every day from the first to the last. */
  readonly days: readonly CalendarDay[];
  readonly holes: readonly CoverageHole[];
  /** Coverage as a whole; null where there is none. */
  readonly covered: { readonly from: string; readonly to: string } | null;
}
