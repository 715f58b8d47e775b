/** What messages point to, as far as it was archived: files and forwarded messages. */
import { listValue } from '@duckdb/node-api';
import { z } from 'zod';
import { utcDay } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import type { Slice } from './catalog.ts';
import type { ConversationFile, ForwardedMessage } from './conversation.ts';
import type { KnownPeople } from './known-people.ts';
import { fileKey, unresolvedFile } from './message-event.ts';
import type { NamedFile, Revision } from './revision.ts';

const DAY_MS = 86_400_000;

const text = z.string().catch('');
const part = z.object({ key: text, version: text, sha256: text, size: z.number() });
const stored = z
  .object({ sha256: text, size: z.number(), key: text, version: text, parts: z.array(part).catch([]) })
  .nullable()
  .catch(null);
const fileRecord = z.object({
  file_id: text,
  file_name: text,
  message_id: text,
  forward_id: text,
  place: z.number().catch(0),
  declared_size: z.number().nullable().catch(null),
  object: stored,
  reason: z.string().nullable().catch(null),
});
type FileRecord = z.infer<typeof fileRecord>;

/** A file as a message or a forwarded one names it. */
export interface FileWanted {
  /** Id of the message; of a forwarded one that of the forward. */
  readonly message: string;
  readonly place: number;
  readonly file: NamedFile;
}

/** Every file that versions name. */
export function filesNamed(revisions: readonly Revision[]): readonly FileWanted[] {
  return revisions.flatMap(({ messageId: message, files }) =>
    files.map((file, place) => ({ message, place, file })),
  );
}

/**
 * What became of files, by {@link fileKey}. A file has one record, under the day of whichever message pointed to it
 * first: the days of these messages are looked at before all others.
 * @param days when the messages were sent, milliseconds, both included
 */
export async function archivedFiles(
  archive: OpenArchive,
  wanted: readonly FileWanted[],
  days: readonly [number, number] | undefined,
): Promise<ReadonlyMap<string, ConversationFile>> {
  const files = new Map<string, ConversationFile>();
  for (const slice of slices(days)) {
    const open = wanted.filter(({ message, place, file }) => !files.has(fileKey(message, place, file)));
    if (open.length === 0) break;
    const records = await fileRecords(archive, slice, open);
    for (const { message, place, file } of open) {
      const key = fileKey(message, place, file);
      const own = records.filter((record) =>
        file.id === ''
          ? (record.forward_id || record.message_id) === message &&
            record.place === place &&
            record.file_name === file.name
          : record.file_id === file.id,
      );
      const best = own.reduce<FileRecord | undefined>(better, undefined);
      if (best !== undefined) files.set(key, conversationFile(best, file));
    }
  }
  return files;
}

/** Bytes are better than none, those that are as Zoom says better than doubtful ones; of the same sort the later. */
function better(one: FileRecord | undefined, other: FileRecord): FileRecord {
  const worth = ({ object, reason }: FileRecord): number => (object === null ? 0 : reason === null ? 2 : 1);
  return one === undefined || worth(other) >= worth(one) ? other : one;
}

/** What stands in one object is its only part. */
function conversationFile({ object, reason, ...record }: FileRecord, file: NamedFile): ConversationFile {
  const { id, name, size } = file;
  const named = { id, name: name || record.file_name, size: size ?? record.declared_size };
  if (object === null) return { ...named, object: null, reason: reason ?? '' };
  const { sha256, size: bytes } = object;
  const parts = object.parts.length > 0 ? object.parts : [{ ...object, size: bytes }];
  const plain = parts.map(({ key, version, sha256: hash, size: length }) => ({
    key,
    version,
    sha256: hash,
    size: length,
  }));
  const [first] = plain;
  return {
    ...named,
    object: { key: first?.key ?? '', version: first?.version ?? '', sha256, size: bytes, parts: plain },
    reason,
  };
}

