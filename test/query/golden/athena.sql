-- These tables read whatever lies in the folders, also what the log does not name, and do not compare it with the log.
-- Times are in UTC.
-- A message is verified by its id: zoom-chat-archiver prove --message ID --out FOLDER, then verify-proof with the public key.
-- The whole archive is verified with zoom-chat-archiver verify.

create external table if not exists `messages` (
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
  `record_hash` binary
)
partitioned by (`class` string, `date` string)
stored as parquet
location 's3://archive/zoom/segments/stream=messages/'
tblproperties (
  'projection.enabled' = 'true',
  'projection.class.type' = 'enum',
  'projection.class.values' = 'default,trading',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-04-30,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS'
);

create external table if not exists `coverage` (
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
  `record_hash` binary
)
partitioned by (`class` string, `date` string)
stored as parquet
location 's3://archive/zoom/segments/stream=coverage/'
tblproperties (
  'projection.enabled' = 'true',
  'projection.class.type' = 'enum',
  'projection.class.values' = 'default',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '2026-05-03,NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS'
);
