/** Fetches what records point to, one by one: files, forwarded messages, legal-hold zips. */
import { type ArchiverError, asArchiverError, hasCode } from '../errors.ts';
import { addLinks, dueLinks, endLink, type LinkEnd, type LinkKind, type OpenLink } from '../ledger/links.ts';
import { instant, type Stream } from '../record.ts';
import { type CollectorEnd, endsStream, isOwnFault } from './collector.ts';
import type { PassTools } from './pass.ts';
import { countRefusal, isLastWord, type RefusedReason } from './patience.ts';
import { runExclusive } from './pool.ts';
import { type CollectedPage, type Origin, retryDelay } from './unit.ts';

/** What a link led to: the records that say what it was, or why it cannot be had. */
export type FetchedLink = { readonly origin: Origin; readonly page: CollectedPage } & LinkResult;

export type LinkResult =
  | { readonly outcome: 'had' }
  /** Its records count only once that is the last word. */
  | { readonly outcome: 'refused'; readonly reason: RefusedReason }
  /** For a reason that can never change. */
  | { readonly outcome: 'unavailable'; readonly reason: string };

/** Fetches the links of some kinds into one stream. */
export interface LinkCollector {
  readonly kinds: readonly LinkKind[];
  readonly stream: Stream;
  /** Links at the same time. */
  readonly parallel: number;
  /** A refusal is the last word once refusals span so long; milliseconds. */
  readonly patienceMs: number;
  /**
   * Fetches one. What cannot be had is a record too, with its reason; what failed otherwise is thrown. A link that
   * failed or was refused is tried again, ever more rarely.
   */
  fetch(link: OpenLink): Promise<FetchedLink>;
}

/**
 * Lets collectors of links sleep until a page had some, or until no more can come: the units have ended, and no
 * collector works, for what it fetches may point to more.
 */
export class LinkBell {
  #ring: () => void = () => undefined;
  #rung: Promise<void>;
  #members = 0;
  #resting = 0;
  #closed = false;
  /** No more can come. */
  over = false;

  constructor() {
    this.#rung = this.#next();
  }

  ring(): void {
    this.#resting = 0;
    this.#ring();
    this.#rung = this.#next();
  }

  /** The units have ended. */
  close(): void {
    this.#closed = true;
    this.#settle();
  }

  /** One more collector, which works until it rests. */
  join(): void {
    this.#members += 1;
  }

  /** A collector that ended. */
  leave(): void {
    this.#members -= 1;
    this.#settle();
  }

  /** The next ring; to be taken before looking for links, and handed to {@link rest}. */
  next(): Promise<void> {
    return this.#rung;
  }

  /** A collector found nothing since it took `ring`. Resolves when it should look again, or when all is over. */
  async rest(ring: Promise<void>): Promise<void> {
    // A ring in between woke everybody, this one too.
    if (ring !== this.#rung) return;
    this.#resting += 1;
    this.#settle();
    await ring;
  }

  #settle(): void {
    if (!this.#closed || this.#resting < this.#members) return;
    this.over = true;
    this.#ring();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#ring = resolve;
    });
  }
}

const BATCH = 500;

/** So many links in a row without an answer: the rest will fare no better now. */
const UNANSWERED_LIMIT = 20;

/** One thing may be too large for the disk while the others are served. */
function isLinksOwn(error: ArchiverError): boolean {
  return isOwnFault(error) || hasCode(error, 'spool-full');
}

/**
 * Fetches every due link of a collector's kinds until none is left and none can come. A link that fails stays open
 * and is not tried again in this pass. Throws what ends the pass.
 */
