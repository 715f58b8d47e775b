-- These tables read whatever lies in the folders, also what the log does not name, and do not compare it with the log.
-- Times are in UTC.
-- A message is verified by its id: zoom-chat-archiver prove --message ID --out FOLDER, then verify-proof with the public key.
-- The whole archive is verified with zoom-chat-archiver verify.

create table if not exists messages (
  `account` string,
  `kind` string,
  `drift` boolean,
  `event_at` timestamp,
  `session_id` string,
  `session_type` string,
  `session_name` string,
  `channel_id` string,
  `message_id` string,
  `sent_at` timestamp,
  `action_at` timestamp,
  `sender_email` string,
  `sender_member_id` string,
  `sender_name` string,
  `receiver` string,
  `text` string,
  `reply_to` string,
  `file_count` bigint,
  `observed_at` timestamp,
  `run` string,
  `request_id` string,
  `tracking_id` string,
  `record` string,
  `record_hash` binary,
  `class` string,
  `date` date
)
using parquet
partitioned by (`class`, `date`)
location 's3a://archive/zoom/segments/stream=messages/';
msck repair table messages;

create table if not exists coverage (
  `account` string,
  `kind` string,
  `drift` boolean,
  `event_at` timestamp,
  `unit_stream` string,
  `session_id` string,
  `mode` string,
  `outcome` string,
  `window_from` timestamp,
  `window_to` timestamp,
  `covers_from` timestamp,
  `covers_to` timestamp,
  `rows` bigint,
  `observed_at` timestamp,
  `run` string,
  `request_id` string,
  `tracking_id` string,
  `record` string,
  `record_hash` binary,
  `class` string,
  `date` date
)
using parquet
partitioned by (`class`, `date`)
location 's3a://archive/zoom/segments/stream=coverage/';
msck repair table coverage;
