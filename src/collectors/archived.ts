/** From a record of the archive back to what the ledger knew of it: its identity, and what it points to. Pure. */
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Link } from '../ledger/links.ts';
import type { ArchivedEnd } from '../ledger/restore.ts';
import { type ArchivedRecord, type Candidate, scopeTag, sessionId } from '../record.ts';
import { activityRow } from '../zoom/activities.ts';
import { type MessageRow, messageRow, sessionRow } from '../zoom/schemas.ts';
import { activityCandidate } from './activity-rows.ts';
import { archivedContext } from './context-records.ts';
import { emojiLink } from './emoji-links.ts';
import { holdFileLink } from './hold-links.ts';
import {
  type FileRecord,
  fileCandidate,
  fileLinkOf,
  fileRecord,
  forwardedCandidate,
  forwardedRecord,
  holdFileCandidate,
  holdFileRecord,
} from './link-records.ts';
import { archivedMatter } from './matter-records.ts';
import { pastRefusal } from './patience.ts';
import { archivedReaction } from './reactions.ts';
import { isRevisionKind, revisionCandidate } from './revisions.ts';
import { forwardedFiles, type LinkedSession, rowLinks, senderOf } from './row-links.ts';
import { sessionCandidate } from './sessions.ts';

interface Recalled {
  /** As its collector made it. */
  readonly candidate: Candidate;
  /** What it points to. */
  readonly links: readonly Link[];
  /** The link that led to it. */
  readonly settled?: ArchivedEnd;
}

/**
 * What the ledger knew of a record, by the very functions that its collector uses. Coverage is not among the streams:
 * the ledger keeps no keys of it. Fails with `internal` when the record is not what those functions would make.
 */
export function recall(
  archived: ArchivedRecord & { readonly stream: Exclude<ArchivedRecord['stream'], 'coverage'> },
  account: string,
): Recalled {
  const recalled = read(archived, account);
  const { kind, record, time } = recalled.candidate;
  if (kind !== archived.kind || record !== archived.record || time !== archived.time) {
    throw new ArchiverError('internal', 'a record is not read as it was written', {
      detail: `${archived.stream} ${archived.kind} of ${new Date(archived.time).toISOString()}`,
    });
  }
  return recalled;
}

function read(archived: Parameters<typeof recall>[0], account: string): Recalled {
  const { stream, kind, observedAt, time } = archived;
  const json: unknown = JSON.parse(archived.record);
  switch (stream) {
    case 'messages':
      return revision(archived, messageRow.parse(json), account);
    case 'reactions': {
      const { id } = sessionOf(archived);
      const place = { session: id, tag: scopeTag(account, id), observedAt };
      return { candidate: archivedReaction(json, place), links: [] };
    }
    case 'sessions':
      return { candidate: sessionCandidate(sessionRow.parse(json), account, observedAt), links: [] };
    case 'channel_activities':
      return { candidate: activityCandidate(activityRow.parse(json), account), links: [] };
    case 'matters':
      return { candidate: archivedMatter(kind, json, account, observedAt), links: [] };
    case 'context': {
      const emoji = emojiRecord.safeParse(json);
      const links = emoji.success ? [emojiLink(emoji.data.value)] : [];
      return { candidate: archivedContext(json, account, observedAt), links };
    }
    case 'files': {
      const record = fileRecord.parse(json);
      if (kind !== 'stored' && kind !== 'doubtful' && kind !== 'unavailable') throw unknownKind(archived);
      const link = { ...fileLinkOf(record), detail: fileDetail(record, archived) };
      const settled = settledBy(link, archived, Date.parse(record.found_at), record.reason);
      return { candidate: fileCandidate(kind, record, account, time), links: [], settled };
    }
    case 'forwarded': {
      const record = forwardedRecord.parse(json);
      const { forward_id: forwardId, message_id: messageId, reason } = record;
      const from = { session: sessionOf(archived), messageId, sentAt: time, forwardId };
      const link: Link = { kind: 'forwarded', id: forwardId, detail: from };
      return {
        candidate: forwardedCandidate(record, account, time),
        links: forwardedFiles(record.message, from),
        settled: settledBy(link, archived, Date.parse(record.found_at), reason),
      };
    }
    case 'hold_files': {
      const record = holdFileRecord.parse(json);
      const { matter_id: id, matter_name: name, custodian, file, reason } = record;
      const link = holdFileLink({ id, name }, { userId: custodian.user_id, email: custodian.email }, file);
      return {
        candidate: holdFileCandidate(record, account, time),
        links: [],
        settled: settledBy(link, archived, time, reason),
      };
    }
    default:
      return stream satisfies never;
  }
}

const emojiRecord = z.object({
  kind: z.literal('emoji'),
  value: z.object({ file_id: z.string(), name: z.string() }),
});

function revision(archived: ArchivedRecord, row: MessageRow, account: string): Recalled {
  if (!isRevisionKind(archived.kind)) throw unknownKind(archived);
  const session = sessionOf(archived);
  const candidate = revisionCandidate(archived.kind, row, session.id, scopeTag(account, session.id));
  return { candidate, links: rowLinks(row, session) };
}

/** What is needed to ask for the file again. Its address has lapsed, if it had one; Zoom names a fresh one. */
function fileDetail(record: FileRecord, archived: ArchivedRecord): Link['detail'] {
  const { file_id: fileId, file_name: name, message_id: messageId, declared_size: size } = record;
  const { forward_id: forwardId, place = 0, sender, sender_member_id: senderMemberId } = record;
  if (record.origin === 'emoji') return { fileId, name, downloadUrl: '' };
  return {
    session: sessionOf(archived),
    messageId: messageId ?? '',
    sentAt: archived.time,
    ...(forwardId === undefined ? {} : { forwardId }),
    place,
    fileId,
    name,
    ...(size === null ? {} : { size }),
    downloadUrl: '',
    ...senderOf(sender, senderMemberId),
  };
}

function settledBy(
  link: Link,
  { kind, observedAt }: ArchivedRecord,
  foundAt: number,
  reason: string | undefined,
): ArchivedEnd {
  // Bytes that are there, however doubtful, leave nothing to be asked for.
  const missing = kind === 'unavailable' || kind === 'unresolved' ? reason : undefined;
  return {
    link,
    foundAt,
    settledAt: observedAt,
    reason: missing,
    refusal: missing === undefined ? undefined : pastRefusal(missing, foundAt),
  };
}

function sessionOf(archived: ArchivedRecord): LinkedSession & { readonly [name: string]: string } {
  const { session } = archived;
  if (session === undefined) {
    throw new ArchiverError('internal', 'a record names no session', { detail: archived.stream });
  }
  return { ...session, id: sessionId(session.id) };
}

function unknownKind({ stream, kind }: ArchivedRecord): ArchiverError {
  return new ArchiverError('internal', 'a record is of no known kind', { detail: `${stream} ${kind}` });
}
