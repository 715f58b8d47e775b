/** What is sealed, and what it is kept by: for judging it anew by a schedule, and for lengthening its locks. */
import type { Stream } from '../record.ts';
import type { Database } from './database.ts';
import { ALL, inBulk } from './in-bulk.ts';
import { type Lease, leaseLost } from './lease.ts';

/** What the ledger knows of a place that decides about retention. */
export interface KnownPlace {
  readonly place: string;
  /** Undefined for what is no session. */
  readonly session: { readonly type: string; readonly name: string; readonly channelId: string } | undefined;
  readonly external: boolean | undefined;
}

/** Records that a schedule cannot tell apart. */
export interface RecordGroup {
  readonly stream: Stream;
  readonly place: string;
  /** Empty where senders do not matter. */
  readonly sender: string;
}

/** Each time all that segments hold is read. */
const PLACES_AT_A_TIME = 20_000;

/**
 * All groups of records that are sealed and not destroyed, some places at a time.
 * @param bySender whether records of two senders are two groups
 */
export async function* sealedGroups(
  db: Database,
  account: string,
  bySender: boolean,
): AsyncGenerator<{ readonly places: readonly KnownPlace[]; readonly groups: readonly RecordGroup[] }> {
  for (let after = ''; ; ) {
    const groups = await inBulk(db, ALL, (tx) =>
      tx.query<RecordGroup & Record<string, unknown>>(
        `with chunk as materialized (
         select distinct place from segment_contents where place > $2 order by place limit $3
       )
       select distinct s.stream, c.place, ${bySender ? 'c.sender' : "'' as sender"}
       from chunk join segment_contents c using (place) join segments s on s.id = c.segment_id
       where s.account = $1 and s.disposed_at is null order by place`,
        [account, after, PLACES_AT_A_TIME],
      ),
    );
    const [range] = await db.query<{ last: string | null }>(
      `select max(place) as last from
         (select distinct place from segment_contents where place > $1 order by place limit $2) as chunk`,
      [after, PLACES_AT_A_TIME],
    );
    if (range === undefined || range.last === null) return;
    const names = [...new Set(groups.map(({ place }) => place))];
    if (groups.length > 0) yield { places: await knownPlaces(db, account, names), groups };
    after = range.last;
  }
}

/** What is known of each of these places; those of which nothing is are there too. */
export async function knownPlaces(
  db: Database,
  account: string,
  names: readonly string[],
): Promise<readonly KnownPlace[]> {
  const rows = await db.query<{
    place: string;
    type: string | null;
    name: string | null;
    channel_id: string | null;
    external: boolean | null;
  }>(
    `select p.place, r.type, r.name, r.channel_id, r.external from unnest($2::text[]) as p (place)
     left join registry r on r.account = $1 and r.session_id = p.place`,
    [account, names],
  );
  return rows.map(({ place, type, name, channel_id: channelId, external }) => ({
    place,
    session: type === null ? undefined : { type, name: name ?? '', channelId: channelId ?? '' },
    external: external ?? undefined,
  }));
}

/** A group and the rank of the class that it falls under. */
export interface RankedGroup extends RecordGroup {
  readonly rank: number;
}

/** By what is kept: the classes of the ledger with their ranks. */
export type Ranks = ReadonlyMap<string, number>;

/**
 * Segments with a record of these groups that ranks above the class that governs them.
 * @returns the highest such rank by segment id
 */
export async function outrankedSegments(
  db: Database,
  account: string,
  groups: readonly RankedGroup[],
  bySender: boolean,
  ranks: Ranks,
): Promise<ReadonlyMap<number, number>> {
  const rows = await inBulk(db, ALL, (tx) =>
    tx.query<{ id: number; rank: number }>(
      `select s.id, max(g.rank) as rank
     from unnest($2::text[], $3::text[], $4::text[], $5::integer[]) as g (stream, place, sender, rank)
     join segment_contents c on c.place = g.place ${bySender ? 'and c.sender = g.sender' : ''}
     join segments s on s.id = c.segment_id and s.stream = g.stream
     join unnest($6::text[], $7::integer[]) as now (class, rank) on now.class = s.governed_by
     where s.account = $1 and s.disposed_at is null and g.rank > now.rank
     group by s.id`,
      [account, ...groupValues(groups), [...ranks.keys()], [...ranks.values()]],
    ),
  );
  return new Map(rows.map(({ id, rank }) => [id, rank]));
}

