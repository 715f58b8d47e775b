/** From a row of an activity log to a candidate. Pure. */
import {
  type Candidate,
  canonicalJson,
  contentHash,
  instant,
  type Json,
  keyMonth,
  recordKey,
  scopeTag,
} from '../record.ts';
import type { ActivityPerson, ActivityRow } from '../zoom/activities.ts';

/** Zoom's reference spells a change in two ways: its schema in the past tense, its example in the present. */
const SPELLINGS: Readonly<Record<string, 'joined' | 'left'>> = {
  join: 'joined',
  joined: 'joined',
  leave: 'left',
  left: 'left',
};

/**
 * A membership change. Its identity is channel, time, type, status, who did it and to whom, by ids that all people have.
 * Names, and how the status is spelt, may differ between two answers without the change being another.
 * @param channelId of a row that does not name its channel; it is added, so that the record says it
 */
export function activityCandidate(row: ActivityRow, account: string, channelId?: string): Candidate {
  const channel = row.channel_id ?? channelId ?? '';
  const record = { ...row, channel_id: channel };
  const { activity_type: type, activity_timestamp: time, operator, members } = row;
  const status = SPELLINGS[members.member_status.toLowerCase()];
  const spelling = status ?? members.member_status;
  const by = operator === undefined ? '' : personId(operator);
  const whom = members.member_list.map(personId).sort();
  const identity = ['channel_activities', channel, String(time), type, spelling, by, ...whom];
  const content = {
    ...record,
    operator: withoutNames(operator),
    members: { ...members, member_status: spelling, member_list: inOrder(members.member_list) },
  };
  return {
    stream: 'channel_activities',
    kind: status ?? 'other',
    key: recordKey(scopeTag(account, channel), time, identity),
    content: contentHash(canonicalJson(content as Json)),
    rule: 'once',
    time: instant(time),
    keyMonth: keyMonth(time),
    record: canonicalJson(record as Json),
    about: { channel },
  };
}

/** Member ids are there for everybody; where one is missing, the account's own id, and at last the name. */
function personId({ member_id: member, user_id: user, display_name: name }: ActivityPerson): string {
  if (member !== undefined && member !== '') return `member ${member}`;
  if (user !== undefined && user !== '') return `user ${user}`;
  return `name ${name ?? ''}`;
}

function withoutNames(person: ActivityPerson | undefined): Json {
  if (person === undefined) return null;
  const { display_name: _name, user_id: _user, member_id: _member, ...rest } = person;
  return { ...rest, id: personId(person) } as Json;
}

function inOrder(people: readonly ActivityPerson[]): readonly Json[] {
  return people.map(withoutNames).sort((one, other) => (canonicalJson(one) < canonicalJson(other) ? -1 : 1));
}
