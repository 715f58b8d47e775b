/** Pure retry timing: what happened and how often goes in, a decision comes out. */

/** Why a request failed, as far as timing is concerned. */
export type Failure =
  /** No answer: connection refused or reset, name not found, time-out. */
  | { readonly kind: 'network' }
  /** 5xx, or an answer that is no JSON (a proxy's page, a truncated body). */
  | { readonly kind: 'server' }
  /** 429 of a per-second or per-minute limit; `waitMs` until the moment Zoom named, where it did. */
  | { readonly kind: 'throttled'; readonly waitMs: number | undefined };

export interface RetryOptions {
  /** Tries in all, the first included. */
  readonly attempts: number;
  /** Delay before the second try; doubles from there. */
  readonly baseMs: number;
  /** No delay is longer, whatever a server asks for. */
  readonly capMs: number;
}

export const DEFAULT_RETRY: RetryOptions = { attempts: 6, baseMs: 500, capMs: 30_000 };

export type RetryDecision = { readonly retry: true; readonly delayMs: number } | { readonly retry: false };

/**
 * @param attempt tries made so far, at least 1
 * @param random uniform in [0, 1)
 * @returns delay: a server's own wait is honoured without jitter up to the cap; else exponential with full
 *   jitter in its upper half, so that replicas that failed together do not return together. Throttling by
 *   Zoom asks for one second and jitter at least (rate-limit page of Zoom's documentation), also when the moment
 *   it named is over by our clock: obeying that would spend all attempts at once.
 */
export function decideRetry(
  failure: Failure,
  attempt: number,
  random: number,
  options: RetryOptions = DEFAULT_RETRY,
): RetryDecision {
  if (attempt >= options.attempts) return { retry: false };
  const ceiling = Math.min(options.capMs, options.baseMs * 2 ** (attempt - 1));
  switch (failure.kind) {
    case 'network':
    case 'server':
      return { retry: true, delayMs: Math.round(ceiling / 2 + (ceiling / 2) * random) };
    case 'throttled': {
      if (failure.waitMs !== undefined && failure.waitMs > 0) {
        return { retry: true, delayMs: Math.min(failure.waitMs, options.capMs) };
      }
      return {
        retry: true,
        delayMs: Math.round(Math.min(options.capMs, Math.max(1000, ceiling) + 1000 * random)),
      };
    }
    default:
      return failure satisfies never;
  }
}
