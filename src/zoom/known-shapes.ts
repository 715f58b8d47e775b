/**
 * What Zoom's reference names in each answer: fields, and the words that a field may hold. An answer may have fewer
 * of them; what it has beyond is reported by {@link ShapeWatch}. What is required is the schemas' business.
 */

/** How a value may look; where there is none, anything goes. */
export type Shape =
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, Shape | undefined> }
  | { readonly kind: 'list'; readonly items: Shape }
  | { readonly kind: 'words'; readonly words: ReadonlySet<unknown> };

/** @param names fields that hold anything, separated by spaces */
function object(names: string, shaped: Readonly<Record<string, Shape>> = {}): Shape {
  const fields = new Map<string, Shape | undefined>();
  for (const name of names.split(' ')) if (name !== '') fields.set(name, undefined);
  for (const [name, shape] of Object.entries(shaped)) fields.set(name, shape);
  return { kind: 'object', fields };
}

function list(items: Shape): Shape {
  return { kind: 'list', items };
}

function words(...allowed: readonly (string | number)[]): Shape {
  return { kind: 'words', words: new Set<unknown>(allowed) };
}

function page(rows: Readonly<Record<string, Shape>>, more = ''): Shape {
  return object(`next_page_token page_size ${more}`, rows);
}

const session = object('id name channel_id member_emails has_external_member last_message_sent_time', {
  type: words('Group', '1:1'),
  status: words('active', 'deleted'),
});

const file = object('file_id file_name file_size download_url');
const richText = object('start_position end_position format_attr', {
  format_type: words(
    ...['Bold', 'Italic', 'Strikethrough', 'BulletedList', 'NumberedList', 'Underline', 'FontSize'],
    ...['FontColor', 'BackgroundColor', 'LeftIndent', 'Paragraph', 'Quote', 'AddLink'],
  ),
});
const reaction = object('emoji total_count user_ids member_ids');

/** The reference gives some fields to one of the three arrays only; in the others they would be no surprise. */
const messageRow = object(
  'id message date_time timestamp action_timestamp sender sender_member_id sender_display_name receiver ' +
    'is_sender_external reply_main_message_id reply_main_message_timestamp forward_id',
  {
    files: list(file),
    giphy_information: list(object('giphy_view_url')),
    rich_text: list(richText),
    reactions: list(reaction),
    custom_emoji_reactions: list(
      object('custom_emoji_name custom_emoji_file_id total_count user_ids member_ids'),
    ),
    emoji_actions: list(
      object('emoji emoji_action_timestamp user_id member_id', { emoji_action: words('add', 'remove') }),
    ),
    // `content` is a bot's own.
    bot_message: object('content is_markdown_support source external_sender_email'),
  },
);

const forwardedMessage = object(
  'id message date_time timestamp sender send_member_id sender_display_name bot_message ' +
    'download_url file_id file_name file_size reply_main_message_id reply_main_message_timestamp',
  {
    at_items: list(
      object('at_contact at_contact_member_id start_position end_position', { at_type: words(1, 2) }),
    ),
    files: list(file),
    interactive_cards: list(object('card_id card_json')),
    message_type: words(
      ...['plain_text_message', 'jpg_image_file', 'audio_file', 'video_file', 'png_image_file', 'gif_file'],
      ...['giphy_file', 'code_snippet', 'file_and_text', 'others'],
    ),
    reactions: list(reaction),
    rich_text: list(richText),
  },
);

const activityPerson = object('display_name user_id member_id');
const activity = object('channel_id activity_timestamp', {
  activity_type: words('membership'),
  operator: activityPerson,
  members: object('', {
    // Its schema says `joined`, its example `join`.
    member_status: words('join', 'joined', 'leave', 'left'),
    member_list: list(activityPerson),
  }),
});
const activities = page({ channel_activity_logs: list(activity) });

const channel = object('id jid name channel_url', {
  type: words(0, 1, 2, 3, 4, 5),
  channel_settings: object('new_members_can_see_previous_messages_files', {
    add_member_permissions: words(1, 2),
    allow_to_add_external_users: words(0, 1, 2, 3),
    designated_posting_members: list(object('member_id user_id')),
    mention_all_permissions: words(1, 2, 3),
    posting_permissions: words(1, 2, 3),
  }),
});
const channels = page({ channels: list(channel) }, 'total_records');
const channelPerson = object('id member_id email name first_name last_name is_external', {
  role: words('admin', 'owner', 'member'),
});
const channelMembers = page({ members: list(channelPerson) }, 'total_records');

