export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const TWO_DIGITS = Array.from({ length: 60 }, (_, number) => String(number).padStart(2, '0'));
/** Day texts are asked for millions of times and there are few of them. */
const dayTexts = new Map<number, string>();

/** `yyyy-MM-dd` of a moment, in UTC. */
export function formatDay(time: number): string {
  const day = Math.floor(time / DAY);
  let text = dayTexts.get(day);
  if (text === undefined) {
    text = new Date(day * DAY).toISOString().slice(0, 10);
    dayTexts.set(day, text);
  }
  return text;
}

/** `yyyy-MM-ddTHH:mm:ssZ` of a moment: Zoom's date-times have no milliseconds. */
export function formatSecond(time: number): string {
  const second = Math.floor((time % DAY) / 1000);
  const hours = TWO_DIGITS[Math.floor(second / 3600)];
  const minutes = TWO_DIGITS[Math.floor(second / 60) % 60];
  return `${formatDay(time)}T${hours}:${minutes}:${TWO_DIGITS[second % 60]}Z`;
}

/** UTC midnight of a `yyyy-MM-dd` day in milliseconds; undefined for any other text and for days that do not exist. */
export function parseDay(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const time = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(time) || formatDay(time) !== text ? undefined : time;
}

/** UTC midnight of the day so many calendar months before the given moment; a day that month lacks becomes its last. */
export function monthsBefore(time: number, months: number): number {
  const date = new Date(time);
  const firstOfMonth = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - months, 1);
  const firstOfNext = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() - months + 1, 1);
  return Math.min(firstOfMonth + (date.getUTCDate() - 1) * DAY, firstOfNext - DAY);
}

/** UTC midnight of the day six calendar months before the given moment. */
export function sixMonthsBefore(time: number): number {
  return monthsBefore(time, 6);
}
