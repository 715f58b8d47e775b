/** RSMF 2.0 (Relativity Short Message Format): a file for each conversation and day, for review platforms. */
import { hash } from 'node:crypto';
import type { MembershipEvent } from '../query/conversation.ts';
import type { AuditContext } from '../query/reader.ts';
import type { Person } from '../query/revision.ts';
import { canonicalJson, type Json } from '../record.ts';
import { type EmbeddedFile, embeddedFile } from './attachments.ts';
import { RENDERER } from './manifest.ts';
import { composeMessage, type Header, headerAddress, headerDate, headerText, isAddress } from './mime.ts';
import type { Pack } from './pack.ts';
import { reactionName } from './reaction-names.ts';
import type { TellingWriter } from './renderer.ts';
import {
  RECORD_PREFIX,
  RECORDS_HEADER,
  RSMF_FOLDER,
  RSMF_MANIFEST,
  RSMF_VERSION,
  RSMF_ZIP,
} from './rsmf-form.ts';
import { dayName, personName, saidText, sessionLabel } from './shown.ts';
import { type StoredMember, storedZip } from './stored-zip.ts';
import type { ExportedMessage, Surroundings, ToldDay } from './surroundings.ts';

/** Beyond it review platforms become slow. */
const MOST_EVENTS = 10_000;
/** Bytes of attachments of a file: in base64 still below 200 MB. */
const MOST_ATTACHED = 128 << 20;
const LONGEST_REACTION = 30;

interface Part {
  readonly events: RsmfEvent[];
  readonly files: Map<string, EmbeddedFile>;
  bytes: number;
}

interface RsmfEvent {
  readonly at: string;
  readonly id: string;
  readonly text: string;
  readonly who: Person;
  readonly json: { readonly [name: string]: Json };
  readonly parent: string | null;
  readonly hashes: readonly string[];
  readonly attachments: number;
}

export class RsmfWriter implements TellingWriter {
  readonly kind = 'told';
  readonly format = 'rsmf';
  readonly packs: readonly [Pack];
  readonly #ctx: AuditContext;
  readonly #surroundings: Surroundings;

  constructor(ctx: AuditContext, pack: Pack, surroundings: Surroundings) {
    this.#ctx = ctx;
    this.packs = [pack];
    this.#surroundings = surroundings;
  }

