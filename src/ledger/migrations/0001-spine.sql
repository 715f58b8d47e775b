-- The ledger: what is known, what is still to do, what is on its way into the archive.
-- Instants inside ranges are milliseconds since the Unix epoch, half-open.

create table lease (
  account text primary key,
  holder text not null,
  generation bigint not null,
  expires_at timestamptz not null
);
comment on table lease is 'One row per account: who may write. Checked inside the transaction of each write it protects.';
comment on column lease.account is 'Zoom account id.';
comment on column lease.holder is 'Name of the process that holds the lease: host, pid and a random part.';
comment on column lease.generation is 'Grows by one with each new holder; a write of an older generation is refused.';
comment on column lease.expires_at is 'After this moment of the database''s clock another process may take the lease.';

create table seen (
  month date not null,
  key uuid not null,
  content uuid not null,
  primary key (month, key)
) partition by range (month);
comment on table seen is 'Dedup keys of immutable records archived or staged. A partition is dropped when Zoom can no longer serve its month.';
comment on column seen.month is 'First day of the UTC month of the record''s action.';
comment on column seen.key is 'Record key: scope, time and identity hash, 16 bytes.';
comment on column seen.content is 'First 16 bytes of the SHA-256 of the content that detects change.';

create table states (
  key uuid primary key,
  month date not null,
  content uuid not null
);
comment on table states is 'Latest known state of what changes: reactions of a message, description of a session.';
comment on column states.key is 'Record key of the thing: scope, time and identity hash, 16 bytes.';
comment on column states.month is 'First day of the UTC month after which the key may go with its message; 9999-12-01 for never.';
comment on column states.content is 'First 16 bytes of the SHA-256 of the latest state.';

create table registry (
  account text not null,
  session_id text not null,
  type text not null,
  name text not null,
  channel_id text not null,
  last_message_at timestamptz not null,
  last_activity_at timestamptz not null,
  first_seen_at timestamptz not null,
  listed_at timestamptz not null,
  primary key (account, session_id)
);
comment on table registry is 'Every session ever seen; each stays known, because Zoom may not list one that has only edits or deletes.';
comment on column registry.account is 'Zoom account id.';
comment on column registry.session_id is 'Zoom''s session id, as sent.';
comment on column registry.type is 'Zoom''s session type: Group or 1:1.';
comment on column registry.name is 'Name at the last listing; empty for 1:1.';
comment on column registry.channel_id is 'Channel id; empty for 1:1.';
comment on column registry.last_message_at is 'Latest last_message_sent_time that any listing showed.';
comment on column registry.last_activity_at is 'Latest message, edit or delete known.';
comment on column registry.first_seen_at is 'When a listing showed the session first.';
comment on column registry.listed_at is 'When a listing showed the session last.';

create table coverage (
  account text not null,
  stream text not null,
  scope text not null,
  mode text not null,
  covered int8multirange not null default '{}',
  asked_at timestamptz not null,
  primary key (account, stream, scope, mode)
);
comment on table coverage is 'Which time each stream has been collected for: the union of all finished units.';
comment on column coverage.account is 'Zoom account id.';
comment on column coverage.stream is 'Stream: sessions, messages.';
comment on column coverage.scope is 'Session id, or empty for a stream of the whole account.';
comment on column coverage.mode is 'How it was asked for; messages have sent and modified.';
comment on column coverage.covered is 'Instants (ms) whose data was collected completely.';
comment on column coverage.asked_at is 'When the last finished unit began.';

