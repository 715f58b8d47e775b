/** How moments are shown to people of a zone. */
import { type WallClock, wallClock } from '../query/time-range.ts';

const QUARTER_MS = 900_000;

/** Shows moments in a zone. */
export class ZoneClock {
  readonly zone: string;
  readonly #clock: WallClock;
  /** Offsets by quarter of an hour: no zone changes its own within one. */
  readonly #offsets = new Map<number, number>();

  /** Fails with `usage` for a zone that nobody knows. */
  constructor(zone: string) {
    this.zone = zone;
    this.#clock = wallClock(zone);
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
      offset = this.#clock(quarter * QUARTER_MS) - quarter * QUARTER_MS;
      this.#offsets.set(quarter, offset);
    }
    return offset;
  }
}
