/**
 * Which column of a legal-hold listing says what. Zoom documents that its zips hold a CSV, and not its columns: they are
 * found by names that they may have, and what has no such name is left alone. Pure.
 */

import type { CsvRecord } from '../csv/csv-reader.ts';
import { messageId } from '../record.ts';

const NAMES = {
  id: ['message id', 'messageid', 'msg id', 'msgid', 'id'],
  place: ['session id', 'channel id', 'conversation id', 'chat id', 'session', 'channel', 'channel name'],
  time: ['date time', 'datetime', 'timestamp', 'message time', 'sent time', 'sent at', 'time', 'date'],
  sender: ['sender', 'sender email', 'from', 'from email', 'sender name', 'author', 'user'],
  text: ['message', 'text', 'content', 'message content', 'message text', 'body'],
} as const;

type Field = keyof typeof NAMES;

/** The place of each column, from 0; undefined where there is none. */
export interface ListingColumns {
  readonly width: number;
  readonly places: Readonly<Record<Field, number | undefined>>;
}

/**
 * The columns under this header; undefined when messages cannot be told apart by them: that takes the text, and an id or
 * sender and time.
 */
export function listingColumns(header: readonly string[]): ListingColumns | undefined {
  const words = header.map((name) =>
    name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, ' ')
      .trim(),
  );
  const find = (field: Field): number | undefined => {
    const name = NAMES[field].find((candidate) => words.includes(candidate));
    return name === undefined ? undefined : words.indexOf(name);
  };
  const places = {
    id: find('id'),
    place: find('place'),
    time: find('time'),
    sender: find('sender'),
    text: find('text'),
  };
  const { id, time, sender, text } = places;
  const identifies = id !== undefined || (time !== undefined && sender !== undefined);
  return text !== undefined && identifies ? { width: header.length, places } : undefined;
}

/** One row of a listing. Without an id, sender and time are there. */
export interface ListedMessage {
  readonly id: string | undefined;
  /** Id or name of the session or channel. */
  readonly place: string | undefined;
  readonly sender: string | undefined;
  /** Milliseconds. */
  readonly sentAt: number | undefined;
  readonly text: string;
}

/** The message of a row; undefined where the row has another number of fields, or lacks what identifies it. */
export function listedMessage(
  { width, places }: ListingColumns,
  { fields }: CsvRecord,
): ListedMessage | undefined {
  if (fields.length !== width) return undefined;
  const at = (field: Field): string | undefined => {
    const place = places[field];
    const value = place === undefined ? undefined : fields[place]?.trim();
    return value === '' ? undefined : value;
  };
  const [id, time] = [at('id'), at('time')];
  const message = {
    id: id === undefined ? undefined : messageId(id),
    place: at('place'),
    sender: at('sender')?.toLowerCase(),
    sentAt: time === undefined ? undefined : momentOf(time),
    text: places.text === undefined ? '' : (fields[places.text] ?? ''),
  };
  if (message.id !== undefined) return message;
  return message.sender === undefined || message.sentAt === undefined ? undefined : message;
}

/** Milliseconds; undefined when it is no time. Without a zone it is taken for UTC, whatever this machine's is. */
export function momentOf(text: string): number | undefined {
  if (/^\d{13}$/.test(text)) return Number(text);
  if (/^\d{10}$/.test(text)) return Number(text) * 1000;
  const hasZone = /(z|[+-]\d\d:?\d\d|gmt|utc)$/i.test(text);
  const iso = text.replace(/^(\d{4}-\d\d-\d\d) (?=\d)/, '$1T');
  const zoned = hasZone ? iso : /^\d{4}-\d\d-\d\dT/.test(iso) ? `${iso}Z` : `${text} UTC`;
  const at = Date.parse(zoned);
  return Number.isNaN(at) ? undefined : at;
}
