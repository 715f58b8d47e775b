import { type Dispatcher, request } from 'undici';
import { ArchiverError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { decideRetry, type RetryOptions } from './retry.ts';
import { tokenError, tokenReply } from './schemas.ts';

export interface Credentials {
  readonly accountId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface AccessToken {
  readonly value: string;
  /** Milliseconds since the epoch; the token is renewed a minute before. */
  readonly expiresAt: number;
  /** Granted scopes, as Zoom lists them; empty when it does not say. */
  readonly scopes: readonly string[];
}

export interface TokenOptions {
  readonly credentials: Credentials;
  /** `https://zoom.us`; the path `/oauth/token` is appended. */
  readonly oauthUrl: string;
  readonly dispatcher: Dispatcher;
  readonly retry: RetryOptions;
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly log: Logger;
}

const RENEW_BEFORE_MS = 60_000;

/**
 * One server-to-server OAuth token for the process (fact sheet section 7): cached, renewed a minute early, asked
 * for once however many requests wait for it. There is no refresh token; Zoom is asked anew.
 */
export class TokenSource {
  readonly #options: TokenOptions;
  #current: AccessToken | undefined;
  #pending: { readonly token: Promise<AccessToken>; readonly signal: AbortSignal } | undefined;

  constructor(options: TokenOptions) {
    this.#options = options;
  }

  /**
   * A token with at least a minute to live.
   * Fails with `zoom-credentials` when Zoom refuses the app, `zoom-unreachable` when it does not answer.
   */
  async get(signal: AbortSignal): Promise<AccessToken> {
    for (;;) {
      signal.throwIfAborted();
      const current = this.#current;
      if (current !== undefined && current.expiresAt - RENEW_BEFORE_MS > this.#options.now()) return current;
      this.#pending ??= {
        signal,
        token: this.#renew(signal).finally(() => {
          this.#pending = undefined;
        }),
      };
      const pending = this.#pending;
      try {
        return await pending.token;
      } catch (error) {
        // Whoever asked first gave up; that says nothing about the others who waited for it.
        if (!pending.signal.aborted || pending.signal === signal) throw error;
      }
    }
  }

  /** Drops `token` after a 401; a token that was renewed meanwhile stays. */
  invalidate(token: AccessToken): void {
    if (this.#current?.value === token.value) this.#current = undefined;
  }

  async #renew(signal: AbortSignal): Promise<AccessToken> {
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await this.#ask(signal);
      if (outcome.token !== undefined) {
        this.#current = outcome.token;
        return outcome.token;
      }
      const decision = decideRetry({ kind: 'network' }, attempt, this.#options.random(), this.#options.retry);
      if (!decision.retry) throw outcome.error;
      this.#options.log.warn({ attempt, err: outcome.error.message }, 'access token not granted yet');
      await this.#options.wait(decision.delayMs, signal);
    }
  }

  /** A token, or the transient error to report if trying again does not help; what is permanent is thrown. */
  async #ask(
    signal: AbortSignal,
  ): Promise<{ token: AccessToken; error?: undefined } | { token?: undefined; error: ArchiverError }> {
    const { credentials, oauthUrl, dispatcher, timeoutMs, now } = this.#options;
    const basic = Buffer.from(`${credentials.clientId}:${credentials.clientSecret}`).toString('base64');
    const askedAt = now();
    let status: number;
    let body: string;
    try {
      const response = await request(new URL('/oauth/token', oauthUrl), {
        method: 'POST',
        dispatcher,
        signal,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          grant_type: 'account_credentials',
          account_id: credentials.accountId,
        }).toString(),
      });
      status = response.statusCode;
      body = await response.body.text();
    } catch (cause) {
      signal.throwIfAborted();
      return {
        error: new ArchiverError('zoom-unreachable', 'token endpoint did not answer', {
          cause,
          detail: oauthUrl,
        }),
      };
    }
    const json = parseJson(body);
    if (status === 200) {
      const reply = tokenReply.safeParse(json);
      if (!reply.success) {
        return {
          error: new ArchiverError('zoom-unreachable', 'token endpoint sent no token', {
            cause: reply.error,
          }),
        };
      }
      return {
        token: {
          value: reply.data.access_token,
          expiresAt: askedAt + reply.data.expires_in * 1000,
          scopes: reply.data.scope?.split(' ').filter((scope) => scope !== '') ?? [],
        },
      };
    }
    if (status === 429 || status >= 500) {
      return {
        error: new ArchiverError('zoom-unreachable', 'token endpoint is not ready', {
          detail: `status ${status}`,
        }),
      };
    }
    const reason = tokenError.safeParse(json);
    const words = reason.success ? [reason.data.error, reason.data.reason] : [];
    throw new ArchiverError('zoom-credentials', 'Zoom refused the credentials', {
      detail: [`status ${status}`, ...words.filter(Boolean)].join(', '),
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