create table units (
  account text not null,
  stream text not null,
  scope text not null,
  mode text not null,
  window_from bigint not null,
  window_to bigint not null,
  attempt integer not null,
  outcome text not null,
  error text,
  pages integer not null default 0,
  rows bigint not null default 0,
  admitted bigint not null default 0,
  sightings bigint not null default 0,
  drift bigint not null default 0,
  started_at timestamptz not null,
  finished_at timestamptz,
  retry_at timestamptz,
  primary key (account, stream, scope, mode, window_from, window_to)
);
comment on table units is 'Each thing collected or being collected, its last attempt and how far it got.';
comment on column units.account is 'Zoom account id.';
comment on column units.stream is 'Stream the unit belongs to.';
comment on column units.scope is 'Session id, or empty for the whole account.';
comment on column units.mode is 'How it is asked for.';
comment on column units.window_from is 'First instant (ms) the unit covers.';
comment on column units.window_to is 'Instant (ms) before which it covers.';
comment on column units.attempt is 'How often it was begun.';
comment on column units.outcome is 'running, done or failed.';
comment on column units.error is 'Error code of the last failure.';
comment on column units.pages is 'Pages of this attempt handed to the ledger.';
comment on column units.rows is 'Rows of Zoom in those pages; one may give several candidates.';
comment on column units.admitted is 'Records that were new, drift included.';
comment on column units.sightings is 'Candidates known already.';
comment on column units.drift is 'Records known with other content.';
comment on column units.started_at is 'Begin of this attempt.';
comment on column units.finished_at is 'End of this attempt.';
comment on column units.retry_at is 'Not asked again before this moment after a failure.';
-- Planning asks it for every session. Led by retry_at it would be read from its end until the session is found.
create index units_failed on units (account, stream, scope, retry_at) where outcome = 'failed';

create table learned (
  account text not null,
  name text not null,
  value jsonb not null,
  primary key (account, name)
);
comment on table learned is 'What the archiver found out about how Zoom answers for an account.';
comment on column learned.account is 'Zoom account id.';
comment on column learned.name is 'What it is about.';
comment on column learned.value is 'The evidence.';

create table segments (
  id bigint generated always as identity primary key,
  account text not null,
  stream text not null,
  class text not null,
  day date not null,
  state text not null,
  records bigint not null,
  bytes bigint not null,
  lock_mode text,
  retain_until timestamptz,
  planned_at timestamptz not null,
  key text,
  version text,
  sha256 text,
  size bigint,
  root text,
  committed_at timestamptz
);
comment on table segments is 'Segments from plan to commit. A planned one is taken up again after a crash before anything new is planned.';
comment on column segments.id is 'Number of the plan.';
comment on column segments.account is 'Zoom account id.';
comment on column segments.stream is 'Stream of its records.';
comment on column segments.class is 'Retention class of its records.';
comment on column segments.day is 'UTC day of its records.';
comment on column segments.state is 'planned or committed.';
comment on column segments.records is 'How many records it holds.';
comment on column segments.bytes is 'Bytes of their canonical JSON.';
comment on column segments.lock_mode is 'Object Lock mode it is put under; null for none. Fixed by the plan, so a rebuild asks for the same.';
comment on column segments.retain_until is 'Object Lock date it is put under.';
comment on column segments.planned_at is 'When it was planned.';
comment on column segments.key is 'Object key; set, as all below, by the commit.';
comment on column segments.version is 'Version id that the sink gave.';
comment on column segments.sha256 is 'SHA-256 of the object.';
comment on column segments.size is 'Size of the object in bytes.';
comment on column segments.root is 'RFC 6962 root over its records.';
comment on column segments.committed_at is 'When it was committed.';
create index segments_open on segments (account, id) where state = 'planned';

create table staged (
  id bigint generated always as identity primary key,
  account text not null,
  stream text not null,
  class text not null,
  day date not null,
  records integer not null,
  bytes bigint not null,
  provenance jsonb not null,
  observed_at timestamptz not null,
  segment_id bigint references segments (id),
  lines text not null
);
comment on table staged is 'Admitted records that are not in a committed segment yet: one row per page, stream, class and day.';
comment on column staged.id is 'Order of arrival of the page, without meaning beyond this table.';
comment on column staged.account is 'Zoom account id.';
comment on column staged.stream is 'Stream of the records.';
comment on column staged.class is 'Retention class of the records.';
comment on column staged.day is 'UTC day of the records'' own time.';
comment on column staged.records is 'How many records it holds.';
comment on column staged.bytes is 'Bytes of their canonical JSON.';
comment on column staged.provenance is 'Where the page came from: run, request id, Zoom''s tracking id, session as known then.';
comment on column staged.observed_at is 'When Zoom''s answer was complete.';
comment on column staged.segment_id is 'The plan that took the row, if any.';
comment on column staged.lines is 'The records, separated by U+001E; each is drift flag, key, time in ms, kind and canonical JSON, separated by U+001F.';
-- Compressing would cost more than the disk it saves: rows live for an hour, then go into Parquet.
alter table staged alter column lines set storage external;
create index staged_group on staged (account, stream, class, day, id) where segment_id is null;
create index staged_segment on staged (segment_id, id) where segment_id is not null;
