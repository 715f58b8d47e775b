/** How long Zoom keeps messages in its cloud. */
import type { Account, Session } from './account.ts';
import { DAY, monthsBefore } from './dates.ts';

const LONGEST: Readonly<Record<string, number>> = { d: 90, m: 120, y: 10 };
/** Without cloud storage messages only wait for those who are offline. */
const WITHOUT_CLOUD = '7d';

/** Is it a period as Zoom takes them: `1d` to `90d`, `1m` to `120m`, `1y` to `10y`? */
export function isRetentionPeriod(text: string): boolean {
  const [, number = '', unit = ''] = /^([1-9]\d{0,2})([dmy])$/.exec(text) ?? [];
  return Number(number) <= (LONGEST[unit] ?? -1);
}

/** The period that holds for a session: the channel's own, else the account's for sessions of its kind. */
export function retentionPeriod(account: Account, session: Session): string {
  const cloud = account.settings.set_retention_period_in_cloud;
  const channel = account.channels.get(session.channelId);
  if (channel?.customRetention !== undefined) return channel.customRetention;
  if (!cloud.enable) return WITHOUT_CLOUD;
  // Zoom counts group chats with direct messages, not with channels.
  return channel === undefined || channel.type === 4
    ? cloud.retention_period_of_direct_messages_and_group_conversation
    : cloud.retention_period_of_channels;
}

/** Since when a session's messages are kept, in milliseconds: what was sent before is no longer served. */
export function keptSince(account: Account, session: Session, now: number): number {
  const period = retentionPeriod(account, session);
  const count = Number(period.slice(0, -1));
  if (period.endsWith('d')) return now - count * DAY;
  const months = period.endsWith('m') ? count : 12 * count;
  return monthsBefore(now, months) + (((now % DAY) + DAY) % DAY);
}
