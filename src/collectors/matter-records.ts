/** Records of legal-hold matters. Pure. */
import { z } from 'zod';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  type Instant,
  type Json,
  LASTING,
  recordKey,
  scopeTag,
} from '../record.ts';
import { type MatterRow, matterRow } from '../zoom/legal-hold.ts';
import type { KnownMatter } from './hold-matters.ts';

/** What is no text names no day. Read beside the row, which is recorded as it came. */
const matterDays = z.object({
  matter_start_date: z.string().catch(''),
  matter_end_date: z.string().catch(''),
});

export function knownMatter(row: MatterRow): KnownMatter {
  const { matter_id, matter_name, matter_users } = row;
  const { matter_start_date: startDay, matter_end_date: endDay } = matterDays.parse(row);
  const custodians = matter_users.map(({ user_id, email }) => ({
    userId: user_id ?? '',
    email: email ?? '',
  }));
  return {
    id: matter_id,
    name: matter_name ?? '',
    custodians,
    startDay,
    endDay,
  };
}

/** A matter; recorded anew when it changed. */
export function matterCandidate(row: MatterRow, account: string, observedAt: Instant): Candidate {
  const who = ({ user_id, email }: MatterRow['matter_users'][number]): string =>
    `${user_id ?? ''} ${email ?? ''}`;
  // Their order says nothing.
  const custodians = [...row.matter_users].sort((one, other) => (who(one) < who(other) ? -1 : 1));
  return {
    ...matterState({ id: row.matter_id, name: row.matter_name ?? '' }, account, observedAt),
    kind: 'matter',
    content: contentHash(canonicalJson({ ...row, matter_users: custodians } as Json)),
    record: canonicalJson(row as Json),
  };
}

/** A matter that was listed before and is not any more: Zoom tells nothing of its end. */
export function goneCandidate(
  { id, name }: Pick<KnownMatter, 'id' | 'name'>,
  account: string,
  observedAt: Instant,
): Candidate {
  return {
    ...matterState({ id, name }, account, observedAt),
    kind: 'gone',
    content: contentHash('gone'),
    record: canonicalJson({ matter_id: id, matter_name: name }),
  };
}

const goneRecord = z.object({ matter_id: z.string(), matter_name: z.string() });

/** The candidate that a record of the stream was. */
export function archivedMatter(
  kind: string,
  record: unknown,
  account: string,
  observedAt: Instant,
): Candidate {
  if (kind !== 'gone') return matterCandidate(matterRow.parse(record), account, observedAt);
  const { matter_id: id, matter_name: name } = goneRecord.parse(record);
  return goneCandidate({ id, name }, account, observedAt);
}

function matterState(
  { id, name }: Pick<KnownMatter, 'id' | 'name'>,
  account: string,
  observedAt: Instant,
): Omit<Candidate, 'kind' | 'content' | 'record'> {
  return {
    stream: 'matters',
    key: recordKey(scopeTag(account, 'matters'), 0, ['matters', id]),
    rule: 'state',
    time: observedAt,
    keyMonth: LASTING,
    about: { matter: [id, name] },
  };
}
