/** Which revisions a question is about, but for their text: places, days, people, and what became of a message. */
import type { DuckDBValue } from '@duckdb/node-api';
import type { SegmentEntry } from '../proof/entry.ts';
import type { PlacedEntry } from '../proof/published.ts';
import type { OpenArchive } from './archive.ts';
import { fold } from './fold.ts';
import { type Identity, isCalled, type Known } from './known.ts';
import { type AuditContext, WHOLE_ARCHIVE } from './reader.ts';
import type { Row } from './rows.ts';
import type { SearchQuestion } from './search-form.ts';
import { type TimeRange, timeRange } from './time-range.ts';
import {
  type Condition,
  intersected,
  textList,
  type Visibility,
  visible,
  visibleDays,
  visibleIn,
  visibleWhere,
} from './visibility.ts';

/** Whom a condition on senders means; each list may be empty. */
interface Senders {
  /** Lower case. */
  readonly emails: readonly string[];
  readonly memberIds: readonly string[];
  /** Of people of whom nothing else is known. */
  readonly names: readonly string[];
}

export interface Filter {
  /** What the reader may see, and of it what the question is about. */
  readonly places: Visibility;
  /** Sent at. */
  readonly range: TimeRange;
  readonly senders: Senders | undefined;
  readonly kind: SearchQuestion['kind'];
  readonly hasFiles: boolean | undefined;
  /** Sessions with people of other accounts, where the question asks for that or against it. */
  readonly external: { readonly is: boolean; readonly sessions: readonly string[] } | undefined;
  readonly edited: boolean | undefined;
  readonly deleted: boolean | undefined;
}

/** Parts of a question that say which revisions are meant. */
export type Asked = Pick<
  SearchQuestion,
  | 'person'
  | 'participant'
  | 'session'
  | 'channel'
  | 'from'
  | 'to'
  | 'zone'
  | 'kind'
  | 'hasFiles'
  | 'external'
  | 'edited'
  | 'deleted'
  | 'matter'
  | 'custodian'
>;

/** Fails with `usage` where zone or times are wrong. */
export async function filterOf(
  ctx: Pick<AuditContext, 'archive' | 'reader'>,
  { person, participant, session, channel, from, to, zone, matter, custodian, external, ...rest }: Asked,
): Promise<Filter> {
  const { archive } = ctx;
  const range = timeRange(from, to, zone);
  let places = await visible(ctx);
  const only = (more: Visibility): void => {
    places = intersected(places, more);
  };
  if (matter !== undefined) only(await visibleIn(archive, { ...WHOLE_ARCHIVE, matters: [matter] }));
  if (custodian !== undefined) only(await visibleIn(archive, { ...WHOLE_ARCHIVE, custodians: [custodian] }));
  if (channel !== undefined) only(await visibleIn(archive, { ...WHOLE_ARCHIVE, channels: [channel] }));
  if (session !== undefined) only(inSessions(sessionsCalled(await archive.known(), session)));
  if (participant !== undefined) {
    const called = peopleCalled(await archive.known(), participant);
    only(inSessions(called.flatMap(({ sessions }) => [...sessions])));
  }
  return {
    places,
    range,
    senders: person === undefined ? undefined : sendersOf(peopleCalled(await archive.known(), person)),
    kind: rest.kind,
    hasFiles: rest.hasFiles,
    external:
      external === undefined
        ? undefined
        : { is: external, sessions: externalSessions(await archive.known()) },
    edited: rest.edited,
    deleted: rest.deleted,
  };
}

function inSessions(ids: readonly string[]): Visibility {
  return { all: false, grants: ids.length === 0 ? [] : [{ sessions: new Set(ids), from: null, to: null }] };
}

/** By id, or a part of any name that a session ever had. */
function sessionsCalled({ sessions }: Known, called: string): readonly string[] {
  if (sessions.has(called)) return [called];
  const part = fold(called);
  return [...sessions.values()]
    .filter(({ names }) => names.some((name) => fold(name).includes(part)))
    .map(({ id }) => id);
}

function peopleCalled({ people }: Known, called: string): readonly Identity[] {
  return people.filter((person) => isCalled(person, called));
}

function sendersOf(people: readonly Identity[]): Senders {
  return {
    emails: people.flatMap(({ emails }) => emails),
    memberIds: people.flatMap(({ memberIds }) => memberIds),
    names: people
      .filter(({ emails, memberIds }) => emails.length + memberIds.length === 0)
      .flatMap(({ names }) => names),
  };
}

function externalSessions({ sessions }: Known): readonly string[] {
  return [...sessions.values()].filter(({ external }) => external === true).map(({ id }) => id);
}

