/** What the archive holds about a person, from the index of what segments hold; never what anybody wrote. */
import type { Database } from './database.ts';
import { isOnHold, POINTING } from './disposals.ts';
import { OBJECT_DAY } from './kept.ts';

/** One person: every name, and the places in which he was ever seen. */
export interface Person {
  /** E-mail addresses in lower case, member ids, user ids. */
  readonly aliases: readonly string[];
  readonly places: readonly string[];
}

/** Records of one stream. */
export interface PersonStream {
  readonly stream: string;
  /** Records that the person wrote, or of which he is the custodian. */
  readonly sent: number;
  /** Records in sessions and channels of his, his own among them. */
  readonly present: number;
  readonly segments: number;
}

// A record is about a person where it stands in a place of his, or where he sent it.
const ABOUT = '(c.place = any($2::text[]) or c.sender = any($3::text[]))';

/** By stream, what was not destroyed. */
export async function personStreams(
  db: Database,
  account: string,
  { aliases, places }: Person,
): Promise<readonly PersonStream[]> {
  return db.query<PersonStream & Record<string, unknown>>(
    `select s.stream, coalesce(sum(c.records) filter (where c.sender = any($3::text[])), 0) as sent,
       sum(c.records) as present, count(distinct s.id) as segments
     from segment_contents c join segments s on s.id = c.segment_id
     where s.account = $1 and s.disposed_at is null and ${ABOUT}
     group by s.stream order by s.stream`,
    [account, places, aliases],
  );
}

/** Segments or objects that stand alike. */
export interface PersonKept {
  readonly kind: 'segment' | 'object';
  readonly count: number;
  /** Bytes of them, with what others wrote. */
  readonly bytes: number;
  /** Class by which they are kept. */
  readonly class: string;
  /** UTC day that their period is counted from. */
  readonly day: string;
  readonly lockedUntil: Date | null;
  readonly onHold: boolean;
  /** Matters whose holds cover them. */
  readonly matters: readonly string[];
  readonly pointing: readonly { readonly class: string; readonly day: string }[];
}

function matters(account: string, version: string): string {
  return `(select coalesce(json_agg(distinct h.matter order by h.matter), '[]')
    from hold_versions v join holds h on h.account = v.account and h.id = v.hold
    where v.account = ${account} and ${version} and h.state <> 'ended')::text`;
}

/** Every segment and object with something about the person that was not destroyed. */
export async function personKept(
  db: Database,
  account: string,
  { aliases, places }: Person,
): Promise<readonly PersonKept[]> {
  const rows = await db.query<
    Omit<PersonKept, 'matters' | 'pointing'> &
      Record<'matters' | 'pointing', string> &
      Record<string, unknown>
  >(
    `select kind, class, day::text as day, retain_until as "lockedUntil", on_hold as "onHold", matters, pointing,
       count(*) as count, sum(bytes) as bytes
     from (
       select 'segment' as kind, s.governed_by as class, s.day, s.retain_until, ${isOnHold('s')} as on_hold,
         ${matters('s.account', 'v.segment_id = s.id')} as matters, '[]' as pointing, s.size as bytes
       from segments s where s.id in (select c.segment_id from segment_contents c where ${ABOUT})
         and s.account = $1 and s.state = 'committed' and s.disposed_at is null
       union all
       select 'object', o.governed_by, ${OBJECT_DAY}, o.retain_until, ${isOnHold('o')},
         ${matters('o.account', 'v.sha256 = o.sha256')}, ${POINTING}::text, o.size
       from objects o where o.sha256 in (select c.sha256 from object_contents c where c.account = $1 and ${ABOUT})
         and o.account = $1 and o.state = 'committed' and o.disposed_at is null
     ) kept group by kind, class, day, retain_until, on_hold, matters, pointing order by class, day, kind`,
    [account, places, aliases],
  );
  return rows.map(({ matters: names, pointing, ...row }) => ({
    ...row,
    matters: JSON.parse(names) as string[],
    pointing: JSON.parse(pointing) as PersonKept['pointing'],
  }));
}

/** A session or channel of a person. */
export interface PersonPlace {
  readonly id: string;
  /** Zoom's type of the session, or `channel`; null for what is in no list of sessions. */
  readonly type: string | null;
  readonly name: string | null;
}

/** What these places are called. */
export async function namedPlaces(
  db: Database,
  account: string,
  places: readonly string[],
): Promise<readonly PersonPlace[]> {
  return db.query<PersonPlace & Record<string, unknown>>(
    `select p.id, coalesce(r.type, c.type) as type, coalesce(r.name, c.name) as name from unnest($2::text[]) as p (id)
     left join registry r on r.account = $1 and r.session_id = p.id
     left join lateral (
       select 'channel' as type, name from registry where account = $1 and channel_id = p.id and p.id <> '' limit 1
     ) c on true order by p.id`,
    [account, places],
  );
}

/** Files of theirs: records that point to one. */
export async function personFiles(
  db: Database,
  account: string,
  { aliases, places }: Person,
): Promise<{ readonly sent: number; readonly present: number }> {
  const [row] = await db.query<{ sent: number; present: number }>(
    `select count(distinct c.file) filter (where c.sender = any($3::text[])) as sent,
       count(distinct c.file) as present
     from file_places c where c.account = $1 and ${ABOUT}`,
    [account, places, aliases],
  );
  return row ?? { sent: 0, present: 0 };
}
