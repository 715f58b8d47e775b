/** The logs of who joined and left channels. */
import { z } from 'zod';
import type { Endpoint, Reply, ZoomClient } from './client.ts';
import { pathSegment } from './hosts.ts';
import { pages } from './pages.ts';
import type { ReportDates } from './reports.ts';
import { pageFields, timestamp } from './schemas.ts';

const ALL: Endpoint = { name: 'channel_activities', label: 'LIGHT' };
const OF_CHANNEL: Endpoint = { name: 'channel_activities_of_one', label: 'LIGHT' };

const person = z.looseObject({
  display_name: z.string().optional(),
  /** Empty for people of other accounts. */
  user_id: z.string().optional(),
  member_id: z.string().optional(),
});
export type ActivityPerson = z.infer<typeof person>;

/** One row of either log. */
export const activityRow = z.looseObject({
  /** Missing in the log of one channel. */
  channel_id: z.string().min(1).optional(),
  activity_type: z.string().min(1),
  activity_timestamp: timestamp,
  operator: person.optional(),
  members: z.looseObject({ member_status: z.string().min(1), member_list: z.array(person) }),
});
export type ActivityRow = z.infer<typeof activityRow>;

const anyPage = z.looseObject({ ...pageFields, channel_activity_logs: z.array(activityRow) });
export type ActivityPage = z.infer<typeof anyPage>;
const allPage = z.looseObject({
  ...pageFields,
  channel_activity_logs: z.array(activityRow.extend({ channel_id: z.string().min(1) })),
});

/**
 * Membership changes of all channels, in pages of 15, the only size there is. Zoom takes three dates at most, both ends
 * counted. Errors as {@link ZoomClient.get}; dates it does not serve end in `zoom-request`.
 */
export function activityPages(
  client: ZoomClient,
  dates: ReportDates,
  signal: AbortSignal,
): AsyncGenerator<Reply<ActivityPage>> {
  return pages((pageToken) => askAll(client, dates, pageToken, signal));
}

/** The first page alone, to see whether Zoom serves these dates. */
export function firstActivityPage(
  client: ZoomClient,
  dates: ReportDates,
  signal: AbortSignal,
): Promise<Reply<ActivityPage>> {
  return askAll(client, dates, {}, signal);
}

/** Membership changes of one channel, over any number of dates. Its rows do not name the channel. */
export function channelActivityPages(
  client: ZoomClient,
  channelId: string,
  dates: ReportDates,
  signal: AbortSignal,
): AsyncGenerator<Reply<ActivityPage>> {
  const path = `/chat/channels/${pathSegment(channelId)}/activities`;
  return pages((pageToken) =>
    client.get(OF_CHANNEL, path, { ...dateQuery(dates), ...pageToken }, anyPage, signal),
  );
}

function askAll(
  client: ZoomClient,
  dates: ReportDates,
  pageToken: { readonly next_page_token?: string },
  signal: AbortSignal,
): Promise<Reply<ActivityPage>> {
  const query = { ...dateQuery(dates), ...pageToken };
  return client.get(ALL, '/chat/activities/channels', query, allPage, signal);
}

function dateQuery({ from, to }: ReportDates): Record<string, string> {
  return { start_date: from, end_date: to, activity_type: 'membership' };
}
