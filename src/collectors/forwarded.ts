/** Resolves forwarded messages, once each. */
import type { OpenLink } from '../ledger/links.ts';
import { sessionId } from '../record.ts';
import { type ForwardedMessage, readForwarded } from '../zoom/files.ts';
import { type ForwardedRecord, forwardedCandidate } from './link-records.ts';
import type { FetchedLink, LinkCollector } from './links.ts';
import type { PassTools } from './pass.ts';
import { type RefusedReason, refusedReason } from './patience.ts';
import { forwardedFiles, forwardedLinkDetail } from './row-links.ts';
import type { Origin } from './unit.ts';

const PARALLEL = 4;

/** Messages that others forward, into the stream `forwarded`; their files become links. */
export function forwardedCollector(
  { client, lease, now, interrupt }: PassTools,
  { patienceMs }: Pick<LinkCollector, 'patienceMs'>,
): LinkCollector {
  function fetched(
    link: OpenLink,
    origin: Origin,
    found: { readonly message: ForwardedMessage } | { readonly reason: RefusedReason },
  ): FetchedLink {
    const { session, messageId, sentAt, forwardId } = forwardedLinkDetail.parse(link.detail);
    const known = { ...session, id: sessionId(session.id) };
    const message = 'message' in found ? found.message : undefined;
    const record: ForwardedRecord = {
      forward_id: forwardId,
      message_id: messageId,
      session_id: session.id,
      found_at: new Date(link.foundAt).toISOString(),
      message: message ?? null,
      ...('reason' in found ? { reason: found.reason } : {}),
    };
    const from = { session: known, messageId, sentAt, forwardId };
    return {
      origin,
      page: {
        rows: 1,
        candidates: [forwardedCandidate(record, lease.account, sentAt)],
        links: forwardedFiles(message ?? null, from),
        session: known,
      },
      ...('reason' in found ? { outcome: 'refused', reason: found.reason } : { outcome: 'had' }),
    };
  }

  return {
    kinds: ['forwarded'],
    stream: 'forwarded',
    parallel: PARALLEL,
    patienceMs,
    async fetch(link) {
      try {
        const reply = await readForwarded(client, link.id, interrupt);
        return fetched(link, reply, { message: reply.body });
      } catch (error) {
        const reason = refusedReason(error);
        if (reason === undefined) throw error;
        return fetched(link, { requestId: '', trackingId: '', observedAt: now() }, { reason });
      }
    },
  };
}
