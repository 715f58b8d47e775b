/** A table of versions: RFC 4180 in UTF-8 with a byte order mark, a row each, safe to open in a spreadsheet. */
import { readCsv } from '../csv/csv-reader.ts';
import type { Pack } from './pack.ts';
import type { FoundHash, RecordWriter } from './renderer.ts';
import type { ConversationDay, ExportedRevision } from './revisions.ts';
import type { ZoneClock } from './time.ts';

export const CSV_MEMBER = 'csv/revisions.csv';

const COLUMNS: readonly (readonly [
  name: string,
  value: (one: ExportedRevision, clock: ZoneClock) => string,
])[] = [
  ['session_id', ({ session }) => session.id],
  ['session_type', ({ session }) => session.type],
  ['session_name', ({ session }) => session.name],
  ['channel_id', ({ session }) => session.channelId],
  ['message_id', ({ messageId }) => messageId],
  ['kind', ({ kind }) => kind],
  ['sent_at', ({ sentAt }) => sentAt],
  ['sent_at_local', ({ sentAt }, clock) => clock.shown(Date.parse(sentAt))],
  ['action_at', ({ actionAt }) => actionAt],
  ['observed_at', ({ observedAt }) => observedAt],
  ['sender_name', ({ sender }) => sender.name],
  ['sender_email', ({ sender }) => sender.email],
  ['sender_member_id', ({ sender }) => sender.memberId],
  ['receiver', ({ receiver }) => receiver],
  ['reply_to', ({ replyTo }) => replyTo ?? ''],
  ['text', ({ text }) => text],
  ['card', ({ bot }) => bot ?? ''],
  ['files', ({ files }) => files.map(({ name }) => name).join('\n')],
  ['drift', ({ drift }) => (drift ? 'yes' : '')],
  ['entry', ({ place }) => String(place.entry)],
  ['row', ({ place }) => String(place.row)],
  ['record_hash', ({ hash }) => hash],
];

export class CsvWriter implements RecordWriter {
  readonly kind = 'records';
  readonly format = 'csv';
  readonly packs: readonly [Pack];
  readonly #clock: ZoneClock;
  #isBegun = false;

  constructor(pack: Pack, clock: ZoneClock) {
    this.packs = [pack];
    this.#clock = clock;
    pack.begin(CSV_MEMBER);
  }

  async day({ revisions }: ConversationDay): Promise<void> {
    let rows = this.#head();
    for (const revision of revisions)
      rows += `${COLUMNS.map(([, value]) => csvCell(value(revision, this.#clock))).join(',')}\r\n`;
    await this.packs[0].write(rows);
  }

  async end(): Promise<void> {
    await this.packs[0].write(this.#head());
    await this.packs[0].end();
  }

  #head(): string {
    if (this.#isBegun) return '';
    this.#isBegun = true;
    return `\ufeff${COLUMNS.map(([name]) => name).join(',')}\r\n`;
  }
}

/** What a spreadsheet would take for the begin of a formula, also behind white space. */
const FORMULA = /^[\s\ufeff]*[=+\-@\uff0b\uff0d\uff1d\uff20|%]/;

/**
 * A cell. Text that could be a formula has an apostrophe before it, which spreadsheets do not show; a NUL, which no
 * reader takes, is U+FFFD.
 */
function csvCell(value: string): string {
  const safe = safeText(value);
  return /[",\r\n;\t']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function safeText(value: string): string {
  const text = value.replaceAll('\0', '\ufffd');
  return FORMULA.test(text) || /^[\t\r\n]/.test(text) ? `'${text}` : text;
}

/** A version in a table. */
export interface CsvVersion {
  readonly hash: FoundHash;
  /** Whether the table shows this text of it. */
  isText(text: string): boolean;
}

/** Versions in a table of this form. Fails where it is none. */
export async function* csvVersions(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<CsvVersion> {
  let columns: { readonly hash: number; readonly text: number; readonly width: number } | undefined;
  for await (const record of readCsv(bytes)) {
    if (record.kind === 'broken') throw new RangeError(`line ${record.line}: ${record.problem}`);
    const { fields } = record;
    if (columns === undefined) {
      columns = { hash: fields.indexOf('record_hash'), text: fields.indexOf('text'), width: fields.length };
      if (columns.hash < 0) throw new RangeError('the table has no record_hash');
      continue;
    }
    const { hash: at, text, width } = columns;
    const found = fields.length === width ? fields[at] : undefined;
    const shown = fields[text];
    yield {
      hash: found !== undefined && /^[0-9a-f]{64}$/.test(found) ? found : undefined,
      isText: (one) => shown === safeText(one).toWellFormed(),
    };
  }
}

/** Their hashes alone. */
export async function* csvHashes(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly FoundHash[]> {
  for await (const { hash } of csvVersions(bytes)) yield [hash];
}
