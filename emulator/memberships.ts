/** Who came into a channel and who went, and when. */
import { type Account, firstAtOrAfter, type Person, type Session } from './account.ts';
import type { Channel, MembershipChange } from './channels.ts';

/** Notes a change in the account's order of time. It does not touch the members. */
export function recordMembershipChange(account: Account, change: MembershipChange): void {
  const changes = account.membershipChanges;
  changes.splice(
    firstAtOrAfter(changes, change.at + 1, ({ at }) => at),
    0,
    change,
  );
  change.channel.lastChangeAt = Math.max(change.channel.lastChangeAt, change.at);
}

/** Notes that the owner founded a group with all who are in it now. `at` in milliseconds. */
export function recordFounding(account: Account, session: Session, at: number): void {
  const channel = account.channels.get(session.channelId);
  if (channel === undefined) return;
  const people = session.members;
  recordMembershipChange(account, { channel, at, joined: true, operator: channel.owner, people });
}

/** Everybody comes into a group with their first message there. */
export function recordJoinsAtFirstMessages(account: Account, session: Session): void {
  const channel = account.channels.get(session.channelId);
  if (channel === undefined) return;
  const seen = new Set<Person>();
  for (const { sender, sentAt } of session.messages) {
    if (seen.has(sender)) continue;
    seen.add(sender);
    recordMembershipChange(account, {
      channel,
      at: sentAt,
      joined: true,
      operator: sender,
      people: [sender],
    });
  }
}

/** Lets people into a channel. Throws when one of them is in it already. `at` in milliseconds. */
export function joinChannel(
  account: Account,
  channel: Channel,
  people: readonly Person[],
  operator: Person,
  at: number,
): void {
  const { session } = channel;
  for (const person of people) {
    if (session.members.includes(person)) throw new Error(`${person.memberId} is in the channel already`);
  }
  session.members = [...session.members, ...people];
  recordMembershipChange(account, { channel, at, joined: true, operator, people });
}

/** Takes people out of a channel. Throws when one of them is not in it or owns it. `at` in milliseconds. */
export function leaveChannel(
  account: Account,
  channel: Channel,
  people: readonly Person[],
  operator: Person,
  at: number,
): void {
  const { session, owner } = channel;
  for (const person of people) {
    if (!session.members.includes(person)) throw new Error(`${person.memberId} is not in the channel`);
    if (person === owner) throw new Error('the owner cannot leave');
  }
  session.members = session.members.filter((person) => !people.includes(person));
  channel.administrators = channel.administrators.filter((person) => !people.includes(person));
  recordMembershipChange(account, { channel, at, joined: false, operator, people });
}
