/** One request and its redirects, followed by hand: no HTTP client knows who may have the credential. */
import { randomUUID } from 'node:crypto';
import { type Dispatcher, request } from 'undici';
import { ArchiverError } from '../errors.ts';
import { mayLeadTo, mayReceiveCredential } from './hosts.ts';

export interface ExchangeOptions {
  readonly dispatcher: Dispatcher;
  /** Longest wait for the head, and for each part of the body. */
  readonly timeoutMs: number;
  /** Origins beside Zoom's own that may have the credential. */
  readonly origins: readonly string[];
  readonly accept: string;
  /** The access token; left out, nobody gets one. */
  readonly token?: string;
  /**
   * What a redirect away from Zoom leads to. `refuse`: an error, where a stranger's answer must never pass for Zoom's.
   * `bare`: the stranger, without credential, then and on all further hops.
   */
  readonly foreign: 'refuse' | 'bare';
  readonly signal: AbortSignal;
}

export interface Exchange {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  /** To be read or destroyed. */
  readonly body: Dispatcher.ResponseData['body'];
  /** The host that answered is Zoom's. */
  readonly ofZoom: boolean;
  /** Our own id of the request. */
  readonly requestId: string;
  /** On the monotonic clock, ms. */
  readonly sentAt: number;
}

const MAX_HOPS = 3;

/**
 * The first answer that is no redirect. Fails with `zoom-request` where a stranger would answer for Zoom, and on a
 * redirect too many; with `zoom-address` on one to an address that must not be asked; with whatever the network failed
 * with otherwise.
 */
export async function exchange(start: URL, options: ExchangeOptions): Promise<Exchange> {
  const { dispatcher, timeoutMs, origins, accept, token, foreign, signal } = options;
  const requestId = randomUUID();
  const sentAt = performance.now();
  let url = start;
  let leftZoom = false;
  for (let hop = 0; ; hop += 1) {
    const ofZoom = mayReceiveCredential(url, origins);
    if (!ofZoom) leftZoom = true;
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      headers: {
        accept,
        ...(ofZoom ? { 'x-request-id': requestId } : {}),
        ...(token === undefined || leftZoom ? {} : { authorization: `Bearer ${token}` }),
      },
      signal,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    const { location } = headers;
    if (statusCode < 300 || statusCode >= 400 || typeof location !== 'string') {
      return { status: statusCode, headers, body, ofZoom, requestId, sentAt };
    }
    await body.dump();
    if (hop >= MAX_HOPS) throw new ArchiverError('zoom-request', 'too many redirects');
    const next = new URL(location, url);
    if (foreign === 'refuse' && !mayReceiveCredential(next, origins)) {
      throw new ArchiverError('zoom-request', 'redirect to a foreign host', { detail: next.origin });
    }
    if (!mayLeadTo(next, origins) || (url.protocol === 'https:' && next.protocol !== 'https:')) {
      throw new ArchiverError('zoom-address', 'redirect to an unprotected address', { detail: next.origin });
    }
    url = next;
  }
}
