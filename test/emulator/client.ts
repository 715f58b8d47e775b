import type { Emulator } from '../../emulator/server.ts';

/** 15 June 2026, noon: a fixed start makes every date in the tests a constant. */
export const NOON = Date.parse('2026-06-15T12:00:00Z');

/**
 * An answer's body. Tests look into JSON of forty shapes and find out by expectations what it holds: typing each would
 * only repeat them.
 */
// biome-ignore lint/suspicious/noExplicitAny: the one place where a test's JSON has no type
export type Body = any;

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly json: Body;
}

export type Parameters = Readonly<Record<string, string | number | boolean>>;

/** Asks for an access token; the defaults are the emulator's own credentials. */
export async function requestToken(
  url: string,
  fields: Readonly<Record<string, string>> = {},
  secret = 'emulated-client:emulated-secret',
): Promise<Reply> {
  const body = new URLSearchParams({
    grant_type: 'account_credentials',
    account_id: 'emulated-account',
    ...fields,
  });
  const authorization = `Basic ${Buffer.from(secret).toString('base64')}`;
  return await readReply(
    await fetch(`${url}/oauth/token`, { method: 'POST', headers: { authorization }, body }),
  );
}

/** A plain client of the emulated API: one token, no retries. */
export class Client {
  readonly #url: string;
  #token = '';

  private constructor(url: string) {
    this.#url = url;
  }

  static async connect(emulator: Pick<Emulator, 'url'>): Promise<Client> {
    const client = new Client(emulator.url);
    await client.renewToken();
    return client;
  }

  async renewToken(): Promise<void> {
    this.#token = (await requestToken(this.#url)).json.access_token;
  }

  async fetch(path: string, parameters: Parameters = {}): Promise<Response> {
    const query = new URLSearchParams(
      Object.entries(parameters).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const headers = { authorization: `Bearer ${this.#token}` };
    return await fetch(`${this.#url}/v2${path}?${query}`, { headers, redirect: 'manual' });
  }

  /** Any address, with the access token. */
  async fetchUrl(url: string): Promise<Response> {
    return await fetch(url, { headers: { authorization: `Bearer ${this.#token}` }, redirect: 'manual' });
  }

  async get(path: string, parameters: Parameters = {}): Promise<Reply> {
    return await readReply(await this.fetch(path, parameters));
  }

  async sessions(parameters: Parameters): Promise<Reply> {
    return await this.get('/report/chat/sessions', parameters);
  }

  async messages(sessionId: string, parameters: Parameters): Promise<Reply> {
    return await this.get(sessionPath(sessionId), parameters);
  }

  /** All pages of a query, in order; throws on the first that is not answered with 200. */
  async pages(path: string, parameters: Parameters): Promise<Body[]> {
    const pages: Body[] = [];
    for (let token = ''; ; ) {
      const reply = await this.get(
        path,
        token === '' ? parameters : { ...parameters, next_page_token: token },
      );
      if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.json)}`);
      pages.push(reply.json);
      token = reply.json.next_page_token;
      if (token === '') return pages;
    }
  }
}

/** The first of `rows`; throws where there is none, so that a test fails there and not further on. */
export function first(rows: Body): Body {
  const [row] = rows as readonly Body[];
  if (row === undefined) throw new Error('there is no row');
  return row;
}

/** The path of a session's messages, encoded twice where Zoom wants it. */
export function sessionPath(id: string): string {
  const once = encodeURIComponent(id);
  const twice = id.startsWith('/') || id.includes('//');
  return `/report/chat/sessions/${twice ? encodeURIComponent(once) : once}`;
}

/** What the body really holds is what the tests find out; a field that is not there reads as undefined and fails them. */
async function readReply(response: Response): Promise<Reply> {
  return { status: response.status, headers: response.headers, json: (await response.json()) as Body };
}
