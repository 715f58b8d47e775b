/** What every format is to the export: a writer of members. */
import type { Format } from './input.ts';
import type { Pack } from './pack.ts';
import type { ConversationDay } from './revisions.ts';
import type { ToldDay } from './surroundings.ts';

/** Hash of a revision, as it stands in a member; undefined where something stands there that is none. */
export type FoundHash = string | undefined;

interface Writer {
  readonly format: Format;
  /** In the order in which they come into the ZIP. */
  readonly packs: readonly Pack[];
  end(): Promise<void>;
}

/** Renders versions as they are. */
export interface RecordWriter extends Writer {
  readonly kind: 'records';
  day(day: ConversationDay): Promise<void>;
}

/** Renders messages with what is around them. */
export interface TellingWriter extends Writer {
  readonly kind: 'told';
  day(day: ToldDay): Promise<void>;
}

export type FormatWriter = RecordWriter | TellingWriter;

/** Records as they are come alone, and so fast; whatever else is asked for brings files and reactions. */
export function needsSurroundings(format: Format): boolean {
  return format !== 'ndjson';
}

/** Whether files of messages come beside it, not in it. */
export function needsFiles(format: Format): boolean {
  return format === 'csv' || format === 'html' || format === 'dat';
}
