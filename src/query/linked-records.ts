/** What messages point to, as far as it was archived: files and forwarded messages. */
import { listValue } from '@duckdb/node-api';
import { z } from 'zod';
import type { OpenArchive, Selection } from './archive.ts';
import type { ConversationFile, ForwardedMessage } from './conversation-form.ts';
import type { KnownPeople } from './known-people.ts';
import { fileKey, unresolvedFile } from './message-event.ts';
import type { NamedFile, Revision } from './revision.ts';
import { segmentsFor } from './whereabouts.ts';

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
  /** Id of the message, or of the one that forwards it. */
  readonly message: string;
  /** Of a message that was forwarded. */
  readonly forwardId?: string;
  readonly place: number;
  readonly file: NamedFile;
}

/** Every file that versions name. */
export function filesNamed(revisions: readonly Revision[]): readonly FileWanted[] {
  return revisions.flatMap(({ messageId: message, files }) =>
    files.map((file, place): FileWanted => ({ message, place, file })),
  );
}

/**
 * What became of files, by {@link fileKey}. A file has one record, beside whichever message pointed to it first: what
 * there is of these messages is looked at before all else.
 */
export async function archivedFiles(
  archive: OpenArchive,
  wanted: readonly FileWanted[],
): Promise<ReadonlyMap<string, ConversationFile>> {
  const files = new Map<string, ConversationFile>();
  for (const where of ['beside', 'anywhere'] as const) {
    const open = wanted.filter((one) => !files.has(keyOf(one)));
    if (open.length === 0) break;
    const records = await fileRecords(archive, await placesFor(archive, where, open), open);
    for (const one of open) {
      const { message, forwardId = '', place, file } = one;
      const key = keyOf(one);
      const own = records.filter((record) =>
        file.id === ''
          ? record.message_id === message &&
            record.forward_id === forwardId &&
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
  places: Pick<Selection, 'slice' | 'entries'>,
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
      : [`(coalesce(file_id, '') = '' and message_id in (select unnest($messages)))`]),
  ];
  const records: FileRecord[] = [];
  const rows = archive.select({
    streams: ['files'],
    ...places,
    sql: `select record from files where ${parts.join(' or ')} order by observed_at, _entry, _row`,
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

/** A message that forwards another one. */
export interface Forward {
  readonly message: string;
  readonly forwardId: string;
}

/** Forwarded messages by the id of their forward, with their files; those without a record are not in it. */
export async function archivedForwards(
  archive: OpenArchive,
  forwards: readonly Forward[],
  known: KnownPeople,
): Promise<ReadonlyMap<string, ForwardedMessage>> {
  const records = new Map<string, ForwardedRecord>();
  for (const where of ['beside', 'anywhere'] as const) {
    const open = forwards.filter(({ forwardId }) => !records.has(forwardId));
    if (open.length === 0) break;
    const ids = [...new Set(open.map(({ forwardId }) => forwardId))];
    const rows = archive.select({
      streams: ['forwarded'],
      ...(await placesFor(archive, where, open)),
      sql: `select record from forwarded where forward_id in (select unnest($ids)) order by observed_at, _entry, _row`,
      values: { ids: listValue(ids) },
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
      message: forwards.find(({ forwardId }) => forwardId === id)?.message ?? '',
      forwardId: id,
      place,
      file: { id: file.file_id, name: file.file_name, size: file.file_size },
    })),
  );
  const files = await archivedFiles(archive, named);
  return new Map(
    [...records].map(([id, { message, reason }]) => {
      const own = named.filter((one) => one.forwardId === id);
      return [id, forwardedMessage(message, reason, resolved(own, files), known)];
    }),
  );
}

function resolved(
  wanted: readonly FileWanted[],
  files: ReadonlyMap<string, ConversationFile>,
): readonly ConversationFile[] {
  return wanted.map((one) => files.get(keyOf(one)) ?? unresolvedFile(one.file));
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

function keyOf({ message, forwardId = '', place, file }: FileWanted): string {
  return fileKey(`${message} ${forwardId}`.trimEnd(), place, file);
}

async function placesFor(
  archive: OpenArchive,
  where: 'beside' | 'anywhere',
  wanted: readonly { readonly message: string }[],
): Promise<Pick<Selection, 'slice' | 'entries'>> {
  if (where === 'anywhere') return { slice: {} };
  return segmentsFor(archive, { messages: [...new Set(wanted.map(({ message }) => message))] });
}
