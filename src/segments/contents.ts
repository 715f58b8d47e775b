/** What a segment holds, read from its file: the same whether it was just built or comes back from a sink. */
import { hash } from 'node:crypto';
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { z } from 'zod';
import type { PlacedFile, SegmentContents } from '../ledger/segment-contents.ts';
import type { Stream } from '../record.ts';

/** A segment on local disk. */
export interface SegmentFile {
  readonly stream: Stream;
  /** UTC day of its records, `yyyy-mm-dd`. */
  readonly day: string;
  readonly path: string;
}

/**
 * Reads what the records of a segment tell of places, people and files. The sealer must not stop at a record that says
 * less than Zoom documents: what is missing there tells nothing.
 */
export async function readContents(
  connection: DuckDBConnection,
  { stream, day, path }: SegmentFile,
): Promise<SegmentContents> {
  const found = new Findings(day);
  const each = (columns: string, look: (row: readonly string[]) => void, where = ''): Promise<void> =>
    eachRow(connection, path, columns, look, where);
  switch (stream) {
    case 'messages':
      await each(
        `session_id, session_type, sender_email, sender_member_id, receiver, count(*)::varchar`,
        ([session = '', type, email = '', member = '', receiver = '', count]) => {
          found.record(session, email || member, Number(count));
          found.person({ email, ids: [member] }, session);
          if (type === '1:1') found.person({ email: receiver, ids: [] }, session);
        },
        'group by all',
      );
      await each(
        'session_id, sender_email, sender_member_id, record',
        ([session = '', email, member, record]) => {
          const { files } = withFiles.parse(json(record));
          for (const file of files) found.file(file.file_id, session, email || member);
        },
        'where file_count > 0',
      );
      break;
    case 'reactions':
      await each('session_id, record', ([session = '', record]) => {
        found.record(session);
        const { member_id: member, user_id: user, ...state } = reaction.parse(json(record));
        found.person({ email: '', ids: [member, user] }, session);
        for (const { member_ids: members, user_ids: users } of [
          ...state.reactions,
          ...state.custom_emoji_reactions,
        ])
          found.person({ email: '', ids: [...members, ...users] }, session);
      });
      break;
    case 'sessions':
      await each('session_id, record', ([session = '', record]) => {
        found.record(session);
        for (const email of sessionRecord.parse(json(record)).member_emails)
          found.person({ email, ids: [] }, session);
      });
      break;
    case 'channel_activities':
      await each('channel_id, record', ([channel = '', record]) => {
        found.record(channel);
        const { operator, members } = activity.parse(json(record));
        for (const one of [operator, ...members.member_list]) found.person(identity(one), channel);
      });
      break;
    case 'context':
      await each(
        `kind, subject_id, case when kind in ('user', 'channel_members') then record end`,
        ([kind = '', subject = '', record]) => {
          const place = subjectPlace(kind, subject);
          found.record(place);
          if (kind === 'user') found.person(identity(userRecord.parse(json(record)).value));
          if (kind === 'channel_members')
            for (const member of membersRecord.parse(json(record)).value)
              found.person(identity(member), place);
        },
      );
      break;
    case 'forwarded':
      await each(
        'session_id, sender_email, sender_member_id, record',
        ([session = '', email, member, record]) => {
          const sender = email || member;
          found.record(session, sender);
          for (const file of forwardedRecord.parse(json(record)).message.files)
            found.file(file.file_id, session, sender);
        },
      );
      break;
    case 'files':
      await each(
        `session_id, file_id, sender_email, sender_member_id, record`,
        ([session = '', id = '', email, member, record]) => {
          const sender = email || member;
          // A custom emoji is not seen within a session.
          const place = session || `emoji:${id}`;
          const { message_id: message, place: index, object } = fileRecord.parse(json(record));
          const file = id || named(session, message, String(index));
          found.record(place, sender);
          found.file(file, place, sender);
          found.objectsOf(file, object);
        },
      );
      break;
    case 'matters':
      await each('matter_id', ([matter = '']) => found.record(matterPlace(matter)));
      break;
    case 'hold_files':
      await each(
        'matter_id, custodian_user_id, custodian_email, file_key, record',
        ([matter = '', user = '', email = '', key = '', record]) => {
          const place = matterPlace(matter);
          const { object, zip } = holdFileRecord.parse(json(record));
          const file = named(matter, user || email, key);
          found.record(place, email);
          found.file(file, place, email);
          found.objectsOf(file, object);
          found.objectsOf(file, zip.listing);
        },
      );
      break;
    case 'coverage':
      break;
    default:
      stream satisfies never;
  }
  return found.contents();
}

/** Calls `look` with each row, its values as texts; nothing is an empty one. */
async function eachRow(
  connection: DuckDBConnection,
  path: string,
  columns: string,
  look: (row: readonly string[]) => void,
  rest: string,
): Promise<void> {
  const sql = `select ${columns} from read_parquet($path, hive_partitioning = false) ${rest}`;
  const result = await connection.stream(sql, { path });
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    for (const row of chunk.getRows()) look(row.map(asText));
  }
}

