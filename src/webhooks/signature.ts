/** Whether a webhook comes from Zoom: its signature over the bytes as they came (fact sheet section 9). */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Further off by either clock, it may be one that somebody kept. */
const SKEW_MS = 5 * 60_000;

export interface SignedBytes {
  /** Header `x-zm-signature`. */
  readonly signature: string | undefined;
  /** Header `x-zm-request-timestamp`, seconds. */
  readonly timestamp: string | undefined;
  readonly body: Buffer;
}

/**
 * Pure; takes the same time for every wrong signature.
 * @param now milliseconds
 * @returns `stale` for one that is rightly signed, but not now
 */
export function judgeSignature(
  { signature, timestamp, body }: SignedBytes,
  secret: string,
  now: number,
): 'good' | 'stale' | 'wrong' {
  if (secret === '' || signature === undefined || timestamp === undefined) return 'wrong';
  const expected = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(body).digest();
  const [, hex = ''] = /^v0=([0-9a-f]{64})$/i.exec(signature) ?? [];
  const given = Buffer.from(hex, 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 'wrong';
  // Negated, so that a timestamp that is no number is stale too.
  return Math.abs(now - Number(timestamp) * 1000) <= SKEW_MS ? 'good' : 'stale';
}

/**
 * The answer to `endpoint.url_validation`, or undefined for a token that Zoom would not choose: its answer is an HMAC
 * with the secret, so a token with colons could be a webhook to be signed.
 */
export function validationAnswer(
  plainToken: string,
  secret: string,
): { readonly plainToken: string; readonly encryptedToken: string } | undefined {
  if (!/^[\w+/=-]{1,128}$/.test(plainToken)) return undefined;
  return { plainToken, encryptedToken: createHmac('sha256', secret).update(plainToken).digest('hex') };
}
