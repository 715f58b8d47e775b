/** How often somebody may try: counted by what names him, within a window of time. */
import { isIPv6 } from 'node:net';

export interface AttemptLimit {
  readonly most: number;
  /** Milliseconds from the first attempt on. */
  readonly window: number;
}

interface Counted {
  count: number;
  readonly until: number;
}

/** Names that are remembered; an attacker who uses more of them forgets his own. */
const MOST_KEYS = 20_000;

export class Attempts {
  readonly #limit: AttemptLimit;
  readonly #now: () => number;
  /** Oldest first. */
  readonly #counted = new Map<string, Counted>();

  constructor(limit: AttemptLimit, now: () => number) {
    this.#limit = limit;
    this.#now = now;
  }

  /**
   * Counts an attempt before its outcome is known, so that many at once are no way around the limit.
   * @returns seconds to wait where there were too many; undefined where it may go on
   */
  take(key: string): number | undefined {
    const now = this.#now();
    const former = this.#counted.get(key);
    if (former !== undefined && now < former.until) {
      if (former.count >= this.#limit.most) return Math.ceil((former.until - now) / 1000);
      former.count += 1;
      return undefined;
    }
    this.#counted.delete(key);
    this.#counted.set(key, { count: 1, until: now + this.#limit.window });
    const [oldest] = this.#counted.keys();
    if (this.#counted.size > MOST_KEYS && oldest !== undefined) this.#counted.delete(oldest);
    return undefined;
  }

  /** The attempt was none that counts. */
  giveBack(key: string): void {
    const counted = this.#counted.get(key);
    if (counted !== undefined && counted.count > 0) counted.count -= 1;
  }

  /** Starts anew. */
  forget(key: string): void {
    this.#counted.delete(key);
  }
}

/** Whom an address belongs to: of IPv6 everybody has a /64 of them, at least. */
export function network(address: string): string {
  if (!isIPv6(address)) return address;
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? [];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = address.toLowerCase().split('%', 1).join('').split('::');
  const groups = (text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const [first, last] = [groups(head), groups(tail)];
  const zeros =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - first.length - last.length)).fill('0');
  const whole = [...first, ...zeros, ...last].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${whole.join(':')}::/64`;
}