/** The same of objects: files of messages, and legal-hold zips. @returns the highest such rank by SHA-256 */
export async function outrankedObjects(
  db: Database,
  account: string,
  groups: readonly RankedGroup[],
  bySender: boolean,
  ranks: Ranks,
): Promise<ReadonlyMap<string, number>> {
  const pointing = groups.filter(({ stream }) => stream === 'files' || stream === 'hold_files');
  if (pointing.length === 0) return new Map();
  const rows = await inBulk(db, ALL, (tx) =>
    tx.query<{ sha256: string; rank: number }>(
      `select o.sha256, max(g.rank) as rank
     from unnest($2::text[], $3::text[], $4::text[], $5::integer[]) as g (stream, place, sender, rank)
     join object_contents c on c.account = $1 and c.place = g.place ${bySender ? 'and c.sender = g.sender' : ''}
     join objects o on o.account = $1 and o.sha256 = c.sha256
     join unnest($6::text[], $7::integer[]) as now (class, rank) on now.class = o.governed_by
     where o.disposed_at is null and g.rank > now.rank
     group by o.sha256`,
      [account, ...groupValues(pointing), [...ranks.keys()], [...ranks.values()]],
    ),
  );
  return new Map(rows.map(({ sha256, rank }) => [sha256, rank]));
}

function groupValues(groups: readonly RankedGroup[]): readonly unknown[] {
  return [
    groups.map(({ stream }) => stream),
    groups.map(({ place }) => place),
    groups.map(({ sender }) => sender),
    groups.map(({ rank }) => rank),
  ];
}

/** A version in the archive, and what it is kept by. */
export interface KeptVersion {
  /** The segment's number; undefined for an object. */
  readonly segment: number | undefined;
  /** Names an object; of a segment its file's. */
  readonly sha256: string;
  readonly key: string;
  readonly version: string;
  /** UTC day from whose end its period counts. */
  readonly day: string;
  readonly governedBy: string;
  /** Records of a segment; 0 of an object. */
  readonly records: number;
  /** Of the stored file. */
  readonly bytes: number;
  readonly lock: { readonly mode: 'governance' | 'compliance'; readonly retainUntil: Date } | null;
}

interface KeptRow extends Record<string, unknown> {
  readonly id: number | null;
  readonly sha256: string;
  readonly key: string;
  readonly version: string;
  readonly day: string;
  readonly governed_by: string;
  readonly records: number;
  readonly bytes: number;
  readonly lock_mode: string | null;
  readonly retain_until: Date | null;
}

/**
 * SQL: the UTC day from whose end the period of an object counts, a row `o`; `$1` is the account. A file that is sent on
 * is archived once: it counts from the last record that points to it, and from when its content came last.
 */
export const OBJECT_DAY = `greatest((greatest(o.planned_at, o.wanted_at) at time zone 'UTC')::date,
  (select max(c.day) from object_contents c where c.account = $1 and c.sha256 = o.sha256))`;

const VERSIONS_AT_A_TIME = 5000;

