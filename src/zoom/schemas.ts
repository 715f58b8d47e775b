/**
 * The shapes Zoom sends, as far as the archiver depends on them. Missing fields that carry identity or time are
 * refused loudly; unknown fields pass, and the JSON itself is what gets archived.
 */
import { z } from 'zod';

export const tokenReply = z.looseObject({
  access_token: z.string().min(1),
  expires_in: z.number().positive(),
  scope: z.string().optional(),
  api_url: z.string().optional(),
});

export const tokenError = z.looseObject({ reason: z.string().optional(), error: z.string().optional() });

export const apiError = z.looseObject({
  code: z.number().int(),
  message: z.string().optional(),
  errors: z.array(z.looseObject({ field: z.string().optional(), message: z.string().optional() })).optional(),
});

export const pageFields = {
  next_page_token: z.string().optional(),
};

/** GET /report/chat/sessions, one row. */
export const sessionRow = z.looseObject({
  id: z.string().min(1),
  type: z.string().min(1),
  name: z.string().optional(),
  channel_id: z.string().optional(),
  member_emails: z.array(z.string()).optional(),
  status: z.string().optional(),
  has_external_member: z.boolean().optional(),
  last_message_sent_time: z.iso.datetime({ offset: true }),
});
export type SessionRow = z.infer<typeof sessionRow>;

export const sessionsPage = z.looseObject({ ...pageFields, sessions: z.array(sessionRow) });
export type SessionsPage = z.infer<typeof sessionsPage>;

/** Milliseconds since the epoch until the end of the year 9999: beyond, neither dates nor Postgres follow. */
export const timestamp = z.number().int().nonnegative().max(253_402_300_799_999);

const messageFile = z.looseObject({
  file_id: z.string().optional(),
  file_name: z.string().optional(),
  file_size: z.number().optional(),
  download_url: z.string().optional(),
});

export const emojiAction = z.looseObject({
  emoji: z.string(),
  // Becomes the record's kind, which the ledger writes between control characters.
  emoji_action: z.string().regex(/^[\w-]{1,32}$/),
  emoji_action_timestamp: timestamp,
  user_id: z.string().optional(),
  member_id: z.string().optional(),
});

/** GET /report/chat/sessions/{sessionId}, one row of any of its three arrays. */
export const messageRow = z.looseObject({
  id: z.string().min(1),
  timestamp,
  action_timestamp: timestamp.optional(),
  message: z.string().optional(),
  date_time: z.string().optional(),
  sender: z.string().optional(),
  sender_member_id: z.string().optional(),
  sender_display_name: z.string().optional(),
  files: z.array(messageFile).optional(),
  forward_id: z.string().optional(),
  reactions: z.array(z.looseObject({ emoji: z.string() })).optional(),
  custom_emoji_reactions: z.array(z.looseObject({})).optional(),
  emoji_actions: z.array(emojiAction).optional(),
});
export type MessageRow = z.infer<typeof messageRow>;

const PAGE_FIELDS = ['messages', 'edited_messages', 'deleted_messages', 'next_page_token', 'page_size'];

/** Each array may be missing, but not everything: an error that came with status 200 is not an empty page. */
export const messagesPage = z
  .looseObject({
    ...pageFields,
    messages: z.array(messageRow).optional(),
    edited_messages: z.array(messageRow).optional(),
    deleted_messages: z.array(messageRow).optional(),
  })
  .refine((page) => PAGE_FIELDS.some((name) => name in page), 'has none of the fields of a page');
export type MessagesPage = z.infer<typeof messagesPage>;

/** GET /accounts/me/settings, the parts that decide whether an archive can be complete. */
export const accountSettings = z.looseObject({
  chat: z
    .looseObject({
      store_revise_chat: z.boolean().optional(),
      set_retention_period_in_cloud: z
        .looseObject({
          enable: z.boolean().optional(),
          retention_period_of_direct_messages_and_group_conversation: z.string().optional(),
          retention_period_of_channels: z.string().optional(),
        })
        .optional(),
    })
    .optional(),
});
export type AccountSettings = z.infer<typeof accountSettings>;
