/** Zoom's legal holds. Only read: to change or close a matter releases what it preserves. */
import { z } from 'zod';
import type { Endpoint, Reply, StreamTarget, ZoomClient } from './client.ts';
import { pathSegment } from './hosts.ts';
import { pages } from './pages.ts';

const MATTERS: Endpoint = { name: 'legal_hold_matters', label: 'RESOURCE-INTENSIVE' };
const FILES: Endpoint = { name: 'legal_hold_files', label: 'LIGHT' };
export const HOLD_DOWNLOAD: Endpoint = { name: 'legal_hold_download', label: 'LIGHT' };

/** GET /chat/legalhold/matters, one row. */
export const matterRow = z.looseObject({
  matter_id: z.string().min(1),
  matter_name: z.string().optional(),
  matter_creation_date: z.string().optional(),
  matter_users: z.array(z.looseObject({ user_id: z.string().optional(), email: z.string().optional() })),
});
export type MatterRow = z.infer<typeof matterRow>;

export const mattersPage = z.looseObject({
  next_page_token: z.string().optional(),
  legal_hold_matters: z.array(matterRow),
});
export type MattersPage = z.infer<typeof mattersPage>;

/** GET /chat/legalhold/matters/{matterId}/files, one row. */
export const holdFileRow = z.looseObject({
  file_key: z.string().min(1),
  file_count: z.number().optional(),
  file_start_date: z.string().optional(),
  file_end_date: z.string().optional(),
  ready_for_download: z.boolean(),
  total_file_size: z.number().optional(),
});
export type HoldFileRow = z.infer<typeof holdFileRow>;

export const holdFilesPage = z.looseObject({
  next_page_token: z.string().optional(),
  data: z.array(holdFileRow),
});
export type HoldFilesPage = z.infer<typeof holdFilesPage>;

/** All matters, in pages of 100. Errors as {@link ZoomClient.get}. */
export function matterPages(client: ZoomClient, signal: AbortSignal): AsyncGenerator<Reply<MattersPage>> {
  return pages((pageToken) =>
    client.get(MATTERS, '/chat/legalhold/matters', { page_size: '100', ...pageToken }, mattersPage, signal),
  );
}

/** The zips of one custodian of a matter, in pages of 20. @param identifier user id or e-mail address */
export function holdFilePages(
  client: ZoomClient,
  matterId: string,
  identifier: string,
  signal: AbortSignal,
): AsyncGenerator<Reply<HoldFilesPage>> {
  return pages((pageToken) =>
    client.get(
      FILES,
      `/chat/legalhold/matters/${pathSegment(matterId)}/files`,
      { identifier, page_size: '20', ...pageToken },
      holdFilesPage,
      signal,
    ),
  );
}

/** Where a zip is downloaded from. Keys may hold an e-mail address: no log may name them. */
export function holdDownload(matterId: string, fileKey: string): StreamTarget {
  return {
    path: `/chat/legalhold/matters/${pathSegment(matterId)}/files/download`,
    query: { file_key: fileKey },
  };
}
