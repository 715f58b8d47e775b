/** The form of a segment: its columns and metadata. What is written here is what auditors read for years. */
import type { Stream } from '../record.ts';

/** Version of the archive's format, in `archive.json` and in each segment's metadata. */
export const ARCHIVE_FORMAT = 1;

export interface Column {
  readonly name: string;
  /** DuckDB type; the Parquet type follows from it. */
  readonly type: 'VARCHAR' | 'BIGINT' | 'BOOLEAN' | 'BLOB' | 'TIMESTAMP WITH TIME ZONE';
  /**
   * SQL that gives the value from: `account`, `stream`, `class`, `kind`, `time` (ms), `drift`, `record`,
   * `observed_at` (ms), `provenance` (JSON), `session` (id or empty) and `json` (the record, for reading fields from).
   */
  readonly from: string;
}

const text = (name: string, path: string): Column => ({ name, type: 'VARCHAR', from: `json ->> '${path}'` });
const count = (name: string, path: string): Column => ({
  name,
  type: 'BIGINT',
  from: `coalesce(json_array_length(json, '${path}'), 0)`,
});
const moment = (name: string, milliseconds: string): Column => ({
  name,
  type: 'TIMESTAMP WITH TIME ZONE',
  from: `make_timestamptz(try_cast(${milliseconds} as bigint) * 1000)`,
});
const origin = (name: string, path: string): Column => ({
  name,
  type: 'VARCHAR',
  from: `coalesce(provenance ->> '${path}', '')`,
});

const SUBJECT: readonly Column[] = [
  { name: 'account', type: 'VARCHAR', from: 'account' },
  { name: 'kind', type: 'VARCHAR', from: 'kind' },
  { name: 'drift', type: 'BOOLEAN', from: 'drift' },
  moment('event_at', 'time'),
];

const SESSION: readonly Column[] = [
  origin('session_id', '$.session.id'),
  origin('session_type', '$.session.type'),
  origin('session_name', '$.session.name'),
  origin('channel_id', '$.session.channelId'),
];

/** Braces and case as in the record's identity, so that one message has one id here. */
const MESSAGE_ID: Column = {
  name: 'message_id',
  type: 'VARCHAR',
  from: `lower(regexp_replace(json ->> '$.id', '^\\{(.*)\\}$', '\\1'))`,
};

const REPLY_TO: Column = {
  name: 'reply_to',
  type: 'VARCHAR',
  from: `lower(regexp_replace(json ->> '$.reply_main_message_id', '^\\{(.*)\\}$', '\\1'))`,
};

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
  moment('observed_at', 'observed_at'),
  origin('run', '$.run'),
  origin('request_id', '$.requestId'),
  origin('tracking_id', '$.trackingId'),
  { name: 'record', type: 'VARCHAR', from: 'record' },
  { name: 'record_hash', type: 'BLOB', from: LEAF_HASH },
];

const OWN: Record<Stream, readonly Column[]> = {
  messages: [
    ...SESSION,
    MESSAGE_ID,
    moment('sent_at', `(json ->> '$.timestamp')`),
    moment('action_at', `coalesce(json ->> '$.action_timestamp', json ->> '$.timestamp')`),
    text('sender_email', '$.sender'),
    text('sender_member_id', '$.sender_member_id'),
    text('sender_name', '$.sender_display_name'),
    text('receiver', '$.receiver'),
    text('text', '$.message'),
    REPLY_TO,
    count('file_count', '$.files'),
  ],
  reactions: [...SESSION, MESSAGE_ID],
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
    {
      name: 'covers_from',
      type: 'TIMESTAMP WITH TIME ZONE',
      from: `try_cast(json ->> '$.covers.from' as timestamptz)`,
    },
    {
      name: 'covers_to',
      type: 'TIMESTAMP WITH TIME ZONE',
      from: `try_cast(json ->> '$.covers.to' as timestamptz)`,
    },
    { name: 'rows', type: 'BIGINT', from: `try_cast(json ->> '$.rows' as bigint)` },
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
