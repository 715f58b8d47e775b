/** The rows that fit a question: found in one pass, counted, and given a page at a time. */
import type { DuckDBConnection } from '@duckdb/node-api';
import { z } from 'zod';
import { literal } from '../duckdb.ts';
import type { Within } from './archive.ts';
import { formatCursor, parseCursor } from './asked.ts';
import { type Filter, filterWhere } from './filter.ts';
import { exceptional } from './fold.ts';
import type { Matching } from './matching.ts';
import type { Revision } from './revision.ts';
import { REVISION_COLUMNS, revisionOf } from './revision-row.ts';
import type { SearchResult } from './search-form.ts';

/**
 * When a record says nothing of when its message was sent, its own time. Its message is a number of 64 bits here, as so
 * many are kept at once.
 */
const HIT = `epoch_ms(coalesce(sent_at, event_at)) as sent, hash(session_id, message_id) as message, _entry::integer as entry,
  _row::integer as "row"`;

/** Makes the table `hits` of this connection, of all that fits. */
export async function collectHits(
  { connection, view }: Within,
  filter: Filter,
  matching: Matching | undefined,
): Promise<void> {
  const { where, values } = filterWhere(filter);
  const inText = matching === undefined ? 'true' : await textWhere(connection, matching);
  await connection.run(
    `create temp table hits as select ${HIT} from (${await view('messages')}) as messages where ${inText} and ${where}`,
    values,
  );
  if (matching === undefined) return;
  // What the column does not say stands in the index; what fits is read from the segment all the same.
  const beside = matching.raw ? `what <> 'text'` : 'true';
  await connection.run(
    `create temp table told as select distinct entry, "row" from idx_texts
     where ${beside} and ${matching.where('raw', 'folded')}`,
  );
  const told = await connection.runAndReadAll('select distinct entry from told');
  const entries = new Set(told.getRows().map(([entry]) => Number(entry)));
  if (entries.size > 0) {
    await connection.run(
      `insert into hits select ${HIT} from (${await view('messages', entries)}) as messages
       where (_entry::integer, _row::integer) in (select (entry, "row") from told)
         and not coalesce(${inText}, false) and ${where}`,
      values,
    );
  }
  await connection.run('drop table told');
}

/** The condition on the column alone, which says nothing of texts that the index has. */
async function textWhere(connection: DuckDBConnection, matching: Matching): Promise<string> {
  const fits = matching.where('text', 'lower(text)');
  if (matching.raw) return `(${fits})`;
  const other = `(strlen(text) <> length(text) and regexp_matches(text, ${literal(await exceptional(connection))}))`;
  return `(${fits} and not ${other})`;
}

export async function totalOf(connection: DuckDBConnection): Promise<SearchResult['total']> {
  const reader = await connection.runAndReadAll('select count(*), count(distinct message) from hits');
  const [revisions, messages] = reader.getRows()[0] ?? [];
  return { revisions: Number(revisions), messages: Number(messages) };
}

const position = z.tuple([z.int(), z.string(), z.string(), z.int(), z.int(), z.int()]);

/** By what revisions are ordered: sent (ms), session, message, time of the version (ms), entry, row. */
export type Position = z.infer<typeof position>;

/** Fails with `usage` where it is none. */
export function parsePosition(cursor: string): Position {
  return parseCursor(position, cursor);
}

function positionOf({ sentAt, session, messageId, actionAt, place }: Revision): Position {
  return [Date.parse(sentAt), session.id, messageId, Date.parse(actionAt), place.entry, place.row];
}

/** Texts by UTF-16 code units. */
function comparePositions(one: Position, other: Position): number {
  for (const [index, value] of one.entries()) {
    const against = other[index];
    if (against === undefined || value === against) continue;
    return value < against ? -1 : 1;
  }
  return 0;
}

export interface PageAsked {
  readonly order: 'oldest' | 'newest';
  readonly limit: number;
  readonly after: Position | undefined;
}

/** The page of {@link collectHits} behind a position, and where the next one begins. */
export async function pageOf(
  { connection, view }: Within,
  { order, limit, after }: PageAsked,
): Promise<{ readonly revisions: readonly Revision[]; readonly next: string | null }> {
  const [behind, direction] = order === 'oldest' ? ['>', 'asc'] : ['<', 'desc'];
  // Those that were sent in one millisecond are told apart by what only their segments say.
  await connection.run(
    after === undefined
      ? `create temp table page as select * from hits where sent ${order === 'oldest' ? '<=' : '>='} (
           select ${order === 'oldest' ? 'max' : 'min'}(sent) from (
             select sent from hits order by sent ${direction} limit ${limit + 1}))`
      : `create temp table page as select * from hits where sent ${behind}= ${after[0]} and
           sent ${order === 'oldest' ? '<=' : '>='} coalesce((
             select ${order === 'oldest' ? 'max' : 'min'}(sent) from (
               select sent from hits where sent ${behind} ${after[0]} order by sent ${direction} limit ${limit + 1})),
             ${after[0]})`,
  );
  const bounds = await connection.runAndReadAll(
    'select list(distinct entry), min(sent)::double, max(sent)::double from page',
  );
  const [list, from, to] = bounds.getRowsJS()[0] ?? [];
  const revisions: Revision[] = [];
  if (Array.isArray(list)) {
    const entries = new Set(list.map(Number));
    const rows = await connection.stream(
      `select ${REVISION_COLUMNS} from (${await view('messages', entries)}) as messages
       where (sent_at is null
           or sent_at between make_timestamptz($from::bigint * 1000) and make_timestamptz($to::bigint * 1000 + 999))
         and (_entry::integer, _row::integer) in (select (entry, "row") from page)`,
      { from: Number(from), to: Number(to) },
    );
    for await (const chunk of rows.yieldRowsJs()) for (const row of chunk) revisions.push(revisionOf(row));
  }
  const sign = order === 'oldest' ? 1 : -1;
  const placed = revisions
    .map((revision) => ({ revision, at: positionOf(revision) }))
    .filter(({ at }) => after === undefined || comparePositions(at, after) * sign > 0)
    .sort((one, other) => comparePositions(one.at, other.at) * sign);
  const page = placed.slice(0, limit);
  const last = page.at(-1);
  return {
    revisions: page.map(({ revision }) => revision),
    next: last === undefined || placed.length === page.length ? null : formatCursor(last.at),
  };
}
