-- The terms of retention classes, which outlive the schedule that named them.

create table retention_classes (
  account text not null,
  class text not null,
  keep text not null,
  mode text not null,
  disposition text not null,
  schedule text not null,
  since timestamptz not null,
  primary key (account, class)
);
comment on table retention_classes is 'What each retention class promises: by the schedule in force, or by the last one that named it.';
comment on column retention_classes.account is 'Zoom account id.';
comment on column retention_classes.class is 'Name of the class.';
comment on column retention_classes.keep is 'Period, counted from the end of the record''s day: 90d, 18m, 7y.';
comment on column retention_classes.mode is 'governance, compliance or none.';
comment on column retention_classes.disposition is 'keep, review or destroy.';
comment on column retention_classes.schedule is 'SHA-256 of the schedule that set these terms.';
comment on column retention_classes.since is 'When that schedule came into force.';

alter table registry add column external boolean;
comment on column registry.external is 'Whether Zoom ever listed the session with a member of another account; null while it has not said.';
