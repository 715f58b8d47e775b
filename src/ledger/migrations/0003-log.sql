-- The transparency log over the archive, as far as it is not in the archive itself yet.

create table log_entries (
  id bigint generated always as identity primary key,
  account text not null,
  entry_index bigint,
  entry text not null,
  unique (account, entry_index)
);
comment on table log_entries is 'Entries of the log: those that wait for their place, and those of the last bundle of entries.';
comment on column log_entries.id is 'Order of commit, roughly; the order that counts is the index.';
comment on column log_entries.account is 'Zoom account id.';
comment on column log_entries.entry_index is 'Place in the log, from 0; null until it has one.';
comment on column log_entries.entry is 'Canonical JSON of the entry.';
create index log_entries_waiting on log_entries (account, id) where entry_index is null;

create table log_heads (
  account text primary key,
  size bigint not null,
  frontier bytea not null,
  published_size bigint not null,
  published_frontier bytea not null
);
comment on table log_heads is 'How far the log of each account goes, and how much of it was published.';
comment on column log_heads.account is 'Zoom account id.';
comment on column log_heads.size is 'Entries that have a place.';
comment on column log_heads.frontier is 'Right edge of the tree over them: all that appending needs.';
comment on column log_heads.published_size is 'Entries that the published checkpoint covers, with the full tiles and bundles of them locked.';
comment on column log_heads.published_frontier is 'Right edge of the tree over those.';
