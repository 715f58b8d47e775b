/** A made-up account, the same for the same seed, size and clock. People first, then sessions, then their history. */
import {
  type Account,
  addMessage,
  addPerson,
  addReaction,
  addRevision,
  addSession,
  currentTextJson,
  emptyAccount,
  firstTextJson,
  isDeleted,
  type Message,
  type Person,
  type Session,
} from './account.ts';
import { addCustomEmoji } from './custom-emoji.ts';
import { DAY, HOUR, MINUTE } from './dates.ts';
import { decorate, giveReaction } from './decorate.ts';
import { generateMemberships } from './generate-memberships.ts';
import { generateVisits } from './generate-visits.ts';
import { addUsers } from './people.ts';
import { Random } from './random.ts';
import { addSpaces } from './spaces.ts';
import {
  editText,
  hugeText,
  LONE_SURROGATE_TEXT,
  NULL_CHARACTER_TEXT,
  rightToLeftText,
  writeText,
} from './texts.ts';

const FIRST_NAMES = [
  'Anna',
  'Łukasz',
  'Zoë',
  'Chen',
  'Fatima',
  'Noam',
  'José',
  'Mary-Ann',
  'Øystein',
  'Priya',
  '美咲',
  'Bob',
];
const LAST_NAMES = [
  'Smith',
  'Nowak',
  "O'Brien",
  'Li',
  'Haddad',
  'לוי',
  'García',
  'van der Berg',
  'Sørensen',
  'Rao',
  '田中',
  'X',
];
const TOPICS = [
  'General',
  'Sales',
  'Deploys',
  'Équipe Paris',
  'Support 24/7',
  'Legal & Privacy',
  'מכירות',
  'Launch 🚀',
  'Ops',
  '',
];
/** Hours of the day as often as people write in them. */
const HOURS = [
  0, 6, 7, 7, 8, 8, 8, 9, 9, 9, 9, 9, 10, 10, 10, 10, 10, 11, 11, 11, 11, 12, 12, 13, 13, 13, 14, 14, 14, 14,
  14, 15, 15, 15, 15, 15, 16, 16, 16, 16, 17, 17, 17, 18, 18, 19, 20, 21, 22, 23,
];

const DEFAULT_DAYS = 180;

export interface GeneratedSource {
  readonly kind: 'generated';
  readonly seed: number;
  readonly sessions: number;
  readonly messages: number;
  /** People who come into a channel and leave it again, beside those that are made up anyway; default 0. */
  readonly visits?: number | undefined;
  /** How far back most messages lie; default 180, a little less than what Zoom serves. */
  readonly days?: number | undefined;
}

/** Builds the account. `now` in milliseconds: everything in it happened before. */
export function generateAccount(source: GeneratedSource, now: number): Account {
  const random = new Random(source.seed);
  const account = emptyAccount();
  for (let index = 0; index < Math.min(12 + source.sessions, 3000); index += 1)
    addRandomPerson(account, random, index);
  const sizes = sessionSizes(random, source.sessions, source.messages);
  const largest = sizes.indexOf(Math.max(...sizes));
  for (const [index, size] of sizes.entries()) {
    const session = addGeneratedSession(account, random, index, now);
    fillSession(session, random, {
      size,
      silent: index % 20 === 11,
      special: index === largest,
      days: source.days ?? DEFAULT_DAYS,
      now,
    });
  }
  addUsers(account, now);
  addCustomEmoji(account, now);
  addSpaces(account);
  generateMemberships(account, now);
  generateVisits(account, source.visits ?? 0, now);
  return account;
}

/** A new session with random members, as at place `index` of the account; `now` is when the generator runs. */
export function addGeneratedSession(account: Account, random: Random, index: number, now: number): Session {
  const direct = index % 5 === 0 || index % 5 === 2;
  const wanted = Math.min(direct ? 2 : 3 + random.below(10), account.people.length);
  const members = new Set<Person>();
  while (members.size < wanted) members.add(random.pick(account.people));
  const created = now - 300 * DAY;
  const session = addSession(
    account,
    {
      id: sessionId(random, index),
      type: direct ? '1:1' : 'Group',
      channelId: random.hex(22),
      members: [...members],
    },
    direct ? '' : `${random.pick(TOPICS)} ${index}`.trim(),
    created,
  );
  if (!direct && index % 13 === 3) session.names.push({ from: now - 20 * DAY, name: `Renamed ${index}` });
  if (!direct && index % 13 === 4)
    session.names.push({ from: now + 2 * HOUR, name: `Renamed later ${index}` });
  if (!direct && index % 17 === 6) session.deletedAt = now - random.below(30) * DAY;
  return session;
}

function addRandomPerson(account: Account, random: Random, index: number): void {
  const external = index % 8 === 7;
  const contact = external && index % 24 === 23;
  const displayName = `${random.pick(FIRST_NAMES)} ${random.pick(LAST_NAMES)}`;
  const email = external
    ? contact
      ? `guest${index}@partner.example`
      : ''
    : `person${index}@company.example`;
  const userId = external ? '' : random.hex(22);
  const memberId = random.hex(44).toUpperCase();
  const noSenderField = external && !contact && index % 16 === 7;
  addPerson(
    account,
    { userId, memberId, email, displayName, external, bot: index % 31 === 5 },
    noSenderField,
  );
}

