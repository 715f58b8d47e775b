/** A long activity log: people who come into channels and leave them without a word. */
import type { Account, Person } from './account.ts';
import { type Channel, isDeletedChannel } from './channels.ts';
import { DAY } from './dates.ts';
import { Random } from './random.ts';

/** Activity logs are as old as this at most. */
const OLDEST = 175 * DAY;

/**
 * Tells of `count` visits, two changes each, spread evenly over the days before `now` (milliseconds). Chance comes from a
 * stream of its own, and visitors were never in the channel otherwise, so the rest of the account stays what it is.
 */
export function generateVisits(account: Account, count: number, now: number): void {
  if (count === 0) return;
  const random = new Random(count);
  const channels = [...account.channels.values()].filter((channel) => !isDeletedChannel(channel, now));
  const strangers = strangersOf(account, channels);
  const slot = OLDEST / count;
  for (let visit = 0; visit < count; visit += 1) {
    const channel = random.pick(channels);
    const people = [random.pick(strangers.get(channel) ?? [])];
    // One visit after the other: nobody comes who is there.
    const came = Math.floor(now - OLDEST + visit * slot + (random.fraction() * slot) / 2);
    const went = Math.floor(came + 1 + random.fraction() * (slot / 2 - 2));
    const operator = channel.owner;
    account.membershipChanges.push(
      { channel, at: came, joined: true, operator, people },
      { channel, at: went, joined: false, operator, people },
    );
    channel.lastChangeAt = Math.max(channel.lastChangeAt, went);
  }
  account.membershipChanges.sort((a, b) => a.at - b.at);
}

function strangersOf(
  account: Account,
  channels: readonly Channel[],
): ReadonlyMap<Channel, readonly Person[]> {
  const known = new Map(channels.map((channel) => [channel, new Set(channel.session.members)]));
  for (const { channel, people } of account.membershipChanges) {
    for (const person of people) known.get(channel)?.add(person);
  }
  return new Map(
    channels.map((channel) => [
      channel,
      account.people.filter((person) => !person.external && !known.get(channel)?.has(person)),
    ]),
  );
}
