import { ArchiverError } from '../errors.ts';
import type { AdmitRule, Candidate, ContentHash, KeyMonth, RecordKey } from '../record.ts';
import { keyMonth, utcDay } from '../record.ts';
import type { Database } from './database.ts';
import { type Lease, leaseLost } from './lease.ts';
import { type Provenance, provenanceJson, RECORD_SEPARATOR, stagedFields } from './staged.ts';
import type { UnitKey } from './units.ts';

export interface Page {
  /** Rows in Zoom's answer; one row may give several candidates. */
  readonly rows: number;
  readonly candidates: readonly Candidate[];
  readonly provenance: Provenance;
  /** The retention class of a candidate. */
  readonly classOf: (candidate: Candidate) => string;
}

/** What became of a page: what was new, and how many candidates were seen again. */
export interface Admission {
  readonly rows: number;
  readonly admitted: readonly { readonly stream: string; readonly kind: string; readonly drift: boolean }[];
  readonly sightings: number;
}

const RULES: Record<AdmitRule, number> = { once: 0, state: 1 };

/** Key of a drift, by a row that has the record's key and content. */
export function driftKey(row: string): string {
  return `md5(${row}.key::text || ${row}.content::text)::uuid`;
}

/**
 * The one statement of admission. Keys that cannot be inserted and that the statement's own snapshot does not show
 * were written by someone else at the same moment: they are returned as missed and asked again. A drift is a key of
 * its own, made of key and content, so the same drift is stored once.
 */
const admitInto = (seen: string): string => `
with guard as (
  select 1 from lease where account = $1 and generation = $2 for share
), page as materialized (
  select p.* from guard, rows from (
    unnest($3::uuid[]), unnest($4::date[]), unnest($5::uuid[]), unnest($6::smallint[]), unnest($7::smallint[]),
    string_to_table($8, E'\\x1e')
  ) with ordinality as p (key, month, content, rule, grp, line, ord)
), fresh as (
  insert into ${seen} (month, key, content)
  select month, key, content from page where rule = 0
  on conflict do nothing
  returning key
), known as materialized (
  select p.ord, p.month, p.grp, p.line, p.content, s.content as before,
    ${driftKey('p')} as drift_key
  from page p
  cross join lateral (select content from ${seen} where month = p.month and key = p.key limit 1) s
  where p.rule = 0 and p.key not in (table fresh)
), drifted as (
  insert into ${seen} (month, key, content)
  select month, drift_key, content from known where before <> content
  on conflict do nothing
  returning key
), changed as (
  insert into states as s (key, month, content)
  select key, month, content from page where rule = 1
  on conflict (key) do update set content = excluded.content where s.content <> excluded.content
  returning key
), taken as materialized (
  select ord, grp, line, '0' as flag from page
  where key in (table fresh) or key in (table changed)
  union all
  select ord, grp, line, '1' from known where before <> content and drift_key in (table drifted)
), staging as (
  insert into staged (account, stream, class, day, records, bytes, provenance, observed_at, lines)
  select $1, g.stream, g.class, g.day, count(*), sum(octet_length(t.line)), $12::jsonb, $13,
    string_agg(t.flag || E'\\x1f' || t.line, E'\\x1e' order by t.ord)
  from taken t
  join rows from (unnest($9::text[]), unnest($10::text[]), unnest($11::date[])) with ordinality
    as g (stream, class, day, grp) on g.grp = t.grp
  group by g.stream, g.class, g.day
), sighted as (
  select (select count(*) from known) - (select count(*) from drifted)
    + (select count(*) from page where rule = 1) - (select count(*) from changed) as n
), progress as (
  update units set
    pages = pages + $20, rows = rows + $21,
    admitted = admitted + (select count(*) from taken), drift = drift + (select count(*) from drifted),
    sightings = sightings + $22 + (select n from sighted)
  where account = $1 and stream = $14 and scope = $15 and mode = $16 and window_from = $17 and window_to = $18
    and attempt = $19 and exists (select 1 from guard)
)
select
  exists (select 1 from guard) as leader,
  (select n from sighted) as sightings,
  coalesce((select array_agg(ord::int) from taken where flag = '0'), '{}') as admitted,
  coalesce((select array_agg(ord::int) from taken where flag = '1'), '{}') as drifted,
  coalesce((select array_agg(ord::int) from page
    where rule = 0 and key not in (table fresh) and ord not in (select ord from known)), '{}') as missed`;

