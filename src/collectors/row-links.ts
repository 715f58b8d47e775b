/** What a message row points to, and how a link keeps it. Pure. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Link } from '../ledger/links.ts';
import { storableText } from '../ledger/staged.ts';
import { messageId, type SessionId } from '../record.ts';
import type { ForwardedMessage } from '../zoom/files.ts';
import type { MessageRow } from '../zoom/schemas.ts';

/** A session as links and provenance name it. */
export interface LinkedSession {
  readonly id: SessionId;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
}

const origin = {
  session: z.object({ id: z.string(), type: z.string(), name: z.string(), channelId: z.string() }),
  /** Normalised. */
  messageId: z.string(),
  /** When the message was sent, milliseconds. */
  sentAt: z.number(),
};

/** A link to a chat file. */
export const fileLinkDetail = z.object({
  ...origin,
  /** Which of its message's files it is, from 0. */
  place: z.number(),
  /** Empty where Zoom gave none. */
  fileId: z.string(),
  name: z.string(),
  /** Bytes; absent where Zoom gave none. */
  size: z.number().optional(),
  /** Carries a token of its own that lives a day; empty where Zoom gave none. */
  downloadUrl: z.string(),
  /** The forward it came with, where it is a file of the message that was forwarded. */
  forwardId: z.string().optional(),
  /** Who wrote its message, by e-mail address and by member id, as far as Zoom says so. */
  sender: z.string().optional(),
  senderMemberId: z.string().optional(),
});
export type FileLinkDetail = z.infer<typeof fileLinkDetail>;

/** A link to a message that was forwarded. */
export const forwardedLinkDetail = z.object({ ...origin, forwardId: z.string() });
export type ForwardedLinkDetail = z.infer<typeof forwardedLinkDetail>;

/** Links to the files of a row, and to the message that it forwards. */
export function rowLinks(row: MessageRow, session: LinkedSession): readonly Link[] {
  const { id, type, name, channelId } = session;
  const from = {
    session: { id, type, name, channelId },
    messageId: messageId(row.id),
    sentAt: row.timestamp,
  };
  const files = fileLinks(row.files ?? [], { ...from, ...senderOf(row.sender, row.sender_member_id) });
  if (row.forward_id === undefined || row.forward_id === '') return files;
  return [
    ...files,
    { kind: 'forwarded', id: row.forward_id, detail: { ...from, forwardId: row.forward_id } },
  ];
}

/** Who wrote a message, for the links to its files. */
export function senderOf(
  email: string | null | undefined,
  memberId: string | null | undefined,
): { readonly sender?: string; readonly senderMemberId?: string } {
  return {
    ...(typeof email === 'string' ? { sender: email } : {}),
    ...(typeof memberId === 'string' ? { senderMemberId: memberId } : {}),
  };
}

/** Links to the files of a message that was forwarded; null where it cannot be had. */
export function forwardedFiles(
  message: ForwardedMessage | null,
  from: Pick<FileLinkDetail, 'session' | 'messageId' | 'sentAt' | 'forwardId'>,
): readonly Link[] {
  if (message === null) return [];
  return fileLinks(message.files ?? [], { ...from, ...senderOf(message.sender, message.send_member_id) });
}

interface MessageFile {
  readonly file_id?: string | undefined;
  readonly file_name?: string | undefined;
  readonly file_size?: number | undefined;
  readonly download_url?: string | undefined;
}

/** Links to files of one message. @param from what tells where they were seen */
export function fileLinks(
  files: readonly MessageFile[],
  from: Pick<FileLinkDetail, 'session' | 'messageId' | 'sentAt' | 'forwardId' | 'sender' | 'senderMemberId'>,
): readonly Link[] {
  const { session, messageId: message, sentAt, forwardId, sender, senderMemberId } = from;
  return files.map((file, place): Link => {
    const detail = {
      session,
      messageId: message,
      sentAt,
      ...(forwardId === undefined ? {} : { forwardId }),
      place,
      fileId: file.file_id ?? '',
      name: file.file_name ?? '',
      ...(file.file_size === undefined ? {} : { size: file.file_size }),
      downloadUrl: file.download_url ?? '',
      ...senderOf(sender, senderMemberId),
    };
    const id = fileLinkId({ ...detail, session: session.id, forwardId });
    return { kind: 'file', id, detail };
  });
}

/** Id of the link to a file. One to which Zoom gave no id is told by its message, its place in it, and its name. */
export function fileLinkId(file: {
  /** Session id. */
  readonly session: string;
  readonly messageId: string;
  readonly forwardId: string | undefined;
  readonly place: number;
  readonly fileId: string;
  readonly name: string;
}): string {
  const { session, messageId: message, forwardId = '', place, fileId, name } = file;
  if (fileId !== '') return fileId;
  // As the ledger keeps them, so that the record gives the same id.
  const parts = [session, message, forwardId, String(place), name].map(storableText);
  return hash('sha256', parts.map((part) => `${part.length}:${part}`).join(''), 'hex');
}
