-- The streams beside sessions and messages, and what guards against silent loss.

create table links (
  account text not null,
  kind text not null,
  id text not null,
  detail jsonb not null,
  open boolean not null default true,
  attempts integer not null default 0,
  error text,
  refusal text,
  refusals integer not null default 0,
  refused_since timestamptz,
  found_at timestamptz not null,
  retry_at timestamptz,
  settled_at timestamptz,
  primary key (account, kind, id)
);
comment on table links is 'What records point to and has to be fetched one by one: files, forwarded messages, legal-hold zips.';
comment on column links.account is 'Zoom account id.';
comment on column links.kind is 'file, forwarded, emoji or hold_file.';
comment on column links.id is 'What names the thing at Zoom; for a hold file a hash of matter, custodian, file key and size.';
comment on column links.detail is 'What is needed to fetch it and to describe it, as the record that pointed to it said.';
comment on column links.open is 'False once it is archived, or known to be out of reach and on record as such.';
comment on column links.attempts is 'How often it was tried; anew when it was opened again.';
comment on column links.error is 'Why the last attempt failed: an error code, or the reason for which it was refused or is out of reach.';
comment on column links.refusal is 'Reason of the last refusal by Zoom; null before the first. Other failures leave it.';
comment on column links.refusals is 'Refusals in a row for that reason, whatever else failed between them.';
comment on column links.refused_since is 'When the first of them was.';
comment on column links.found_at is 'When a record pointed to it first.';
comment on column links.retry_at is 'Not tried again before this moment after a failure.';
comment on column links.settled_at is 'When it was archived or given up.';
create index links_open on links (account, kind, found_at) where open;

create table objects (
  account text not null,
  sha256 text not null,
  state text not null,
  size bigint not null,
  class text not null,
  key text not null,
  version text,
  lock_mode text,
  retain_until timestamptz,
  planned_at timestamptz not null,
  committed_at timestamptz,
  primary key (account, sha256)
);
comment on table objects is 'Chat files and legal-hold zips in the archive, one row per content.';
comment on column objects.account is 'Zoom account id.';
comment on column objects.sha256 is 'SHA-256 of the bytes, hex.';
comment on column objects.state is 'planned or committed.';
comment on column objects.size is 'Size in bytes.';
comment on column objects.class is 'Retention class it is locked under.';
comment on column objects.key is 'Object key.';
comment on column objects.version is 'Version id that the sink gave.';
comment on column objects.lock_mode is 'Object Lock mode it is put under; null for none. Fixed by the plan.';
comment on column objects.retain_until is 'Object Lock date it is put under.';
comment on column objects.planned_at is 'When it was planned.';
comment on column objects.committed_at is 'When it was known to be stored.';

create table source_retention (
  account text not null,
  scope text not null,
  period text not null,
  observed_at timestamptz not null,
  primary key (account, scope)
);
comment on table source_retention is 'How long Zoom keeps messages, as last read from it.';
comment on column source_retention.account is 'Zoom account id.';
comment on column source_retention.scope is 'direct or channels for the account''s own periods, else a channel id with a policy of its own.';
comment on column source_retention.period is 'Zoom''s notation: 90d, 30m, 7y; empty where it sets no limit.';
comment on column source_retention.observed_at is 'When it was read last.';

alter table coverage add column lost int8multirange not null default '{}';
comment on column coverage.lost is 'Instants (ms) that Zoom had deleted before they were collected; on record, not asked for again.';

alter table units add column failures integer not null default 0;
comment on column units.failures is 'Failed attempts in a row; 0 after a success.';
create index units_failing on units (account, stream) where failures > 0;

alter table registry add column expected_from timestamptz;
comment on column registry.expected_from is 'From when on the session had to be collected: what Zoom still held when it was planned first with Zoom''s retention known.';
alter table registry add column hinted_at timestamptz;
create index registry_channel on registry (account, channel_id) where channel_id <> '';
comment on column registry.hinted_at is 'When a webhook last named the session; it is asked for sooner. Null without one.';

-- What the lists around the messages showed last.

create table subjects (
  account text not null,
  kind text not null,
  id text not null,
  name text not null,
  primary key (account, kind, id)
);
comment on table subjects is 'Users, channels, spaces and emoji that Zoom''s lists showed last: who is missing from the next list is gone.';
comment on column subjects.account is 'Zoom account id.';
comment on column subjects.kind is 'user, channel, space or emoji.';
comment on column subjects.id is 'Zoom''s id; of a user who was invited the e-mail address.';
comment on column subjects.name is 'Name when seen last, for the record that says it is gone.';
