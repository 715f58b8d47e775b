/** Which segments may hold what is looked for, by the index where it knows: it says where to look, and never answers. */
import { listValue } from '@duckdb/node-api';
import { utcDay } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import type { Slice } from './catalog.ts';
import { idNumber } from './index-part.ts';

/** Something looked for, as far as it is known. */
export type LookedFor =
  /** What is of messages, in streams whose records name one. */
  | { readonly messages: readonly string[] }
  /** Messages of a session. */
  | { readonly session: string; readonly sent: Span }
  /** What a session is. */
  | { readonly session: string }
  /** What a channel is, and who comes and goes. */
  | { readonly channel: string };

/** Milliseconds, half-open, null where it is open. */
export interface Span {
  readonly from: number | null;
  readonly to: number | null;
}

/** See `Selection`. */
export interface Whereabouts {
  readonly slice: Slice;
  readonly entries: ReadonlySet<number>;
}

/** Other segments than these hold none of it. */
export async function segmentsFor(archive: OpenArchive, looked: LookedFor): Promise<Whereabouts> {
  return { slice: {}, entries: new Set(await entriesOf(archive, looked)) };
}

async function entriesOf(archive: OpenArchive, looked: LookedFor): Promise<readonly number[]> {
  if ('messages' in looked) {
    if (looked.messages.length === 0) return [];
    const ids = `select ${idNumber('unnest($messages)')}`;
    const rows = await archive.index(`select distinct entry from idx_ids where id in (${ids})`, {
      messages: listValue([...looked.messages]),
    });
    return rows.map(([entry]) => Number(entry));
  }
  if ('channel' in looked)
    return (await placesOf(archive, 'channel', looked.channel)).map(({ entry }) => entry);
  const { from, to } = 'sent' in looked ? looked.sent : { from: null, to: null };
  const places = await placesOf(archive, 'session', looked.session);
  // When what is no message was sent nobody says.
  const within = places.filter(
    ({ first, last }) =>
      (from === null || last === null || last >= from) && (to === null || first === null || first < to),
  );
  return within.map(({ entry }) => entry);
}

/** Segments of the first part; each part has twice as many as the one before. */
const FIRST_PART = 8;

/**
 * The time of a span in parts without overlap, in order of time or the other way, so that whoever wants a page need not
 * look at more segments than it takes.
 */
export async function partsOf(
  archive: OpenArchive,
  session: string,
  { from, to }: Span,
  direction: 'after' | 'before',
): Promise<readonly Span[]> {
  const all = await placesOf(archive, 'session', session);
  const forward = direction === 'after';
  const edges = all
    .flatMap(({ first, last }) => (forward ? (first ?? []) : (last ?? [])))
    .filter((time) => (from === null || time > from) && (to === null || time < to))
    .sort((one, other) => (forward ? one - other : other - one));
  const parts: Span[] = [];
  let begun = forward ? from : to;
  for (let count = FIRST_PART; count < edges.length; count *= 2) {
    const edge = edges[count];
    if (edge === undefined || edge === begun) continue;
    parts.push(forward ? { from: begun, to: edge } : { from: edge, to: begun });
    begun = edge;
  }
  return [...parts, forward ? { from: begun, to } : { from, to: begun }];
}

/** A segment with records of a session or channel. */
interface Place {
  readonly entry: number;
  /** When the first and the last message of it was sent, milliseconds; null where it has none. */
  readonly first: number | null;
  readonly last: number | null;
}

/** Whoever reads a conversation asks for the same places with every page; of one checkpoint they do not change. */
const places = new WeakMap<OpenArchive, Map<string, Promise<readonly Place[]>>>();
const MOST_PLACES = 200;

function placesOf(archive: OpenArchive, of: 'session' | 'channel', id: string): Promise<readonly Place[]> {
  const own = places.get(archive) ?? new Map<string, Promise<readonly Place[]>>();
  places.set(archive, own);
  const name = `${of} ${id}`;
  const known = own.get(name);
  if (known !== undefined) return known;
  const [oldest] = own.keys();
  if (own.size >= MOST_PLACES && oldest !== undefined) own.delete(oldest);
  const found = readPlaces(archive, of, id);
  own.set(name, found);
  found.catch(() => own.delete(name));
  return found;
}

async function readPlaces(
  archive: OpenArchive,
  of: 'session' | 'channel',
  id: string,
): Promise<readonly Place[]> {
  const rows = await archive.index(
    `select entry, min("first"), max("last") from idx_places where ${of} = $id group by entry`,
    { id },
  );
  const moment = (value: unknown): number | null => (value === null ? null : Number(value));
  return rows.map(([entry, first, last]) => ({
    entry: Number(entry),
    first: moment(first),
    last: moment(last),
  }));
}

/** The UTC days of a time, for a slice of segments. */
export function daysOf({ from, to }: Span): Pick<Slice, 'from' | 'to'> {
  return {
    from: from === null ? undefined : utcDay(from),
    to: to === null ? undefined : utcDay(to - 1),
  };
}
