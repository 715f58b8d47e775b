import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import { formatVerifierKey } from '../proof/key.ts';
import { type MessageId, messageId } from '../record.ts';
import type { OpenArchive, RecordPlace } from './archive.ts';
import { asked, readAt } from './asked.ts';
import { inOrder } from './message-event.ts';
import { MESSAGE_STREAMS, MessageSearch } from './message-records.ts';

import type { AuditContext } from './reader.ts';
import { provenRecords } from './record-evidence.ts';
import type { ReadAt, Revision } from './revision.ts';
import { REVISION_COLUMNS, revisionOf } from './revision-row.ts';
import { requireMay, type Visibility, visible, visibleWhere } from './visibility.ts';
import { segmentsFor } from './whereabouts.ts';

export const messageInput = z.strictObject({
  message: z.string().min(1).describe('Id of the message, with or without braces.'),
  session: z.string().min(1).optional().describe('Only in this session.'),
  proofs: z.boolean().default(false).describe('With proofs and the bytes that they are of.'),
});

export type MessageInput = z.input<typeof messageInput>;

/** What it takes to check a record without the archive; see `verify-proof`. */
export interface RecordEvidence {
  /** File name without extension. */
  readonly name: string;
  /** The bytes that were hashed, base64. */
  readonly record: string;
  /** C2SP tlog-proof. */
  readonly proof: string;
}

/** An archived record of a message: a version of it, or what people reacted with. */
export interface MessageRecord {
  readonly stream: 'messages' | 'reactions';
  readonly kind: string;
  readonly observedAt: string;
  readonly drift: boolean;
  readonly place: RecordPlace;
  /** RFC 6962 leaf hash, lower-case hex. */
  readonly hash: string;
  readonly record: string;
  /** Null where none was asked for. */
  readonly evidence: RecordEvidence | null;
}

export interface MessageView {
  readonly at: ReadAt;
  /** Verifier key of the archive's log. */
  readonly key: string;
  readonly messageId: string;
  /** Oldest first. */
  readonly versions: readonly Revision[];
  /** Every record, versions and reactions, in the order in which they were observed. */
  readonly records: readonly MessageRecord[];
}

/**
 * Everything archived of one message. Fails with `record-not-found`, also where it lies beyond the reader's scope, and
 * with `proof-invalid` where a segment of it was altered.
 */
export async function message(ctx: AuditContext, input: MessageInput): Promise<MessageView> {
  const question = asked(messageInput, input);
  requireMay(ctx.reader, 'view');
  await ctx.record({ action: 'view', input: question });
  const { archive } = ctx;
  const { log } = archive;
  const wanted = { id: messageId(question.message), session: question.session, seen: await visible(ctx) };
  const versions = inOrder(await versionsOf(archive, wanted));
  const reactions = await reactionsOf(archive, wanted);
  if (versions.length + reactions.length === 0)
    throw new ArchiverError('record-not-found', 'the archive has no such message', {
      detail: question.message,
    });
  const plain = [...versions.map(messageRecord), ...reactions];
  const records = question.proofs ? await withEvidence(ctx, wanted.id, plain) : plain;
  return {
    at: readAt(archive),
    key: formatVerifierKey(log.key),
    messageId: wanted.id,
    versions,
    records: [...records].sort(compareRecords),
  };
}

interface Wanted {
  readonly id: MessageId;
  readonly session: string | undefined;
  readonly seen: Visibility;
}

const OF_MESSAGE = 'message_id = $message';

function conditionsOf({ id, session, seen: visibility }: Wanted) {
  const seen = visibleWhere(visibility);
  const own = session === undefined ? [] : ['session_id = $session'];
  return {
    where: [OF_MESSAGE, ...own, seen.where].join(' and '),
    values: { message: id, ...(session === undefined ? {} : { session }), ...seen.values },
  };
}

async function versionsOf(archive: OpenArchive, wanted: Wanted): Promise<readonly Revision[]> {
  const { where, values } = conditionsOf(wanted);
  const versions: Revision[] = [];
  const rows = archive.select({
    streams: ['messages'],
    ...(await segmentsFor(archive, { messages: [wanted.id] })),
    sql: `select ${REVISION_COLUMNS} from messages where ${where}`,
    values,
  });
  for await (const chunk of rows) versions.push(...chunk.map((row) => revisionOf(row)));
  return versions;
}

async function reactionsOf(archive: OpenArchive, wanted: Wanted): Promise<readonly MessageRecord[]> {
  const { where, values } = conditionsOf(wanted);
  const byHash = new Map<string, MessageRecord>();
  const rows = archive.select({
    streams: ['reactions'],
    ...(await segmentsFor(archive, { messages: [wanted.id] })),
    sql: `select kind, epoch_ms(observed_at)::double, drift, _segment, _entry, _row, lower(hex(record_hash)), record
      from reactions where ${where} order by observed_at, _entry, _row`,
    values,
  });
  for await (const chunk of rows)
    for (const [kind, observedAt, drift, segment, entry, row, hash, record] of chunk) {
      if (byHash.has(String(hash))) continue;
      byHash.set(String(hash), {
        stream: 'reactions',
        kind: String(kind),
        observedAt: new Date(Number(observedAt)).toISOString(),
        drift: drift === true,
        place: { segment: String(segment), entry: Number(entry), row: Number(row) },
        hash: String(hash),
        record: String(record),
        evidence: null,
      });
    }
  return [...byHash.values()];
}

function messageRecord({ kind, observedAt, drift, place, hash, record }: Revision): MessageRecord {
  return { stream: 'messages', kind, observedAt, drift, place, hash, record, evidence: null };
}

/** Each record with its proof: of its segment every row is hashed for that. */
async function withEvidence(
  { archive, signal }: AuditContext,
  id: MessageId,
  records: readonly MessageRecord[],
): Promise<readonly MessageRecord[]> {
  const byEntry = new Map<number, MessageRecord[]>();
  for (const record of records) {
    const own = byEntry.get(record.place.entry);
    if (own === undefined) byEntry.set(record.place.entry, [record]);
    else own.push(record);
  }
  const search = await MessageSearch.create();
  const proven: MessageRecord[] = [];
  try {
    for (const placed of archive.segments({ streams: MESSAGE_STREAMS })) {
      const own = byEntry.get(placed.index);
      if (own === undefined) continue;
      signal.throwIfAborted();
      const path = await archive.files.intact(placed.entry);
      const rows = await search.find(path, placed.entry.stream, { messageId: id });
      const proofs = rows === undefined ? [] : await provenRecords(archive.log, placed, rows, id);
      for (const record of own) {
        const proof = proofs.find(({ found }) => found.row === record.place.row);
        if (proof?.found.hash !== record.hash) {
          throw new ArchiverError('proof-invalid', 'a record is not what its segment says', {
            detail: `${placed.entry.key}, row ${record.place.row}`,
          });
        }
        const { name, proof: text, record: bytes } = proof;
        const evidence = { name, proof: text, record: Buffer.from(bytes).toString('base64') };
        proven.push({ ...record, evidence });
      }
    }
  } finally {
    search.close();
  }
  return proven;
}

/** As they were observed; of one moment as they stand in the log. */
function compareRecords(one: MessageRecord, other: MessageRecord): number {
  if (one.observedAt !== other.observedAt) return one.observedAt < other.observedAt ? -1 : 1;
  return one.place.entry - other.place.entry || one.place.row - other.place.row;
}
