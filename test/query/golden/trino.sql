-- These tables read whatever lies in the folders, also what the log does not name, and do not compare it with the log.
-- Times are in UTC.
-- A message is verified by its id: zoom-chat-archiver prove --message ID --out FOLDER, then verify-proof with the public key.
-- The whole archive is verified with zoom-chat-archiver verify.

create schema if not exists hive.zoom_chat;

create table if not exists hive.zoom_chat.messages (
  "account" varchar,
  "kind" varchar,
  "drift" boolean,
  "event_at" timestamp(3),
  "session_id" varchar,
  "session_type" varchar,
  "session_name" varchar,
  "channel_id" varchar,
  "message_id" varchar,
  "sent_at" timestamp(3),
  "action_at" timestamp(3),
  "sender_email" varchar,
  "sender_member_id" varchar,
  "sender_name" varchar,
  "receiver" varchar,
  "text" varchar,
  "reply_to" varchar,
  "file_count" bigint,
  "observed_at" timestamp(3),
  "run" varchar,
  "request_id" varchar,
  "tracking_id" varchar,
  "record" varchar,
  "record_hash" varbinary,
  "class" varchar,
  "date" date
)
with (
  external_location = 's3://archive/zoom/segments/stream=messages/',
  format = 'PARQUET',
  partitioned_by = array['class', 'date']
);
call hive.system.sync_partition_metadata('zoom_chat', 'messages', 'FULL');

create table if not exists hive.zoom_chat.coverage (
  "account" varchar,
  "kind" varchar,
  "drift" boolean,
  "event_at" timestamp(3),
  "unit_stream" varchar,
  "session_id" varchar,
  "mode" varchar,
  "outcome" varchar,
  "window_from" timestamp(3),
  "window_to" timestamp(3),
  "covers_from" timestamp(3),
  "covers_to" timestamp(3),
  "rows" bigint,
  "observed_at" timestamp(3),
  "run" varchar,
  "request_id" varchar,
  "tracking_id" varchar,
  "record" varchar,
  "record_hash" varbinary,
  "class" varchar,
  "date" date
)
with (
  external_location = 's3://archive/zoom/segments/stream=coverage/',
  format = 'PARQUET',
  partitioned_by = array['class', 'date']
);
call hive.system.sync_partition_metadata('zoom_chat', 'coverage', 'FULL');