async function fileRecords(
  archive: OpenArchive,
  slice: Slice,
  wanted: readonly FileWanted[],
): Promise<readonly FileRecord[]> {
  const ids = [...new Set(wanted.flatMap(({ file: { id } }) => (id === '' ? [] : [id])))];
  // Of a file without an id the message tells.
  const messages = [...new Set(wanted.flatMap(({ file: { id }, message }) => (id === '' ? [message] : [])))];
  // DuckDB takes no list without a type.
  const parts = [
    ...(ids.length === 0 ? [] : ['file_id in (select unnest($ids))']),
    ...(messages.length === 0
      ? []
      : [
          `(coalesce(file_id, '') = ''
            and coalesce(nullif(forward_id, ''), message_id) in (select unnest($messages)))`,
        ]),
  ];
  const records: FileRecord[] = [];
  const rows = archive.rows({
    stream: 'files',
    slice,
    select: 'record',
    where: parts.join(' or '),
    tail: 'order by observed_at, _entry, _row',
    values: {
      ...(ids.length === 0 ? {} : { ids: listValue(ids) }),
      ...(messages.length === 0 ? {} : { messages: listValue(messages) }),
    },
  });
  for await (const chunk of rows)
    for (const [record] of chunk) records.push(fileRecord.parse(JSON.parse(String(record))));
  return records;
}

const forwardedRecord = z.object({
  forward_id: text,
  message: z
    .object({
      message: text,
      sender: text,
      send_member_id: text,
      sender_display_name: text,
      timestamp: z.number().nullable().catch(null),
      files: z
        .array(z.object({ file_id: text, file_name: text, file_size: z.number().nullable().catch(null) }))
        .catch([]),
    })
    .nullable()
    .catch(null),
  reason: z.string().nullable().catch(null),
});
type ForwardedRecord = z.infer<typeof forwardedRecord>;

/**
 * Forwarded messages by the id of their forward, with their files; those without a record are not in it.
 * @param days as of {@link archivedFiles}
 */
export async function archivedForwards(
  archive: OpenArchive,
  forwardIds: readonly string[],
  days: readonly [number, number] | undefined,
  known: KnownPeople,
): Promise<ReadonlyMap<string, ForwardedMessage>> {
  const records = new Map<string, ForwardedRecord>();
  for (const slice of slices(days)) {
    const open = forwardIds.filter((id) => !records.has(id));
    if (open.length === 0) break;
    const rows = archive.rows({
      stream: 'forwarded',
      slice,
      select: 'record',
      where: 'forward_id in (select unnest($ids))',
      tail: 'order by observed_at, _entry, _row',
      values: { ids: listValue([...open]) },
    });
    for await (const chunk of rows)
      for (const [json] of chunk) {
        const record = forwardedRecord.parse(JSON.parse(String(json)));
        // A refusal may stand beside what came later, or before.
        if (record.message !== null || !records.has(record.forward_id))
          records.set(record.forward_id, record);
      }
  }
  const named = [...records].flatMap(([id, { message }]) =>
    (message?.files ?? []).map((file, place) => ({
      message: id,
      place,
      file: { id: file.file_id, name: file.file_name, size: file.file_size },
    })),
  );
  const files = await archivedFiles(archive, named, days);
  return new Map(
    [...records].map(([id, { message, reason }]) => {
      const own = named.filter((one) => one.message === id);
      return [id, forwardedMessage(message, reason, resolved(own, files), known)];
    }),
  );
}

function resolved(
  wanted: readonly FileWanted[],
  files: ReadonlyMap<string, ConversationFile>,
): readonly ConversationFile[] {
  return wanted.map(
    ({ message, place, file }) => files.get(fileKey(message, place, file)) ?? unresolvedFile(file),
  );
}

function forwardedMessage(
  message: ForwardedRecord['message'],
  reason: string | null,
  files: readonly ConversationFile[],
  known: KnownPeople,
): ForwardedMessage {
  const { sender = '', send_member_id: memberId = '', sender_display_name: name = '' } = message ?? {};
  const at = message?.timestamp ?? null;
  return {
    sender: known.person({ email: sender, memberId, name }),
    sentAt: at === null || !Number.isFinite(at) || Math.abs(at) > 8.64e15 ? null : new Date(at).toISOString(),
    text: message?.message ?? '',
    files,
    reason,
  };
}

/** First the days that are likely, then all. */
function slices(days: readonly [number, number] | undefined): readonly Slice[] {
  if (days === undefined) return [{}];
  const [from, to] = days;
  return [{ from: utcDay(Math.max(from - DAY_MS, 0)), to: utcDay(to + DAY_MS) }, {}];
}