interface AdmitRow extends Record<string, unknown> {
  readonly leader: boolean;
  readonly admitted: readonly number[];
  readonly drifted: readonly number[];
  readonly missed: readonly number[];
  readonly sightings: number;
}

/**
 * Stores what is new of a page and counts the rest, in one statement that is its own transaction: dedup keys,
 * staged records and the unit's progress move together or not at all (design section 4).
 *
 * Fails with `lease-lost` when `lease` was taken over, before anything is written.
 */
export async function admit(db: Database, lease: Lease, unit: UnitKey, page: Page): Promise<Admission> {
  const admitted: { stream: string; kind: string; drift: boolean }[] = [];
  let rest = page.candidates;
  let sightings = 0;
  for (let round = 0; rest.length > 0 || round === 0; round += 1) {
    if (round > 100) throw new ArchiverError('internal', 'a page does not settle');
    const { first, later, repeated } = firstOfEachKey(rest);
    const result = await admitRound(db, lease, unit, page, first, {
      pages: round === 0 ? 1 : 0,
      rows: round === 0 ? page.rows : 0,
      repeated,
    });
    const pick = (ordinal: number): Candidate => {
      const candidate = first[ordinal - 1];
      if (candidate === undefined) throw new ArchiverError('internal', 'admission answered an unknown row');
      return candidate;
    };
    for (const ordinal of result.admitted) {
      const { stream, kind } = pick(ordinal);
      admitted.push({ stream, kind, drift: false });
    }
    for (const ordinal of result.drifted) {
      const { stream, kind } = pick(ordinal);
      admitted.push({ stream, kind, drift: true });
    }
    const missed = result.missed.map(pick);
    sightings += repeated + result.sightings;
    rest = [...missed, ...later];
  }
  return { rows: page.rows, admitted, sightings };
}

/**
 * A page may show the same key several times (rows repeat across arrays): content equal to the latest is a sighting
 * at once, other content waits for a round of its own, where the ledger knows the one before. The first ones come in
 * the order of their keys, so that two pages that meet in the ledger never wait for each other.
 */
function firstOfEachKey(candidates: readonly Candidate[]): {
  first: readonly Candidate[];
  later: readonly Candidate[];
  repeated: number;
} {
  const latest = new Map<RecordKey, ContentHash>();
  const first: Candidate[] = [];
  const later: Candidate[] = [];
  let repeated = 0;
  for (const candidate of candidates) {
    const before = latest.get(candidate.key);
    latest.set(candidate.key, candidate.content);
    if (before === undefined) first.push(candidate);
    else if (before === candidate.content) repeated += 1;
    else later.push(candidate);
  }
  first.sort((one, other) => (one.key < other.key ? -1 : 1));
  return { first, later, repeated };
}

