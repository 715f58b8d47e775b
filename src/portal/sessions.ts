/** Who is signed in: on the server, in memory, so that a restart or a sign-out ends it for good. */
import { createHash, randomBytes } from 'node:crypto';
import type { SignedIn } from './users-file.ts';

export interface SessionLimits {
  /** Milliseconds without a request. */
  readonly idle: number;
  /** Milliseconds since the sign-in, whatever happens. */
  readonly longest: number;
}

export interface Session {
  readonly who: SignedIn;
  /** What every request that changes or reads something carries, beside the cookie. */
  readonly csrf: string;
  /** When it ends at the latest, and when without a further request: milliseconds. */
  readonly endsAt: number;
  readonly idleAt: number;
}

/** One person's, so that a leaked password does not fill the memory. */
const MOST_OF_ONE = 20;
/** 256 bits. */
const ID_BYTES = 32;
const ID = /^[\w-]{43}$/;

export class Sessions {
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  /** By the SHA-256 of the id: how long a look-up takes tells nothing about ids. Oldest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(limits: SessionLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** A new session, never one that was there before. @returns its id, which only its cookie holds */
  begin(who: SignedIn): { readonly id: string; readonly session: Session } {
    this.#sweep();
    const own = [...this.#sessions].filter(([, session]) => session.who.name === who.name);
    for (const [key] of own.slice(0, Math.max(0, own.length - MOST_OF_ONE + 1))) this.#sessions.delete(key);
    const id = randomBytes(ID_BYTES).toString('base64url');
    const now = this.#now();
    const session: Session = {
      who,
      csrf: randomBytes(ID_BYTES).toString('base64url'),
      endsAt: now + this.#limits.longest,
      idleAt: now + this.#limits.idle,
    };
    this.#sessions.set(keyOf(id), session);
    return { id, session };
  }

  /**
   * The session of a cookie, if it goes on.
   * @param active false for what a page asks by itself: it does not keep a session open that nobody uses
   */
  find(id: string | undefined, active: boolean): Session | undefined {
    if (id === undefined || !ID.test(id)) return undefined;
    const key = keyOf(id);
    const session = this.#sessions.get(key);
    if (session === undefined) return undefined;
    const now = this.#now();
    if (now >= session.endsAt || now >= session.idleAt) {
      this.#sessions.delete(key);
      return undefined;
    }
    if (!active) return session;
    const used = { ...session, idleAt: now + this.#limits.idle };
    this.#sessions.set(key, used);
    return used;
  }

  end(id: string | undefined): void {
    if (id !== undefined) this.#sessions.delete(keyOf(id));
  }

  #sweep(): void {
    const now = this.#now();
    for (const [key, { endsAt, idleAt }] of this.#sessions)
      if (now >= endsAt || now >= idleAt) this.#sessions.delete(key);
  }
}

function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
