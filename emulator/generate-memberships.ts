/**
 * Roles, policies and past of generated channels: founders, people who come late, go and come again, visitors, and what was pinned.
 * Chance comes from the channels' ids, so the messages, which have a stream of their own, stay what they are.
 */
import { type Account, isDeleted, type Message, type Person } from './account.ts';
import type { Channel } from './channels.ts';
import { DAY } from './dates.ts';
import { recordMembershipChange } from './memberships.ts';
import { hashText, Random } from './random.ts';

/** Activity logs are as old as this at most, so what is to be found in them is younger. */
const OLDEST = 175 * DAY;
/** So long ago a day began on which many people came: its logs fill several pages. */
const BUSY_DAY = 45 * DAY;
/** A silence of this length leaves room to go and come again. */
const LONG_SILENCE = 4 * DAY;
/** Longer than anything in a generated account is old. */
const LONG_PERIODS = ['12m', '30m', '2y', '7y'];

/** When somebody wrote first, and the longest time they wrote nothing afterwards. Milliseconds. */
interface Presence {
  readonly first: number;
  last: number;
  silentFrom: number;
  silentTo: number;
}

/** Tells the past of every channel; all of it lies before `now` (milliseconds) and agrees with who wrote when. */
export function generateMemberships(account: Account, now: number): void {
  for (const channel of account.channels.values()) {
    const random = new Random(hashText(`past ${channel.id}`));
    giveRoles(channel, random);
    letMembersIn(account, channel, random, now);
    letVisitorsThrough(account, channel, random, now);
    pinMessages(channel, random, now);
  }
}

function giveRoles(channel: Channel, random: Random): void {
  const { session, owner, type } = channel;
  channel.archived = random.chance(0.05);
  if (type === 4) return;
  const others = session.members.filter((person) => person !== owner);
  channel.administrators = others.filter(() => random.chance(0.2)).slice(0, 2);
  if (random.chance(0.15)) channel.customRetention = random.pick(LONG_PERIODS);
}

function letMembersIn(account: Account, channel: Channel, random: Random, now: number): void {
  const { session, owner } = channel;
  const presence = presences(session.messages);
  const founded = session.names[0]?.from ?? 0;
  const founders: Person[] = [];
  for (const person of session.members) {
    const seen = presence.get(person);
    const from = Math.max(founded, now - OLDEST);
    const room = (seen?.first ?? now) - from;
    if (person === owner || room <= 1 || random.chance(0.6)) {
      founders.push(person);
    } else {
      const operator = random.chance(0.5) ? person : whoMay(channel, random);
      change(account, channel, from + random.below(room), true, operator, [person]);
    }
    if (seen === undefined || seen.silentTo - seen.silentFrom < LONG_SILENCE || random.chance(0.5)) continue;
    const pause = seen.silentTo - seen.silentFrom;
    const left = seen.silentFrom + 1 + random.below(pause / 3);
    const back = left + 1 + random.below(pause / 3);
    change(account, channel, left, false, person, [person]);
    change(account, channel, back, true, random.chance(0.5) ? owner : person, [person]);
  }
  change(account, channel, founded, true, owner, founders);
}

/** People who came and went without a word, alone or together, on their own or by somebody else's hand. */
function letVisitorsThrough(account: Account, channel: Channel, random: Random, now: number): void {
  const open = channel.type === 1 || channel.type === 4 || channel.type === 5;
  const strangers = account.people.filter(
    (person) => (open || !person.external) && !channel.session.members.includes(person),
  );
  for (let left = random.below(5); left > 0 && strangers.length > 0; left -= 1) {
    const together = random.chance(0.3) ? 2 + random.below(3) : 1;
    const people = strangers.splice(random.below(strangers.length), together);
    const itself = people[0] as Person;
    const came = random.chance(0.3)
      ? now - BUSY_DAY + random.below(DAY)
      : now - OLDEST + random.below(OLDEST - DAY);
    const went = came + 1 + random.below(Math.min((now - came) / 2, 40 * DAY));
    const alone = people.length === 1;
    change(
      account,
      channel,
      came,
      true,
      alone && random.chance(0.4) ? itself : whoMay(channel, random),
      people,
    );
    const last = alone && random.chance(0.5) ? itself : whoMay(channel, random);
    change(account, channel, went, false, last, people);
    // A swap: one goes and another comes in the same millisecond, by the same hand.
    const next = random.chance(0.3) ? strangers.shift() : undefined;
    if (next === undefined) continue;
    change(account, channel, went, true, last, [next]);
    change(account, channel, went + 1 + random.below(now - went - 1), false, next, [next]);
  }
}

function pinMessages(channel: Channel, random: Random, now: number): void {
  const { messages, members } = channel.session;
  for (let left = random.below(4); left > 0 && messages.length > 0; left -= 1) {
    const message = random.pick(messages);
    if (isDeleted(message) || channel.pins.some((pin) => pin.message === message)) continue;
    const age = now - message.sentAt;
    const at = message.sentAt + random.below(age);
    const unpinnedAt = random.chance(0.4) ? at + random.below(now - at) : undefined;
    channel.pins.push({ message, at, by: random.pick(members), unpinnedAt });
  }
  channel.pins.sort((a, b) => a.at - b.at);
}

function presences(messages: readonly Message[]): ReadonlyMap<Person, Presence> {
  const presence = new Map<Person, Presence>();
  for (const { sender, sentAt } of messages) {
    const seen = presence.get(sender);
    if (seen === undefined) {
      presence.set(sender, { first: sentAt, last: sentAt, silentFrom: sentAt, silentTo: sentAt });
      continue;
    }
    if (sentAt - seen.last > seen.silentTo - seen.silentFrom) {
      seen.silentFrom = seen.last;
      seen.silentTo = sentAt;
    }
    seen.last = sentAt;
  }
  return presence;
}

function whoMay(channel: Channel, random: Random): Person {
  return random.pick([channel.owner, ...channel.administrators]);
}

function change(
  account: Account,
  channel: Channel,
  at: number,
  joined: boolean,
  operator: Person,
  people: readonly Person[],
): void {
  recordMembershipChange(account, { channel, at, joined, operator, people });
}