async function admitRound(
  db: Database,
  lease: Lease,
  unit: UnitKey,
  page: Page,
  candidates: readonly Candidate[],
  progress: { readonly pages: number; readonly rows: number; readonly repeated: number },
): Promise<AdmitRow> {
  const keys: RecordKey[] = [];
  const months: KeyMonth[] = [];
  const contents: ContentHash[] = [];
  const rules: number[] = [];
  const groupOf: number[] = [];
  const lines: string[] = [];
  const groups = new Map<string, { ordinal: number; stream: string; className: string; day: string }>();
  for (const candidate of candidates) {
    keys.push(candidate.key);
    months.push(candidate.keyMonth);
    contents.push(candidate.content);
    rules.push(RULES[candidate.rule]);
    const day = utcDay(candidate.time);
    const className = page.classOf(candidate);
    const name = `${candidate.stream} ${className} ${day}`;
    let group = groups.get(name);
    if (group === undefined) {
      group = { ordinal: groups.size + 1, stream: candidate.stream, className, day };
      groups.set(name, group);
    }
    groupOf.push(group.ordinal);
    lines.push(stagedFields(candidate));
  }
  const keyMonths = candidates.filter(({ rule }) => rule === 'once').map((candidate) => candidate.keyMonth);
  await ensureMonths(db, keyMonths);
  const [row] = await db.query<AdmitRow>(admitInto(seenTable(keyMonths)), [
    lease.account,
    lease.generation,
    arrayLiteral(keys),
    arrayLiteral(months),
    arrayLiteral(contents),
    arrayLiteral(rules),
    arrayLiteral(groupOf),
    lines.length === 0 ? null : lines.join(RECORD_SEPARATOR),
    [...groups.values()].map((group) => group.stream),
    [...groups.values()].map((group) => group.className),
    [...groups.values()].map((group) => group.day),
    provenanceJson(page.provenance),
    new Date(page.provenance.observedAt),
    unit.stream,
    unit.scope,
    unit.mode,
    unit.from,
    unit.to,
    unit.attempt,
    progress.pages,
    progress.rows,
    progress.repeated,
  ]);
  if (row === undefined) throw new ArchiverError('internal', 'admission answered nothing');
  if (!row.leader) throw leaseLost(lease);
  return row;
}

/**
 * Where a page's keys go: into the one partition they all belong to, or else into the whole table, where Postgres has
 * to look at each.
 */
function seenTable(months: readonly KeyMonth[]): string {
  const [first] = months;
  return first !== undefined && months.every((month) => month === first) ? partitionName(first) : 'seen';
}

function partitionName(month: KeyMonth): string {
  return `seen_${month.slice(0, 7).replace('-', '_')}`;
}

/** For values that need no quoting (hex, numbers, dates); a driver's own array encoding costs more than the rows. */
function arrayLiteral(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}

const months = new WeakMap<Database, Set<string>>();

/** Creates the partitions of `seen` that a page needs and this process has not seen yet. */
export async function ensureMonths(db: Database, wanted: readonly KeyMonth[]): Promise<void> {
  let present = months.get(db);
  if (present === undefined) {
    present = new Set<string>();
    months.set(db, present);
  }
  for (const month of new Set(wanted)) {
    if (present.has(month)) continue;
    const start = new Date(`${month}T00:00:00Z`);
    const end = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1));
    const name = partitionName(month);
    await db.transaction(async (tx) => {
      // Two processes may create the same partition at the same moment.
      await tx.query('lock table migrations in exclusive mode');
      await tx.query(
        `create table if not exists ${name} partition of seen for values from ('${month}') to ('${end.toISOString().slice(0, 10)}')`,
      );
    });
    present.add(month);
  }
}

/** The first month whose dedup keys are kept at `now` (ms): Zoom can serve nothing of the ones before. */
export function oldestKeyMonth(now: number): KeyMonth {
  const at = new Date(now);
  return keyMonth(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - 7));
}

/**
 * Drops the dedup keys of months that ended seven months or more before the month of `now`: Zoom cannot serve their
 * messages any more. @returns names of the partitions dropped
 */
export async function dropOldKeys(db: Database, now: number): Promise<readonly string[]> {
  const limit = oldestKeyMonth(now);
  const oldest = partitionName(limit);
  const rows = await db.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'seen'::regclass and c.relname ~ '^seen_[0-9]{4}_[0-9]{2}$' and c.relname < $1`,
    [oldest],
  );
  await db.query('delete from states where month < $1', [limit]);
  for (const { name } of rows) await db.query(`drop table if exists ${name}`);
  const present = months.get(db);
  for (const { name } of rows) present?.delete(`${name.slice(5).replace('_', '-')}-01`);
  return rows.map((row) => row.name);
}
