import { randomBytes, timingSafeEqual } from 'node:crypto';
import { HOUR } from './dates.ts';
import { type Answer, missingScopes, Refusal } from './refusal.ts';

export interface Credentials {
  readonly accountId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** What the archiver's app is granted unless told otherwise: the granular scopes. */
export const DEFAULT_SCOPES: readonly string[] = [
  'report:read:list_chat_sessions:admin',
  'report:read:chat_session:admin',
  'team_chat:read:list_channel_activity_logs:admin',
  'team_chat:read:list_legal_hold_matters:admin',
  'team_chat:read:list_legal_hold_matter_files:admin',
  'team_chat:read:legal_hold_matter_file:admin',
  'team_chat:read:file:admin',
  'team_chat:read:user_message:admin',
  'user:read:list_users:admin',
  'account:read:settings:admin',
  'team_chat:read:list_channels:admin',
  'team_chat:read:list_user_channels:admin',
  'team_chat:read:channel:admin',
  'team_chat:read:list_members:admin',
  'team_chat:read:list_administrators:admin',
  'team_chat:read:retention:admin',
  'team_chat:read:list_pinned_messages',
  'team_chat:read:list_shared_spaces:admin',
  'team_chat:read:shared_space:admin',
  'team_chat:read:list_shared_space_channels:admin',
  'team_chat:read:list_shared_space_members:admin',
  'team_chat:read:list_custom_emojis:admin',
];

/** Why a request's access token does not count. */
export type TokenFlaw = 'in-query' | 'missing' | 'unknown' | 'expired';

/** Form fields or query parameters of a token request. */
export type TokenRequest = Readonly<Record<string, unknown>>;

/** The account's server-to-server OAuth app: hands out access tokens and knows which are alive. Several may be. */
export class AccessTokens {
  readonly #credentials: Credentials;
  readonly #scopes: readonly string[];
  /** Expiry in emulated milliseconds by token. */
  readonly #expiry = new Map<string, number>();

  constructor(credentials: Credentials, scopes: readonly string[]) {
    this.#credentials = credentials;
    this.#scopes = scopes;
  }

  /**
   * Answers POST /oauth/token; refuses in the shape of Zoom's OAuth server, which is not that of its API.
   * @param apiUrl told to the client as the address of the API.
   * @param now emulated time in milliseconds.
   */
  grant(authorization: string | undefined, request: TokenRequest, apiUrl: string, now: number): Answer {
    const { accountId, clientId, clientSecret } = this.#credentials;
    const basic = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    if (!sameText(authorization ?? '', basic)) {
      throw new Refusal(400, { reason: 'Invalid client_id or client_secret', error: 'invalid_client' });
    }
    if (request.grant_type !== 'account_credentials') {
      throw new Refusal(400, { reason: 'unsupported grant type', error: 'unsupported_grant_type' });
    }
    if (request.account_id !== accountId) {
      throw new Refusal(400, { reason: 'Bad Request', error: 'invalid_request' });
    }
    for (const [token, expiry] of this.#expiry) if (expiry <= now) this.#expiry.delete(token);
    const token = randomBytes(120).toString('base64url');
    this.#expiry.set(token, now + HOUR);
    const body = {
      access_token: token,
      token_type: 'bearer',
      expires_in: 3600,
      scope: this.#scopes.join(' '),
      api_url: apiUrl,
    };
    return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(body)) };
  }

  /**
   * Lets a request pass whose header has a living token.
   * @param inQuery the token some clients put into the address.
   * @param refusal what to throw for all others.
   */
  check(
    authorization: string | undefined,
    inQuery: unknown,
    now: number,
    refusal: (flaw: TokenFlaw) => Refusal,
  ): void {
    if (inQuery !== undefined) throw refusal('in-query');
    const token = bearer(authorization);
    if (token === undefined) throw refusal('missing');
    const expiry = this.#expiry.get(token);
    if (expiry === undefined) throw refusal('unknown');
    if (expiry <= now) throw refusal('expired');
  }

  /** Refuses unless the app has at least one of the scopes. */
  checkScopes(anyOf: readonly string[]): void {
    if (!anyOf.some((scope) => this.#scopes.includes(scope))) throw missingScopes(anyOf);
  }

  /** Ends the token of a request before its hour is over. */
  revoke(authorization: string | undefined): void {
    this.#expiry.delete(bearer(authorization) ?? '');
  }
}

function bearer(authorization: string | undefined): string | undefined {
  return /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}
