-- What was destroyed, and what is about to be.

create table disposals (
  id bigint generated always as identity primary key,
  account text not null,
  segment_id bigint references segments (id),
  object_sha256 text,
  key text not null,
  version text not null,
  sha256 text not null,
  bytes bigint not null,
  class text not null,
  requested_by text not null,
  approved_by text,
  reason text not null,
  logged_at timestamptz not null,
  destroying boolean not null default false,
  refusal text,
  done_at timestamptz,
  check ((segment_id is null) <> (object_sha256 is null))
);
comment on table disposals is 'Segments and objects that an entry of the log says were disposed of. A row begins with the entry, in the same transaction.';
comment on column disposals.id is 'Order of the entries, roughly.';
comment on column disposals.account is 'Zoom account id.';
comment on column disposals.segment_id is 'The segment; null for an object.';
comment on column disposals.object_sha256 is 'Names the object; null for a segment. An object whose content comes again later can have several rows.';
comment on column disposals.key is 'Where it stands, or stood.';
comment on column disposals.version is 'The version that the archive named. All versions of the key are destroyed.';
comment on column disposals.sha256 is 'Of its bytes.';
comment on column disposals.bytes is 'Its size.';
comment on column disposals.class is 'Class by which it was kept.';
comment on column disposals.requested_by is 'Who had it destroyed; `schedule` for the daemon.';
comment on column disposals.approved_by is 'The second name, where the class asks for a review.';
comment on column disposals.reason is 'Why, in the words of the first.';
comment on column disposals.logged_at is 'When the entry was committed.';
comment on column disposals.destroying is 'Whether a process said that it destroys it now. Said before it looks for holds, as holds are placed before looking for this: one of both sees the other.';
comment on column disposals.refusal is 'Why it is not destroyed yet, as the store or a hold said last; null where nothing refused.';
comment on column disposals.done_at is 'When the store had destroyed it; null until then.';
create unique index disposals_segment on disposals (segment_id) where segment_id is not null;
create unique index disposals_underway_object on disposals (account, object_sha256) where done_at is null and object_sha256 is not null;
create index disposals_underway on disposals (account, id) where done_at is null;

alter table objects add column wanted_at timestamptz;
alter table objects add column disposing boolean not null default false;
comment on column objects.wanted_at is 'When the same content came last after it was planned: its period begins anew then. Null where it came once.';
comment on column objects.disposing is 'The log says that it was disposed of, and it is not destroyed yet: nothing may point to it any more.';