export async function runLinks(
  tools: PassTools,
  collector: LinkCollector,
  bell: LinkBell,
): Promise<CollectorEnd> {
  const { db, lease, now, drain, interrupt, events, log, run, classes } = tools;
  const { kinds, stream } = collector;
  const startedAt = now();
  const putOffIds = new Set<string>();
  let done = 0;
  let failed = 0;
  let unanswered = 0;
  const putOff = async (link: OpenLink, end: LinkEnd): Promise<void> => {
    await endLink(db, lease, link, end, now());
    putOffIds.add(`${link.kind} ${link.id}`);
  };
  const fetchOne = async (link: OpenLink): Promise<void> => {
    try {
      const fetched = await collector.fetch(link);
      unanswered = 0;
      const end = endOf(fetched, link, collector.patienceMs, now());
      if (end.outcome === 'refused') {
        log.warn({ kind: link.kind, ...end.refusal }, 'link refused');
        // Zoom answered; that it is to be asked again is not this pass' failure.
        await putOff(link, end);
        done += 1;
        events.unitEnded({ stream, mode: link.kind }, 'done');
        return;
      }
      const { origin, page } = fetched;
      await addLinks(db, lease, page.links ?? [], now());
      const admission = await tools.admit(
        { stream, scope: '', mode: 'link', from: 0, to: 0, attempt: 0 },
        {
          rows: page.rows,
          candidates: page.candidates,
          provenance: {
            run,
            requestId: origin.requestId,
            trackingId: origin.trackingId,
            observedAt: instant(origin.observedAt),
            ...(page.session === undefined ? {} : { session: page.session }),
          },
          classOf: await classes.of(page.session),
        },
      );
      // A crash between admission and here fetches it once more, which the ledger sees again.
      await endLink(db, lease, link, end, now());
      events.pageAdmitted(stream, admission);
      if ((page.links?.length ?? 0) > 0) tools.linksFound();
      done += 1;
      events.unitEnded({ stream, mode: link.kind }, 'done');
    } catch (thrown) {
      if (interrupt.aborted) throw thrown;
      const error = asArchiverError(thrown);
      if (error.code === 'lease-lost' || error.code === 'ledger-unreachable') throw error;
      log.error(
        { kind: link.kind, attempts: link.attempts + 1, code: error.code, err: error.message },
        'link failed',
      );
      // Noted first: what ends the stream or the pass must not be met by the same link again at once.
      const retryAt = now() + retryDelay(link.attempts);
      await putOff(link, { outcome: 'failed', error: error.code, retryAt });
      failed += 1;
      events.unitEnded({ stream, mode: link.kind }, 'failed');
      if (!isLinksOwn(error)) throw error;
      unanswered = error.code === 'zoom-unreachable' ? unanswered + 1 : 0;
      if (unanswered >= UNANSWERED_LIMIT) throw error;
    }
  };
  bell.join();
  try {
    for (;;) {
      const ring = bell.next();
      // As due at the start: what was put off in this pass must not crowd out the rest once its back-off is over.
      const due = await dueLinks(db, lease.account, kinds, startedAt, BATCH);
      const links = due.filter(({ kind, id }) => !putOffIds.has(`${kind} ${id}`));
      if (drain.aborted) break;
      if (links.length === 0) {
        if (bell.over) break;
        await bell.rest(ring);
        continue;
      }
      events.planned(links.length);
      await runExclusive(links, ({ kind, id }) => `${kind} ${id}`, collector.parallel, drain, fetchOne);
    }
  } catch (error) {
    if (!endsStream(error)) throw error;
    return { done, failed, complete: false, error };
  } finally {
    bell.leave();
  }
  const complete = !drain.aborted && failed === 0;
  if (complete) events.streamComplete(stream, startedAt);
  return { done, failed, complete };
}

/** How the attempt ends, by what came of it and by what came before. */
function endOf(result: LinkResult, link: OpenLink, patienceMs: number, now: number): LinkEnd {
  switch (result.outcome) {
    case 'had':
      return { outcome: 'settled' };
    case 'unavailable':
      return result;
    case 'refused': {
      const { reason } = result;
      const refusal = countRefusal(link.refusal, reason, now);
      return isLastWord(refusal, patienceMs, now)
        ? { outcome: 'unavailable', reason, refusal }
        : { outcome: 'refused', refusal, retryAt: now + retryDelay(link.attempts) };
    }
    default:
      return result satisfies never;
  }
}
