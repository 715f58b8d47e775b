/** How a link keeps a legal-hold zip. Pure. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Link } from '../ledger/links.ts';
import { storableText } from '../ledger/staged.ts';
import type { Json } from '../record.ts';
import type { HoldFileRow } from '../zoom/legal-hold.ts';
import type { Custodian, KnownMatter } from './hold-matters.ts';

export const holdLinkDetail = z.object({
  matterId: z.string(),
  matterName: z.string(),
  userId: z.string(),
  email: z.string(),
  /** The row of the list, as Zoom sent it. */
  file: z.looseObject({ file_key: z.string(), total_file_size: z.number().optional() }),
});

/** A zip that is ready. */
export function holdFileLink(
  { id: matterId, name: matterName }: Pick<KnownMatter, 'id' | 'name'>,
  { userId, email }: Custodian,
  row: Pick<HoldFileRow, 'file_key' | 'total_file_size'>,
): Link {
  const id = holdFileId(matterId, { userId, email }, row);
  return { kind: 'hold_file', id, detail: { matterId, matterName, userId, email, file: row as Json } };
}

/** A zip whose size changes under its key is another one. */
export function holdFileId(
  matterId: string,
  { userId, email }: Custodian,
  row: Pick<HoldFileRow, 'file_key' | 'total_file_size'>,
): string {
  const parts = [matterId, userId || email, row.file_key, String(row.total_file_size ?? '')];
  // As the ledger keeps them, so that the record gives the same id.
  const text = parts.map(storableText).map((part) => `${part.length}:${part}`);
  return hash('sha256', text.join(''), 'hex');
}
