/** The form of a segment: its columns and metadata. What is written here is what auditors read for years. */
import { hash } from 'node:crypto';
import { canonicalJson, type Stream } from '../record.ts';

/** Version of the archive's format, in `archive.json` and in each segment's metadata. */
export const ARCHIVE_FORMAT = 1;

/** DuckDB types; the Parquet types follow from them. */
export type ColumnType = 'VARCHAR' | 'BIGINT' | 'BOOLEAN' | 'BLOB' | 'TIMESTAMP WITH TIME ZONE';

/**
 * Where a column's value comes from:
 * - `row`: SQL over `account`, `kind`, `time` (ms), `drift` (0 or 1), `observed_at` (ms), `hash` (hex) and `record`;
 * - `origin`: a JSON path in the page's provenance;
 * - `field`: JSON paths in the record, and SQL over their texts, `$1` for the first.
 */
export type ColumnSource =
  | { readonly row: string }
  | { readonly origin: string }
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
const origin = (name: string, path: string): Column => ({ name, type: 'VARCHAR', source: { origin: path } });

const SUBJECT: readonly Column[] = [
  { name: 'account', type: 'VARCHAR', source: { row: 'account' } },
  { name: 'kind', type: 'VARCHAR', source: { row: 'kind' } },
  { name: 'drift', type: 'BOOLEAN', source: { row: `drift = '1'` } },
  { name: 'event_at', type: MOMENT, source: { row: 'make_timestamptz(time * 1000)' } },
];

const SESSION: readonly Column[] = [
  origin('session_id', '$.session.id'),
  origin('session_type', '$.session.type'),
  origin('session_name', '$.session.name'),
  origin('channel_id', '$.session.channelId'),
];

/** Empty where nothing was stored; key and version also where the bytes stand in several objects. */
const OBJECT: readonly Column[] = [
  text('sha256', '$.object.sha256'),
  number('size', '$.object.size'),
  text('object_key', '$.object.key'),
  text('object_version', '$.object.version'),
];

const PROVENANCE: readonly Column[] = [
  { name: 'observed_at', type: MOMENT, source: { row: 'make_timestamptz(observed_at * 1000)' } },
  origin('run', '$.run'),
  origin('request_id', '$.requestId'),
  origin('tracking_id', '$.trackingId'),
  { name: 'record', type: 'VARCHAR', source: { row: 'record' } },
  { name: 'record_hash', type: 'BLOB', source: { row: 'unhex(hash)' } },
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
  channel_activities: [
    text('channel_id', '$.channel_id'),
    text('activity_type', '$.activity_type'),
    milliseconds('activity_at', '$.activity_timestamp'),
    text('member_status', '$.members.member_status'),
    text('operator_member_id', '$.operator.member_id'),
    text('operator_name', '$.operator.display_name'),
    length('member_count', '$.members.member_list'),
  ],
  matters: [
    text('matter_id', '$.matter_id'),
    text('matter_name', '$.matter_name'),
    date('starts_on', '$.matter_start_date'),
    date('ends_on', '$.matter_end_date'),
    length('custodian_count', '$.matter_users'),
  ],
  hold_files: [
    text('matter_id', '$.matter_id'),
    text('matter_name', '$.matter_name'),
    text('custodian_user_id', '$.custodian.user_id'),
    text('custodian_email', '$.custodian.email'),
    text('file_key', '$.file.file_key'),
    date('starts_on', '$.file.file_start_date'),
    date('ends_on', '$.file.file_end_date'),
    ...OBJECT,
    number('entry_count', '$.zip.entry_count'),
    length('problem_count', '$.problems'),
    text('reason', '$.reason'),
  ],
  files: [
    ...SESSION,
    text('message_id', '$.message_id'),
    text('forward_id', '$.forward_id'),
    text('origin', '$.origin'),
    text('file_id', '$.file_id'),
    text('file_name', '$.file_name'),
    text('sender_email', '$.sender'),
    text('sender_member_id', '$.sender_member_id'),
    ...OBJECT,
    text('reason', '$.reason'),
  ],
  forwarded: [
    ...SESSION,
    text('message_id', '$.message_id'),
    text('forward_id', '$.forward_id'),
    milliseconds('sent_at', '$.message.timestamp'),
    text('sender_email', '$.message.sender'),
    text('sender_member_id', '$.message.send_member_id'),
    text('sender_name', '$.message.sender_display_name'),
    text('text', '$.message.message'),
    text('reason', '$.reason'),
  ],
  context: [text('subject_id', '$.subject'), text('name', '$.name')],
  coverage: [
    text('unit_stream', '$.unit.stream'),
    text('session_id', '$.unit.scope'),
    text('mode', '$.unit.mode'),
    text('outcome', '$.outcome'),
    date('window_from', '$.unit.from'),
    date('window_to', '$.unit.to'),
    date('covers_from', '$.covers.from'),
    date('covers_to', '$.covers.to'),
    number('rows', '$.rows'),
  ],
};

/** Columns of a stream's segments, in their order. */
export function columns(stream: Stream): readonly Column[] {
  return [...SUBJECT, ...OWN[stream], ...PROVENANCE];
}

/** Whether the records of a stream are seen within a session, whose id then is part of their hash; see {@link Fact}. */
export function isInSession(stream: Stream): boolean {
  return columns(stream).some(({ name, source }) => name === 'session_id' && 'origin' in source);
}

/** Rows of a row group, the least that a reader can skip. */
export const ROW_GROUP = 20_480;

/**
 * What a record's hash says beside the record: in which account, stream and session it was seen, as what, and when
 * (ms). Without it a proof could not tell a deletion from what it deleted, for Zoom's rows do not say which array they
 * stood in (ADR 0004).
 */
export interface Fact {
  readonly account: string;
  readonly kind: string;
  readonly observed_at: number;
  readonly session_id: string;
  readonly stream: string;
}

/** The fact as it is hashed: canonical JSON. */
export function factText({ account, kind, observed_at, session_id, stream }: Fact): string {
  return canonicalJson({ account, kind, observed_at, session_id, stream });
}

/**
 * RFC 6962 leaf hash over the fact, a line feed and the record: 64 hex digits.
 * @param fact from {@link factText}
 */
export function leafHash(fact: string, record: string): string {
  return hash('sha256', `\0${fact}\n${record}`, 'hex');
}

/** What decides a row's place in its segment; leaves of the root stand in the same order. */
export interface RowOrder {
  readonly session: string;
  /** Milliseconds. */
  readonly time: number;
  readonly key: string;
  readonly hash: string;
}

/** By session, time, identity; texts by UTF-16 code units. */
export function compareRows(one: RowOrder, other: RowOrder): number {
  if (one.session !== other.session) return one.session < other.session ? -1 : 1;
  if (one.time !== other.time) return one.time - other.time;
  if (one.key !== other.key) return one.key < other.key ? -1 : 1;
  return one.hash < other.hash ? -1 : one.hash > other.hash ? 1 : 0;
}

export interface SegmentMetadata {
  readonly format: number;
  readonly account: string;
  readonly stream: string;
  readonly class: string;
  /** 64 hex digits. */
  readonly root: string;
  readonly count: number;
}
