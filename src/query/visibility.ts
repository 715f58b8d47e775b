/** What a reader may see of the archive: a condition on what is read. */
import { type DuckDBValue, listValue } from '@duckdb/node-api';
import { ArchiverError } from '../errors.ts';
import type { HoldScope, Interval } from '../record.ts';
import { compileGlob } from '../retention/glob.ts';
import { widened } from '../retention/holds.ts';
import type { OpenArchive } from './archive.ts';
import { hasId, type Known, type KnownSession } from './known.ts';
import type { Action, AuditContext, Reader, ReaderScope, Role } from './reader.ts';

const MAY: Readonly<Record<Role, readonly Action[]>> = {
  auditor: ['search', 'view', 'export', 'coverage', 'verification'],
  officer: ['search', 'view', 'export', 'coverage', 'retention', 'verification', 'access-log'],
  admin: ['coverage', 'retention', 'verification', 'access-log'],
};

/** Fails with `access-denied` where the reader's role does not allow the deed. */
export function requireMay({ role }: Reader, action: Action): void {
  if (MAY[role].includes(action)) return;
  throw new ArchiverError('access-denied', 'the role does not allow this', { detail: `${role}: ${action}` });
}

/** Places, and days of them. Days are UTC, `yyyy-mm-dd`, both included, null where open. */
export interface Grant {
  /** Ids of sessions; null for every one. */
  readonly sessions: ReadonlySet<string> | null;
  readonly from: string | null;
  readonly to: string | null;
}

/** What may be seen: whatever any of the grants covers. None: nothing. */
export interface Visibility {
  /** Every place and day. */
  readonly all: boolean;
  readonly grants: readonly Grant[];
}

const ALL: Visibility = { all: true, grants: [{ sessions: null, from: null, to: null }] };

/**
 * What the reader of this context may see. Days are those of a record's own time (`event_at`), by which segments are
 * laid out and holds cover them. Reads nothing where the scope is the whole archive.
 */
export async function visible({
  archive,
  reader,
}: Pick<AuditContext, 'archive' | 'reader'>): Promise<Visibility> {
  return visibleIn(archive, reader.scope);
}

/** As {@link visible}, of a scope. */
export async function visibleIn(archive: OpenArchive, scope: ReaderScope): Promise<Visibility> {
  const { matters, custodians, channels, from, to } = scope;
  if (matters.length + custodians.length + channels.length === 0)
    return from === null && to === null ? ALL : { all: false, grants: [{ sessions: null, from, to }] };
  const known = await archive.known();
  const grants: Grant[] = [];
  const sessions = new Set([...sessionsOf(known, custodians), ...sessionsOfChannels(known, channels)]);
  if (sessions.size > 0) grants.push({ sessions, from: null, to: null });
  for (const hold of matters.flatMap((matter) => [...heldBy(archive, matter)]))
    grants.push(grantOf(known, hold));
  const bounded = grants.flatMap((grant) => within(grant, { sessions: null, from, to }) ?? []);
  return { all: false, grants: bounded };
}

/** What both cover. */
export function intersected(one: Visibility, other: Visibility): Visibility {
  if (one.all) return other;
  if (other.all) return one;
  const grants = one.grants.flatMap((a) => other.grants.flatMap((b) => within(a, b) ?? []));
  return { all: false, grants };
}

/** What is in both of two grants; undefined where that is nothing. */
function within(one: Grant, other: Grant): Grant | undefined {
  const from =
    [one.from, other.from]
      .filter((day) => day !== null)
      .sort()
      .at(-1) ?? null;
  const to = [one.to, other.to].filter((day) => day !== null).sort()[0] ?? null;
  if (from !== null && to !== null && from > to) return undefined;
  const [a, b] = [one.sessions, other.sessions];
  const sessions = a === null ? b : b === null ? a : new Set([...a].filter((id) => b.has(id)));
  return sessions?.size === 0 ? undefined : { sessions, from, to };
}

/** Whether a record may be seen. @param at its own time, ms */
export function sees({ all, grants }: Visibility, session: string, at: number): boolean {
  if (all) return true;
  const day = new Date(at).toISOString().slice(0, 10);
  return grants.some(
    ({ sessions, from, to }) =>
      (sessions === null || sessions.has(session)) &&
      (from === null || day >= from) &&
      (to === null || day <= to),
  );
}

const DAY_MS = 86_400_000;

/** The moment (ms) itself, or the one of the days that may be seen that is next to it. @param seen of whatever places */
export function nearestSeen({ all, grants }: Visibility, at: number): number {
  if (all) return at;
  const nearest = grants.map(({ from, to }) => {
    const first = from === null ? at : Math.max(at, Date.parse(from));
    return to === null ? first : Math.min(first, Date.parse(to) + DAY_MS - 1);
  });
  return nearest.reduce(
    (best, one) => (Math.abs(one - at) < Math.abs(best - at) ? one : best),
    nearest[0] ?? at,
  );
}

/** Whether anything of a session may be seen, on whatever day. */
export function seesSession({ all, grants }: Visibility, session: string): boolean {
  return all || grants.some(({ sessions }) => sessions === null || sessions.has(session));
}

