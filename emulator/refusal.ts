import type { TokenFlaw } from './oauth.ts';

/** An answer as it goes on the wire: status, headers and the bytes of the body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Any request Zoom turns down. Thrown where the rule is broken, turned into an answer in one place. */
export class Refusal extends Error {
  readonly answer: Answer;

  constructor(status: number, body: object, headers: Readonly<Record<string, string>> = {}) {
    super(`refused with ${status}`);
    this.answer = { status, headers, body: Buffer.from(JSON.stringify(body)) };
  }
}

/** 400 code 300: a parameter is missing or wrong. Names the field the way Zoom's validation does. */
export function invalidField(field: string, message: string): Refusal {
  return new Refusal(400, { code: 300, message: 'Validation Failed.', errors: [{ field, message }] });
}

/** 400 code 300: the page token is unknown, belongs to another query or is older than 15 minutes. */
export function invalidPageToken(): Refusal {
  return new Refusal(400, { code: 300, message: 'The next page token is invalid or expired.' });
}

/** 401 code 124: the access token does not count. */
export function invalidAccessToken(flaw: TokenFlaw): Refusal {
  const messages: Record<TokenFlaw, string> = {
    'in-query': 'Access token is not supported as query parameter string.',
    missing: 'Invalid access token.',
    unknown: 'Invalid access token.',
    expired: 'Access token is expired.',
  };
  return new Refusal(401, { code: 124, message: messages[flaw] });
}

/** 401 as the file service words it, which has codes of its own for the same flaws. */
export function invalidFileToken(flaw: TokenFlaw): Refusal {
  switch (flaw) {
    case 'in-query':
    case 'missing':
      return new Refusal(401, { code: 300, message: 'Access token is required.' });
    case 'unknown':
      return new Refusal(401, { code: 100, message: 'Invalid Access token.' });
    case 'expired':
      return new Refusal(401, { code: 106, message: 'Access token is expired' });
    default:
      return flaw satisfies never;
  }
}

/** 400 code 4711: the access token lacks the scopes; any one of those named would do. */
export function missingScopes(scopes: readonly string[]): Refusal {
  const message = `Invalid access token, does not contain scopes:[${scopes.join(', ')}].`;
  return new Refusal(400, { code: 4711, message });
}

/** 404: nothing in the account has this id. */
export function notFound(code: number, message: string): Refusal {
  return new Refusal(404, { code, message });
}

/** 405: the request would change something, and the archiver must never do that. */
export function writeRefused(): Refusal {
  return new Refusal(405, { code: 405, message: 'Request method is not supported.' });
}
