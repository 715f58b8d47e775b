/** The account's legal holds: its matters, their zips and how far these are, and what befalls them. */
import { z } from 'zod';
import type { Account, Person } from './account.ts';
import { formatDay, HOUR, MINUTE, parseDay } from './dates.ts';
import { type HoldFile, type ZipCondition, zipConditionSchema } from './hold-files.ts';
import { generateMatters, type Matter, periodsOf } from './matters.ts';
import { hashText, Random } from './random.ts';
import { notFound } from './refusal.ts';

const day = z.string().refine((text) => parseDay(text) !== undefined, 'Must be a day, yyyy-MM-dd.');
const matterName = z.string().min(1).max(128);

/** One deed of the legal department, or of whatever spoils a zip of theirs. Custodians by user id or e-mail address. */
export const holdDeedSchema = z.discriminatedUnion('verb', [
  z.strictObject({
    verb: z.literal('add-matter'),
    name: matterName,
    custodians: z.array(z.string()).min(1).max(20),
    startDay: day.optional(),
    endDay: day.optional(),
  }),
  z.strictObject({ verb: z.literal('rename-matter'), matterId: z.string(), name: matterName }),
  z.strictObject({ verb: z.literal('add-custodian'), matterId: z.string(), custodian: z.string() }),
  // The matter and its zips are gone.
  z.strictObject({ verb: z.literal('close-matter'), matterId: z.string() }),
  z.strictObject({ verb: z.literal('set-zip'), fileKey: z.string(), condition: zipConditionSchema }),
]);
export type HoldDeed = z.infer<typeof holdDeedSchema>;

/** All of the account's legal holds. */
export class LegalHolds {
  readonly #account: Account;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #matters: Matter[];
  /** When a zip was listed first, in emulated milliseconds: making it begins then. */
  readonly #askedAt = new Map<string, number>();
  readonly #conditions = new Map<string, ZipCondition>();

  constructor(account: Account, seed: number, now: () => number) {
    this.#account = account;
    this.#now = now;
    this.#random = new Random(seed ^ 0x401e);
    this.#matters = generateMatters(account, seed, now());
  }

  /** Those not closed, in the order in which they were made. */
  matters(): readonly Matter[] {
    return this.#matters;
  }

  /** The matter with this id; refuses with 404 when there is none. */
  find(matterId: string): Matter {
    const matter = this.#matters.find(({ id }) => id === matterId);
    if (matter === undefined) throw notFound(1001, 'Legal hold matter does not exist.');
    return matter;
  }

  /** The zips of one custodian, oldest first. */
  filesOf(matter: Matter, custodian: Person): HoldFile[] {
    return periodsOf(matter, this.#now()).map((period) => {
      const salt = hashText(`${matter.id} ${custodian.memberId}`) % (12 * HOUR);
      const key = Buffer.from(`${custodian.email}-${period.start + salt}`).toString('base64');
      return { key, matter, custodian, period };
    });
  }

  /** All zips of all matters. */
  files(): HoldFile[] {
    return this.#matters.flatMap((matter) =>
      matter.custodians.flatMap((custodian) => this.filesOf(matter, custodian)),
    );
  }

  condition({ key }: HoldFile): ZipCondition {
    return this.#conditions.get(key) ?? { kind: 'normal' };
  }

  /** Has Zoom begun to make it? Begins with the first call. */
  ask({ key }: HoldFile): void {
    if (!this.#askedAt.has(key)) this.#askedAt.set(key, this.#now());
  }

  /** Can it be downloaded? `minutes`: how long it takes Zoom to make one. */
  isReady(file: HoldFile, minutes: number): boolean {
    const askedAt = this.#askedAt.get(file.key);
    if (askedAt === undefined || this.condition(file).kind === 'never-ready') return false;
    return askedAt + minutes * MINUTE <= this.#now();
  }

  /** Does one deed; returns the id of the matter or the key of the zip. Throws on an unknown one. */
  perform(deed: HoldDeed): string {
    switch (deed.verb) {
      case 'add-matter':
        return this.#add(deed);
      case 'rename-matter':
        this.#known(deed.matterId).name = deed.name;
        return deed.matterId;
      case 'add-custodian': {
        const matter = this.#known(deed.matterId);
        matter.custodians = [...new Set([...matter.custodians, this.#person(deed.custodian)])];
        return deed.matterId;
      }
      case 'close-matter':
        this.#matters.splice(this.#matters.indexOf(this.#known(deed.matterId)), 1);
        return deed.matterId;
      case 'set-zip':
        if (!this.files().some(({ key }) => key === deed.fileKey)) throw new Error(`no zip ${deed.fileKey}`);
        this.#conditions.set(deed.fileKey, deed.condition);
        return deed.fileKey;
      default:
        return deed satisfies never;
    }
  }

  #known(matterId: string): Matter {
    const matter = this.#matters.find(({ id }) => id === matterId);
    if (matter === undefined) throw new Error(`no matter ${matterId}`);
    return matter;
  }

  #person(identifier: string): Person {
    const person = this.#account.people.find((candidate) => isIdentifiedBy(candidate, identifier));
    if (person === undefined) throw new Error(`no user ${identifier}`);
    return person;
  }

  #add(deed: Extract<HoldDeed, { verb: 'add-matter' }>): string {
    const custodians = new Set(deed.custodians.map((identifier) => this.#person(identifier)));
    const id = this.#random.uuid();
    const { name, startDay = formatDay(this.#now()), endDay } = deed;
    this.#matters.push({ id, name, createdAt: this.#now(), startDay, endDay, custodians: [...custodians] });
    return id;
  }
}

/** Is this the person's user id or e-mail address? Only people of the account can be held. */
export function isIdentifiedBy(person: Person, identifier: string): boolean {
  if (person.userId === '') return false;
  return person.userId === identifier || person.email.toLowerCase() === identifier.toLowerCase();
}
