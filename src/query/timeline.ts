/** Which events a session has, in their order, without what they say. */
import type { DuckDBValue } from '@duckdb/node-api';
import { type MessageId, messageId } from '../record.ts';
import type { OpenArchive, RecordPlace } from './archive.ts';
import { type Cursor, changeName, compareKeys, type EventKey } from './conversation-cursor.ts';
import { type Visibility, visibleWhere } from './visibility.ts';
import { daysOf, partsOf, type Span, segmentsFor } from './whereabouts.ts';

export type TimelineEvent =
  | { readonly type: 'message'; readonly key: EventKey; readonly messageId: MessageId }
  | {
      readonly type: 'change';
      readonly key: EventKey;
      readonly place: RecordPlace;
      readonly kind: string;
      readonly record: string;
    };

/** Whose events, and when; milliseconds, half-open, null where it is open. */
export interface TimelineOf {
  readonly session: string;
  /** Empty where it has none. */
  readonly channel: string;
  readonly from: number | null;
  readonly to: number | null;
  /** Of the session: its grants are for every place. */
  readonly seen: Visibility;
}

export interface TimelinePage {
  readonly events: readonly TimelineEvent[];
  /** Whether there are more, the way the page was read. */
  readonly more: boolean;
}

/** At most `limit` events next to a place, or from an end of the time; in order of time, whichever way they are read. */
export async function timelinePage(
  archive: OpenArchive,
  of: TimelineOf,
  { direction, key }: { readonly direction: Cursor['direction']; readonly key?: EventKey | undefined },
  limit: number,
): Promise<TimelinePage> {
  const side = { direction, key, limit: limit + 1 };
  const [messages, changes] = [await messageKeys(archive, of, side), await changeKeys(archive, of, side)];
  const forward = direction === 'after';
  // Both come in order already; the sort is stable, so messages of one moment stay as the archive orders them.
  const events = [...changes, ...messages].sort((one, other) =>
    one.type === 'message' && other.type === 'message' && one.key.at === other.key.at
      ? 0
      : forward
        ? compareKeys(one.key, other.key)
        : compareKeys(other.key, one.key),
  );
  const page = events.slice(0, limit);
  return { events: forward ? page : page.reverse(), more: events.length > limit };
}

interface Side {
  readonly direction: Cursor['direction'];
  readonly key: EventKey | undefined;
  readonly limit: number;
}

const SENT = 'epoch_ms(coalesce(sent_at, event_at))';

async function messageKeys(
  archive: OpenArchive,
  of: TimelineOf,
  side: Side,
): Promise<readonly TimelineEvent[]> {
  const found = new Map<MessageId, TimelineEvent>();
  for (const part of await partsOf(archive, of.session, spanOf(of, side), side.direction)) {
    const limit = side.limit - found.size;
    for (const event of await keysWithin(archive, of, { ...side, limit }, part))
      if (!found.has(event.messageId)) found.set(event.messageId, event);
    if (found.size >= side.limit) break;
  }
  return [...found.values()];
}

type MessageKey = Extract<TimelineEvent, { type: 'message' }>;

/** Messages that were sent in a part of the time. */
async function keysWithin(
  archive: OpenArchive,
  { session, seen: visibility }: TimelineOf,
  side: Side,
  part: Span,
): Promise<readonly MessageKey[]> {
  const bound = boundOf(side, 'moment', 'name', 1);
  const order = side.direction === 'after' ? 'asc' : 'desc';
  const seen = visibleWhere(visibility);
  const where = ['session_id = $session', ...conditions(SENT, part), seen.where].join(' and ');
  const rows = archive.select({
    streams: ['messages'],
    ...(await segmentsFor(archive, { session, sent: part })),
    sql: `select min(${SENT})::double as moment, message_id as name from messages where ${where}
      group by message_id having ${bound.sql} order by moment ${order}, name ${order} limit ${side.limit}`,
    values: { session, ...seen.values, ...bound.values },
  });
  const events: MessageKey[] = [];
  for await (const chunk of rows)
    for (const [at, name] of chunk) {
      const id = messageId(String(name ?? ''));
      events.push({ type: 'message', key: { at: Number(at), rank: 1, name: id }, messageId: id });
    }
  return events;
}

