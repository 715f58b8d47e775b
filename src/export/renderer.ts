/** What every format is to the export: a writer of members. */
import type { Format } from './input.ts';
import type { Pack } from './pack.ts';
import type { ConversationDay } from './revisions.ts';
import type { ToldDay } from './surroundings.ts';

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

export function needsSurroundings(format: Format): boolean {
  return format !== 'ndjson' && format !== 'csv';
}