/** Mostly 64 hex digits; some hold a slash, begin with one or hold two in a row, which Zoom wants encoded twice. */
function sessionId(random: Random, index: number): string {
  const id = random.hex(64);
  if (index % 25 === 7) return `${id.slice(0, 20)}/${id.slice(21)}`;
  if (index % 25 === 13) return `/${id.slice(1)}`;
  if (index % 25 === 19) return `${id.slice(0, 30)}//${id.slice(32)}`;
  return id;
}

/** How many messages each session gets: few have many, most have few, and the sum is exact. */
function sessionSizes(random: Random, sessions: number, messages: number): number[] {
  const weights = Array.from({ length: sessions }, (_, rank) => 1 / (1 + rank) ** 0.7);
  random.shuffle(weights);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const sizes = weights.map((weight) => Math.floor((weight / sum) * messages));
  let left = messages - sizes.reduce((total, size) => total + size, 0);
  for (let index = 0; left > 0 && sessions > 0; index = (index + 1) % sessions, left -= 1) {
    sizes[index] = (sizes[index] ?? 0) + 1;
  }
  return sizes;
}

interface Filling {
  readonly size: number;
  /** Nobody has written here for two months, but messages are still edited and deleted. */
  readonly silent: boolean;
  /** Gets the messages that are hard to store. */
  readonly special: boolean;
  readonly days: number;
  readonly now: number;
}

function fillSession(session: Session, random: Random, filling: Filling): void {
  const { size, now } = filling;
  const times = sendTimes(random, filling);
  const specials = filling.special ? specialTexts(random) : [];
  for (let index = 0; index < size; index += 1) {
    const sentAt = times[index] ?? now;
    const special = specials[size - 1 - index];
    const sender = random.chance(0.6) ? (session.members[0] as Person) : random.pick(session.members);
    const textJson = JSON.stringify(special ?? writeText(random));
    const message = addMessage(session, { id: random.uuid(), sentAt, sender }, textJson);
    decorate(session, message, textJson, random);
    if (special === undefined) revise(session, message, random, filling);
    if (special !== undefined || (random.chance(0.03) && !isDeleted(message)))
      react(session, message, random, now);
  }
}

/** Send times in order, each later than the one before; one in a hundred lies further back than reports reach. */
function sendTimes(random: Random, { size, silent, days, now }: Filling): Float64Array {
  const times = new Float64Array(size);
  for (let index = 0; index < size; index += 1) {
    if (random.chance(0.01)) times[index] = workingTime(random, now, 190, 260);
    else times[index] = silent ? workingTime(random, now, 60, 170) : workingTime(random, now, 0, days);
  }
  times.sort();
  for (let index = 1; index < size; index += 1) {
    times[index] = Math.max(times[index] ?? 0, (times[index - 1] ?? 0) + 1);
  }
  return times;
}

function workingTime(random: Random, now: number, newestDays: number, oldestDays: number): number {
  let day = 0;
  for (let tries = 0; tries < 3; tries += 1) {
    const age = newestDays + random.fraction() * (oldestDays - newestDays);
    day = Math.floor(now / DAY - age);
    const weekday = (day + 4) % 7;
    if ((weekday !== 0 && weekday !== 6) || random.chance(0.25)) break;
  }
  const time = day * DAY + random.pick(HOURS) * HOUR + random.below(HOUR);
  // Today's hours that are still to come go to yesterday.
  return time < now - 10 * MINUTE ? time : time - DAY;
}

function specialTexts(random: Random): string[] {
  return [
    hugeText(random),
    LONE_SURROGATE_TEXT,
    NULL_CHARACTER_TEXT,
    '',
    rightToLeftText(random),
    '👩‍👩‍👧‍👦🏳️‍🌈',
  ];
}

function revise(session: Session, message: Message, random: Random, { silent, now }: Filling): void {
  const old = now - message.sentAt > 185 * DAY;
  const edits = random.chance(silent || old ? 0.3 : 0.04)
    ? 1 + (random.chance(0.3) ? 1 + random.below(3) : 0)
    : 0;
  const deleted = random.chance(silent ? 0.1 : 0.015);
  if (edits === 0 && !deleted) return;
  let text = edits === 0 ? '' : (JSON.parse(firstTextJson(message)) as string);
  let at = message.sentAt;
  for (let edit = 0; edit < edits; edit += 1) {
    at = actionTime(random, at, now, silent || old);
    if (at >= now) return;
    text = editText(random, text);
    addRevision(session, message, { kind: 'edited', at, textJson: JSON.stringify(text) });
  }
  if (!deleted) return;
  at = actionTime(random, at, now, silent || old);
  const textJson = currentTextJson(message);
  if (at < now) addRevision(session, message, { kind: 'deleted', at, textJson });
}

/** When somebody comes back to a message: mostly within minutes, sometimes within the week, seldom weeks later. */
function actionTime(random: Random, after: number, now: number, late: boolean): number {
  const recent = now - 20 * DAY;
  if (late) return Math.max(after + 1, recent + random.below(20 * DAY - 2));
  const odds = random.fraction();
  const reach = odds < 0.8 ? 30 * MINUTE : odds < 0.95 ? 7 * DAY : 60 * DAY;
  return after + 1 + random.below(Math.max(Math.min(reach, now - after - 1), 1));
}

function react(session: Session, message: Message, random: Random, now: number): void {
  let at = message.sentAt;
  for (let left = 1 + random.below(5); left > 0; left -= 1) {
    at += 1 + random.below(2 * HOUR);
    if (at >= now) return;
    const step = giveReaction(session, message, random, at);
    addReaction(session, message, step);
  }
}
