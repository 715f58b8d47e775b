/** The chat settings of the account, named as Zoom names them. */
import { z } from 'zod';
import { type Query, readText } from './query.ts';
import { isRetentionPeriod } from './retention.ts';
import type { Switches } from './switches.ts';

const period = z.string().refine(isRetentionPeriod, 'Must be 1d to 90d, 1m to 120m or 1y to 10y.');
/** `time`: minutes after sending, 0 for ever. */
const timeLimit = z.strictObject({
  enable: z.boolean(),
  time: z.literal([0, 5, 30, 60, 1440, 10080]),
});
const groups = {
  set_retention_period_in_cloud: z.strictObject({
    enable: z.boolean(),
    retention_period_of_direct_messages_and_group_conversation: period,
    retention_period_of_channels: period,
  }),
  allow_edit_message: timeLimit,
  allow_delete_message: timeLimit,
};

const chatSettingsSchema = z.strictObject(groups);
/** What can be changed while the emulator runs; `store_revise_chat` is the switch `storeRevisions`. */
export const settingChangesSchema = z.strictObject({
  store_revise_chat: z.boolean().optional(),
  set_retention_period_in_cloud: groups.set_retention_period_in_cloud.partial().optional(),
  allow_edit_message: timeLimit.partial().optional(),
  allow_delete_message: timeLimit.partial().optional(),
});

export type ChatSettings = Readonly<z.infer<typeof chatSettingsSchema>>;
export type SettingChanges = z.infer<typeof settingChangesSchema>;
export type ServedSettings = ChatSettings & { readonly store_revise_chat: boolean };

export const DEFAULT_SETTINGS: ChatSettings = {
  set_retention_period_in_cloud: {
    enable: true,
    retention_period_of_direct_messages_and_group_conversation: '10y',
    retention_period_of_channels: '10y',
  },
  allow_edit_message: { enable: true, time: 0 },
  allow_delete_message: { enable: true, time: 0 },
};

/** The settings after some changes; throws on a value that Zoom would not take. */
export function changeSettings(before: ChatSettings, changes: SettingChanges): ChatSettings {
  return chatSettingsSchema.parse({
    set_retention_period_in_cloud: {
      ...before.set_retention_period_in_cloud,
      ...changes.set_retention_period_in_cloud,
    },
    allow_edit_message: { ...before.allow_edit_message, ...changes.allow_edit_message },
    allow_delete_message: { ...before.allow_delete_message, ...changes.allow_delete_message },
  });
}

/** The settings as the account shows them now. */
export function servedSettings(settings: ChatSettings, switches: Readonly<Switches>): ServedSettings {
  return { store_revise_chat: switches.storeRevisions, ...settings };
}

/**
 * GET /v2/accounts/me/settings: the response body, JSON in UTF-8.
 * `custom_query_fields`, a comma list of groups, leaves out the groups it does not name.
 */
export function accountSettings(query: Query, settings: ChatSettings, switches: Readonly<Switches>): Buffer {
  const groups: Record<string, object> = {
    chat: {
      ...servedSettings(settings, switches),
      allow_remove_msg_by_owner_and_admins: true,
      share_files: { enable: true },
      send_data_to_third_party_archiving_service: { enable: false },
    },
    schedule_meeting: { host_video: true, join_before_host: false },
    security: { admin_change_name_pic: false },
  };
  const wanted = readText(query, 'custom_query_fields')?.split(',');
  const shown = Object.entries(groups).filter(([name]) => wanted === undefined || wanted.includes(name));
  return Buffer.from(JSON.stringify(Object.fromEntries(shown)));
}