/** What may be seen of one session, for records that do not name theirs: its grants are for every place. */
export function ofSession({ all, grants }: Visibility, session: string): Visibility {
  const own = grants.filter(({ sessions }) => sessions === null || sessions.has(session));
  return { all, grants: own.map(({ from, to }) => ({ sessions: null, from, to })) };
}

/** Whether anything of a channel may be seen, on whatever day. */
export function seesChannel(visibility: Visibility, known: Known, channel: string): boolean {
  if (visibility.all || visibility.grants.some(({ sessions }) => sessions === null)) return true;
  for (const { id, channelId } of known.sessions.values())
    if (channelId === channel && seesSession(visibility, id)) return true;
  return false;
}

/** A condition in SQL, and the values that it names. */
export interface Condition {
  readonly where: string;
  readonly values: Readonly<Record<string, DuckDBValue>>;
}

/**
 * The condition over a view with the columns `session_id` and `event_at` under which a row may be seen.
 * @param prefix of the names of its values, where a statement has several such conditions
 */
export function visibleWhere({ all, grants }: Visibility, prefix = 'visible'): Condition {
  if (all) return { where: 'true', values: {} };
  const values: Record<string, DuckDBValue> = {};
  const parts = grants.map(({ sessions, from, to }, index) => {
    const name = `${prefix}${index}`;
    const conditions: string[] = [];
    if (sessions !== null) {
      values[name] = textList([...sessions]);
      conditions.push(`session_id in (select unnest($${name}))`);
    }
    if (from !== null) conditions.push(`event_at >= timestamptz '${from} 00:00:00+00'`);
    if (to !== null) conditions.push(`event_at < timestamptz '${to} 00:00:00+00' + interval 1 day`);
    return conditions.length === 0 ? 'true' : `(${conditions.join(' and ')})`;
  });
  return { where: parts.length === 0 ? 'false' : `(${parts.join(' or ')})`, values };
}

/** Texts as DuckDB takes them. The type of an empty list it does not know: then one that no record has. */
export function textList(texts: readonly string[]): DuckDBValue {
  return listValue(texts.length === 0 ? ['\u0000'] : texts);
}

/** The time that can hold something visible, milliseconds. */
export function visibleTime(visibility: Visibility): Interval {
  const { from, to } = visibleDays(visibility);
  return {
    from: from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(from),
    to: to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to) + DAY_MS,
  };
}

/** The days that can hold something visible, for a slice of segments. */
export function visibleDays({ grants }: Visibility): { readonly from?: string; readonly to?: string } {
  const froms = grants.map(({ from }) => from);
  const tos = grants.map(({ to }) => to);
  const from = froms.includes(null) ? undefined : froms.sort()[0];
  const to = tos.includes(null) ? undefined : tos.sort().at(-1);
  return {
    ...(typeof from === 'string' ? { from } : {}),
    ...(typeof to === 'string' ? { to } : {}),
  };
}

/**
 * Ids of sessions in which any of these people took part, by e-mail address, member or user id. Not by name: anybody may
 * call himself what he likes.
 */
export function sessionsOf(known: Known, people: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const id of people)
    for (const person of known.people)
      if (hasId(person, id)) for (const session of person.sessions) found.add(session);
  return found;
}

/** Ids of sessions of channels, each by its id, or a glob of any name that it ever had. */
function sessionsOfChannels(known: Known, channels: readonly string[]): ReadonlySet<string> {
  const fits = channels.map((channel) => {
    const glob = compileGlob(channel);
    return ({ channelId, id, names }: KnownSession): boolean =>
      channelId === channel || id === channel || names.some(glob);
  });
  const found = new Set<string>();
  for (const session of known.sessions.values()) if (fits.some((one) => one(session))) found.add(session.id);
  return found;
}

/**
 * What the holds of a matter cover, each by itself: released and ended ones too, for whoever works on the matter sees
 * what it was about. @param matter its name, or the name of a hold; case does not matter
 */
export function heldBy(archive: Pick<OpenArchive, 'deeds'>, matter: string): readonly HoldScope[] {
  const wanted = matter.toLowerCase();
  const scopes = new Map<string, HoldScope>();
  const own = new Set<string>();
  for (const { entry } of archive.deeds) {
    if (entry.type !== 'hold') continue;
    if (entry.matter.toLowerCase() === wanted || entry.hold.toLowerCase() === wanted) own.add(entry.hold);
    if (entry.scope === null) continue;
    const before = scopes.get(entry.hold);
    scopes.set(entry.hold, before === undefined ? entry.scope : widened(before, entry.scope));
  }
  return [...own].flatMap((hold) => scopes.get(hold) ?? []);
}

/** What a hold covers, as a grant. */
export function grantOf(known: Known, { custodians, channels, sessions, from, to }: HoldScope): Grant {
  if (custodians.length + channels.length + sessions.length === 0) return { sessions: null, from, to };
  const ids = new Set([
    ...sessions,
    ...sessionsOf(known, custodians),
    ...sessionsOfChannels(known, channels),
  ]);
  return { sessions: ids, from, to };
}
