/** Which segments and objects hold something of a place or a person, answered without reading the archive. */
import type { Database } from './database.ts';
import { inBulk, SOME } from './in-bulk.ts';
import { personName } from './segment-contents.ts';

/**
 * The addresses and ids that are one person with each of `asked`, as rows of `root` and `name`: from an address to
 * its ids and back until nothing new is found. An address that was given to somebody else makes two people one: whoever
 * asks gets more, never less.
 * @param asked SQL of a set of rows `name`; `$1` is the account
 */
function aliases(asked: string): string {
  return `alias (root, name) as (
      select name, name from (${asked}) a
      union
      select a.root, p.name from alias a, lateral (
        select member_id as name from people where account = $1 and email = a.name
        union all
        select email from people where account = $1 and member_id = a.name
      ) p
    )`;
}

/**
 * All addresses and ids that are one person with this one, itself among them.
 * @param person an e-mail address, a member id or a user id
 */
export async function aliasesOf(db: Database, account: string, person: string): Promise<readonly string[]> {
  const rows = await db.query<{ name: string }>(
    `with recursive ${aliases('select $2::text as name')} select distinct name from alias order by name`,
    [account, personName(person)],
  );
  return rows.map(({ name }) => name);
}

/** SQL of the session of a channel, or the channel of a session. @param place SQL of its id */
function counterparts(place: string): string {
  return `select session_id as place from registry where account = $1 and channel_id = ${place} and channel_id <> ''
    union all
    select channel_id from registry where account = $1 and session_id = ${place} and channel_id <> ''`;
}

/**
 * The sessions and channels in which any of these people was ever seen, a session and its channel always both.
 * @param persons e-mail addresses, member ids, user ids
 */
export async function placesOf(
  db: Database,
  account: string,
  persons: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await db.query<{ place: string }>(
    `with recursive ${aliases('select unnest($2::text[]) as name')},
     seen as (
       select distinct p.place from (select distinct name from alias) a
       join participants p on p.account = $1 and p.person = a.name
     )
     select place from seen
     union
     select other.place from seen s, lateral (${counterparts('s.place')}) other`,
    [account, persons.map(personName)],
  );
  return new Set(rows.map(({ place }) => place));
}

/**
 * Who was ever seen in sessions and channels, by e-mail address in lower case: every address that the person was seen
 * with anywhere. Of a session also those seen in its channel, and the other way round. Who is known by id alone has no
 * address and is left out.
 * @param places session and channel ids
 */
export async function membersOf(
  db: Database,
  account: string,
  places: readonly string[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const rows = await inBulk(db, SOME, (tx) =>
    tx.query<{ place: string; email: string }>(
      `with recursive asked as (
       select distinct unnest($2::text[]) as place
     ), present as materialized (
       select distinct stand.place, p.person from (
         select place, place as at from asked
         union all
         select a.place, other.place from asked a, lateral (${counterparts('a.place')}) other
       ) stand join participants p on p.account = $1 and p.place = stand.at
     ), ${aliases('select distinct person as name from present')}
     select distinct p.place, a.name as email from present p
     join (select root, name from alias where position('@' in name) > 0) a on a.root = p.person`,
      [account, places],
    ),
  );
  const members = new Map<string, Set<string>>();
  for (const { place, email } of rows) {
    const known = members.get(place);
    if (known === undefined) members.set(place, new Set([email]));
    else known.add(email);
  }
  return members;
}

/** What is asked for: the records of some places, of some days. */
export interface PlacesAndDays {
  /** Null for everything, whatever place it is of. */
  readonly places: readonly string[] | null;
  /** UTC days, both included; open where they are missing. */
  readonly fromDay?: string;
  readonly toDay?: string;
}

/** A segment with something in scope. */
export interface CoveredSegment {
  readonly id: number;
  /** Records in scope. The whole segment holds `total`. */
  readonly records: number;
  readonly total: number;
  /** Bytes of its file. */
  readonly bytes: number;
}

/**
 * Segments of which a record is in scope, in order of id; what was destroyed is not among them. A segment that is not
 * indexed is found where all places are asked for, and only then.
 * @param afterId those of this id and before are passed over
 */
export async function coveredSegments(
  db: Database,
  account: string,
  { places, fromDay = '-infinity', toDay = 'infinity' }: PlacesAndDays,
  afterId = 0,
): Promise<readonly CoveredSegment[]> {
  const values = [account, fromDay, toDay, afterId];
  const standing = `s.account = $1 and s.state = 'committed' and s.disposed_at is null
    and s.day between $2::date and $3::date and s.id > $4`;
  if (places === null) {
    return db.query<CoveredSegment & Record<string, unknown>>(
      `select s.id, s.records, s.records as total, s.size as bytes from segments s where ${standing} order by s.id`,
      values,
    );
  }
  // Without the limit Postgres may take each segment, and look for it in all that was found.
  return db.query<CoveredSegment & Record<string, unknown>>(
    `select s.id, c.records, s.records as total, s.size as bytes
     from (
       select c.segment_id, sum(c.records) as records
       from (select distinct unnest($5::text[]) as place) p
       join segment_contents c on c.place = p.place and c.segment_id > $4
       group by c.segment_id
     ) c, lateral (select * from segments where id = c.segment_id limit 1) s
     where ${standing} order by s.id`,
    [...values, places],
  );
}

/** An object that stands in scope. */
export interface CoveredObject {
  readonly sha256: string;
  /** Its size. */
  readonly bytes: number;
}

/**
 * Objects that a record in scope points to, in order of their hash; what was destroyed is not among them. Where all
 * places of all days are asked for, also those to which no record points yet.
 * @param afterSha256 this one and those before are passed over
 */
export async function coveredObjects(
  db: Database,
  account: string,
  { places, fromDay = '-infinity', toDay = 'infinity' }: PlacesAndDays,
  afterSha256 = '',
): Promise<readonly CoveredObject[]> {
  const standing = `o.account = $1 and o.state = 'committed' and o.disposed_at is null and o.sha256 > $2`;
  if (places === null && fromDay === '-infinity' && toDay === 'infinity') {
    return db.query<CoveredObject & Record<string, unknown>>(
      `select o.sha256, o.size as bytes from objects o where ${standing} order by o.sha256`,
      [account, afterSha256],
    );
  }
  return db.query<CoveredObject & Record<string, unknown>>(
    `select o.sha256, o.size as bytes
     from (
       select distinct c.sha256 from object_contents c
       where c.account = $1 and ($5::text[] is null or c.place = any($5::text[]))
         and c.day between $3::date and $4::date
     ) c, lateral (select * from objects where account = $1 and sha256 = c.sha256 limit 1) o
     where ${standing} order by o.sha256`,
    [account, afterSha256, fromDay, toDay, places],
  );
}
