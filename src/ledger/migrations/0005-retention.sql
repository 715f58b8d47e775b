-- What segments and objects hold, and by which class they are kept.

create table segment_contents (
  segment_id bigint not null,
  place text not null,
  sender text not null,
  records integer not null,
  primary key (segment_id, place, sender)
);
comment on table segment_contents is 'How many records of each place and sender a segment holds. One of coverage has no row: it says how the collecting of whole sessions and lists went, whoever wrote in them.';
comment on column segment_contents.segment_id is 'The segment.';
comment on column segment_contents.place is 'Session id; channel id of activities and of context about a channel; else kind and id: user:ID, space:ID, emoji:ID, settings:ID, matter:ID.';
comment on column segment_contents.sender is 'Who wrote it, by e-mail address in lower case, else by member id; of a file its message''s sender, of a legal-hold zip the custodian; empty where nobody did.';
comment on column segment_contents.records is 'Records of that place and sender.';
create index segment_contents_place on segment_contents (place, segment_id) include (records);

create table file_places (
  account text not null,
  file text not null,
  place text not null,
  sender text not null,
  day date not null,
  primary key (account, file, place, sender, day)
);
comment on table file_places is 'Where sealed records point to files. Zoom gives a file that is sent on the same id, and it is archived once.';
comment on column file_places.account is 'Zoom account id.';
comment on column file_places.file is 'Zoom''s file id; of a file without one, and of a legal-hold zip, a hash of what names it.';
comment on column file_places.place is 'As in segment_contents.';
comment on column file_places.sender is 'As in segment_contents.';
comment on column file_places.day is 'UTC day of the record.';
create index file_places_place on file_places (account, place, file);

create table file_objects (
  account text not null,
  file text not null,
  sha256 text not null,
  primary key (account, file, sha256)
);
comment on table file_objects is 'Which objects hold the bytes of a file: one, its parts, what came another time; of a legal-hold zip also its listing.';
comment on column file_objects.account is 'Zoom account id.';
comment on column file_objects.file is 'As in file_places.';
comment on column file_objects.sha256 is 'Names the object.';
create index file_objects_object on file_objects (account, sha256);

create view object_contents as
  select distinct account, o.sha256, p.place, p.sender, p.day
  from file_objects o join file_places p using (account, file);
comment on view object_contents is 'In which places an object stands. Not a table, so that it does not matter whether the file or what points to it was sealed first.';

create table participants (
  account text not null,
  person text not null,
  place text not null,
  primary key (account, person, place)
);
comment on table participants is 'Who was ever seen in a session or channel: senders, receivers, members, those who came and went.';
comment on column participants.account is 'Zoom account id.';
comment on column participants.person is 'E-mail address in lower case, member id or user id.';
comment on column participants.place is 'Session id or channel id.';
create index participants_place on participants (account, place, person);

create table people (
  account text not null,
  email text not null,
  member_id text not null,
  primary key (account, email, member_id)
);
comment on table people is 'Which e-mail addresses and ids were seen together on one row of Zoom, and so are one person.';
comment on column people.account is 'Zoom account id.';
comment on column people.email is 'In lower case.';
comment on column people.member_id is 'Member id, or user id.';
create index people_member on people (account, member_id, email);

alter table segments add column indexed boolean not null default false;
alter table segments add column governed_by text;
alter table segments add column held boolean not null default false;
alter table segments add column disposed_at timestamptz;
update segments set governed_by = class;
alter table segments alter column governed_by set not null;
comment on column segments.indexed is 'Whether segment_contents and the tables beside it have what it holds.';
comment on column segments.governed_by is 'Class by which it is kept from now on: its own, or one that keeps longer.';
comment on column segments.held is 'Whether the store was told of a legal hold on it.';
comment on column segments.disposed_at is 'When it was destroyed; null while it is there.';
create index segments_unindexed on segments (account, id) where not indexed and state = 'committed';

alter table objects add column governed_by text;
alter table objects add column held boolean not null default false;
alter table objects add column disposed_at timestamptz;
update objects set governed_by = class;
alter table objects alter column governed_by set not null;
comment on column objects.governed_by is 'As of segments.';
comment on column objects.held is 'As of segments.';
comment on column objects.disposed_at is 'As of segments.';
