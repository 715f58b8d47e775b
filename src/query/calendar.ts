import { ArchiverError } from '../errors.ts';
import type { CoveredStream } from '../proof/verify/coverage.ts';
import { type Interval, intersection, STREAMS, type Stream, utcDay } from '../record.ts';
import { isInSession } from '../segments/format.ts';
import { asked, readAt } from './asked.ts';
import {
  type CalendarDay,
  type CalendarInput,
  type CoverageCalendar,
  type CoverageHole,
  calendarInput,
  type DayState,
} from './calendar-form.ts';
import { coverageOf, type ToldCoverage } from './coverage-holes.ts';
import type { AuditContext } from './reader.ts';
import {
  ofSession,
  requireMay,
  seesChannel,
  seesSession,
  type Visibility,
  visible,
  visibleTime,
  visibleWhere,
} from './visibility.ts';
import { segmentsFor } from './whereabouts.ts';

export {
  type CalendarDay,
  type CalendarInput,
  type CoverageCalendar,
  type CoverageHole,
  calendarInput,
  type DayState,
} from './calendar-form.ts';

const DAY_MS = 86_400_000;

/** A calendar longer than this is a typing error. */
const MOST_DAYS = 36_600;

/**
 * Which days were looked at, from the archive's own coverage records. Whoever may not see everything is told of no hole
 * of what he may not see, of no time beyond his days, and of no numbers but those of a session. Fails with `usage` for days that nobody can show, with
 * `record-not-found` for a session beyond the reader's scope, and with `proof-invalid` where a segment was altered.
 */
export async function calendar(ctx: AuditContext, input: CalendarInput): Promise<CoverageCalendar> {
  const question = asked(calendarInput, input);
  requireMay(ctx.reader, 'coverage');
  await ctx.record({ action: 'coverage', input: question });
  const { stream, session } = question;
  const seen = await visible(ctx);
  if (session !== undefined && !seesSession(seen, session))
    throw new ArchiverError('record-not-found', 'the archive has no such session', { detail: session });
  const whole = await coverageOf(ctx, {
    streams: [stream],
    sessions: session === undefined ? undefined : [session],
    within: visibleTime(session === undefined ? seen : ofSession(seen, session)),
  });
  const streams = await coveredStreams(ctx);
  const bounds = boundsOf(whole.covered);
  const window = windowOf(question, bounds);
  const holes = seen.all ? whole.holes : whole.holes.filter(await seesHole(ctx, seen));
  const days =
    window === undefined
      ? []
      : daysOf(window, { ...whole, holes }, await recordsByDay(ctx, question, seen, window));
  return {
    at: readAt(ctx.archive),
    stream,
    session: session ?? null,
    streams,
    days,
    holes: window === undefined ? [] : holes.filter((hole) => overlaps(hole, window)),
    covered: bounds === undefined ? null : { from: iso(bounds.from), to: iso(bounds.to) },
  };
}

/** Each UTC day of a window: see {@link DayState}. Pure. */
export function daysOf(
  window: Interval,
  { holes, covered }: Pick<ToldCoverage, 'holes' | 'covered'>,
  recordsOn: (day: string) => number | null,
): readonly CalendarDay[] {
  const days: CalendarDay[] = [];
  for (let from = window.from; from < window.to; from += DAY_MS) {
    const day = utcDay(from);
    days.push({ day, state: stateOf({ from, to: from + DAY_MS }, holes, covered), records: recordsOn(day) });
  }
  return days;
}

function stateOf(day: Interval, holes: readonly CoverageHole[], covered: readonly CoveredStream[]): DayState {
  const parts = covered.flatMap((part) => intersection(part, day) ?? []);
  const missing = holes.filter((hole) => overlaps(hole, day));
  if (parts.length === 0) {
    if (missing.length === 0) return 'outside';
    return missing.every(({ why }) => why === 'lost' || why === 'refused') ? 'lost' : 'missing';
  }
  const length = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  return missing.length === 0 && length === DAY_MS ? 'covered' : 'partly';
}

/** A look that failed has a moment and no length. */
function overlaps(hole: CoverageHole, { from, to }: Interval): boolean {
  const [since, until] = [Date.parse(hole.from), Date.parse(hole.to)];
  return since < to && (until > from || (since === until && since >= from));
}

function boundsOf(covered: readonly CoveredStream[]): Interval | undefined {
  const [first] = covered;
  if (first === undefined) return undefined;
  return { from: first.from, to: covered.reduce((last, { to }) => Math.max(last, to), first.to) };
}

/** Whole UTC days; undefined where no end is asked for and nothing is covered. */
function windowOf(
  { from, to }: { readonly from?: string | undefined; readonly to?: string | undefined },
  bounds: Interval | undefined,
): Interval | undefined {
  const first = from ?? (bounds === undefined ? to : utcDay(bounds.from));
  const last = to ?? (bounds === undefined ? from : utcDay(bounds.to - 1));
  if (first === undefined || last === undefined) return undefined;
  const window = { from: Date.parse(`${first}T00:00:00Z`), to: Date.parse(`${last}T00:00:00Z`) + DAY_MS };
  if ((from !== undefined && to !== undefined && from > to) || window.to - window.from > MOST_DAYS * DAY_MS) {
    throw new ArchiverError('usage', 'no calendar has these days', { detail: `${first} to ${last}` });
  }
  return window;
}

async function coveredStreams({ archive }: AuditContext): Promise<readonly string[]> {
  const streams: string[] = [];
  for await (const rows of archive.rows({ stream: 'coverage', slice: {}, select: 'distinct unit_stream' }))
    for (const [stream] of rows) streams.push(String(stream));
  return streams.sort();
}

/** A hole of the whole account concerns everybody; others are of a session, a channel or a matter. */
async function seesHole(ctx: AuditContext, seen: Visibility): Promise<(hole: CoverageHole) => boolean> {
  const known = await ctx.archive.known();
  return ({ session: scope }) => scope === '' || seesSession(seen, scope) || seesChannel(seen, known, scope);
}

/** How many records each day has; of a session only where its records say that they are of it. */
async function recordsByDay(
  { archive }: AuditContext,
  { stream: name, session }: { readonly stream: string; readonly session?: string | undefined },
  visibility: Visibility,
  { from, to }: Interval,
): Promise<(day: string) => number | null> {
  const stream = STREAMS.find((known): known is Stream => known === name);
  if (stream === undefined || (session === undefined ? !visibility.all : !isInSession(stream)))
    return () => null;
  const slice = { from: utcDay(from), to: utcDay(to - 1) };
  const counts = new Map<string, number>();
  if (session === undefined) {
    for (const { entry } of archive.segments({ ...slice, streams: [stream] }))
      counts.set(entry.date, (counts.get(entry.date) ?? 0) + entry.count);
  } else {
    const seen = visibleWhere(visibility);
    const question = {
      streams: [stream],
      slice,
      ...(stream === 'messages' ? { entries: (await segmentsFor(archive, { session })).entries } : {}),
      sql: `select date::varchar, count(*) from ${stream} where session_id = $session and ${seen.where} group by date`,
      values: { session, ...seen.values },
    };
    for await (const rows of archive.select(question))
      for (const [day, count] of rows) counts.set(String(day), Number(count));
  }
  return (day) => counts.get(day) ?? 0;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
