import { type Query, readText } from './query.ts';
import type { Switches } from './switches.ts';

/**
 * GET /v2/accounts/me/settings: the response body, JSON in UTF-8.
 * `custom_query_fields`, a comma list of groups, leaves out the groups it does not name.
 */
export function accountSettings(query: Query, switches: Readonly<Switches>): Buffer {
  const groups: Record<string, object> = {
    chat: {
      store_revise_chat: switches.storeRevisions,
      set_retention_period_in_cloud: {
        enable: true,
        retention_period_of_direct_messages_and_group_conversation: '10y',
        retention_period_of_channels: '10y',
      },
      allow_edit_message: { enable: true, time: 0 },
      allow_delete_message: { enable: true, time: 0 },
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
