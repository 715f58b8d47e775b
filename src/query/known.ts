/** What the archive knows of sessions and people, over all their names: made of facts that segments tell. */
import { folded } from '../retention/glob.ts';
import type { Row } from './rows.ts';

/** A session, with all that it was ever called. */
export interface KnownSession {
  readonly id: string;
  readonly type: string;
  /** Newest first; none is empty. */
  readonly names: readonly string[];
  readonly channelId: string;
  /** Milliseconds: when its first and last archived messages were sent; null where it has none. */
  readonly first: number | null;
  readonly last: number | null;
  readonly revisions: number;
  /** As last said; null where nothing says so. */
  readonly external: boolean | null;
}

/** Somebody, with every name and address that some record gave him together with another one. */
export interface Identity {
  /** Lower case, newest first. */
  readonly emails: readonly string[];
  readonly memberIds: readonly string[];
  readonly userIds: readonly string[];
  /** Newest first; none is empty. */
  readonly names: readonly string[];
  /** Ids of sessions in which he took part. */
  readonly sessions: ReadonlySet<string>;
}

export interface Known {
  readonly sessions: ReadonlyMap<string, KnownSession>;
  readonly people: readonly Identity[];
}

/** A value with the moment (ms) at which it was last seen. */
type Seen = Map<string, number>;

interface Place {
  type: string;
  channel: string;
  names: Seen;
  first: number | null;
  last: number | null;
  revisions: number;
  external: { readonly is: boolean; readonly seen: number } | null;
}

/**
 * @param places rows of {@link PLACE_COLUMNS} without `entry`, `low` and `high`
 * @param people rows of {@link PERSON_COLUMNS} without `entry`
 */
export function knownOf(places: Iterable<Row>, people: Iterable<Row>): Known {
  const found = new Map<string, Place>();
  const channelNames = new Map<string, Seen>();
  for (const [session, type, name, channel, seen, revisions, first, last, external] of places) {
    const at = Number(seen);
    if (session === '') {
      note(of(channelNames, String(channel), newSeen), String(name), at);
      continue;
    }
    const place = of(found, String(session), newPlace);
    if (type !== '') place.type = String(type);
    if (channel !== '') place.channel = String(channel);
    note(place.names, String(name), at);
    place.revisions += Number(revisions);
    place.first = least(place.first, first);
    place.last = most(place.last, last);
    if (typeof external === 'boolean' && at >= (place.external?.seen ?? 0))
      place.external = { is: external, seen: at };
  }
  const ofChannel = new Map<string, string[]>();
  for (const [id, { channel }] of found) if (channel !== '') of(ofChannel, channel, () => []).push(id);
  const sessions = new Map<string, KnownSession>();
  for (const [id, { names, channel, external, ...place }] of found) {
    for (const [name, seen] of channelNames.get(channel) ?? []) note(names, name, seen);
    const { type, first, last, revisions } = place;
    const known = { id, type, names: newest(names), channelId: channel, first, last, revisions };
    sessions.set(id, { ...known, external: external?.is ?? null });
  }
  return { sessions, people: identities(people, ofChannel) };
}

interface Group {
  readonly emails: Seen;
  readonly memberIds: Seen;
  readonly userIds: Seen;
  readonly names: Seen;
  readonly sessions: Set<string>;
}

/** Whoever shares an address or an id is one; a name alone makes nobody the same. */
function identities(
  rows: Iterable<Row>,
  ofChannel: ReadonlyMap<string, readonly string[]>,
): readonly Identity[] {
  const parents = new Map<string, string>();
  const rootOf = (name: string): string => {
    let root = name;
    for (let up = parents.get(root); up !== undefined && up !== root; up = parents.get(root)) root = up;
    parents.set(name, root);
    return root;
  };
  const kept: { readonly root: string; readonly row: Row }[] = [];
  for (const row of rows) {
    const [, , email, member, user, name] = row;
    const ids = [
      email === '' ? '' : `e${email}`,
      member === '' ? '' : `i${member}`,
      user === '' ? '' : `i${user}`,
    ].filter((id) => id !== '');
    if (ids.length === 0 && name !== '') ids.push(`n${name}`);
    const [root, ...others] = ids;
    if (root === undefined) continue;
    for (const other of others) parents.set(rootOf(other), rootOf(root));
    kept.push({ root, row });
  }
  const groups = new Map<string, Group>();
  for (const { root, row } of kept) {
    const [session, channel, email, member, user, name, seen] = row;
    const group = of(groups, rootOf(root), newGroup);
    const at = Number(seen);
    note(group.emails, String(email), at);
    note(group.memberIds, String(member), at);
    note(group.userIds, String(user), at);
    note(group.names, String(name), at);
    if (session !== '') group.sessions.add(String(session));
    else for (const id of ofChannel.get(String(channel)) ?? []) group.sessions.add(id);
  }
  return [...groups.values()].map(({ emails, memberIds, userIds, names, sessions }) => ({
    emails: newest(emails),
    memberIds: newest(memberIds),
    userIds: newest(userIds),
    names: newest(names),
    sessions,
  }));
}

/** Whether this is an e-mail address, member id or user id of the person; case does not matter. */
export function hasId({ emails, memberIds, userIds }: Identity, id: string): boolean {
  const wanted = folded(id.trim());
  return [emails, memberIds, userIds].some((ids) => ids.some((one) => folded(one) === wanted));
}

/** As {@link hasId}, or any name that the person ever had. */
export function isCalled(person: Identity, called: string): boolean {
  const wanted = folded(called.trim());
  return hasId(person, called) || person.names.some((name) => folded(name) === wanted);
}

function note(seen: Seen, value: string, at: number): void {
  if (value !== '') seen.set(value, Math.max(seen.get(value) ?? 0, at));
}

function newest(seen: Seen): readonly string[] {
  return [...seen]
    .sort(([one, first], [other, second]) => second - first || (one < other ? -1 : 1))
    .map(([value]) => value);
}

function least(one: number | null, other: unknown): number | null {
  if (other === null) return one;
  return one === null ? Number(other) : Math.min(one, Number(other));
}

function most(one: number | null, other: unknown): number | null {
  if (other === null) return one;
  return one === null ? Number(other) : Math.max(one, Number(other));
}

function of<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function newSeen(): Seen {
  return new Map();
}

function newPlace(): Place {
  return { type: '', channel: '', names: new Map(), first: null, last: null, revisions: 0, external: null };
}

function newGroup(): Group {
  return {
    emails: new Map(),
    memberIds: new Map(),
    userIds: new Map(),
    names: new Map(),
    sessions: new Set(),
  };
}
