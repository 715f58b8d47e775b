import { DAY, HOUR, parseDay, sixMonthsBefore } from './dates.ts';
import { invalidField } from './refusal.ts';
import type { Switches } from './switches.ts';

/** Query parameters as the HTTP layer reads them; a parameter given twice is an array. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The days a report was asked for, as text and as the milliseconds they cover (`end` is not part of it). */
export interface ReportWindow {
  readonly from: string;
  readonly to: string;
  readonly start: number;
  readonly end: number;
}

/** "One month" by the examples of the documentation, which lie 31 days apart. */
const LONGEST_DAYS = 31;

/** A parameter that may be left out. */
export function readText(query: Query, name: string): string | undefined {
  const value = query[name];
  if (value === undefined || typeof value === 'string') return value;
  throw invalidField(name, 'Given more than once.');
}

/** `from` and `to`, refused unless they are days, in order, at most a month apart and within the last six months. */
export function readWindow(query: Query, switches: Switches, now: number): ReportWindow {
  const from = readText(query, 'from');
  const to = readText(query, 'to');
  if (from === undefined || from === '') throw invalidField('from', 'This field is required.');
  if (to === undefined || to === '') throw invalidField('to', 'This field is required.');
  const fromDay = parseDay(from);
  const toDay = parseDay(to);
  if (fromDay === undefined) throw invalidField('from', 'Invalid date format, should be yyyy-MM-dd.');
  if (toDay === undefined) throw invalidField('to', 'Invalid date format, should be yyyy-MM-dd.');
  if (toDay < fromDay) throw invalidField('from', 'The start date is after the end date.');
  if (toDay - fromDay > LONGEST_DAYS * DAY) throw invalidField('from', 'The date range exceeds one month.');
  const zone = switches.reportZoneHours * HOUR;
  if (fromDay < sixMonthsBefore(now + zone)) {
    throw invalidField('from', 'Only data of the recent 6 months is available.');
  }
  return { from, to, start: fromDay - zone, end: toDay - zone + (switches.toInclusive ? DAY : 0) };
}

/** `page_size`, the usual one when left out, refused above the endpoint's maximum. */
export function readPageSize(query: Query, maximum: number, usual = 30): number {
  const text = readText(query, 'page_size');
  if (text === undefined) return usual;
  const size = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (size < 1 || size > maximum) throw invalidField('page_size', `Must be between 1 and ${maximum}.`);
  return size;
}

/** A flag, false when left out. */
export function readFlag(query: Query, name: string): boolean {
  const text = readText(query, name);
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw invalidField(name, 'Must be true or false.');
}

/** Everything a page token is bound to: the endpoint and all parameters but the token itself, in a fixed order. */
export function queryIdentity(endpoint: string, query: Query): string {
  let identity = endpoint;
  for (const name of Object.keys(query).sort()) {
    if (name !== 'next_page_token') identity += `\n${name}=${query[name]}`;
  }
  return identity;
}