/** Every version that is in the archive, segments first, some at a time; none that the log says is disposed of. */
export async function* keptVersions(db: Database, account: string): AsyncGenerator<readonly KeptVersion[]> {
  for (let after = 0; ; ) {
    const rows = await db.query<KeptRow>(
      `select id, sha256, key, version, day::text as day, governed_by, records, size as bytes, lock_mode, retain_until
       from segments s where account = $1 and state = 'committed' and disposed_at is null and id > $2
         and not exists (select 1 from disposals d where d.segment_id = s.id)
       order by id limit $3`,
      [account, after, VERSIONS_AT_A_TIME],
    );
    if (rows.length > 0) yield rows.map(versionOf);
    if (rows.length < VERSIONS_AT_A_TIME) break;
    after = rows.at(-1)?.id ?? after;
  }
  for (let after = ''; ; ) {
    const rows = await db.query<KeptRow>(
      `select null::bigint as id, o.sha256, o.key, o.version, ${OBJECT_DAY}::text as day, o.governed_by, 0 as records, o.size as bytes, o.lock_mode, o.retain_until
       from objects o where o.account = $1 and o.state = 'committed' and o.disposed_at is null and not o.disposing
         and o.sha256 > $2
       order by o.sha256 limit $3`,
      [account, after, VERSIONS_AT_A_TIME],
    );
    if (rows.length > 0) yield rows.map(versionOf);
    if (rows.length < VERSIONS_AT_A_TIME) return;
    after = rows.at(-1)?.sha256 ?? after;
  }
}

function versionOf(row: KeptRow): KeptVersion {
  const { id, sha256, key, version, day, records, bytes, lock_mode: mode, retain_until: retainUntil } = row;
  const locked = (mode === 'governance' || mode === 'compliance') && retainUntil !== null;
  return {
    segment: id ?? undefined,
    sha256,
    key,
    version,
    day,
    governedBy: row.governed_by,
    records,
    bytes,
    lock: locked ? { mode, retainUntil } : null,
  };
}

/**
 * Notes that a version is kept by another class or for longer, with its entry for the log, at once. Twice is as once.
 * Nothing is noted of what the log says is disposed of: no promise may follow that. Fails with `lease-lost`.
 */
export async function noteKept(
  db: Database,
  lease: Lease,
  version: Pick<KeptVersion, 'segment' | 'sha256'>,
  kept: { readonly governedBy: string; readonly lock: KeptVersion['lock']; readonly entry: string },
): Promise<void> {
  const { segment, sha256 } = version;
  const [table, standing] =
    segment === undefined
      ? ['objects', 'sha256 = $3 and not v.disposing']
      : ['segments', 'id = $3 and not exists (select 1 from disposals d where d.segment_id = v.id)'];
  const [row] = await db.query<{ leader: boolean }>(
    `with guard as (select 1 from lease where account = $1 and generation = $2 for share),
     noted as (
       update ${table} v set governed_by = $4, lock_mode = $5, retain_until = $6
       where account = $1 and ${standing} and disposed_at is null and exists (select 1 from guard)
         and (governed_by, lock_mode, retain_until) is distinct from ($4, $5, $6::timestamptz)
       returning 1
     ), logged as (insert into log_entries (account, entry) select $1, $7 from noted)
     select exists (select 1 from guard) as leader`,
    [
      lease.account,
      lease.generation,
      segment ?? sha256,
      kept.governedBy,
      kept.lock?.mode ?? null,
      kept.lock?.retainUntil ?? null,
      kept.entry,
    ],
  );
  if (row?.leader !== true) throw leaseLost(lease);
}

/** Records that are not sealed yet, by class. */
export async function stagedByClass(
  db: Database,
  account: string,
): Promise<readonly { readonly class: string; readonly records: number; readonly bytes: number }[]> {
  return db.query<{ class: string; records: number; bytes: number }>(
    `select class, sum(records) as records, sum(bytes) as bytes from staged where account = $1 group by class order by class`,
    [account],
  );
}

/** What a segment is kept by. */
export interface KeptSegment {
  readonly key: string;
  /** When it was sealed. */
  readonly class: string;
  readonly governedBy: string;
  /** Null without a lock. */
  readonly until: Date | null;
  readonly held: boolean;
}

/** By the segment's key; undefined for one that the ledger does not know. */
export async function keptSegment(
  db: Database,
  account: string,
  key: string,
): Promise<KeptSegment | undefined> {
  const [row] = await db.query<KeptSegment & Record<string, unknown>>(
    `select key, class, governed_by as "governedBy", retain_until as until, held from segments
     where account = $1 and key = $2`,
    [account, key],
  );
  return row;
}
