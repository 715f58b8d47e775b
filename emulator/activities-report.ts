/** The logs of who came into channels and who went: of all channels, and of one. */
import { type Account, firstAtOrAfter, type Person } from './account.ts';
import { type Channel, isDeletedChannel, type MembershipChange } from './channels.ts';
import { DAY, HOUR, parseDay } from './dates.ts';
import { jsonBody } from './endpoints.ts';
import { listPage } from './list-page.ts';
import type { ReportContext } from './messages-report.ts';
import { namedAt } from './people.ts';
import { type Query, readChoice, readText } from './query.ts';
import { invalidField, notFound, Refusal } from './refusal.ts';
import type { Switches } from './switches.ts';

const PAGE_SIZES = { usual: 15, least: 15, most: 15 };
/** Days that a query over all channels may cover, the first and the last counted. */
const MOST_DAYS = 3;

export interface WirePerson {
  readonly display_name: string;
  /** Empty for people of other accounts. */
  readonly user_id: string;
  readonly member_id: string;
}

/** Milliseconds; `end` is not part of it. */
interface Days {
  readonly start: number;
  readonly end: number;
}

/** GET /v2/chat/activities/channels: the response body, JSON in UTF-8, oldest change first. */
export function channelActivities(account: Account, query: Query, context: ReportContext): Buffer {
  const days = readDays(query, context, MOST_DAYS);
  readChoice(query, 'activity_type', ['membership']);
  const channelId = readText(query, 'channel_id');
  if (channelId !== undefined && !account.channels.has(channelId)) {
    throw new Refusal(400, { code: 200, message: "Channel Id can't be empty or not exist." });
  }
  const changes = changesIn(account, days).filter(
    ({ channel }) => channelId === undefined || channel.id === channelId,
  );
  return logs('channel-activities', query, context, changes, (change) => ({
    channel_id: change.channel.id,
    ...logRow(change, context.switches),
  }));
}

/** GET /v2/chat/channels/{channelId}/activities: the same of one channel, over any number of days. */
export function activitiesOfChannel(
  account: Account,
  channelId: string,
  query: Query,
  context: ReportContext,
): Buffer {
  const channel: Channel | undefined = account.channels.get(channelId);
  if (channel === undefined || isDeletedChannel(channel, context.now)) {
    throw notFound(5306, 'Channel does not exist.');
  }
  readChoice(query, 'activity_type', ['membership']);
  const days = readDays(query, context, Number.POSITIVE_INFINITY);
  const changes = changesIn(account, days).filter((change) => change.channel === channel);
  const endpoint = `activities-of-channel ${channel.id}`;
  return logs(endpoint, query, context, changes, (change) => logRow(change, context.switches));
}

/** `joined`, `left`, `join` or `leave`: how a change is spelt in the logs. */
export function statusOf(change: MembershipChange, switches: Readonly<Switches>): string {
  const { activitySpelling } = switches;
  const past = activitySpelling === 'past' || (activitySpelling === 'mixed' && change.at % 2 === 0);
  if (change.joined) return past ? 'joined' : 'join';
  return past ? 'left' : 'leave';
}

/** Somebody as a log names them, by the name they had then. `at` in milliseconds. */
export function wirePerson(person: Person, at: number): WirePerson {
  const { userId, memberId } = person;
  return { display_name: namedAt(person, at).displayName, user_id: userId, member_id: memberId };
}

function logs(
  endpoint: string,
  query: Query,
  context: ReportContext,
  changes: readonly MembershipChange[],
  row: (change: MembershipChange) => object,
): Buffer {
  const { rows, pageSize, nextPageToken } = listPage(endpoint, query, context, PAGE_SIZES, changes);
  return jsonBody({
    channel_activity_logs: rows.map(row),
    next_page_token: nextPageToken,
    page_size: pageSize,
  });
}

function logRow(change: MembershipChange, switches: Readonly<Switches>): object {
  const { at, operator, people } = change;
  return {
    activity_type: 'membership',
    activity_timestamp: at,
    operator: wirePerson(operator, at),
    members: {
      member_status: statusOf(change, switches),
      member_list: people.map((person) => wirePerson(person, at)),
    },
  };
}

function changesIn({ membershipChanges }: Account, { start, end }: Days): MembershipChange[] {
  const time = ({ at }: MembershipChange): number => at;
  return membershipChanges.slice(
    firstAtOrAfter(membershipChanges, start, time),
    firstAtOrAfter(membershipChanges, end, time),
  );
}

function readDays(query: Query, { switches, now }: ReportContext, most: number): Days {
  const start = readDay(query, 'start_date');
  const end = readDay(query, 'end_date');
  if (end < start) throw invalidDate('start_date', 'The start date is after the end date.');
  if (end - start >= most * DAY) throw invalidDate('end_date', `The date range exceeds ${most} days.`);
  const zone = switches.reportZoneHours * HOUR;
  const today = Math.floor((now + zone) / DAY) * DAY;
  if (start < today - switches.activityDays * DAY) {
    throw invalidDate('start_date', `Only data of the recent ${switches.activityDays} days is available.`);
  }
  return { start: start - zone, end: end + DAY - zone };
}

function readDay(query: Query, name: string): number {
  const text = readText(query, name);
  if (text === undefined || text === '') throw invalidDate(name, 'This field is required.');
  const day = parseDay(text);
  if (day === undefined) throw invalidDate(name, 'Invalid date format, should be yyyy-MM-dd.');
  return day;
}

function invalidDate(field: string, message: string): Refusal {
  return invalidField(field, `Channel activity log date not valid. ${message}`);
}