  async day(day: ToldDay): Promise<void> {
    const parts = await this.#parts(day);
    for (const [index, part] of parts.entries()) {
      const suffix = parts.length === 1 ? '' : `_part${String(index + 1).padStart(3, '0')}`;
      await this.packs[0].put(`${RSMF_FOLDER}${dayName(day)}${suffix}.rsmf`, this.#file(day, part));
    }
  }

  async end(): Promise<void> {}

  async #parts(day: ToldDay): Promise<readonly Part[]> {
    let part: Part = { events: [], files: new Map(), bytes: 0 };
    const parts = [part];
    const told = [...day.changes, ...day.messages].sort((one, other) =>
      one.at < other.at ? -1 : one.at > other.at ? 1 : 0,
    );
    for (const event of told) {
      const files: EmbeddedFile[] = [];
      if (event.type === 'message')
        for (const file of event.files) files.push(await embeddedFile(this.#ctx, file));
      const bytes = files.reduce((sum, { bytes: own }) => sum + own.length, 0);
      if (
        part.events.length >= MOST_EVENTS ||
        (part.events.length > 0 && part.bytes + bytes > MOST_ATTACHED)
      ) {
        part = { events: [], files: new Map(), bytes: 0 };
        parts.push(part);
      }
      part.events.push(
        event.type === 'message' ? this.#message(event, files, day) : this.#change(event, day),
      );
      for (const file of files) part.files.set(file.name, file);
      part.bytes += bytes;
    }
    return parts;
  }

  #id(person: Partial<Person>): string {
    return this.#surroundings.keyOf(person);
  }

  #message(message: ExportedMessage, files: readonly EmbeddedFile[], { session }: ToldDay): RsmfEvent {
    const { at, messageId, sender, state, replyTo, revisions, reactions } = message;
    const said = saidText(message);
    const isDeleted = state === 'deleted';
    const edits = editsOf(message, (person) => this.#id(person));
    const hashes = revisions.map(({ hash: one }) => one);
    const custom = [
      ...revisions.map(({ kind, hash: one }) => ({ name: `${RECORD_PREFIX}${kind}`, value: one })),
      ...(revisions.some(({ drift }) => drift)
        ? [{ name: 'drift', value: 'archived with other content too' }]
        : []),
      ...(replyTo === null ? [] : [{ name: 'reply to', value: replyTo }]),
    ];
    return {
      at,
      id: messageId,
      text: said,
      who: sender,
      parent: replyTo,
      hashes,
      attachments: files.length,
      json: {
        id: messageId,
        type: 'message',
        conversation: session,
        participant: this.#id(sender),
        timestamp: at,
        body: isDeleted ? '' : said,
        ...(isDeleted ? { deleted: true } : {}),
        ...(edits.length === 0 ? {} : { edits }),
        ...(reactions.length === 0
          ? {}
          : {
              reactions: reactions.map(({ emoji, count, people }) => ({
                value: reactionName(emoji).slice(0, LONGEST_REACTION).toWellFormed() || 'unknown',
                count: Math.max(count, people.length),
                participants: people.map((person) => this.#id(person)),
              })),
            }),
        ...(files.length === 0
          ? {}
          : {
              attachments: files.map(({ name, display, bytes }) => ({
                id: name,
                display: display === '' ? name : display,
                size: bytes.length,
              })),
            }),
        custom,
      },
    };
  }

  #change({ type, at, people, operator, place }: MembershipEvent, { session }: ToldDay): RsmfEvent {
    const names = people.map(personName).join(', ');
    const text = type === 'other' ? 'changed the channel' : type;
    const id = `change-${place.entry}-${place.row}`;
    const who = people.length === 1 ? (people[0] ?? operator) : operator;
    return {
      at,
      id,
      text: `${names} ${text}`,
      who,
      parent: null,
      hashes: [],
      attachments: 0,
      json: {
        id,
        type: type === 'joined' ? 'join' : type === 'left' ? 'leave' : 'unknown',
        conversation: session,
        participant: this.#id(who),
        timestamp: at,
        body: `${names} ${text}`,
      },
    };
  }

  #file(day: ToldDay, { events, files }: Part): Buffer {
    const { session, ref, people } = day;
    const ids = new Set(events.map(({ id }) => id));
    const own = new Map(people.map((person) => [this.#id(person), person]));
    const collection = hash('sha256', session, 'hex').slice(0, 32);
    const manifest = canonicalJson({
      version: RSMF_VERSION,
      eventcollectionid: collection,
      participants: [...own].map(([id, person]) => participant(id, person)),
      conversations: [
        {
          id: session,
          platform: 'zoom',
          type: ref.type === '1:1' ? 'direct' : 'channel',
          display: sessionLabel(ref, people),
          participants: [...own.keys()],
          custom: [
            { name: 'session', value: session },
            ...(ref.channelId === '' ? [] : [{ name: 'channel', value: ref.channelId }]),
          ],
        },
      ],
      events: events.map(({ json, parent, id }) =>
        parent !== null && parent !== id && ids.has(parent) ? { ...json, parent } : json,
      ),
    });
    const members: StoredMember[] = [
      { name: RSMF_MANIFEST, bytes: Buffer.from(manifest) },
      ...[...files.values()].sort((one, other) => (one.name < other.name ? -1 : 1)),
    ];
    const records = hash('sha256', events.flatMap(({ hashes }) => hashes).join(''), 'hex');
    return composeMessage(
      headersOf(day, events, [...own.values()], { collection, records, ctx: this.#ctx }),
      bodyText(events),
      [{ name: RSMF_ZIP, type: 'application/zip', bytes: storedZip(members) }],
      records.slice(0, 32),
    );
  }
}

function headersOf(
  day: ToldDay,
  events: readonly RsmfEvent[],
  people: readonly Person[],
  {
    collection,
    records,
    ctx,
  }: { readonly collection: string; readonly records: string; readonly ctx: AuditContext },
): readonly Header[] {
  const begin = events[0]?.at ?? '';
  const end = events.at(-1)?.at ?? '';
  const { origin, size } = ctx.archive.log.checkpoint;
  const title = `${sessionLabel(day.ref, day.people)} ${day.day}`;
  return [
    ['X-RSMF-Version', RSMF_VERSION],
    ['X-RSMF-Generator', `${RENDERER.name} ${RENDERER.version}`],
    ['X-RSMF-BeginDate', begin],
    ['X-RSMF-EndDate', end],
    ['X-RSMF-EventCount', String(events.length)],
    ['X-RSMF-Application', 'Zoom Team Chat'],
    [
      'X-RSMF-Participants',
      headerText(people.map((person) => personName(person).replaceAll(',', ' ')).join(', ')),
    ],
    ['X-RSMF-AttachmentCount', String(events.reduce((sum, { attachments }) => sum + attachments, 0))],
    ['X-RSMF-EventCollectionID', collection],
    ['X-RSMF-Archive', headerText(`${origin} ${size}`)],
    [RECORDS_HEADER, records],
    ['From', headerAddress(events[0]?.who ?? { email: '', memberId: '', name: '' })],
    ['To', people.map(headerAddress).join(', ')],
    ['Subject', headerText(title)],
    ['Date', headerDate(begin)],
    ['Message-ID', `<${records.slice(0, 40)}@${collection}.invalid>`],
  ];
}

function participant(id: string, { email, memberId, name }: Person): Json {
  return {
    id,
    display: name || email || memberId || 'unknown',
    ...(isAddress(email) ? { email } : {}),
    ...(memberId === '' ? {} : { account_id: memberId }),
  };
}

/** Every change of the text, oldest first; a deletion takes the last one away, which may be one that nobody saw before. */
function editsOf(
  { versions, text }: ExportedMessage,
  idOf: (person: Person) => string,
): { readonly [name: string]: Json }[] {
  const edits: { readonly [name: string]: Json }[] = [];
  let before: string | undefined;
  for (const { kind, sender, actionAt: timestamp, text: now } of versions) {
    const edit = { participant: idOf(sender), timestamp };
    const isGone = kind === 'deleted' && now === '';
    if (!isGone && before !== undefined && before !== now)
      edits.push({ ...edit, previous: before, new: now });
    if (!isGone) before = now;
    if (kind === 'deleted') edits.push({ ...edit, previous: before ?? text, new: '' });
  }
  return edits;
}

/** What full-text search of a review platform finds: who, and what was said, with earlier texts and reactions. */
function bodyText(events: readonly RsmfEvent[]): string {
  return events
    .map(({ who, text, json }) => {
      const previous = Array.isArray(json.edits)
        ? json.edits.flatMap((edit: Json) =>
            typeof edit === 'object' && edit !== null && 'previous' in edit ? [String(edit.previous)] : [],
          )
        : [];
      const reactions = Array.isArray(json.reactions)
        ? json.reactions.flatMap((one: Json) =>
            typeof one === 'object' && one !== null && 'value' in one ? [String(one.value)] : [],
          )
        : [];
      return [personName(who), '', text, ...previous.filter((one) => one !== text), ...reactions].join('\n');
    })
    .join('\n\n');
}
