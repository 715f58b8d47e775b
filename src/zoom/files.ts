/** Chat files and forwarded messages, asked for one by one. */
import { z } from 'zod';
import type { Endpoint, Reply, ZoomClient } from './client.ts';
import { pathSegment } from './hosts.ts';

const INFO: Endpoint = { name: 'chat_file', label: 'LIGHT' };
const FORWARDED: Endpoint = { name: 'chat_forwarded_message', label: 'LIGHT' };
/** Zoom documents no limit for its file host. */
export const FILE_DOWNLOAD: Endpoint = { name: 'file_download', label: 'LIGHT' };

/** GET /chat/files/{fileId}. */
export const fileInfo = z.looseObject({
  file_id: z.string().optional(),
  file_name: z.string().optional(),
  OS_file_type: z.string().optional(),
  length: z.number().int().nonnegative().optional(),
  digest: z.string().optional(),
  download_url: z.string().optional(),
});
export type FileInfo = z.infer<typeof fileInfo>;

/** What Zoom knows about a file. Errors as {@link ZoomClient.get}. */
export function readFileInfo(
  client: ZoomClient,
  fileId: string,
  signal: AbortSignal,
): Promise<Reply<FileInfo>> {
  return client.get(INFO, `/chat/files/${pathSegment(fileId)}`, {}, fileInfo, signal);
}

/** GET /chat/forwarded_message/{forwardId}. */
export const forwardedMessage = z.looseObject({
  id: z.string().min(1),
  sender: z.string().nullish(),
  send_member_id: z.string().nullish(),
  files: z
    .array(
      z.looseObject({
        file_id: z.string().optional(),
        file_name: z.string().optional(),
        file_size: z.number().optional(),
        download_url: z.string().optional(),
      }),
    )
    .optional(),
});
export type ForwardedMessage = z.infer<typeof forwardedMessage>;

/** The message that a forward leads to. Errors as {@link ZoomClient.get}. */
export function readForwarded(
  client: ZoomClient,
  forwardId: string,
  signal: AbortSignal,
): Promise<Reply<ForwardedMessage>> {
  return client.get(
    FORWARDED,
    `/chat/forwarded_message/${pathSegment(forwardId)}`,
    {},
    forwardedMessage,
    signal,
  );
}
