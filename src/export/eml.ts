/** An e-mail message for each chat message: last text first, then every version; answers as threads. */
import { hash } from 'node:crypto';
import type { AuditContext } from '../query/reader.ts';
import { embeddedFile } from './attachments.ts';
import {
  type Attachment,
  composeMessage,
  decodedBody,
  type Header,
  headerAddress,
  headerDate,
  headerText,
  parseMessage,
} from './mime.ts';
import type { Pack } from './pack.ts';
import type { FoundHash, TellingWriter } from './renderer.ts';
import { safeName, sessionLabel } from './shown.ts';
import type { ExportedMessage, ToldDay } from './surroundings.ts';
import type { ZoneClock } from './time.ts';
import { transcriptOf } from './transcript.ts';

export const EML_FOLDER = 'eml/';
/** One for each version: the hash of its record, and the kind. */
const RECORD_HEADER = 'X-Zoom-Record';

export class EmlWriter implements TellingWriter {
  readonly kind = 'told';
  readonly format = 'eml';
  readonly packs: readonly [Pack];
  readonly #ctx: AuditContext;
  readonly #clock: ZoneClock;

  constructor(ctx: AuditContext, pack: Pack, clock: ZoneClock) {
    this.#ctx = ctx;
    this.packs = [pack];
    this.#clock = clock;
  }

  async day(day: ToldDay): Promise<void> {
    const folder = `${EML_FOLDER}${hash('sha256', day.session, 'hex').slice(0, 12)}/${day.day}`;
    for (const message of day.messages) {
      const time = message.at.slice(11, 19).replaceAll(':', '');
      const tag = hash('sha256', message.messageId, 'hex').slice(0, 12);
      const name = `${time}_${safeName(message.messageId, 40)}_${tag}.eml`;
      await this.packs[0].put(`${folder}_${name}`, await this.#mail(day, message));
    }
  }

  async end(): Promise<void> {}

  async #mail(day: ToldDay, message: ExportedMessage): Promise<Buffer> {
    const { sender, at, messageId, replyTo, revisions } = message;
    const others = day.people.filter((one) => headerAddress(one) !== headerAddress(sender));
    const headers: Header[] = [
      ['From', headerAddress(sender)],
      ['To', others.length === 0 ? 'undisclosed-recipients:;' : others.map(headerAddress).join(', ')],
      ['Subject', headerText(sessionLabel(day.ref, day.people))],
      ['Date', headerDate(at)],
      ['Message-ID', mailId(day.session, messageId)],
      ...(replyTo === null
        ? []
        : [
            ['In-Reply-To', mailId(day.session, replyTo)] as const,
            ['References', mailId(day.session, replyTo)] as const,
          ]),
      ['X-Zoom-Session', headerText(day.session)],
      ['X-Zoom-Message', headerText(messageId)],
      ['X-Zoom-State', message.state],
      ...revisions.map(({ hash: one, kind }): Header => [RECORD_HEADER, `${one} ${kind}`]),
    ];
    const attachments: Attachment[] = [];
    for (const file of message.files) {
      const { display, name, bytes, isThere } = await embeddedFile(this.#ctx, file);
      const type = isThere ? 'application/octet-stream' : 'text/plain';
      attachments.push({ name: safeDisplay(display) || name, type, bytes });
    }
    const boundary = hash('sha256', revisions.map(({ hash: one }) => one).join(''), 'hex').slice(0, 32);
    return composeMessage(headers, transcriptOf(message, this.#clock), attachments, boundary);
  }
}

/** A name that mail programs may save a file by. */
function safeDisplay(name: string): string {
  return name
    .replace(/[/\\:*?"<>|\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 150);
}

function mailId(session: string, message: string): string {
  return `<${hash('sha256', message, 'hex').slice(0, 32)}@${hash('sha256', session, 'hex').slice(0, 16)}.invalid>`;
}

/** Hashes of the versions that a mail is of. Fails where it is none. */
export function emlHashes(bytes: Buffer): readonly FoundHash[] {
  const mail = parseMessage(bytes);
  const [text] = mail?.parts ?? [];
  if (mail === undefined || text === undefined || decodedBody(text) === undefined) return [undefined];
  return mail.headers
    .filter(([name]) => name === RECORD_HEADER)
    .map(([, value]) => /^([0-9a-f]{64}) (?:sent|edited|deleted)$/.exec(value)?.[1]);
}

/** What a mail says; undefined where it is none. */
export function emlText(bytes: Buffer): string | undefined {
  const [text] = parseMessage(bytes)?.parts ?? [];
  return text === undefined ? undefined : decodedBody(text)?.toString();
}
