/** Legal-hold matters: who is held and for which dates. */
import type { Account, Person } from './account.ts';
import { DAY, formatDay, parseDay } from './dates.ts';
import { Random } from './random.ts';

export interface Matter {
  readonly id: string;
  name: string;
  /** Milliseconds. */
  readonly createdAt: number;
  /** `yyyy-MM-dd`; undefined: from the day it was made. */
  readonly startDay: string | undefined;
  /** The last day, `yyyy-MM-dd`; undefined: open. */
  readonly endDay: string | undefined;
  custodians: readonly Person[];
}

/** Days that one zip covers, in milliseconds; `end` is not part of it. */
export interface Period {
  readonly start: number;
  readonly end: number;
}

const NAMES = ['Acme v. Company', 'Enquête « Équipe Paris » / 2026', 'HR-17: "leavers"'];

/**
 * The matters of a made-up account: one open, one of dates that are over, one without dates. They have a random
 * stream of their own, so that the account's people and messages do not depend on them.
 */
export function generateMatters(account: Account, seed: number, now: number): Matter[] {
  const random = new Random(seed ^ 0x401d);
  const users = account.people.filter((person) => person.userId !== '');
  // The first member of a session writes most of it.
  const writers = users.filter((person) => account.sessions.some(({ members }) => members[0] === person));
  const candidates = writers.length > 0 ? writers : users;
  if (candidates.length === 0) return [];
  const dates = [
    { age: 150, startDay: formatDay(now - 150 * DAY), endDay: undefined },
    { age: 60, startDay: formatDay(now - 120 * DAY), endDay: formatDay(now - 70 * DAY) },
    { age: 45, startDay: undefined, endDay: undefined },
  ];
  return dates.map(({ age, startDay, endDay }, index) => ({
    id: random.uuid(),
    name: NAMES[index] ?? '',
    createdAt: now - age * DAY,
    startDay,
    endDay,
    custodians: [...new Set([random.pick(candidates), random.pick(candidates)])],
  }));
}

/** The calendar months of a matter that are over, oldest first: Zoom makes a zip of each. `now` in milliseconds. */
export function periodsOf(matter: Matter, now: number): Period[] {
  const first = parseDay(matter.startDay ?? formatDay(matter.createdAt)) ?? 0;
  const last = matter.endDay === undefined ? undefined : parseDay(matter.endDay);
  const over = last === undefined ? Number.POSITIVE_INFINITY : last + DAY;
  const periods: Period[] = [];
  for (let start = first; start < over; ) {
    const date = new Date(start);
    const end = Math.min(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1), over);
    if (end > now) break;
    periods.push({ start, end });
    start = end;
  }
  return periods;
}
