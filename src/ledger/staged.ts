/** How an admitted record is written down until it is sealed, and where it came from. */
import type { Instant } from '../record.ts';

/** Separates records in a staged row; canonical JSON never holds a raw control character. */
export const RECORD_SEPARATOR = '\u001e';
/** Separates the fields of a staged record: drift flag (0 or 1), key, time in ms, kind, canonical JSON. */
export const FIELD_SEPARATOR = '\u001f';

/** Where a page came from; stored once a page and stream, so the archive can name the answer behind each record. */
export interface Provenance {
  readonly run: string;
  readonly requestId: string;
  readonly trackingId: string;
  /** When Zoom's answer was complete. */
  readonly observedAt: Instant;
  /** The session as known when the page was asked for; absent for streams of the whole account. */
  readonly session?: {
    readonly id: string;
    readonly type: string;
    readonly name: string;
    readonly channelId: string;
  };
}

/**
 * Postgres' text and JSON take neither U+0000 nor half a surrogate pair, which a session's name may hold: here they
 * become U+FFFD. Records keep them, because canonical JSON escapes both.
 */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}

/** Provenance as the ledger keeps it; `observedAt` has a column of its own. */
export function provenanceJson({ observedAt: _column, ...rest }: Provenance): string {
  return storableJson(rest);
}

/** JSON of a value whose texts are all {@link storableText}. */
export function storableJson(value: object): string {
  return JSON.stringify(value, (_name, part: unknown) =>
    typeof part === 'string' ? storableText(part) : part,
  );
}

/** The record's line without its drift flag, which the ledger puts in front. */
export function stagedFields(record: {
  readonly key: string;
  readonly time: number;
  readonly kind: string;
  readonly record: string;
}): string {
  return [record.key, record.time, record.kind, record.record].join(FIELD_SEPARATOR);
}

/** The fields of a staged record, its drift flag included. */
export function splitStaged(line: string): {
  readonly drift: string;
  readonly key: string;
  readonly time: number;
  readonly kind: string;
  readonly record: string;
} {
  const afterKey = line.indexOf(FIELD_SEPARATOR, 2);
  const afterTime = line.indexOf(FIELD_SEPARATOR, afterKey + 1);
  const afterKind = line.indexOf(FIELD_SEPARATOR, afterTime + 1);
  return {
    drift: line.slice(0, 1),
    key: line.slice(2, afterKey),
    time: Number(line.slice(afterKey + 1, afterTime)),
    kind: line.slice(afterTime + 1, afterKind),
    record: line.slice(afterKind + 1),
  };
}
