/** Places between the events of a conversation, as pages hand them on. Pure. */
import { z } from 'zod';
import { formatCursor, parseCursor } from './asked.ts';

/** The place of an event: by time, changes of membership before messages, then by name. */
export interface EventKey {
  /** Milliseconds. */
  readonly at: number;
  readonly rank: 0 | 1;
  /** Of a message its id; of a change where its record stands. */
  readonly name: string;
}

export interface Cursor {
  readonly direction: 'after' | 'before';
  readonly key: EventKey;
}

/** Milliseconds that a date can have. */
const MOST_TIME = 8.64e15;
const time = z.int().min(-MOST_TIME).max(MOST_TIME);
const schema = z.tuple([z.enum(['after', 'before']), time, z.literal([0, 1]), z.string()]);

export function cursorText({ direction, key: { at, rank, name } }: Cursor): string {
  return formatCursor([direction, at, rank, name]);
}

/** Fails with `usage` for what is no cursor. */
export function readCursor(text: string): Cursor {
  const [direction, at, rank, name] = parseCursor(schema, text);
  return { direction, key: { at, rank, name } };
}

/** Where a change of membership stands, so that names compare as places do. */
export function changeName({ entry, row }: { readonly entry: number; readonly row: number }): string {
  return `${String(entry).padStart(12, '0')}.${String(row).padStart(9, '0')}`;
}

/** Within one rank the names of messages are left in the order in which they come. */
export function compareKeys(one: EventKey, other: EventKey): number {
  if (one.at !== other.at) return one.at - other.at;
  if (one.rank !== other.rank) return one.rank - other.rank;
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
}
