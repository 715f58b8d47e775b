/** Concordance: a load file with a control number for each message and each of its files, and the text of each message. */
import { FILES } from './manifest.ts';
import type { Pack } from './pack.ts';
import type { FoundHash, TellingWriter } from './renderer.ts';
import { personLabel, sessionLabel } from './shown.ts';
import type { ExportedMessage, ToldDay } from './surroundings.ts';
import type { ZoneClock } from './time.ts';
import { transcriptOf } from './transcript.ts';

export const DAT_MEMBER = 'dat/loadfile.dat';
const TEXT_FOLDER = 'dat/TEXT/';
const PREFIX = 'ZCA';
const DIGITS = 8;

/** Between fields, around them, for a line's end within one, and between several values. */
const FIELD = '\u0014';
const QUOTE = '\u00fe';
const NEWLINE = '\u00ae';
const VALUE = ';';

const COLUMNS = [
  'BEGDOC',
  'ENDDOC',
  'BEGATTACH',
  'ENDATTACH',
  'DOCTYPE',
  'CONVERSATION',
  'SESSIONID',
  'MESSAGEID',
  'REPLYTO',
  'FROM',
  'PARTICIPANTS',
  'DATESENT',
  'TIMESENT',
  'SENTUTC',
  'TIMEZONE',
  'STATE',
  'VERSIONS',
  'FILENAME',
  'FILESIZE',
  'SHA256',
  'RECORDHASH',
  'TEXTPATH',
  'NATIVEPATH',
] as const;
type Fields = Partial<Record<(typeof COLUMNS)[number], string>>;

export class DatWriter implements TellingWriter {
  readonly kind = 'told';
  readonly format = 'dat';
  readonly packs: readonly [Pack, Pack];
  readonly #clock: ZoneClock;
  #last = 0;

  constructor(load: Pack, texts: Pack, clock: ZoneClock) {
    this.packs = [load, texts];
    this.#clock = clock;
    load.begin(DAT_MEMBER);
  }

  async day(day: ToldDay): Promise<void> {
    for (const message of day.messages) await this.#message(day, message);
  }

  async end(): Promise<void> {
    await this.#head();
    await this.packs[0].end();
  }

  async #head(): Promise<void> {
    if (this.packs[0].openSize > 0) return;
    await this.packs[0].write(`\ufeff${COLUMNS.map((name) => quoted(name)).join(FIELD)}\r\n`);
  }

  async #message(day: ToldDay, message: ExportedMessage): Promise<void> {
    const [load, texts] = this.packs;
    await this.#head();
    const { at, files, revisions } = message;
    const first = this.#last + 1;
    this.#last += 1 + files.length;
    const family = { BEGATTACH: number(first), ENDATTACH: number(this.#last) };
    const shown = this.#clock.shown(Date.parse(at));
    const common: Fields = {
      ...family,
      CONVERSATION: sessionLabel(day.ref, day.people),
      SESSIONID: day.session,
      MESSAGEID: message.messageId,
      FROM: personLabel(message.sender),
      DATESENT: shown.slice(0, 10),
      TIMESENT: shown.slice(11),
      SENTUTC: at,
      TIMEZONE: this.#clock.zone,
    };
    const text = `${TEXT_FOLDER}${number(first)}.txt`;
    await texts.put(text, transcriptOf(message, this.#clock));
    let lines = line({
      ...common,
      BEGDOC: number(first),
      ENDDOC: number(first),
      DOCTYPE: 'message',
      REPLYTO: message.replyTo ?? '',
      PARTICIPANTS: day.people.map(personLabel).join(`${VALUE} `),
      STATE: message.state,
      VERSIONS: String(revisions.length),
      RECORDHASH: revisions.map(({ hash }) => hash).join(VALUE),
      TEXTPATH: text.slice('dat/'.length),
    });
    for (const [index, { name, size, object, reason }] of files.entries()) {
      const own = number(first + 1 + index);
      lines += line({
        ...common,
        BEGDOC: own,
        ENDDOC: own,
        DOCTYPE: 'file',
        STATE: object === null ? `not archived: ${reason ?? 'unknown'}` : 'archived',
        FILENAME: name,
        FILESIZE: String(object?.size ?? size ?? ''),
        SHA256: object?.sha256 ?? '',
        NATIVEPATH: object === null ? '' : `../${FILES}${object.sha256}`,
      });
    }
    await load.write(lines);
  }
}

function number(document: number): string {
  return `${PREFIX}${String(document).padStart(DIGITS, '0')}`;
}

function line(fields: Fields): string {
  return `${COLUMNS.map((name) => quoted(fields[name] ?? '')).join(FIELD)}\r\n`;
}

/** What delimits cannot stand in a value: it is written another way there, and as it is in the text file. */
function quoted(value: string): string {
  const plain = value
    .replaceAll(QUOTE, 'th')
    .replaceAll(NEWLINE, '(R)')
    .replace(/\r\n|[\r\n\u2028\u2029]/g, NEWLINE)
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
  return `${QUOTE}${plain}${QUOTE}`;
}

/** Hashes of the versions that a load file names; files have none. @param lines without their ends */
export function datHashes(lines: readonly string[]): readonly FoundHash[] {
  return lines.flatMap((one): readonly FoundHash[] => {
    const bare = one.replace(/^\ufeff/, '').replace(/\r$/, '');
    if (bare === '') return [];
    const fields = bare.split(FIELD).map((field) => field.slice(1, -1));
    if (fields.length !== COLUMNS.length) return [undefined];
    if (fields[0] === COLUMNS[0]) return [];
    const at = (name: (typeof COLUMNS)[number]): string => fields[COLUMNS.indexOf(name)] ?? '';
    if (at('DOCTYPE') === 'file') return [];
    return at('RECORDHASH')
      .split(VALUE)
      .map((hash) => (/^[0-9a-f]{64}$/.test(hash) ? hash : undefined));
  });
}
