-- Legal holds: whom and what they cover, which versions that comes to, and how far the store knows of it.

create table holds (
  account text not null,
  id text not null,
  matter text not null,
  source text not null check (source in ('own', 'zoom')),
  zoom_matter text,
  custodians text[] not null,
  channels text[] not null,
  sessions text[] not null,
  from_day date,
  to_day date,
  state text not null check (state in ('placed', 'releasing', 'ended')),
  placed_by text not null,
  placed_at timestamptz not null,
  placed_reason text not null,
  released_by text,
  released_at timestamptz,
  released_reason text,
  ends_at timestamptz,
  gone_at timestamptz,
  refreshed_to bigint not null default 0,
  refreshed_at timestamptz,
  places_hash text not null default '',
  lifted_at timestamptz,
  primary key (account, id)
);
comment on table holds is 'Legal holds, those that ended too. Placed, released and cancelled by anyone, without the lease; ended and carried out by its holder.';
comment on column holds.account is 'Zoom account id.';
comment on column holds.id is 'Names the hold in the log and in commands; of one that follows a matter of Zoom, zoom: and the matter''s id, and #2 where an earlier one of it ended.';
comment on column holds.matter is 'Name of the matter.';
comment on column holds.source is 'own: placed here; zoom: follows a matter of Zoom.';
comment on column holds.zoom_matter is 'Zoom''s id of the matter; null of an own one.';
comment on column holds.custodians is 'Whose sessions and channels are covered, by e-mail address, member id or user id. Where all three lists are empty, everything is.';
comment on column holds.channels is 'Channel ids.';
comment on column holds.sessions is 'Session ids, or the exact names of sessions.';
comment on column holds.from_day is 'First UTC day; null where it is open. Scopes are only ever widened.';
comment on column holds.to_day is 'Last UTC day; null where it is open.';
comment on column holds.state is 'placed; releasing: in its cool-off, in force as before; ended.';
comment on column holds.placed_by is 'Who placed it.';
comment on column holds.placed_at is 'When.';
comment on column holds.placed_reason is 'Why.';
comment on column holds.released_by is 'Who released it last; null where nobody has, or it was cancelled.';
comment on column holds.released_at is 'When.';
comment on column holds.released_reason is 'Why.';
comment on column holds.ends_at is 'End of the cool-off.';
comment on column holds.gone_at is 'Since when Zoom does not list the matter any more; null while it does, and for own ones.';
comment on column holds.refreshed_to is 'Segments up to this id were looked at for what it covers.';
comment on column holds.refreshed_at is 'When all segments were looked at last; null where its scope is new.';
comment on column holds.places_hash is 'SHA-256 of the places that it covered then: others make a look at all segments necessary.';
comment on column holds.lifted_at is 'When, after its end, the last flag was lifted that no other hold keeps.';

create table hold_versions (
  account text not null,
  hold text not null,
  segment_id bigint not null default 0,
  sha256 text not null default '',
  flagged boolean not null default false,
  primary key (account, hold, segment_id, sha256)
);
comment on table hold_versions is 'What each hold covers. A version is free when its last row is gone; that of a hold that ended stays until the flag is lifted, so that no crash forgets it.';
comment on column hold_versions.account is 'Zoom account id.';
comment on column hold_versions.hold is 'The hold.';
comment on column hold_versions.segment_id is 'The segment; 0 for an object.';
comment on column hold_versions.sha256 is 'The object; empty for a segment.';
comment on column hold_versions.flagged is 'Whether the store was told, for this hold or for another one.';
create index hold_versions_waiting on hold_versions (account, segment_id, sha256) where not flagged;
create index hold_versions_version on hold_versions (account, segment_id, sha256);

create index segments_held on segments (account) where held;
create index objects_held on objects (account) where held;
