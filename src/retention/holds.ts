/** What legal holds cover, and what the matters of Zoom make of them. Pure. */

import type { HoldScope } from '../record.ts';

export const EVERYTHING: HoldScope = { custodians: [], channels: [], sessions: [], from: null, to: null };

function coversAllPlaces({ custodians, channels, sessions }: HoldScope): boolean {
  return custodians.length + channels.length + sessions.length === 0;
}

/**
 * A scope that covers what either covers: the names of both, and the widest dates. Scopes are only ever widened, so that
 * nothing gets out of a hold but by its release.
 */
export function widened(one: HoldScope, other: HoldScope): HoldScope {
  const all = coversAllPlaces(one) || coversAllPlaces(other);
  const both = (a: readonly string[], b: readonly string[]): readonly string[] =>
    all ? [] : [...new Set([...a, ...b])];
  return {
    custodians: both(one.custodians, other.custodians),
    channels: both(one.channels, other.channels),
    sessions: both(one.sessions, other.sessions),
    from: days(one.from, other.from)?.[0] ?? null,
    to: days(one.to, other.to)?.[1] ?? null,
  };
}

/** Both in their order; null where one is open, and so the wider. */
function days(one: string | null, other: string | null): readonly string[] | null {
  return one === null || other === null ? null : [one, other].sort();
}

/** A third of it is left to the other members of an entry of the log, which has 65,535 bytes at most. */
const MOST_SCOPE_BYTES = 40_000;

/**
 * The scope as parts that each fit into an entry of the log and {@link widened} come to the whole.
 * @param most bytes of JSON that the names of a part may take; a single longer name is a part by itself
 */
export function scopeParts(scope: HoldScope, most = MOST_SCOPE_BYTES): readonly HoldScope[] {
  const { from, to } = scope;
  const names = (['custodians', 'channels', 'sessions'] as const).flatMap((list) =>
    scope[list].map((name) => ({ list, name, bytes: Buffer.byteLength(JSON.stringify(name)) + 1 })),
  );
  const parts: HoldScope[] = [];
  let part = { custodians: [] as string[], channels: [] as string[], sessions: [] as string[], from, to };
  let used = 0;
  for (const { list, name, bytes } of names) {
    if (used > 0 && used + bytes > most) {
      parts.push(part);
      part = { custodians: [], channels: [], sessions: [], from, to };
      used = 0;
    }
    part[list].push(name);
    used += bytes;
  }
  return [...parts, part];
}

/** A matter of Zoom's newest listing. Days are as Zoom writes them, empty where it names none. */
export interface Matter {
  readonly id: string;
  readonly name: string;
  readonly custodians: readonly { readonly userId: string; readonly email: string }[];
  readonly startDay: string;
  readonly endDay: string;
}

/** A hold as far as it follows a matter. */
export interface FollowingHold {
  readonly id: string;
  readonly matter: string;
  /** Zoom's id of the matter; undefined of an own hold. */
  readonly zoomMatter: string | undefined;
  readonly state: 'placed' | 'releasing' | 'ended';
  /** Whether Zoom was known not to list it any more. */
  readonly gone: boolean;
  readonly scope: HoldScope;
}

export type FollowStep<H extends FollowingHold> =
  | {
      readonly kind: 'place';
      readonly id: string;
      readonly zoomMatter: string;
      readonly matter: string;
      readonly scope: HoldScope;
    }
  | { readonly kind: 'change'; readonly hold: H; readonly matter: string; readonly scope: HoldScope }
  | { readonly kind: 'gone' | 'back'; readonly hold: H };

/**
 * What has to be done so that the holds follow the matters. A matter without custodians preserves nothing, and is placed
 * with its first one. A hold that somebody released while Zoom listed its matter is not placed again; one whose matter
 * was gone and is listed again is, under a new name.
 */
export function followSteps<H extends FollowingHold>(
  matters: readonly Matter[],
  holds: readonly H[],
): readonly FollowStep<H>[] {
  const steps: FollowStep<H>[] = [];
  const listed = new Set(matters.map(({ id }) => id));
  for (const { id: zoomMatter, ...matter } of matters) {
    const own = holds.filter((hold) => hold.zoomMatter === zoomMatter);
    const scope = matterScope(matter);
    const name = matter.name || zoomMatter;
    const current = own.find(({ state }) => state !== 'ended');
    if (current !== undefined) {
      if (current.gone) steps.push({ kind: 'back', hold: current });
      const wide = coversAllPlaces(scope) ? current.scope : widened(current.scope, scope);
      if (!isSame(wide, current.scope) || name !== current.matter)
        steps.push({ kind: 'change', hold: current, matter: name, scope: wide });
    } else if (!coversAllPlaces(scope) && own.every(({ gone }) => gone)) {
      const id = `zoom:${encodeURIComponent(zoomMatter)}${own.length === 0 ? '' : `#${own.length + 1}`}`;
      steps.push({ kind: 'place', id, zoomMatter, matter: name, scope });
    }
  }
  for (const hold of holds) {
    if (hold.zoomMatter === undefined || hold.gone || listed.has(hold.zoomMatter)) continue;
    steps.push({ kind: 'gone', hold });
  }
  return steps;
}

/** Zoom's id of the matter, from the name of a hold that {@link followSteps} gave. */
export function zoomMatterOf(holdId: string): string | undefined {
  const [, id] = /^zoom:([^#]+)(#\d+)?$/.exec(holdId) ?? [];
  return id === undefined ? undefined : decodeURIComponent(id);
}

function matterScope({ custodians, startDay, endDay }: Omit<Matter, 'id' | 'name'>): HoldScope {
  const names = custodians.flatMap(({ email, userId }) => [email.toLowerCase(), userId]);
  return {
    ...EVERYTHING,
    custodians: [...new Set(names)].filter((name) => name !== ''),
    from: dayOf(startDay),
    to: dayOf(endDay),
  };
}

/** What is no day is taken as open: that holds more, never less. */
function dayOf(text: string): string | null {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`)) ? text : null;
}

function isSame(one: HoldScope, other: HoldScope): boolean {
  const sameNames = (a: readonly string[], b: readonly string[]): boolean =>
    a.length === b.length && a.every((name) => b.includes(name));
  return (
    one.from === other.from &&
    one.to === other.to &&
    sameNames(one.custodians, other.custodians) &&
    sameNames(one.channels, other.channels) &&
    sameNames(one.sessions, other.sessions)
  );
}
