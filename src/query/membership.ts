/** Who was a member of a channel at a moment, from what the archive has of it. Pure; times are milliseconds. */
import type { Interval } from '../record.ts';
import type { KnownPeople, NamedPerson } from './known-people.ts';

/** The members as Zoom listed them. */
export interface MemberList {
  readonly at: number;
  readonly people: readonly NamedPerson[];
}

/** Who came or left. */
export interface MemberChange {
  readonly at: number;
  readonly kind: 'joined' | 'left';
  readonly people: readonly NamedPerson[];
}

/** Somebody who wrote was a member then. */
export interface Writer {
  readonly person: NamedPerson;
  /** When he wrote last up to the moment, and first after it. */
  readonly before: number | undefined;
  readonly after: number | undefined;
}

export interface MembershipEvidence {
  readonly lists: readonly MemberList[];
  readonly changes: readonly MemberChange[];
  /** Of whom it is known when changes were archived without a gap. */
  readonly changesKnown: readonly Interval[];
  readonly writers: readonly Writer[];
}

/** What evidence says at its moment. */
interface Word {
  readonly at: number;
  readonly isMember: boolean;
}

export interface MembersFound {
  readonly people: readonly NamedPerson[];
  readonly basis: 'exact' | 'inferred';
}

/**
 * `exact` where a list of Zoom and the moment lie within time of which all changes were archived: the list with the
 * changes since, or undone until then. Else each person by the last word on him up to the moment (a list, a change,
 * something he wrote), or where there is none by the first after it.
 */
export function membersAt(at: number, evidence: MembershipEvidence, known: KnownPeople): MembersFound {
  const sure = surest(at, evidence);
  const lists = sure === undefined ? evidence.lists : [sure];
  const changes =
    sure === undefined
      ? evidence.changes
      : evidence.changes.filter((change) =>
          sure.at <= at ? change.at > sure.at && change.at <= at : change.at > at && change.at <= sure.at,
        );
  const writers = sure === undefined ? evidence.writers : [];

  const people = new Map<string, NamedPerson>();
  const words = new Map<string, Word[]>();
  const say = (person: NamedPerson, word: Word): void => {
    const key = known.keyOf(person);
    people.set(key, known.complete(person));
    const own = words.get(key);
    if (own === undefined) words.set(key, [word]);
    else own.push(word);
  };
  for (const { at: then, people: listed } of lists)
    for (const person of listed) say(person, { at: then, isMember: true });
  for (const { at: then, kind, people: moved } of changes)
    for (const person of moved) {
      // Before he came he was none, and before he left he was one.
      say(person, { at: then - 1, isMember: kind === 'left' });
      say(person, { at: then, isMember: kind === 'joined' });
    }
  for (const { person, before, after } of writers)
    for (const then of [before, after]) if (then !== undefined) say(person, { at: then, isMember: true });
  for (const { at: then, people: listed } of lists) {
    const there = new Set(listed.map((person) => known.keyOf(person)));
    for (const [key, own] of words) if (!there.has(key)) own.push({ at: then, isMember: false });
  }

  const found = [...words].filter(([, own]) => wordAt(at, own)).map(([key]) => key);
  return {
    people: found
      .flatMap((key) => people.get(key) ?? [])
      .sort((one, other) => compareTexts(label(one), label(other))),
    basis: sure === undefined ? 'inferred' : 'exact',
  };
}

/** The list nearest to the moment from which all changes are known. */
function surest(at: number, { lists, changesKnown }: MembershipEvidence): MemberList | undefined {
  const distance = (list: MemberList): number => Math.abs(list.at - at);
  return lists
    .filter(
      (list) =>
        list.at === at ||
        changesKnown.some(({ from, to }) => from <= Math.min(list.at, at) && to >= Math.max(list.at, at)),
    )
    .sort((one, other) => distance(one) - distance(other))[0];
}

/** Of words of one moment the later one counts. */
function wordAt(at: number, words: readonly Word[]): boolean {
  const ordered = [...words].sort((one, other) => one.at - other.at);
  const last = ordered.filter((word) => word.at <= at).at(-1);
  return (last ?? ordered[0])?.isMember === true;
}

function label({ name, email, memberId }: NamedPerson): string {
  return `${name} ${email} ${memberId}`;
}

/** By UTF-16 code units: the same on every machine. */
function compareTexts(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