/** Of a record that does not say when its message was sent its own time counts. @param at ms */
function sent(compared: '>=' | '<', at: number): string {
  const time = `make_timestamptz(${at} * 1000::bigint)`;
  return `(sent_at ${compared} ${time} or (sent_at is null and event_at ${compared} ${time}))`;
}

/** The condition over the view `messages`, but for times of which a grant has its own. */
export function filterWhere(filter: Filter): Condition {
  const { places, range, senders, kind, hasFiles, external, edited, deleted } = filter;
  const seen = visibleWhere(places);
  const values: Record<string, DuckDBValue> = { ...seen.values };
  const parts = [seen.where];
  if (range.from !== null) parts.push(sent('>=', range.from));
  if (range.to !== null) parts.push(sent('<', range.to));
  if (senders !== undefined) {
    values.emails = textList([...senders.emails]);
    values.members = textList([...senders.memberIds]);
    values.names = textList([...senders.names]);
    parts.push(`(lower(sender_email) in (select unnest($emails::varchar[]))
      or sender_member_id in (select unnest($members::varchar[]))
      or (coalesce(sender_email, '') = '' and coalesce(sender_member_id, '') = ''
        and sender_name in (select unnest($names::varchar[]))))`);
  }
  if (kind !== undefined) parts.push(`kind = '${kind}'`);
  if (hasFiles !== undefined) parts.push(hasFiles ? 'file_count > 0' : 'coalesce(file_count, 0) = 0');
  if (external !== undefined) {
    values.outside = textList([...external.sessions]);
    const is = `(session_id in (select unnest($outside::varchar[]))
      or (_entry::integer, _row::integer) in (select (entry, "row") from idx_outside))`;
    parts.push(external.is ? is : `not ${is}`);
  }
  for (const [wanted, change] of [
    [edited, 'edited'],
    [deleted, 'deleted'],
  ] as const) {
    if (wanted === undefined) continue;
    const is = `(session_id, message_id) in (select (session, message) from idx_changed where kind = '${change}')`;
    parts.push(wanted ? is : `not ${is}`);
  }
  return { where: parts.join(' and '), values };
}

/**
 * Segments that may have something of it, in the log's order: by days, and by what the index says of their sessions, of
 * when their messages were sent, and of whom.
 */
export async function segmentsFor(
  archive: OpenArchive,
  { places, range, senders }: Filter,
): Promise<readonly PlacedEntry<SegmentEntry>[]> {
  if (places.grants.length === 0) return [];
  const inDays = archive.segments({ streams: ['messages'], ...visibleDays(places) });
  if (places.all && range.from === null && range.to === null && senders === undefined) return inDays;
  const values: Record<string, DuckDBValue> = {};
  const parts = ['revisions > 0'];
  if (range.from !== null) parts.push(`"last" >= ${range.from}`);
  if (range.to !== null) parts.push(`"first" < ${range.to}`);
  if (!places.all) {
    const grants = places.grants.map(({ sessions, from, to }, index) => {
      const conditions = ['true'];
      if (sessions !== null) {
        values[`sessions${index}`] = textList([...sessions]);
        conditions.push(`session in (select unnest($sessions${index}::varchar[]))`);
      }
      if (from !== null) conditions.push(`high >= ${Date.parse(`${from}T00:00:00Z`)}`);
      if (to !== null) conditions.push(`low < ${Date.parse(`${to}T00:00:00Z`) + 86_400_000}`);
      return `(${conditions.join(' and ')})`;
    });
    parts.push(`(${grants.join(' or ')})`);
  }
  const rows = await archive.index(
    `select distinct entry from idx_places where ${parts.join(' and ')}`,
    values,
  );
  const entries = numbersOf(rows);
  const found = senders === undefined ? entries : await entriesOf(archive, senders, entries);
  return inDays.filter(({ index }) => entries.has(index) && found.has(index));
}

/** Those of these segments that the index knows to have something of the senders. */
async function entriesOf(
  archive: OpenArchive,
  { emails, memberIds, names }: Senders,
  among: ReadonlySet<number>,
): Promise<ReadonlySet<number>> {
  if (among.size === 0) return among;
  const [first, last] = [...among].reduce(
    ([low, high], entry) => [Math.min(low, entry), Math.max(high, entry)],
    [Number.POSITIVE_INFINITY, 0],
  );
  const rows = await archive.index(
    `select distinct entry from idx_people where entry between ${first} and ${last}
       and (email in (select unnest($emails::varchar[])) or member in (select unnest($members::varchar[]))
         or (email = '' and member = '' and name in (select unnest($names::varchar[]))))`,
    { emails: textList(emails), members: textList(memberIds), names: textList(names) },
  );
  return numbersOf(rows);
}

function numbersOf(rows: readonly Row[]): ReadonlySet<number> {
  return new Set(rows.map(([entry]) => Number(entry)));
}
