/** Spans of time as people give them: instants, or days in a zone whose clocks may change. Pure. */
import { ArchiverError } from '../errors.ts';

/** Milliseconds since the epoch, half-open; null where it is open. */
export interface TimeRange {
  readonly from: number | null;
  readonly to: number | null;
}

const DAY = /^(\d{4})-(\d\d)-(\d\d)$/;
const DAY_MS = 86_400_000;

/**
 * A span from two moments, each an ISO 8601 instant or a day `yyyy-mm-dd` in `zone`. A day as `to` is included, an
 * instant is not. Fails with `usage` where the zone is unknown, or nothing lies between both.
 * @param zone IANA name, as `Europe/Berlin`
 */
export function timeRange(from: string | undefined, to: string | undefined, zone: string): TimeRange {
  const clock = wallClock(zone);
  const range = {
    from: from === undefined ? null : DAY.test(from) ? startOfDay(from, clock) : Date.parse(from),
    to: to === undefined ? null : DAY.test(to) ? startOfDay(nextDay(to), clock) : Date.parse(to),
  };
  if (range.from !== null && range.to !== null && range.from >= range.to) {
    throw new ArchiverError('usage', 'the time ends before it begins', { detail: `${from} to ${to}` });
  }
  return range;
}

/** The first instant of a day in a zone: not always midnight, for some clocks change then. Fails as {@link timeRange}. */
export function dayStart(day: string, zone: string): number {
  return startOfDay(day, wallClock(zone));
}

/** Tells the wall clock at an instant, as milliseconds of a UTC that would show the same. */
export type WallClock = (at: number) => number;

/** The clock on the wall of a zone. Fails with `usage` where the zone is unknown. */
export function wallClock(zone: string): WallClock {
  const format = formatOf(zone);
  return (at) => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const part = (name: string): number => parts.get(name as Intl.DateTimeFormatPartTypes) ?? 0;
    const wall = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    return wall + (((at % 1000) + 1000) % 1000);
  };
}

function formatOf(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch (cause) {
    throw new ArchiverError('usage', 'unknown time zone', {
      cause,
      detail: `${zone}; give an IANA name, as Europe/Berlin or UTC`,
    });
  }
}

/** The first instant whose wall clock shows this day or a later one: right also where midnight is skipped or comes twice. */
function startOfDay(day: string, clock: WallClock): number {
  const midnight = Date.parse(`${day}T00:00:00Z`);
  // No zone is further from UTC than this, and a clock that was set back may show the day before once more.
  let before = midnight - DAY_MS;
  let at = midnight + DAY_MS;
  while (at - before > 1) {
    const middle = Math.floor((before + at) / 2);
    if (clock(middle) >= midnight) at = middle;
    else before = middle;
  }
  return at;
}

function nextDay(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}
