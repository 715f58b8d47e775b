/** What of the archive is past its period, and the entries that say that it goes. */
import type { Database } from './database.ts';
import { OBJECT_DAY } from './kept.ts';
import { type Lease, requireLease } from './lease.ts';

/** The last UTC day (`yyyy-mm-dd`) of a class whose records are past their period. */
export interface PastDay {
  readonly class: string;
  readonly day: string;
}

/** A segment or an object whose own period is over. */
export interface Candidate {
  readonly kind: 'segment' | 'object';
  /** Id of a segment, hash of an object. */
  readonly id: string;
  readonly key: string;
  readonly version: string;
  readonly sha256: string;
  /** Records of a segment; 0 for an object. */
  readonly records: number;
  readonly bytes: number;
  /** By which it is kept. */
  readonly class: string;
  /** UTC day that its period is counted from. */
  readonly day: string;
  /** Milliseconds; undefined where nothing was locked. */
  readonly lockedUntil: number | undefined;
  readonly onHold: boolean;
  /** Classes and newest days of the segments whose records point to the object. */
  readonly pointing: readonly { readonly class: string; readonly day: string }[];
}

/**
 * SQL: whether a segment `s`, or an object `o`, is on hold: the store was told, or a hold in force covers it, or one
 * was placed of which it is not known yet whether it does. The one place that says so. What comes later may point to an
 * old object, and may show a custodian, or a session of a name, in a place with old segments; only what a hold names by
 * itself is decided with the segment.
 */
export function isOnHold(row: 's' | 'o'): string {
  const newest = `(select max(t.id) from segments t where t.account = ${row}.account and t.state = 'committed')`;
  const [version, looked] =
    row === 's'
      ? [
          'v.segment_id = s.id',
          `case when cardinality(h.custodians) + cardinality(h.sessions) = 0 then s.id else ${newest} end`,
        ]
      : ['v.sha256 = o.sha256', newest];
  return `(${row}.held
    or exists (select 1 from hold_versions v join holds h on h.account = v.account and h.id = v.hold
      where v.account = ${row}.account and ${version} and h.state <> 'ended')
    or exists (select 1 from holds h where h.account = ${row}.account and h.state <> 'ended'
      and (h.refreshed_at is null or h.refreshed_to < ${looked})))`;
}

/** SQL: a segment `s` as a row of {@link candidateOf}. */
export const SEGMENT = `'segment' as kind, s.id::text as id, s.key, s.version, s.sha256, s.records, s.size as bytes,
    s.governed_by as class, s.day::text as day, s.retain_until, ${isOnHold('s')} as on_hold, '[]'::json as pointing`;

const SEGMENTS = `select ${SEGMENT} from segments s
  join unnest($2::text[], $3::date[]) as past (class, day) on past.class = s.governed_by and s.day <= past.day
  where s.account = $1 and s.state = 'committed' and s.disposed_at is null and s.id > $4::bigint
    and not exists (select 1 from disposals d where d.segment_id = s.id)
  order by s.id limit $5`;

/**
 * SQL: classes and newest days of what points to an object `o`; `$1` is the account. Which segment a place of a file
 * comes from is not kept: every one of that day, place and sender counts.
 */
export const POINTING = `(select coalesce(json_agg(json_build_object('class', p.class, 'day', p.day)), '[]') from (
       select s.governed_by as class, max(s.day)::text as day
       from file_objects f
       join file_places p on p.account = $1 and p.file = f.file
       join segment_contents c on c.place = p.place and c.sender = p.sender
       join segments s on s.id = c.segment_id and s.day = p.day and s.account = $1
         and s.disposed_at is null and s.stream in ('messages', 'forwarded', 'files', 'hold_files')
       where f.account = $1 and f.sha256 = o.sha256
       group by s.governed_by
     ) p)`;

/** SQL: an object `o` as a row of {@link candidateOf}; `$1` is the account. */
export const OBJECT = `'object' as kind, o.sha256 as id, o.key, o.version, o.sha256, 0 as records, o.size as bytes,
    o.governed_by as class, ${OBJECT_DAY}::text as day, o.retain_until, ${isOnHold('o')} as on_hold,
    ${POINTING} as pointing`;

const OBJECTS = `select ${OBJECT} from objects o
  join unnest($2::text[], $3::date[]) as past (class, day) on past.class = o.governed_by and ${OBJECT_DAY} <= past.day
  where o.account = $1 and o.state = 'committed' and o.disposed_at is null and not o.disposing and o.sha256 > $4
  order by o.sha256 limit $5`;

export interface CandidateRow extends Record<string, unknown> {
  readonly kind: 'segment' | 'object';
  readonly id: string;
  readonly key: string;
  readonly version: string;
  readonly sha256: string;
  readonly records: number;
  readonly bytes: number;
  readonly class: string;
  readonly day: string;
  readonly retain_until: Date | null;
  readonly on_hold: boolean;
  readonly pointing: Candidate['pointing'];
}

export function candidateOf({ retain_until: until, on_hold: onHold, ...row }: CandidateRow): Candidate {
  return { ...row, lockedUntil: until?.getTime(), onHold };
}

/** As many as are logged, published and destroyed together. */
export const AT_A_TIME = 256;

