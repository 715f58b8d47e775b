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