function asText(value: DuckDBValue): string {
  return value === null ? '' : String(value);
}

/** What was found so far, each thing once. */
class Findings {
  readonly #day: string;
  readonly #records = new Map<string, Map<string, number>>();
  readonly #files = new Map<string, PlacedFile>();
  readonly #objects = new Map<string, Set<string>>();
  readonly #places = new Map<string, Set<string>>();
  readonly #people = new Map<string, Set<string>>();

  constructor(day: string) {
    this.#day = day;
  }

  record(place: string, sender = '', count = 1): void {
    const senders = this.#records.get(place) ?? new Map<string, number>();
    this.#records.set(place, senders.set(sender, (senders.get(sender) ?? 0) + count));
  }

  /** @param place where the person was seen; nowhere when it is left out */
  person({ email, ids }: { readonly email: string; readonly ids: readonly string[] }, place?: string): void {
    for (const id of ids) {
      if (email !== '' && id !== '') add(this.#people, email, id);
      if (place !== undefined && id !== '') add(this.#places, place, id);
    }
    if (place !== undefined && email !== '') add(this.#places, place, email);
  }

  /** A record that points to a file, or is one. One to which Zoom gave no id is known from its own record alone. */
  file(file: string, place: string, sender = ''): void {
    if (file === '') return;
    this.#files.set(JSON.stringify([file, place, sender]), { file, place, sender, day: this.#day });
  }

  objectsOf(file: string, object: z.infer<typeof stored>): void {
    if (object === null) return;
    const { sha256, parts } = object;
    for (const part of parts.length > 0 ? parts : [{ sha256 }])
      if (part.sha256 !== '') add(this.#objects, file, part.sha256);
  }

  contents(): SegmentContents {
    return {
      records: [...this.#records].flatMap(([place, senders]) =>
        [...senders].map(([sender, records]) => ({ place, sender, records })),
      ),
      files: [...this.#files.values()],
      objects: pairs(this.#objects, (file, sha256) => ({ file, sha256 })),
      participants: pairs(this.#places, (place, person) => ({ place, person })),
      people: pairs(this.#people, (email, memberId) => ({ email, memberId })),
    };
  }
}

function add(to: Map<string, Set<string>>, name: string, value: string): void {
  const values = to.get(name);
  if (values === undefined) to.set(name, new Set([value]));
  else values.add(value);
}

function pairs<T>(
  map: ReadonlyMap<string, ReadonlySet<string>>,
  pair: (name: string, value: string) => T,
): readonly T[] {
  return [...map].flatMap(([name, values]) => [...values].map((value) => pair(name, value)));
}

const CHANNEL_KINDS: readonly string[] = [
  'channel',
  'channel_members',
  'channel_admins',
  'channel_retention',
  'pins',
];

/** What a record of the context is about: the channel, else the kind and id of the thing. */
function subjectPlace(kind: string, subject: string): string {
  const about = kind.replace(/_gone$/, '');
  if (CHANNEL_KINDS.includes(about)) return subject;
  return `${about.startsWith('space_') ? 'space' : about}:${subject}`;
}

function matterPlace(id: string): string {
  return `matter:${id}`;
}

/** A file to which Zoom gave no id, or none that nothing else has, by what names it. */
function named(...parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts), 'hex');
}

function json(record: string | undefined): unknown {
  return record === undefined || record === '' ? {} : JSON.parse(record);
}

const text = z.string().catch('');
const texts = z.array(text).catch([]);
function list<T extends z.ZodType>(item: T) {
  return z.array(item).catch([]);
}

const person = z.object({ email: text, member_id: text, user_id: text, id: text });
const nobody = { email: '', member_id: '', user_id: '', id: '' };
const anyone = person.catch(nobody);
const pointed = z.object({ file_id: text }).catch({ file_id: '' });
const withFiles = z.object({ files: list(pointed) });
const reactors = z.object({ member_ids: texts, user_ids: texts }).catch({ member_ids: [], user_ids: [] });
const reaction = z.object({
  member_id: text,
  user_id: text,
  reactions: list(reactors),
  custom_emoji_reactions: list(reactors),
});
const sessionRecord = z.object({ member_emails: texts });
const activity = z.object({
  operator: anyone,
  members: z.object({ member_list: list(anyone) }).catch({ member_list: [] }),
});
const userRecord = z.object({ value: anyone });
const membersRecord = z.object({ value: list(anyone) });
const forwardedRecord = z.object({ message: withFiles.catch({ files: [] }) });
/** Where the bytes are: an object, or its parts. */
const stored = z
  .object({ sha256: text, parts: list(z.object({ sha256: text })) })
  .nullable()
  .catch(null);
const fileRecord = z.object({ message_id: text, place: z.number().catch(0), object: stored });
const holdFileRecord = z.object({
  object: stored,
  zip: z.object({ listing: stored }).catch({ listing: null }),
});

function identity({ email, member_id: member, user_id: user, id }: z.infer<typeof person>): {
  readonly email: string;
  readonly ids: readonly string[];
} {
  return { email, ids: [member, user, id] };
}
