/** Sign-in by OpenID Connect: authorization code with PKCE, state and nonce. */
import * as client from 'openid-client';
import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import { isPlainName } from './grants.ts';
import { Refusal } from './refusal.ts';
import type { Claims } from './users-file.ts';

export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** How the client shows its secret at the token endpoint. */
  readonly authentication: 'client_secret_basic' | 'client_secret_post';
  readonly scopes: readonly string[];
  /** The claim that the access log names people by. */
  readonly nameClaim: string;
}

/** What has to be known again when the provider sends somebody back; kept in a signed cookie of his. */
const transactionSchema = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  returnTo: z.string(),
  /** Milliseconds. */
  until: z.number(),
});
export type Transaction = z.output<typeof transactionSchema>;

/** Typing a password and a second factor takes no longer. */
export const TRANSACTION_MS = 10 * 60_000;
const TIMEOUT_SECONDS = 10;

/** Somebody whom the provider vouches for. */
export interface Identified {
  readonly name: string;
  readonly claims: Claims;
}

export class OidcSignIn {
  readonly #options: OidcOptions;
  readonly #publicUrl: () => string;
  readonly #now: () => number;
  #discovered: Promise<client.Configuration> | undefined;

  /** @param publicUrl of the portal, without a path at its end */
  constructor(options: OidcOptions, publicUrl: () => string, now: () => number) {
    this.#options = options;
    this.#publicUrl = publicUrl;
    this.#now = now;
  }

  /**
   * Where to send somebody who wants to sign in. Fails with the refusal `sign-in-unavailable` where the provider does not
   * answer.
   * @param returnTo path of the portal to end at
   */
  async begin(returnTo: string): Promise<{ readonly url: string; readonly transaction: Transaction }> {
    const provider = await this.#provider();
    const transaction: Transaction = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      returnTo: pathOfPortal(returnTo),
      until: this.#now() + TRANSACTION_MS,
    };
    const url = client.buildAuthorizationUrl(provider, {
      redirect_uri: this.#callback(),
      scope: this.#options.scopes.join(' '),
      code_challenge: await client.calculatePKCECodeChallenge(transaction.verifier),
      code_challenge_method: 'S256',
      state: transaction.state,
      nonce: transaction.nonce,
    });
    return { url: url.href, transaction };
  }

  /**
   * Who came back. Fails with the refusals `sign-in-failed` and `sign-in-unavailable`, and with `access-denied` where the
   * provider gives no name for him.
   * @param query of the request that he came back with, with its `?`
   */
  async finish(query: string, { state, nonce, verifier, until }: Transaction): Promise<Identified> {
    if (this.#now() >= until) throw new Refusal('sign-in-failed');
    const provider = await this.#provider();
    return identify(await this.#claims(provider, query, { state, nonce, verifier }), this.#options.nameClaim);
  }

  async #claims(
    provider: client.Configuration,
    query: string,
    { state, nonce, verifier }: Pick<Transaction, 'state' | 'nonce' | 'verifier'>,
  ): Promise<Claims> {
    try {
      const tokens = await client.authorizationCodeGrant(provider, new URL(this.#callback() + query), {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      const claims = tokens.claims();
      if (claims === undefined) throw new Refusal('sign-in-failed');
      // Many providers put groups there only. It is of the same subject, which the library compares.
      const more =
        provider.serverMetadata().userinfo_endpoint === undefined
          ? {}
          : await client.fetchUserInfo(provider, tokens.access_token, claims.sub);
      return { ...more, ...claims };
    } catch (cause) {
      throw refusalOf(cause);
    }
  }

  #callback(): string {
    return `${this.#publicUrl()}/auth/oidc/callback`;
  }

  /** Asked for once; a failure is forgotten, for a provider may come back. */
  async #provider(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret, authentication } = this.#options;
    const url = new URL(issuer);
    const authenticate =
      authentication === 'client_secret_post' ? client.ClientSecretPost : client.ClientSecretBasic;
    this.#discovered ??= client.discovery(url, clientId, clientSecret, authenticate(clientSecret), {
      timeout: TIMEOUT_SECONDS,
      // The configuration takes plain HTTP for this machine only.
      execute: url.protocol === 'http:' ? [client.allowInsecureRequests] : [],
    });
    try {
      return await this.#discovered;
    } catch {
      this.#discovered = undefined;
      throw new Refusal('sign-in-unavailable');
    }
  }
}

/** The transaction of a cookie whose signature was right; undefined for anything else. */
export function parseTransaction(text: string): Transaction | undefined {
  try {
    return transactionSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Fails with `access-denied` where the claim holds no name, or an address that nobody verified. */
export function identify(claims: Claims, nameClaim: string): Identified {
  const name = claims[nameClaim];
  if (typeof name !== 'string' || !isPlainName(name)) throw denied('the provider gives no name', nameClaim);
  if (nameClaim === 'email' && claims.email_verified === false)
    throw denied('the provider did not verify the e-mail address', nameClaim);
  return { name, claims };
}

function denied(phrase: string, claim: string): ArchiverError {
  return new ArchiverError('access-denied', phrase, { detail: `claim ${claim}` });
}

/** What the provider or the browser said wrong is a failed sign-in; what could not be reached is not. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const said =
    error instanceof client.AuthorizationResponseError ||
    error instanceof client.ResponseBodyError ||
    error instanceof client.WWWAuthenticateChallengeError ||
    error instanceof client.ClientError;
  const unreached = error instanceof client.ClientError && error.code === 'OAUTH_TIMEOUT';
  return new Refusal(said && !unreached ? 'sign-in-failed' : 'sign-in-unavailable');
}

const ANYWHERE = 'http://portal.invalid';

/** A path of this portal, whatever was asked for: nobody is sent to another host. */
export function pathOfPortal(asked: string): string {
  if (!asked.startsWith('/') || !URL.canParse(asked, ANYWHERE)) return '/';
  const { origin, pathname, search, hash } = new URL(asked, ANYWHERE);
  if (origin !== ANYWHERE || pathname.startsWith('//')) return '/';
  return pathname + search + hash;
}
