/** Streams as DuckDB shows them: a view each, of which every row says where in the archive it stands. */
import { literal } from '../duckdb.ts';
import type { Stream } from '../record.ts';
import { columns } from '../segments/format.ts';

/** A segment in the log, and where DuckDB finds it. */
export interface ViewedSegment {
  readonly key: string;
  /** Place of its entry in the log. */
  readonly entry: number;
  /** A file or an `s3://` address, which ends in the key. */
  readonly path: string;
}

/** Own parts of a segment's key. DuckDB's Hive reading would take `name=value` folders above the archive too. */
const KEY = '(segments/stream=([^/]+)/class=([^/]+)/date=([^/]+)/[^/]+)$';

/**
 * The rows of a stream in these segments: the columns of docs/format.md, the partition's `stream`, `class` and `date`,
 * then `_segment` (key), `_entry` (place in the log) and `_row` (place in the segment), from 0.
 * @param columnsOf `alike` where all of them are known to have the same columns: DuckDB need not open each to find out
 */
export function streamView(
  stream: Stream,
  segments: readonly ViewedSegment[],
  columnsOf: 'alike' | 'any' = 'any',
): string {
  if (segments.length === 0) return emptyView(stream, 'false');
  const part = (group: number): string => `regexp_extract(filename, ${literal(KEY)}, ${group})`;
  const name = (group: number): string => `url_decode(${part(group)})`;
  // DuckDB's own number of a file changes with the files that a condition leaves out, so it cannot lead to the entry.
  const places = segments.map(({ path, entry }) => `(${literal(path)}, ${entry}::bigint)`);
  return `select records.* exclude (filename, file_row_number),
    ${name(2)} as stream, ${name(3)} as class, ${part(4)}::date as date,
    ${part(1)} as _segment, places.entry as _entry, file_row_number as _row
  from read_parquet([${segments.map(({ path }) => literal(path)).join(', ')}],
    hive_partitioning = false, union_by_name = ${columnsOf === 'any'}, filename = true, file_row_number = true) as records
  join (values ${places.join(', ')}) as places (path, entry) on places.path = records.filename`;
}

/** A stream without rows. @param condition SQL; one that fails makes a view that can be described and not read */
export function emptyView(stream: Stream, condition: string): string {
  const own = columns(stream).map(({ name, type }) => `null::${type} as "${name}"`);
  return `select ${own.join(', ')}, ''::varchar as stream, ''::varchar as class, null::date as date,
    ''::varchar as _segment, null::bigint as _entry, null::bigint as _row where ${condition}`;
}
