/** When a call to a store is tried again. Whether it may be is said in `s3-error.ts`. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';
import { interrupted } from './body.ts';
import { refusalOf } from './s3-error.ts';

export const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Waits so many milliseconds; rejects when `signal` aborts. */
export type Pause = (ms: number, signal: AbortSignal | undefined) => Promise<void>;

/** Runs `attempt` until it succeeds, fails for good or has been tried often enough. An error names the key. */
export type Retrying = <T>(key: string, attempt: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

export interface RetryOptions {
  /** How often one call is tried before it fails. */
  readonly attempts: number;
  readonly pause: Pause;
  /** Bucket and key, as the detail of an error names them. */
  readonly subject: (key: string) => string;
  readonly log: Logger;
}

export function retryingOf({ attempts, pause, subject, log }: RetryOptions): Retrying {
  return async (key, attempt, signal) => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (signal?.aborted) throw interrupted(key);
        const refusal = refusalOf(error, subject(key));
        if (!refusal.again || tried >= attempts) throw refusal.error;
        log.debug({ tried, reason: refusal.error.message }, 'trying the store again');
      }
      await pause(pauseAfter(tried), signal).catch((error: unknown) => {
        throw signal?.aborted ? interrupted(key) : error;
      });
    }
  };
}

export async function pauseFor(ms: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(ms, undefined, signal && { signal });
}

/** Doubles from 200 ms to 5 s; up to half of it is taken off at random, so that replicas do not march in step. */
function pauseAfter(tried: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** (tried - 1), LONGEST_PAUSE_MS) * (1 - Math.random() / 2);
}
