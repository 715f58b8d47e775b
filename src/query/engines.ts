/** The segments of an archive as tables of other engines, which read the same Parquet where it lies. */
import type { SegmentEntry } from '../proof/entry.ts';
import type { PlacedEntry } from '../proof/published.ts';
import { STREAMS, type Stream } from '../record.ts';
import { type ColumnType, columns } from '../segments/format.ts';
import { segmentsPrefix } from '../segments/layout.ts';
import { streamView } from './views.ts';

export const ENGINES = ['duckdb', 'athena', 'trino', 'spark'] as const;
export type Engine = (typeof ENGINES)[number];

/** Times are in UTC, to the millisecond. */
const TYPES: Readonly<Record<Exclude<Engine, 'duckdb'>, Readonly<Record<ColumnType, string>>>> = {
  athena: {
    VARCHAR: 'string',
    BIGINT: 'bigint',
    BOOLEAN: 'boolean',
    BLOB: 'binary',
    'TIMESTAMP WITH TIME ZONE': 'timestamp',
  },
  trino: {
    VARCHAR: 'varchar',
    BIGINT: 'bigint',
    BOOLEAN: 'boolean',
    BLOB: 'varbinary',
    'TIMESTAMP WITH TIME ZONE': 'timestamp(3)',
  },
  spark: {
    VARCHAR: 'string',
    BIGINT: 'bigint',
    BOOLEAN: 'boolean',
    BLOB: 'binary',
    'TIMESTAMP WITH TIME ZONE': 'timestamp',
  },
};

type Segments = readonly PlacedEntry<SegmentEntry>[];

/**
 * Statements that make a table or view of each stream that has segments, in the engine's SQL.
 * @param base what keys are below, as this engine writes it, with a slash at its end
 */
export function engineStatements(engine: Engine, segments: Segments, base: string): string {
  const tables = STREAMS.flatMap((stream) => {
    const own = segments.filter(({ entry }) => entry.stream === stream);
    return own.length === 0 ? [] : [table(engine, stream, own, base)];
  });
  return [...preamble(engine, base), ...tables].join('\n\n');
}

function table(engine: Engine, stream: Stream, segments: Segments, base: string): string {
  switch (engine) {
    case 'duckdb':
      return duckdb(stream, segments, base);
    case 'athena':
      return athena(stream, segments, base);
    case 'trino':
      return trino(stream, base);
    case 'spark':
      return spark(stream, base);
    default:
      return engine satisfies never;
  }
}

const PROOF = `-- A message is verified by its id: zoom-chat-archiver prove --message ID --out FOLDER, then verify-proof with the public key.
-- The whole archive is verified with zoom-chat-archiver verify.`;

function preamble(engine: Engine, base: string): readonly string[] {
  switch (engine) {
    case 'duckdb': {
      const note = `-- These views read the segments that the log named at this checkpoint, and no others. _segment, _entry and _row say where
-- a row stands. The bytes are not compared with the log.\n${PROOF}`;
      if (!base.startsWith('s3://')) return [note];
      return [
        note,
        '-- Once in a session: install httpfs; load httpfs; create secret (type s3, provider credential_chain);',
      ];
    }
    case 'athena':
    case 'spark':
      return [`${FOLDERS}\n${PROOF}`];
    case 'trino':
      return [`${FOLDERS}\n${PROOF}`, 'create schema if not exists hive.zoom_chat;'];
    default:
      return engine satisfies never;
  }
}

const FOLDERS = `-- These tables read whatever lies in the folders, also what the log does not name, and do not compare it with the log.
-- Times are in UTC.`;

function duckdb(stream: Stream, segments: Segments, base: string): string {
  const viewed = segments.map(({ index, entry: { key } }) => ({ key, entry: index, path: base + key }));
  return `create or replace view ${stream} as ${streamView(stream, viewed)};`;
}

/** With partition projection nobody has to tell Athena of new days; of a new class somebody does. */
function athena(stream: Stream, segments: Segments, base: string): string {
  const classes = [...new Set(segments.map(({ entry }) => entry.class))].sort();
  const [first = ''] = segments.map(({ entry }) => entry.date).sort();
  return `create external table if not exists \`${stream}\` (
${fields('athena', stream, '`')}
)
partitioned by (\`class\` string, \`date\` string)
stored as parquet
location '${location(stream, base)}'
tblproperties (
  'projection.enabled' = 'true',
  'projection.class.type' = 'enum',
  'projection.class.values' = '${classes.join(',')}',
  'projection.date.type' = 'date',
  'projection.date.format' = 'yyyy-MM-dd',
  'projection.date.range' = '${first},NOW+1DAYS',
  'projection.date.interval' = '1',
  'projection.date.interval.unit' = 'DAYS'
);`;
}

function trino(stream: Stream, base: string): string {
  return `create table if not exists hive.zoom_chat.${stream} (
${fields('trino', stream, '"')},
  "class" varchar,
  "date" date
)
with (
  external_location = '${location(stream, base)}',
  format = 'PARQUET',
  partitioned_by = array['class', 'date']
);
call hive.system.sync_partition_metadata('zoom_chat', '${stream}', 'FULL');`;
}

function spark(stream: Stream, base: string): string {
  return `create table if not exists ${stream} (
${fields('spark', stream, '`')},
  \`class\` string,
  \`date\` date
)
using parquet
partitioned by (\`class\`, \`date\`)
location '${location(stream, base)}';
msck repair table ${stream};`;
}

function fields(engine: keyof typeof TYPES, stream: Stream, quote: string): string {
  return columns(stream)
    .map(({ name, type }) => `  ${quote}${name}${quote} ${TYPES[engine][type]}`)
    .join(',\n');
}

/** Folder of a stream. A quote in it has no common spelling in these dialects, so it is written as in an address. */
function location(stream: Stream, base: string): string {
  return `${base}${segmentsPrefix(stream)}`.replaceAll("'", '%27');
}
