/**
 * What a part of the index says of some segments: where an id stands, who was where, which messages were changed, and
 * texts that the column `text` does not have, or not as they are compared. Parquet files of one folder.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { literal } from '../duckdb.ts';
import type { Stream } from '../record.ts';
import { parseSegmentKey } from '../segments/layout.ts';
import {
  PERSON_COLUMNS,
  PLACE_COLUMNS,
  personFacts,
  placeFacts,
  TELLING,
  type TellingStream,
} from './facts.ts';
import { exceptional, fold } from './fold.ts';
import { besideText, messageText } from './revision-row.ts';
import { streamView, type ViewedSegment } from './views.ts';

/** Goes up with each change of what is below, so that what was made before is made anew. */
export const INDEX_FORM = 4;

/**
 * Tables of the index, and their columns:
 * - `places`, `people`: see `facts.ts`;
 * - `ids`: `id` (hash of a message id) and `entry` of a segment with records of it, in order of `id`;
 * - `changed`: `session`, `message` and `kind` (edited, deleted), and `entry`;
 * - `outside`: `entry`, `row` of a message whose sender Zoom says to be external;
 * - `texts`: `entry`, `row`, `what` (text, file, bot), `raw` and `folded`.
 */
const INDEX_TABLES = {
  places: `entry integer, session varchar, type varchar, name varchar, channel varchar, seen bigint, revisions bigint,
    "first" bigint, "last" bigint, low bigint, high bigint, external boolean`,
  people: `entry integer, session varchar, channel varchar, email varchar, member varchar, user_id varchar, name varchar,
    seen bigint`,
  ids: 'id ubigint, entry integer',
  changed: 'session varchar, message varchar, kind varchar, entry integer',
  outside: 'entry integer, row integer',
  texts: 'entry integer, row integer, what varchar, raw varchar, folded varchar',
} as const;
export type IndexTable = keyof typeof INDEX_TABLES;
export const INDEX_TABLE_NAMES = Object.keys(INDEX_TABLES) as readonly IndexTable[];

/** Streams that parts are made of. */
export const INDEXED: readonly Stream[] = [...TELLING, 'files', 'forwarded'];

/** SQL of the number by which `ids` knows a message id. */
export function idNumber(sql: string): string {
  return `hash(${sql})`;
}

/**
 * Makes the files of a part in a new folder.
 * @param segments whose bytes were compared with their entries, of {@link INDEXED}
 */
export async function writePart(
  connection: DuckDBConnection,
  folder: string,
  segments: readonly ViewedSegment[],
): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const streams = new Map<string, ViewedSegment[]>();
  for (const segment of segments) {
    const stream = parseSegmentKey(segment.key)?.stream ?? '';
    const own = streams.get(stream);
    if (own === undefined) streams.set(stream, [segment]);
    else own.push(segment);
  }
  const view = (stream: Stream): string => streamView(stream, streams.get(stream) ?? []);
  const has = (stream: Stream): boolean => streams.has(stream);
  const copy = (table: IndexTable, sql: string): Promise<unknown> =>
    connection.run(`copy (${sql}) to ${literal(partFile(folder, table))} (format parquet, compression zstd)`);
  const facts = (
    table: IndexTable,
    columns: string,
    of: (stream: TellingStream) => string | undefined,
  ): string =>
    [
      noRows(table),
      ...TELLING.filter(has).flatMap((stream) => {
        const sql = of(stream);
        return sql === undefined
          ? []
          : `select * from (with ${stream} as (${view(stream)}) ${sql}) as facts (${columns})`;
      }),
    ].join(' union all ');

  // In order of entries, so that those of some days are found without the others.
  await copy('places', `${facts('places', PLACE_COLUMNS, placeFacts)} order by entry`);
  await copy('people', `${facts('people', PERSON_COLUMNS, personFacts)} order by entry`);
  const naming = (['messages', 'reactions', 'files', 'forwarded'] as const).filter(has);
  const ids = naming.map(
    (stream) =>
      `select distinct ${idNumber('message_id')} as id, _entry::integer as entry
       from (${view(stream)}) as records where message_id <> ''`,
  );
  await copy('ids', `${[noRows('ids'), ...ids].join(' union all ')} order by id, entry`);
  const messages = `(${view('messages')}) as messages`;
  await copy(
    'changed',
    `select session_id as session, message_id as message, kind, _entry::integer as entry from ${messages}
     where kind in ('edited', 'deleted') group by all`,
  );
  await copy(
    'outside',
    `select _entry::integer as entry, _row::integer as row from ${messages}
     where contains(record, '"is_sender_external":true')`,
  );
  await connection.run(`create or replace temp table beside (${INDEX_TABLES.texts})`);
  await fillTexts(connection, messages);
  await copy('texts', 'select * from beside');
  await connection.run('drop table beside');
}

/** SELECT of a table's columns without rows. */
export function noRows(table: IndexTable): string {
  const columns = INDEX_TABLES[table].split(',').map((column) => {
    const [name = '', type = ''] = column.trim().split(/\s+/);
    return `null::${type} as ${name}`;
  });
  return `select ${columns.join(', ')} where false`;
}

export function partFile(folder: string, table: IndexTable): string {
  return join(folder, `${table}.parquet`);
}

/** Texts that SQL cannot compare by the column alone. */
async function fillTexts(connection: DuckDBConnection, messages: string): Promise<void> {
  const special = await exceptional(connection);
  const rows = await connection.stream(
    `select _entry::integer, _row::integer, other, beside or contains(text, '\ufffd'),
       case when beside or contains(text, '\ufffd') then record else text end
     from (select *, file_count > 0 or contains(record, '"bot_message":') as beside,
         strlen(text) <> length(text) and regexp_matches(text, ${literal(special)}) as other from ${messages})
     where other or beside`,
  );
  const appender = await connection.createAppender('beside');
  const append = (entry: number, row: number, what: string, raw: string): void => {
    appender.appendInteger(entry);
    appender.appendInteger(row);
    appender.appendVarchar(what);
    // Of a message the column has it.
    appender.appendVarchar(what === 'text' ? '' : raw.toWellFormed());
    appender.appendVarchar(fold(raw).toWellFormed());
    appender.endRow();
  };
  for await (const chunk of rows.yieldRowsJs()) {
    for (const [entry, row, other, isRecord, text] of chunk) {
      const place = [Number(entry), Number(row)] as const;
      if (other === true)
        append(...place, 'text', isRecord === true ? messageText(String(text)) : String(text));
      if (isRecord !== true) continue;
      const { files, bot } = besideText(String(text));
      for (const name of files) append(...place, 'file', name);
      if (bot !== null) append(...place, 'bot', bot);
    }
  }
  appender.closeSync();
}