/** Not in the reference: as Zoom's own SDK has it. */
const user = object(
  'id email first_name last_name display_name dept pmi timezone role_id host_key created_at user_created_at ' +
    'last_login_time last_client_version employee_unique_id group_ids im_group_ids division_ids plan_united_type ' +
    'license_info_list',
  {
    custom_attributes: list(object('key name value')),
    status: words('active', 'inactive', 'pending'),
    type: words(1, 2, 4, 99),
    verified: words(0, 1),
  },
);

const spaceOwner = object('display_name is_external_user member_id email user_id');

/** By path below the API's URL, `{}` for an id. */
export const KNOWN_SHAPES: Readonly<Record<string, Shape>> = {
  '/report/chat/sessions': page({ sessions: list(session) }, 'from to'),
  '/report/chat/sessions/{}': page(
    {
      messages: list(messageRow),
      edited_messages: list(messageRow),
      deleted_messages: list(messageRow),
    },
    'from to',
  ),
  '/chat/activities/channels': activities,
  '/chat/channels/{}/activities': activities,
  '/chat/channels': channels,
  '/chat/channels/{}': channel,
  '/chat/channels/{}/members': channelMembers,
  '/chat/channels/{}/retention': object('channel_id', {
    cloud_retention: object('enable_custom_retention retention_period'),
  }),
  '/chat/channels/{}/pinned': page(
    {
      messages: list(
        object(
          'message message_id message_timestamp currently_pinned pinned_by_external_user pinned_time ' +
            'pinner_member_id pinner_user_id',
        ),
      ),
    },
    'channel_id',
  ),
  '/chat/users/{}/channels': channels,
  '/chat/users/{}/channels/{}': channel,
  '/chat/users/{}/channels/{}/members': channelMembers,
  '/chat/users/{}/channels/{}/admins': page({ admins: list(channelPerson) }, 'total_records'),
  '/chat/spaces': page({
    shared_spaces: list(object('space_id space_name space_desc', { space_owner: spaceOwner })),
  }),
  '/chat/spaces/{}': object('space_id space_name space_desc', {
    owner: spaceOwner,
    space_settings: object('', {
      add_member_permissions: words(1, 2),
      allow_to_add_external_users: words(0, 1, 2, 3),
      create_channels_permission: words(1, 2),
    }),
  }),
  '/chat/spaces/{}/channels': page({
    channels: list(
      object('channel_id channel_name member_count description', {
        space_channel_type: words('private', 'public_for_members', 'general'),
      }),
    ),
  }),
  '/chat/spaces/{}/members': page({
    members: list(
      object('display_name first_name last_name is_external_user member_id email user_id', {
        role: words('member', 'owner', 'admin'),
        status: words('active', 'inactive'),
      }),
    ),
  }),
  '/chat/emoji': page(
    { emojis: list(object('file_id name user_id member_id user_name user_email date_added')) },
    'search_key',
  ),
  '/chat/files/{}': object(
    'file_id file_name OS_file_type length digest created_time modified_time download_url public_url',
  ),
  '/chat/forwarded_message/{}': forwardedMessage,
  '/chat/legalhold/matters': page({
    legal_hold_matters: list(
      object('matter_id matter_name matter_creation_date matter_start_date matter_end_date', {
        matter_users: list(object('user_id email')),
      }),
    ),
  }),
  '/chat/legalhold/matters/{}/files': page({
    data: list(
      object('file_key file_count file_start_date file_end_date ready_for_download total_file_size'),
    ),
  }),
  '/users': page({ users: list(user) }, 'page_count page_number total_records'),
};

/** Paths that nobody watches, each with the reason. */
export const UNWATCHED: Readonly<Record<string, string>> = {
  '/accounts/me/settings': 'hundreds of settings, of which the reference names those that matter here',
  '/chat/legalhold/matters/{}/files/download': 'a zip',
};
