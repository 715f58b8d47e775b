/** Moments for people: in their zone, with the UTC moment beside. */

/** The zone of this browser, as the platform names it. */
export function browserZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** `20 Nov 2026` */
export function dayText(at: string | Date, zone: string): string {
  return format(at, zone, { day: 'numeric', month: 'short', year: 'numeric' });
}

/** `Friday, 20 November 2026` */
export function longDayText(at: string | Date, zone: string): string {
  // Not as one: platforms differ in what they put between.
  const weekday = format(at, zone, { weekday: 'long' });
  return `${weekday}, ${format(at, zone, { day: 'numeric', month: 'long', year: 'numeric' })}`;
}

/** `14:05`; with seconds `14:05:09` */
export function clockText(at: string | Date, zone: string, seconds = false): string {
  return format(at, zone, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    ...(seconds ? { second: '2-digit' } : {}),
  });
}

/** `20 Nov 2026, 14:05` */
export function momentText(at: string | Date, zone: string, seconds = false): string {
  return `${dayText(at, zone)}, ${clockText(at, zone, seconds)}`;
}

/** `2026-11-20 13:05:09.250 UTC` */
export function utcText(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : `${date.toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

/** The day of a moment in a zone: `2026-11-20`. */
export function dayOf(at: string | Date, zone: string): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '';
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  }).formatToParts(date);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`;
}

/** Whether the platform knows this zone. */
export function isZone(zone: string): boolean {
  try {
    return Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(at: string | Date, zone: string, options: Intl.DateTimeFormatOptions): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  const name = `${zone} ${JSON.stringify(options)}`;
  const known = formats.get(name) ?? new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone });
  formats.set(name, known);
  return known.format(date);
}
