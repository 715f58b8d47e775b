/** How a link keeps the picture of a custom emoji. Pure. */
import { z } from 'zod';
import type { Link } from '../ledger/links.ts';

export const emojiLinkDetail = z.object({
  fileId: z.string(),
  name: z.string(),
  downloadUrl: z.string().optional(),
});

export function emojiLink({ file_id: id, name }: { readonly file_id: string; readonly name: string }): Link {
  return { kind: 'emoji', id, detail: { fileId: id, name, downloadUrl: '' } };
}
