/** The form of a segment: its columns and metadata. What is written here is what auditors read for years. */
import type { Stream } from '../record.ts';

/** Version of the archive's format, in `archive.json` and in each segment's metadata. */
export const ARCHIVE_FORMAT = 1;

/** DuckDB types; the Parquet types follow from them. */
export type ColumnType = 'VARCHAR' | 'BIGINT' | 'BOOLEAN' | 'BLOB' | 'TIMESTAMP WITH TIME ZONE';

/**
 * Where a column's value comes from:
 * - `page`: SQL over the page's `provenance` (JSON) and `observed_at` (ms), the same for all its records;
 * - `row`: SQL over `account`, `stream`, `session`, `kind`, `time` (ms), `drift`, `observed_at` (ms) and `record`;
 * - `field`: JSON paths in the record, and SQL over their texts, `$1` for the first.
 */
export type ColumnSource =
  | { readonly page: string }
  | { readonly row: string }
  | { readonly field: readonly string[]; readonly as: string };

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly source: ColumnSource;
}

const MOMENT = 'TIMESTAMP WITH TIME ZONE';

const text = (name: string, path: string): Column => ({
  name,
  type: 'VARCHAR',
  source: { field: [path], as: '$1' },
});
const milliseconds = (name: string, ...field: readonly string[]): Column => ({
  name,
  type: MOMENT,
  source: {
    field,
    as: `make_timestamptz(try_cast(coalesce(${field.map((_path, index) => `$${index + 1}`).join(', ')}) as bigint) * 1000)`,
  },
});
const date = (name: string, path: string): Column => ({
  name,
  type: MOMENT,
  source: { field: [path], as: 'try_cast($1 as timestamptz)' },
});
const number = (name: string, path: string): Column => ({
  name,
  type: 'BIGINT',
  source: { field: [path], as: 'try_cast($1 as bigint)' },
});
const length = (name: string, path: string): Column => ({
  name,
  type: 'BIGINT',
  source: { field: [path], as: 'coalesce(json_array_length(try_cast($1 as json)), 0)' },
});
/** Braces and case as in the record's identity, so that one message has one id here. */
const messageId = (name: string, path: string): Column => ({
  name,
  type: 'VARCHAR',
  source: { field: [path], as: `lower(case when $1[1] = '{' and $1[-1] = '}' then $1[2:-2] else $1 end)` },
});
const origin = (name: string, path: string): Column => ({
  name,
  type: 'VARCHAR',
  source: { page: `coalesce(provenance ->> '${path}', '')` },
});

const SUBJECT: readonly Column[] = [
  { name: 'account', type: 'VARCHAR', source: { row: 'account' } },
  { name: 'kind', type: 'VARCHAR', source: { row: 'kind' } },
  { name: 'drift', type: 'BOOLEAN', source: { row: 'drift' } },
  { name: 'event_at', type: MOMENT, source: { row: 'make_timestamptz(time * 1000)' } },
];

const SESSION: readonly Column[] = [
  origin('session_id', '$.session.id'),
  origin('session_type', '$.session.type'),
  origin('session_name', '$.session.name'),
  origin('channel_id', '$.session.channelId'),
];

/**
 * What a record's hash says beside the record: in which account, stream and session it was seen, as what, and when
 * (ms). Canonical JSON (RFC 8785). Without it a proof could not tell a deletion from what it deleted, for Zoom's rows
 * do not say which array they stood in (ADR 0004).
 */
const FACT = `'{"account":' || to_json(account) || ',"kind":' || to_json(kind) || ',"observed_at":' || observed_at
  || ',"session_id":' || to_json(session) || ',"stream":' || to_json(stream) || '}'`;

/** RFC 6962 leaf hash over the fact, a line feed and the record. */
const LEAF_HASH = `unhex(sha256('\\x00'::blob || encode(${FACT} || chr(10) || record)))`;

const PROVENANCE: readonly Column[] = [
  { name: 'observed_at', type: MOMENT, source: { page: 'make_timestamptz(observed_at * 1000)' } },
  origin('run', '$.run'),
  origin('request_id', '$.requestId'),
  origin('tracking_id', '$.trackingId'),
  { name: 'record', type: 'VARCHAR', source: { row: 'record' } },
  { name: 'record_hash', type: 'BLOB', source: { row: LEAF_HASH } },
];

const OWN: Record<Stream, readonly Column[]> = {
  messages: [
    ...SESSION,
    messageId('message_id', '$.id'),
    milliseconds('sent_at', '$.timestamp'),
    milliseconds('action_at', '$.action_timestamp', '$.timestamp'),
    text('sender_email', '$.sender'),
    text('sender_member_id', '$.sender_member_id'),
    text('sender_name', '$.sender_display_name'),
    text('receiver', '$.receiver'),
    text('text', '$.message'),
    messageId('reply_to', '$.reply_main_message_id'),
    length('file_count', '$.files'),
  ],
  reactions: [...SESSION, messageId('message_id', '$.id')],
  sessions: [
    text('session_id', '$.id'),
    text('session_type', '$.type'),
    text('session_name', '$.name'),
    text('channel_id', '$.channel_id'),
    text('status', '$.status'),
  ],
  coverage: [
    text('unit_stream', '$.unit.stream'),
    text('session_id', '$.unit.scope'),
    text('mode', '$.unit.mode'),
    text('outcome', '$.outcome'),
    date('covers_from', '$.covers.from'),
    date('covers_to', '$.covers.to'),
    number('rows', '$.rows'),
  ],
};

/** Columns of a stream's segments, in their order. */
export function columns(stream: Stream): readonly Column[] {
  return [...SUBJECT, ...OWN[stream], ...PROVENANCE];
}

/** Rows stand in this order; so do the leaves of the segment's root. */
export const ROW_ORDER = 'session, time, key, record_hash';

export interface SegmentMetadata {
  readonly format: number;
  readonly account: string;
  readonly stream: string;
  readonly class: string;
  /** 64 hex digits. */
  readonly root: string;
  readonly count: number;
}