/** The place of a message; undefined where it is not among these events. */
export async function keyOfMessage(
  archive: OpenArchive,
  { session, from, to, seen: visibility }: TimelineOf,
  message: MessageId,
): Promise<EventKey | undefined> {
  const seen = visibleWhere(visibility);
  const span = { from, to };
  const where = ['session_id = $session', 'message_id = $message', ...conditions(SENT, span), seen.where];
  const rows = archive.select({
    streams: ['messages'],
    ...(await segmentsFor(archive, { messages: [message] })),
    sql: `select min(${SENT})::double from messages where ${where.join(' and ')}`,
    values: { session, message, ...seen.values },
  });
  for await (const chunk of rows)
    for (const [at] of chunk) if (at !== null) return { at: Number(at), rank: 1, name: message };
  return undefined;
}

const CHANGED = 'epoch_ms(coalesce(activity_at, event_at))';

async function changeKeys(
  archive: OpenArchive,
  of: TimelineOf,
  side: Side,
): Promise<readonly TimelineEvent[]> {
  const { channel } = of;
  if (channel === '') return [];
  const span = spanOf(of, side);
  const name = `lpad(_entry::varchar, 12, '0') || '.' || lpad(_row::varchar, 9, '0')`;
  const bound = boundOf(side, CHANGED, name, 0);
  const order = side.direction === 'after' ? 'asc' : 'desc';
  const { entries } = await segmentsFor(archive, { channel });
  const seen = visibleWhere(of.seen);
  const where = ['channel_id = $channel', ...conditions(CHANGED, span), bound.sql, seen.where].join(' and ');
  const rows = archive.select({
    streams: ['channel_activities'],
    slice: daysOf(span),
    entries,
    sql: `select ${CHANGED}::double as moment, _segment, _entry, _row, kind, record from channel_activities where ${where}
      order by moment ${order}, _entry ${order}, _row ${order} limit ${side.limit}`,
    values: { channel, ...seen.values, ...bound.values },
  });
  const events: TimelineEvent[] = [];
  for await (const chunk of rows)
    for (const [at, segment, entry, row, kind, record] of chunk) {
      const place = { segment: String(segment), entry: Number(entry), row: Number(row) };
      const key = { at: Number(at), rank: 0, name: changeName(place) } as const;
      events.push({ type: 'change', key, place, kind: String(kind), record: String(record) });
    }
  return events;
}

/** The time that is left on a side of a place. */
function spanOf({ from, to }: TimelineOf, { direction, key }: Side): Span {
  if (key === undefined) return { from, to };
  return direction === 'after'
    ? { from: Math.max(from ?? key.at, key.at), to }
    : { from, to: Math.min(to ?? key.at + 1, key.at + 1) };
}

function conditions(time: string, { from, to }: Span): readonly string[] {
  return [...(from === null ? [] : [`${time} >= ${from}`]), ...(to === null ? [] : [`${time} < ${to}`])];
}

/** SQL: beyond a place. @param rank of the rows */
function boundOf(
  { direction, key }: Side,
  at: string,
  name: string,
  rank: 0 | 1,
): { readonly sql: string; readonly values: Readonly<Record<string, DuckDBValue>> } {
  if (key === undefined) return { sql: 'true', values: {} };
  const sign = direction === 'after' ? '>' : '<';
  if (rank !== key.rank) {
    // What is of one moment stands behind what is of a lower rank.
    const counts = direction === 'after' ? rank > key.rank : rank < key.rank;
    return { sql: `${at} ${sign}${counts ? '=' : ''} ${key.at}`, values: {} };
  }
  return {
    sql: `(${at} ${sign} ${key.at} or (${at} = ${key.at} and ${name} ${sign} $beyond))`,
    values: { beyond: key.name },
  };
}
