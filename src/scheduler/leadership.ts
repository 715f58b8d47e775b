import { setTimeout as sleep } from 'node:timers/promises';
import { ArchiverError } from '../errors.ts';
import { acquireLease, type Lease, leaseHolder, releaseLease, renewLease } from '../ledger/lease.ts';
import type { Logger } from '../log.ts';

/** A lease that is being renewed. */
export interface Leadership {
  readonly lease: Lease;
  /** Aborts with `lease-lost` when the lease is gone, or can no longer be trusted to be held. */
  readonly lost: AbortSignal;
  /** Ends the renewal and gives the lease up, so that a standby takes over at once. Safe to call twice. */
  release(): Promise<void>;
}

export interface LeadershipOptions {
  /** The ledger, as the lease's own functions take it. */
  readonly db: Parameters<typeof acquireLease>[0];
  readonly account: string;
  /** Name of this process, unique per start. */
  readonly holder: string;
  /** How long the lease outlives the last renewal. */
  readonly ttlMs: number;
  readonly log: Logger;
}

/**
 * Takes the lease of the account, waiting as a standby while another process holds it, and renews it at a third
 * of its life. Between renewals it is trusted until a sixth before its expiry: a process that was frozen longer
 * finds `lost` aborted before it can act, and the ledger refuses its generation anyway.
 * @param patienceMs gives up with `lease-held` after so long; Infinity waits for ever
 */
export async function takeLeadership(
  options: LeadershipOptions,
  patienceMs: number,
  signal: AbortSignal,
): Promise<Leadership> {
  const { db, account, holder, ttlMs, log } = options;
  const started = performance.now();
  for (let attempt = 0; ; attempt += 1) {
    const asked = performance.now();
    const lease = await acquireLease(db, account, holder, ttlMs);
    if (lease !== undefined) return lead(options, lease, asked);
    const other = await leaseHolder(db, account);
    if (attempt === 0)
      log.info({ account, holder: other?.holder }, 'another process holds the lease; waiting');
    const left = patienceMs - (performance.now() - started);
    if (left <= 0) {
      throw new ArchiverError('lease-held', 'another process works for this account', {
        detail: other?.holder ?? account,
      });
    }
    await sleep(Math.min(ttlMs / 3, left), undefined, { signal });
  }
}

function lead(options: LeadershipOptions, lease: Lease, acquiredAt: number): Leadership {
  const { db, ttlMs, log } = options;
  const lost = new AbortController();
  const trustMs = ttlMs - ttlMs / 6;
  let deadline: NodeJS.Timeout | undefined;
  let released: Promise<void> | undefined;
  const stop = (): void => {
    clearInterval(renewal);
    clearTimeout(deadline);
  };
  const lose = (why: string): void => {
    stop();
    if (lost.signal.aborted || released !== undefined) return;
    log.warn({ account: lease.account, why }, 'the lease is lost');
    lost.abort(new ArchiverError('lease-lost', 'the lease is lost', { detail: why }));
  };
  // A timer of its own: a renewal that gets no answer must not be what we wait for.
  const trustSince = (asked: number): void => {
    clearTimeout(deadline);
    deadline = setTimeout(() => lose('not renewed in time'), asked + trustMs - performance.now());
    deadline.unref();
  };
  const renew = async (): Promise<void> => {
    const asked = performance.now();
    try {
      const held = await renewLease(db, lease, ttlMs);
      if (!held) lose('taken over');
      else if (!lost.signal.aborted && released === undefined) trustSince(asked);
    } catch (error) {
      log.warn({ err: String(error) }, 'the lease was not renewed');
    }
  };
  const renewal = setInterval(() => void renew(), ttlMs / 3);
  renewal.unref();
  trustSince(acquiredAt);
  return {
    lease,
    lost: lost.signal,
    release() {
      stop();
      released ??= releaseLease(db, lease).catch((error: unknown) => {
        log.warn({ err: String(error) }, 'the lease was not given up; it expires by itself');
      });
      return released;
    },
  };
}
