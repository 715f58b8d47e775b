/** What every format is to the export: a writer of members, and a reader that finds the revisions in them again. */
import type { Format } from './input.ts';
import type { Pack } from './pack.ts';
import type { ConversationDay } from './revisions.ts';

export interface FormatWriter {
  readonly format: Format;
  /** In the order in which they come into the ZIP. */
  readonly packs: readonly Pack[];
  day(day: ConversationDay): Promise<void>;
  end(): Promise<void>;
}
