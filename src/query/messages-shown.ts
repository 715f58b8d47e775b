/** Messages with all that became of them, read from the archive. */
import { listValue } from '@duckdb/node-api';
import type { MessageId } from '../record.ts';
import type { OpenArchive } from './archive.ts';
import type { MessageEvent } from './conversation-form.ts';
import type { KnownPeople } from './known-people.ts';
import { archivedFiles, archivedForwards, filesNamed } from './linked-records.ts';
import { inOrder, messageEvent } from './message-event.ts';
import { type ReactionRecord, reactionsOf } from './reactions.ts';
import type { Revision } from './revision.ts';
import { REVISION_COLUMNS, revisionOf } from './revision-row.ts';
import { type Visibility, visibleWhere } from './visibility.ts';
import { segmentsFor } from './whereabouts.ts';

/** Messages of one session. */
export interface MessagesWanted {
  readonly session: string;
  /** Each with when it was sent, milliseconds. */
  readonly messages: ReadonlyMap<MessageId, number>;
  /** Of the session: its grants are for every place. */
  readonly seen: Visibility;
}

/** Those that the archive has, by id. */
export async function messageEvents(
  archive: OpenArchive,
  wanted: MessagesWanted,
  known: KnownPeople,
): Promise<ReadonlyMap<MessageId, MessageEvent>> {
  const events = new Map<MessageId, MessageEvent>();
  if (wanted.messages.size === 0) return events;
  const versions = await versionsOf(archive, wanted);
  const all = [...versions.values()].flat();
  for (const { sender } of all) known.note(sender);
  const reactions = await reactionRecords(archive, wanted);
  const files = await archivedFiles(archive, filesNamed(all));
  const forwards = all.flatMap(({ messageId: message, forwardId }) =>
    forwardId === null ? [] : [{ message, forwardId }],
  );
  const forwarded = await archivedForwards(archive, forwards, known);
  for (const [id, revisions] of versions) {
    const [first, ...rest] = inOrder(revisions);
    if (first === undefined) continue;
    const at = new Date(wanted.messages.get(id) ?? 0).toISOString();
    const own = [...revisions.flatMap(reactionsWith), ...(reactions.get(id) ?? [])];
    const parts = { reactions: reactionsOf(own, known), files, forwarded };
    events.set(id, messageEvent([first, ...rest], at, parts, known));
  }
  return events;
}

async function versionsOf(
  archive: OpenArchive,
  { session, messages, seen: visibility }: MessagesWanted,
): Promise<ReadonlyMap<MessageId, readonly Revision[]>> {
  const versions = new Map<MessageId, Revision[]>([...messages.keys()].map((id) => [id, []]));
  const seen = visibleWhere(visibility);
  const [from, last] = between(messages);
  const ids = [...messages.keys()];
  const rows = archive.select({
    streams: ['messages'],
    ...(await segmentsFor(archive, { session, sent: { from, to: last + 1 } })),
    sql: `select ${REVISION_COLUMNS} from messages
      where session_id = $session and message_id in (select unnest($messages)) and ${seen.where}`,
    values: { session, messages: listValue(ids), ...seen.values },
  });
  for await (const chunk of rows)
    for (const row of chunk) {
      const revision = revisionOf(row);
      versions.get(revision.messageId as MessageId)?.push(revision);
    }
  return versions;
}

/** Records of the stream `reactions`, in the order in which they were observed. */
async function reactionRecords(
  archive: OpenArchive,
  { session, messages, seen: visibility }: MessagesWanted,
): Promise<ReadonlyMap<MessageId, readonly ReactionRecord[]>> {
  const records = new Map<MessageId, ReactionRecord[]>([...messages.keys()].map((id) => [id, []]));
  const seen = visibleWhere(visibility);
  const ids = [...messages.keys()];
  const rows = archive.select({
    streams: ['reactions'],
    ...(await segmentsFor(archive, { messages: ids })),
    sql: `select message_id, kind, epoch_ms(observed_at)::double, record from reactions
      where session_id = $session and message_id in (select unnest($messages)) and ${seen.where}
      order by observed_at, _entry, _row`,
    values: { session, messages: listValue(ids), ...seen.values },
  });
  for await (const chunk of rows)
    for (const [message, kind, observedAt, record] of chunk)
      records.get(String(message) as MessageId)?.push({
        kind: String(kind),
        observedAt: Number(observedAt),
        record: JSON.parse(String(record)),
      });
  return records;
}

/** What a version came with counts like a state seen then: a record of its own need not be there any more. */
function reactionsWith({ record, observedAt }: Revision): readonly ReactionRecord[] {
  if (!/"(custom_emoji_)?reactions":\[\{/.test(record)) return [];
  return [{ kind: 'state', observedAt: Date.parse(observedAt), record: JSON.parse(record) }];
}

/** The first and the last moment, milliseconds. */
function between(messages: ReadonlyMap<MessageId, number>): readonly [number, number] {
  const times = [...messages.values()];
  return [
    times.reduce((least, time) => Math.min(least, time)),
    times.reduce((most, time) => Math.max(most, time)),
  ];
}
