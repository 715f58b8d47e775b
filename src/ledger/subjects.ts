import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { storableText } from './staged.ts';

export const SUBJECT_KINDS = ['user', 'channel', 'space', 'emoji'] as const;
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

export interface Subject {
  readonly id: string;
  readonly name: string;
}

/** The subjects of a kind that are known and not gone: names by id. */
export async function knownSubjects(
  db: Database,
  account: string,
  kind: SubjectKind,
): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<{ id: string; name: string }>(
    'select id, name from subjects where account = $1 and kind = $2',
    [account, kind],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** Channels that a listing of sessions named, and those known as subjects: names by id. */
export async function knownChannels(db: Database, account: string): Promise<ReadonlyMap<string, string>> {
  const rows = await db.query<{ id: string; name: string }>(
    `select id, max(name) as name from (
       select channel_id as id, name from registry where account = $1 and channel_id <> ''
       union all
       select id, name from subjects where account = $1 and kind = 'channel'
     ) as known group by id`,
    [account],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** Remembers subjects, with their names of now. Fails with `lease-lost`. */
export async function rememberSubjects(
  db: Database,
  lease: Lease,
  kind: SubjectKind,
  subjects: readonly Subject[],
): Promise<void> {
  if (subjects.length === 0) return;
  const distinct = [...new Map(subjects.map(({ id, name }) => [storableText(id), name]))];
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     upsert as (
       insert into subjects as s (account, kind, id, name)
       select $1, $3, n.id, n.name from guard, unnest($4::text[], $5::text[]) as n (id, name)
       on conflict (account, kind, id) do update set name = excluded.name where s.name <> excluded.name
     )
     select 1 from guard`,
    [
      lease.account,
      lease.generation,
      kind,
      distinct.map(([id]) => id),
      distinct.map(([, name]) => storableText(name)),
    ],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** Forgets subjects that are gone and on record as such. Fails with `lease-lost`. */
export async function forgetSubjects(
  db: Database,
  lease: Lease,
  kind: SubjectKind,
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     gone as (
       delete from subjects where account = $1 and kind = $3 and id = any($4::text[])
         and exists (select 1 from guard)
     )
     select 1 from guard`,
    [lease.account, lease.generation, kind, ids],
  );
  if (rows.length === 0) throw leaseLost(lease);
}
