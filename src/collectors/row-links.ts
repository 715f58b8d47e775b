/** What a message row points to, and how a link keeps it. Pure. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Link } from '../ledger/links.ts';
import { messageId, type SessionId } from '../record.ts';
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
  /** Empty where Zoom gave none. */
  fileId: z.string(),
  name: z.string(),
  /** Bytes; absent where Zoom gave none. */
  size: z.number().optional(),
  /** Carries a token of its own that lives a day; empty where Zoom gave none. */
  downloadUrl: z.string(),
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
  const files = (row.files ?? []).map((file): Link => {
    const detail = {
      ...from,
      fileId: file.file_id ?? '',
      name: file.file_name ?? '',
      ...(file.file_size === undefined ? {} : { size: file.file_size }),
      downloadUrl: file.download_url ?? '',
    };
    // A file without an id is told by its message and name.
    return { kind: 'file', id: detail.fileId || digest([id, from.messageId, detail.name]), detail };
  });
  if (row.forward_id === undefined || row.forward_id === '') return files;
  return [
    ...files,
    { kind: 'forwarded', id: row.forward_id, detail: { ...from, forwardId: row.forward_id } },
  ];
}

function digest(parts: readonly string[]): string {
  return hash('sha256', parts.map((part) => `${part.length}:${part}`).join(''), 'hex');
}
