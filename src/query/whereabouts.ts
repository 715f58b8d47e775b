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
  const rows = await placesOf(archive, looked);
  return { slice: {}, entries: new Set(rows.map(([entry]) => Number(entry))) };
}

async function placesOf(archive: OpenArchive, looked: LookedFor): Promise<readonly (readonly unknown[])[]> {
  if ('messages' in looked) {
    if (looked.messages.length === 0) return [];
    const ids = `select ${idNumber('unnest($messages)')}`;
    return archive.index(`select distinct entry from idx_ids where id in (${ids})`, {
      messages: listValue([...looked.messages]),
    });
  }
  if ('channel' in looked)
    return archive.index('select distinct entry from idx_places where channel = $channel', looked);
  const { session } = looked;
  const { from, to } = 'sent' in looked ? looked.sent : { from: null, to: null };
  // When what is no message was sent nobody says.
  const times = [
    ...(from === null ? [] : [`coalesce("last" >= ${from}, true)`]),
    ...(to === null ? [] : [`coalesce("first" < ${to}, true)`]),
  ];
  const where = ['session = $session', ...times].join(' and ');
  return archive.index(`select distinct entry from idx_places where ${where}`, { session });
}

/** The UTC days of a time, for a slice of segments. */
export function daysOf({ from, to }: Span): Pick<Slice, 'from' | 'to'> {
  return {
    from: from === null ? undefined : utcDay(from),
    to: to === null ? undefined : utcDay(to - 1),
  };
}
