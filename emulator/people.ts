/** Names and ids of people, and the users of the account among them. */
import type { Account, Person } from './account.ts';
import { DAY } from './dates.ts';
import { hashText, Random } from './random.ts';

/** A name somebody had, in the two forms in which it is needed. */
export interface Named {
  readonly displayName: string;
  readonly senderJson: string;
}

/** A name that was given up. */
export interface FormerName extends Named {
  /** Milliseconds: the name held before this moment. */
  readonly until: number;
}

/** Who has, had or will have an account. External people are no users. */
export interface User {
  /** Undefined as long as the invitation was not accepted. */
  readonly person: Person | undefined;
  readonly email: string;
  status: 'active' | 'inactive' | 'pending';
  /** Milliseconds. */
  readonly createdAt: number;
  /** Milliseconds; undefined unless inactive. */
  deactivatedAt: number | undefined;
  readonly department: string;
  readonly roleId: string;
  /** Six digits. */
  readonly hostKey: string;
}

const DEPARTMENTS = ['', '', 'Sales', 'Operations', 'Développement', 'Legal', 'כספים'];

/** The name somebody had at a moment (milliseconds). */
export function namedAt(person: Person, time: number): Named {
  return person.formerNames?.find((former) => time < former.until) ?? person;
}

/** Gives somebody another name from `at` (milliseconds) on. What they have sent before keeps the old one. */
export function renamePerson(person: Person, displayName: string, at: number): void {
  const { displayName: before, senderJson } = person;
  person.formerNames = [...(person.formerNames ?? []), { until: at, displayName: before, senderJson }];
  const start = senderJson.lastIndexOf('"sender_display_name":');
  person.senderJson = `${senderJson.slice(0, start)}"sender_display_name":${JSON.stringify(displayName)}`;
  person.displayName = displayName;
}

/** First and last name as Zoom would have them: the first word, and the rest. */
export function splitName(displayName: string): { readonly first: string; readonly last: string } {
  const space = displayName.indexOf(' ');
  return space < 0
    ? { first: displayName, last: '' }
    : { first: displayName.slice(0, space), last: displayName.slice(space + 1) };
}

/** Somebody by user id, member id or e-mail address, external people included; undefined when there is nobody. */
export function findPerson(account: Account, id: string): Person | undefined {
  if (id === '') return undefined;
  return account.people.find(
    (person) => person.userId === id || person.memberId === id || person.email === id,
  );
}

/** A user by user id or e-mail address; `me` is who activated the app. */
export function findUser(account: Account, id: string): User | undefined {
  const users = account.users.filter(({ person }) => person !== undefined);
  if (id === 'me') return users[0];
  return users.find(({ email, person }) => email === id || (id !== '' && person?.userId === id));
}

/**
 * Makes users of all people of the account: most active, a few deactivated, and some more who were invited and have
 * not answered. Chance comes from the ids, so it is the same for the same people. `now` in milliseconds.
 */
export function addUsers(account: Account, now: number): void {
  const own = account.people.filter((person) => !person.external);
  for (const [index, person] of own.entries()) {
    const random = new Random(hashText(person.memberId));
    const inactive = index > 0 && random.chance(0.06);
    account.users.push({
      person,
      email: person.email,
      status: inactive ? 'inactive' : 'active',
      createdAt: now - Math.floor((300 + random.fraction() * 900) * DAY),
      deactivatedAt: inactive ? now - Math.floor((1 + random.fraction() * 170) * DAY) : undefined,
      department: random.pick(DEPARTMENTS),
      roleId: index === 0 ? '0' : random.chance(0.1) ? '1' : '2',
      hostKey: String(100_000 + random.below(900_000)),
    });
  }
  for (let index = 0; own.length > 0 && index < 1 + own.length / 25; index += 1) {
    const email = `invited${index}@company.example`;
    const random = new Random(hashText(email));
    account.users.push({
      person: undefined,
      email,
      status: 'pending',
      createdAt: now - random.below(30 * DAY),
      deactivatedAt: undefined,
      department: random.pick(DEPARTMENTS),
      roleId: '2',
      hostKey: '',
    });
  }
}
