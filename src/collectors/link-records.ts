/** Records of what links led to, or why it cannot be had. Pure. */
import { z } from 'zod';
import type { Link, LinkKind } from '../ledger/links.ts';
import {
  aboutSender,
  type Candidate,
  canonicalJson,
  contentHash,
  instant,
  type Json,
  keyMonth,
  LASTING,
  recordKey,
  scopeTag,
} from '../record.ts';
import { type ForwardedMessage, forwardedMessage } from '../zoom/files.ts';
import { holdFileId } from './hold-links.ts';
import { fileLinkId } from './row-links.ts';

/** Where the bytes are, whole or in parts; null where there are none. */
const object = z.looseObject({ sha256: z.string() }).nullable();
/** When a record first pointed to it; UTC. */
const foundAt = z.iso.datetime({ precision: 3 });

/** A file of a message, of a forwarded message, or of a custom emoji. */
export const fileRecord = z.looseObject({
  file_id: z.string(),
  file_name: z.string(),
  origin: z.enum(['message', 'forwarded', 'emoji']),
  /** Null for emoji. */
  message_id: z.string().nullable(),
  session_id: z.string().nullable(),
  forward_id: z.string().optional(),
  /** Which of its message's files it is, from 0; missing for emoji. */
  place: z.number().optional(),
  /** Who wrote its message, as Zoom says it there; missing for emoji. */
  sender: z.string().optional(),
  sender_member_id: z.string().optional(),
  found_at: foundAt,
  declared_size: z.number().nullable(),
  object,
  reason: z.string().optional(),
});
export type FileRecord = z.infer<typeof fileRecord>;

/** The link that leads to the file of a record. */
export function fileLinkOf(record: FileRecord): Pick<Link, 'id'> & { readonly kind: LinkKind } {
  if (record.origin === 'emoji') return { kind: 'emoji', id: record.file_id };
  const { file_id: fileId, file_name: name, message_id: messageId, session_id: session } = record;
  const { forward_id: forwardId, place = 0 } = record;
  const parts = { session: session ?? '', messageId: messageId ?? '', forwardId, place, fileId, name };
  return { kind: 'file', id: fileLinkId(parts) };
}

/** @param time the record's own, milliseconds */
export function fileCandidate(
  kind: 'stored' | 'doubtful' | 'unavailable',
  record: FileRecord,
  account: string,
  time: number,
): Candidate {
  const link = fileLinkOf(record);
  const found = Date.parse(record.found_at);
  const identity = record.object?.sha256 ?? record.reason ?? '';
  return {
    stream: 'files',
    kind,
    key: recordKey(scopeTag(account, 'files'), found, ['files', link.kind, link.id, identity]),
    // All that may differ between two looks at the same bytes is how they were asked for.
    content: contentHash(identity),
    rule: 'once',
    time: instant(time),
    keyMonth: keyMonth(found),
    record: canonicalJson(record as Json),
    ...aboutSender(record.sender),
  };
}

/** A message that others forward, resolved or not. */
export const forwardedRecord = z.looseObject({
  forward_id: z.string(),
  message_id: z.string(),
  session_id: z.string(),
  found_at: foundAt,
  message: forwardedMessage.nullable(),
  reason: z.string().optional(),
});
export type ForwardedRecord = z.infer<typeof forwardedRecord>;

/** @param time when the forwarding message was sent, milliseconds */
export function forwardedCandidate(record: ForwardedRecord, account: string, time: number): Candidate {
  const { message, reason, forward_id: id } = record;
  const found = Date.parse(record.found_at);
  const content = contentHash(
    canonicalJson({ message: unmoved(message), ...(reason === undefined ? {} : { reason }) }),
  );
  return {
    stream: 'forwarded',
    kind: message === null ? 'unresolved' : 'resolved',
    key: recordKey(scopeTag(account, 'forwarded'), found, ['forwarded', id, content]),
    content,
    rule: 'once',
    time: instant(time),
    keyMonth: keyMonth(found),
    record: canonicalJson(record as Json),
    ...aboutSender(message?.sender),
  };
}

/** The message without what moves while it stays the same: download links, reactions. */
function unmoved(message: ForwardedMessage | null): Json {
  if (message === null) return null;
  const { download_url: _url, reactions: _reactions, files, ...rest } = message;
  const still = (files ?? []).map(({ download_url: _link, ...file }) => file);
  return { ...rest, files: still } as Json;
}

/** A legal-hold zip, or why it cannot be had. */
export const holdFileRecord = z.looseObject({
  matter_id: z.string(),
  matter_name: z.string(),
  custodian: z.object({ user_id: z.string(), email: z.string() }),
  /** The row of the list, as Zoom sent it. */
  file: z.looseObject({ file_key: z.string(), total_file_size: z.number().optional() }),
  object,
  problems: z.array(z.string()),
  reason: z.string().optional(),
});
export type HoldFileRecord = z.infer<typeof holdFileRecord>;

/** Id of the link that leads to the zip of a record. */
function holdLinkIdOf({ matter_id: matterId, custodian, file }: HoldFileRecord): string {
  return holdFileId(matterId, { userId: custodian.user_id, email: custodian.email }, file);
}

/** @param foundAt when the zip was listed as ready first, milliseconds: the record's own time */
export function holdFileCandidate(record: HoldFileRecord, account: string, foundAt: number): Candidate {
  const { object: stored, problems, reason } = record;
  const identity = stored?.sha256 ?? reason ?? '';
  const time = instant(foundAt);
  const key = ['hold_files', holdLinkIdOf(record), identity];
  return {
    stream: 'hold_files',
    kind: stored === null ? 'unavailable' : problems.length > 0 ? 'broken' : 'stored',
    key: recordKey(scopeTag(account, 'hold_files'), time, key),
    content: contentHash(identity),
    rule: 'state',
    time,
    // Asked for anew while it is listed: the same answer must be known again however late.
    keyMonth: LASTING,
    record: canonicalJson(record as Json),
    about: { matter: [record.matter_id, record.matter_name] },
  };
}
