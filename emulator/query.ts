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

/** How many rows of a list make a page. */
export interface PageSizes {
  /** When `page_size` is left out. */
  readonly usual: number;
  /** Default 1. */
  readonly least?: number;
  readonly most: number;
}

/** `page_size`, refused outside of the endpoint's bounds. */
export function readPageSize(query: Query, { usual, least = 1, most }: PageSizes): number {
  const text = readText(query, 'page_size');
  if (text === undefined) return usual;
  const size = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (size < least || size > most) throw invalidField('page_size', `Must be between ${least} and ${most}.`);
  return size;
}

/** One of a few words; undefined when left out. */
export function readChoice<Word extends string>(
  query: Query,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = readText(query, name);
  const word = words.find((candidate) => candidate === text);
  if (text !== undefined && word === undefined)
    throw invalidField(name, `Must be one of ${words.join(' | ')}.`);
  return word;
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