/**
 * What is past its own period, some at a time: first segments, then objects, so that a file whose records go is met
 * after them. What is being destroyed is not among them.
 */
export async function* pastPeriod(
  db: Database,
  account: string,
  past: readonly PastDay[],
): AsyncGenerator<readonly Candidate[]> {
  const classes = [past.map((each) => each.class), past.map(({ day }) => day)];
  for (const [sql, first] of [
    [SEGMENTS, '0'],
    [OBJECTS, ''],
  ] as const) {
    for (let after: string = first; ; ) {
      const rows = await db.query<CandidateRow>(sql, [account, ...classes, after, AT_A_TIME]);
      const last = rows.at(-1);
      if (last === undefined) break;
      yield rows.map(candidateOf);
      after = last.id;
    }
  }
}

/** Who had something destroyed, and why. */
export interface DisposalOrder {
  readonly by: string;
  readonly approvedBy: string | null;
  readonly reason: string;
}

/**
 * The commit point of disposals: the log gets their entries, and from then on they may be destroyed. What was put on
 * hold, extended, wanted again or disposed of since it was judged is left out. All in one transaction. Fails with
 * `lease-lost`.
 * @param now milliseconds
 * @returns keys of what is logged
 */
export async function logDisposals(
  db: Database,
  lease: Lease,
  batch: readonly { readonly candidate: Candidate; readonly entry: string }[],
  { by, approvedBy, reason }: DisposalOrder,
  now: number,
): Promise<ReadonlySet<string>> {
  const { account } = lease;
  return db.transaction(async (tx) => {
    await requireLease(tx, lease);
    const logged = new Set<string>();
    for (const kind of ['segment', 'object'] as const) {
      const some = batch.filter(({ candidate }) => candidate.kind === kind);
      if (some.length === 0) continue;
      // The rows stay locked until the end, so that whoever wants to keep them comes before or after.
      const rows = await tx.query<{ key: string }>(
        kind === 'segment' ? STANDING_SEGMENTS : STANDING_OBJECTS,
        [
          account,
          some.map(({ candidate }) => candidate.id),
          some.map(({ candidate }) => candidate.class),
          some.map(({ candidate }) => candidate.day),
          new Date(now),
        ],
      );
      for (const { key } of rows) logged.add(key);
    }
    const taken = batch.filter(({ candidate }) => logged.has(candidate.key));
    const of = (pick: (candidate: Candidate) => unknown): readonly unknown[] =>
      taken.map(({ candidate }) => pick(candidate));
    await tx.query(
      `insert into disposals (account, segment_id, object_sha256, key, version, sha256, bytes, class, requested_by,
         approved_by, reason, logged_at)
       select $1, t.segment, t.object, t.key, t.version, t.sha256, t.bytes, t.class, $9, $10, $11, $12
       from unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
         as t (segment, object, key, version, sha256, bytes, class)`,
      [
        account,
        of(({ kind, id }) => (kind === 'segment' ? id : null)),
        of(({ kind, id }) => (kind === 'object' ? id : null)),
        of(({ key }) => key),
        of(({ version }) => version),
        of(({ sha256 }) => sha256),
        of(({ bytes }) => bytes),
        of((candidate) => candidate.class),
        by,
        approvedBy,
        reason,
        new Date(now),
      ],
    );
    await tx.query('insert into log_entries (account, entry) select $1, unnest($2::text[])', [
      account,
      taken.map(({ entry }) => entry),
    ]);
    return logged;
  });
}

const STANDING_SEGMENTS = `select s.key from segments s
  join unnest($2::bigint[], $3::text[], $4::date[]) as c (id, class, day) on c.id = s.id
  where s.account = $1 and s.governed_by = c.class and s.day = c.day and s.disposed_at is null
    and (s.retain_until is null or s.retain_until <= $5) and not ${isOnHold('s')}
    and not exists (select 1 from disposals d where d.segment_id = s.id)
  for update of s`;

const STANDING_OBJECTS = `update objects o set disposing = true
  from unnest($2::text[], $3::text[], $4::date[]) as c (sha256, class, day)
  where o.account = $1 and o.sha256 = c.sha256 and o.governed_by = c.class and ${OBJECT_DAY} = c.day
    and o.disposed_at is null and not o.disposing
    and (o.retain_until is null or o.retain_until <= $5) and not ${isOnHold('o')}
  returning o.key`;

/** What stands in the archive under a class. */
export interface KeptClass {
  readonly class: string;
  readonly segments: number;
  readonly objects: number;
  /** Bytes of both. */
  readonly bytes: number;
  /** The oldest UTC day that a period is counted from. */
  readonly oldest: string;
}

/** What stands in the archive, by the class that keeps it. Reads all rows: for once a day. */
export async function keptByClass(db: Database, account: string): Promise<readonly KeptClass[]> {
  return db.query<KeptClass & Record<string, unknown>>(
    `select class, sum(segments) as segments, sum(objects) as objects, sum(bytes) as bytes, min(day)::text as oldest from (
       select governed_by as class, 1 as segments, 0 as objects, size as bytes, day from segments
       where account = $1 and state = 'committed' and disposed_at is null
       union all
       select governed_by, 0, 1, size, ${OBJECT_DAY} from objects o
       where account = $1 and state = 'committed' and disposed_at is null
     ) kept group by class order by class`,
    [account],
  );
}
