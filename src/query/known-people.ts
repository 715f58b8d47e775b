/** Who is who within an answer: records name the same person by different ids, and by some of them only. */
import { z } from 'zod';
import type { Identity, Known } from './known.ts';
import type { Person } from './revision.ts';

/** A person as a record names him, with Zoom's id of a user of the account; each may be empty. */
export interface NamedPerson extends Person {
  readonly userId: string;
}

const text = z.string().catch('');

/** A member of a list, an operator, a user: Zoom calls the same things by several names. Fails never. */
const anyone = z
  .object({
    email: text,
    member_id: text,
    user_id: text,
    id: text,
    name: text,
    display_name: text,
    first_name: text,
    last_name: text,
  })
  .catch({
    email: '',
    member_id: '',
    user_id: '',
    id: '',
    name: '',
    display_name: '',
    first_name: '',
    last_name: '',
  });

/** A person out of a record of `context` or `channel_activities`; empty where it is none. */
export function namedPerson(value: unknown): NamedPerson {
  const { email, member_id, user_id, id, name, display_name, first_name, last_name } = anyone.parse(value);
  return {
    email,
    memberId: member_id,
    userId: user_id || id,
    name: name || display_name || `${first_name} ${last_name}`.trim(),
  };
}

/** What is known of each person; whoever was noted first says what a record leaves out. */
export class KnownPeople {
  readonly #byAlias = new Map<string, NamedPerson>();

  note(person: Partial<NamedPerson>): void {
    const whole = { email: '', memberId: '', userId: '', name: '', ...person };
    const known = this.complete(whole);
    for (const alias of aliasesOf(known)) this.#byAlias.set(alias, known);
  }

  /** The person with what others said of him where the record says nothing; what it says stays. */
  complete(person: Partial<NamedPerson>): NamedPerson {
    const given = { email: '', memberId: '', userId: '', name: '', ...person };
    const known = this.#known(given);
    if (known === undefined) return given;
    return {
      email: given.email || known.email,
      memberId: given.memberId || known.memberId,
      userId: given.userId || known.userId,
      name: given.name || known.name,
    };
  }

  /** As verbs answer. */
  person(person: Partial<NamedPerson>): Person {
    const { email, memberId, name } = this.complete(person);
    return { email, memberId, name };
  }

  /** One text for one person, however a record names him; of somebody without any id his name. */
  keyOf(person: Partial<NamedPerson>): string {
    const { memberId, userId, email, name } = this.complete(person);
    return aliasesOf({ memberId, userId, email, name })[0] ?? `name ${name}`;
  }

  #known(person: NamedPerson): NamedPerson | undefined {
    for (const alias of aliasesOf(person)) {
      const known = this.#byAlias.get(alias);
      // An address may have had another owner before: the id of the person decides.
      if (known !== undefined && agree(known.memberId, person.memberId) && agree(known.userId, person.userId))
        return known;
    }
    return undefined;
  }
}

/** Those who took part in a session, by every id that the archive knows of them; for names the newest one. */
export function peopleOf({ people }: Pick<Known, 'people'>, session: string): KnownPeople {
  return knownPeople(people.filter(({ sessions }) => sessions.has(session)));
}

/** As {@link peopleOf}, of these people. */
export function knownPeople(people: readonly Identity[]): KnownPeople {
  const known = new KnownPeople();
  for (const { emails, memberIds, userIds, names } of people) {
    const newest = {
      email: emails[0] ?? '',
      memberId: memberIds[0] ?? '',
      userId: userIds[0] ?? '',
      name: names[0] ?? '',
    };
    known.note(newest);
    for (const memberId of memberIds) known.note({ ...newest, memberId });
    for (const userId of userIds) known.note({ ...newest, userId });
    for (const email of emails) known.note({ ...newest, email });
  }
  return known;
}

const agree = (one: string, other: string): boolean => one === '' || other === '' || one === other;

/** Surest first. */
function aliasesOf({ memberId, userId, email }: NamedPerson): readonly string[] {
  return [
    ...(memberId === '' ? [] : [`member ${memberId}`]),
    ...(userId === '' ? [] : [`user ${userId}`]),
    ...(email === '' ? [] : [`email ${email.toLowerCase()}`]),
  ];
}
