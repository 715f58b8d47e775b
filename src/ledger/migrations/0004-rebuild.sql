-- A ledger that is made again from the archive. Both tables are empty but for that time.

create table rebuilds (
  account text primary key,
  log_size bigint not null,
  log_root bytea not null,
  next_entry bigint not null default 0
);
comment on table rebuilds is 'One row while the ledger of an account is being made again from its archive; until then it has no log and is not to be used.';
comment on column rebuilds.account is 'Zoom account id.';
comment on column rebuilds.log_size is 'Entries of the published log that it is made from.';
comment on column rebuilds.log_root is 'Root of the tree over them.';
comment on column rebuilds.next_entry is 'Entries before this one are done with.';

create table rebuild_states (
  account text not null,
  key uuid not null,
  month date not null,
  content uuid not null,
  observed_at timestamptz not null,
  entry_index bigint not null,
  stream text not null,
  kind text not null,
  record text,
  primary key (account, key)
);
comment on table rebuild_states is 'The latest state of what changes, as far as the archive was read.';
comment on column rebuild_states.account is 'Zoom account id.';
comment on column rebuild_states.key is 'As in states.';
comment on column rebuild_states.month is 'As in states.';
comment on column rebuild_states.content is 'As in states.';
comment on column rebuild_states.observed_at is 'When it was observed: a later one takes its place.';
comment on column rebuild_states.entry_index is 'Place in the log of its segment, which decides between states of one moment.';
comment on column rebuild_states.stream is 'Stream of the record.';
comment on column rebuild_states.kind is 'Kind of the record.';
comment on column rebuild_states.record is 'Its JSON where more than states is made of it, else null.';
create index rebuild_states_records on rebuild_states (account, stream, kind, key) where record is not null;
