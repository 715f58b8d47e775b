/** What the account's chat settings mean for an archive. Pure. */
import type { RetentionScope } from '../ledger/source-retention.ts';
import type { ChannelRetention } from '../zoom/directory.ts';
import type { AccountSettings } from '../zoom/schemas.ts';
import { DAY_MS } from './windows.ts';

/** Settings that decide whether an archive can be complete. */
export const SOURCE_SETTINGS = [
  'store_revise_chat',
  'cloud_storage',
  'retention_direct',
  'retention_channels',
] as const;

export interface SettingVerdict {
  readonly setting: (typeof SOURCE_SETTINGS)[number];
  readonly ok: boolean;
  /** What is lost when it is not in order. */
  readonly loss: string;
}

type ChatSettings = NonNullable<AccountSettings['chat']>;

/** With cloud storage off messages wait so long for those who are offline, and no longer. */
const WITHOUT_CLOUD = '7d';

/** Days, at least; months and years are taken at their shortest. */
const DAYS: Readonly<Record<string, number>> = { d: 1, m: 28, y: 365 };

/** `90d`, `30m`, `7y` in milliseconds, at least; undefined for anything else. */
export function periodMs(period: string): number | undefined {
  const [, number, unit = ''] = /^(\d+)([dmy])$/.exec(period) ?? [];
  const days = DAYS[unit];
  return days === undefined ? undefined : Number(number) * days * DAY_MS;
}

/** How long the account keeps messages of channels, and all others; empty when the settings do not say. */
export function accountRetention({
  set_retention_period_in_cloud: cloud,
}: ChatSettings): readonly RetentionScope[] {
  if (cloud?.enable === undefined) return [];
  const period = (text: string | undefined): string =>
    cloud.enable === false ? WITHOUT_CLOUD : periodMs(text ?? '') === undefined ? '' : (text ?? '');
  return [
    {
      scope: 'direct',
      period: period(cloud.retention_period_of_direct_messages_and_group_conversation),
    },
    { scope: 'channels', period: period(cloud.retention_period_of_channels) },
  ];
}

/** A channel's own period; empty where the account's holds. */
export function channelPeriod({ cloud_retention: own }: ChannelRetention): string {
  return own.enable_custom_retention ? (own.retention_period ?? '') : '';
}

/**
 * Judges what the settings say; what they do not mention has no verdict.
 * @param leastMs a retention shorter than this leaves too little time to collect
 */
export function judgeSettings(chat: ChatSettings, leastMs: number): readonly SettingVerdict[] {
  const verdicts: SettingVerdict[] = [];
  if (chat.store_revise_chat !== undefined) {
    verdicts.push({
      setting: 'store_revise_chat',
      ok: chat.store_revise_chat,
      loss: 'Zoom does not store revisions for this account (chat.store_revise_chat is off): edited and deleted texts are lost',
    });
  }
  const enabled = chat.set_retention_period_in_cloud?.enable;
  if (enabled === undefined) return verdicts;
  verdicts.push({
    setting: 'cloud_storage',
    ok: enabled,
    loss: 'Zoom does not store messages in its cloud (chat.set_retention_period_in_cloud is off): they are gone within 7 days, many at once',
  });
  if (!enabled) return verdicts;
  for (const { scope, period } of accountRetention(chat)) {
    verdicts.push({
      setting: scope === 'direct' ? 'retention_direct' : 'retention_channels',
      ok: (periodMs(period) ?? Number.POSITIVE_INFINITY) >= leastMs,
      loss: `Zoom keeps messages (${scope}) for ${period} only: a short outage of the archiver loses some`,
    });
  }
  return verdicts;
}
