/** What a segment holds, as the ledger keeps it: noted with the commit of the segment, or read from it later. */
import type { Stream } from '../record.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { storableText } from './staged.ts';

/** A place is a session, a channel, or what `segment_contents` names beside; a sender is empty where nobody wrote. */
export interface PlacedRecords {
  readonly place: string;
  readonly sender: string;
  readonly records: number;
}

/** A record that points to a file. */
export interface PlacedFile {
  readonly file: string;
  readonly place: string;
  readonly sender: string;
  /** UTC, `yyyy-mm-dd`. */
  readonly day: string;
}

/** What the records of one segment tell. Pairs may come more than once. */
export interface SegmentContents {
  readonly records: readonly PlacedRecords[];
  readonly files: readonly PlacedFile[];
  /** Objects that hold the bytes of a file. */
  readonly objects: readonly { readonly file: string; readonly sha256: string }[];
  readonly participants: readonly { readonly person: string; readonly place: string }[];
  /** Of one person. */
  readonly people: readonly { readonly email: string; readonly memberId: string }[];
}

export const NO_CONTENTS: SegmentContents = {
  records: [],
  files: [],
  objects: [],
  participants: [],
  people: [],
};

/** The longest e-mail address. What is longer is no name, and would not fit into an index three times. */
const LONGEST_NAME = 254;

function name(text: string): string {
  return storableText(text.length > LONGEST_NAME ? text.slice(0, LONGEST_NAME) : text);
}

/** A person as `participants` and `people` have him. @param text an e-mail address, a member id or a user id */
export function personName(text: string): string {
  return name(text.includes('@') ? text.toLowerCase() : text);
}

/**
 * The statements that note what a segment holds, for a `with` that has the row of the segment, with its `id`, as
 * `segment`; where that is empty nothing is noted. `$1` is the account.
 * @param first number of the first of {@link contentValues} among the statement's values
 */
export function noteContents(segment: string, first: number): string {
  const array = (index: number, type = 'text'): string => `$${first + index}::${type}[]`;
  return `noted_records as (
      insert into segment_contents (segment_id, place, sender, records)
      select s.id, n.place, n.sender, sum(n.records) from ${segment} s,
        unnest(${array(0)}, ${array(1)}, ${array(2, 'integer')}) as n (place, sender, records)
      group by s.id, n.place, n.sender
    ), noted_files as (
      insert into file_places (account, file, place, sender, day)
      select $1, n.file, n.place, n.sender, n.day from ${segment},
        unnest(${array(3)}, ${array(4)}, ${array(5)}, ${array(6, 'date')}) as n (file, place, sender, day)
      on conflict do nothing
    ), noted_objects as (
      insert into file_objects (account, file, sha256)
      select $1, n.file, n.sha256 from ${segment}, unnest(${array(7)}, ${array(8)}) as n (file, sha256)
      on conflict do nothing
    ), noted_participants as (
      insert into participants (account, person, place)
      select $1, n.person, n.place from ${segment}, unnest(${array(9)}, ${array(10)}) as n (person, place)
      on conflict do nothing
    ), noted_people as (
      insert into people (account, email, member_id)
      select $1, n.email, n.member_id from ${segment}, unnest(${array(11)}, ${array(12)}) as n (email, member_id)
      on conflict do nothing
    )`;
}

/** The arrays of {@link noteContents}. */
export function contentValues(contents: SegmentContents): readonly unknown[] {
  const { records, files, objects, participants, people } = contents;
  return [
    records.map(({ place }) => name(place)),
    records.map(({ sender }) => personName(sender)),
    records.map((one) => one.records),
    files.map(({ file }) => name(file)),
    files.map(({ place }) => name(place)),
    files.map(({ sender }) => personName(sender)),
    files.map(({ day }) => day),
    objects.map(({ file }) => name(file)),
    objects.map(({ sha256 }) => sha256),
    participants.map(({ person }) => personName(person)),
    participants.map(({ place }) => name(place)),
    people.map(({ email }) => personName(email)),
    people.map(({ memberId }) => personName(memberId)),
  ];
}

/** Notes what a committed segment holds; twice is as once. Fails with `lease-lost`. */
export async function indexSegment(
  db: Database,
  lease: Lease,
  id: number,
  contents: SegmentContents,
): Promise<void> {
  const rows = await db.query(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     segment as (
       update segments set indexed = true where id = $3 and account = $1 and not indexed and exists (select 1 from guard)
       returning id
     ), ${noteContents('segment', 4)}
     select 1 from guard`,
    [lease.account, lease.generation, id, ...contentValues(contents)],
  );
  if (rows.length === 0) throw leaseLost(lease);
}

/** A committed segment of which the ledger does not know what it holds. */
export interface UnindexedSegment {
  readonly id: number;
  /** As it was staged. */
  readonly stream: Stream;
  /** UTC day of its records. */
  readonly date: string;
  readonly key: string;
  readonly version: string;
  readonly sha256: string;
  /** Bytes of the file. */
  readonly bytes: number;
}

/** How many segments are still to be indexed. */
export async function countUnindexed(db: Database, account: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*) as count from segments
     where account = $1 and not indexed and state = 'committed' and disposed_at is null`,
    [account],
  );
  return row?.count ?? 0;
}

/** Some of them, in order. @param afterId those of this id and before are passed over */
export async function unindexedSegments(
  db: Database,
  account: string,
  afterId: number,
  limit: number,
): Promise<readonly UnindexedSegment[]> {
  return db.query<UnindexedSegment & Record<string, unknown>>(
    `select id, stream, day::text as date, key, version, sha256, size as bytes from segments
     where account = $1 and id > $2 and not indexed and state = 'committed' and disposed_at is null
     order by id limit $3`,
    [account, afterId, limit],
  );
}
