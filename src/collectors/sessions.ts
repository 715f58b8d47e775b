/** From the rows of a session report to the registry and to candidates. Pure. */
import type { ListedSession } from '../ledger/registry.ts';
import {
  type Candidate,
  canonicalJson,
  contentHash,
  type Instant,
  type Json,
  LASTING,
  recordKey,
  scopeTag,
  sessionId,
} from '../record.ts';
import type { SessionRow } from '../zoom/schemas.ts';

export function listedSession(row: SessionRow): ListedSession {
  return {
    id: sessionId(row.id),
    type: row.type,
    name: row.name ?? '',
    channelId: row.channel_id ?? '',
    lastMessageAt: Date.parse(row.last_message_sent_time),
    external: row.has_external_member,
  };
}

/**
 * A session's description. What moves with each message, and what Zoom evaluates when the report is made, does not
 * count as a change.
 */
export function sessionCandidate(row: SessionRow, account: string, observedAt: Instant): Candidate {
  const { last_message_sent_time: _time, has_external_member: _external, ...description } = row;
  const { type, name, channelId } = listedSession(row);
  return {
    stream: 'sessions',
    kind: 'description',
    key: recordKey(scopeTag(account, row.id), 0, ['sessions', row.id]),
    content: contentHash(canonicalJson(description as Json)),
    rule: 'state',
    time: observedAt,
    keyMonth: LASTING,
    record: canonicalJson(row as Json),
    about: { session: { type, name }, ...(channelId === '' ? {} : { channel: channelId }) },
  };
}
