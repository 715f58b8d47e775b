/** How moments are shown to people of a zone. */
import { ArchiverError } from '../errors.ts';

const QUARTER_MS = 900_000;

/** Shows moments in a zone. */
export class ZoneClock {
  readonly zone: string;
  readonly #format: Intl.DateTimeFormat;
  /** Offsets by quarter of an hour: no zone changes its own within one. */
  readonly #offsets = new Map<number, number>();

  /** Fails with `usage` for a zone that nobody knows. */
  constructor(zone: string) {
    this.zone = zone;
    try {
      this.#format = new Intl.DateTimeFormat('en-US-u-ca-iso8601-nu-latn', {
        timeZone: zone,
        hourCycle: 'h23',
        year: 'numeric',
        month: '2-digit',
        day: '2-digit',
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
      });
    } catch (cause) {
      throw new ArchiverError('usage', 'unknown time zone', { cause, detail: zone });
    }
  }

  /** `2026-03-01 08:00:00 +01:00`. @param at milliseconds */
  shown(at: number): string {
    const offset = this.#offset(at);
    const local = new Date(at + offset).toISOString();
    const minutes = Math.abs(offset) / 60_000;
    const sign = offset < 0 ? '-' : '+';
    const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0');
    return `${local.slice(0, 10)} ${local.slice(11, 19)} ${sign}${two(minutes / 60)}:${two(minutes % 60)}`;
  }

  #offset(at: number): number {
    const quarter = Math.floor(at / QUARTER_MS);
    let offset = this.#offsets.get(quarter);
    if (offset === undefined) {
      if (this.#offsets.size > 10_000) this.#offsets.clear();
      offset = this.#computed(quarter * QUARTER_MS);
      this.#offsets.set(quarter, offset);
    }
    return offset;
  }

  #computed(at: number): number {
    const parts = new Map(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
    const local = Date.UTC(
      part('year'),
      part('month') - 1,
      part('day'),
      part('hour'),
      part('minute'),
      part('second'),
    );
    return local - at;
  }
}
