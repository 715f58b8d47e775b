/** A portal on a free port, with verbs of the test's own, and a browser's manners without the browser. */
import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { CurrentArchive } from '../../src/portal/current-archive.ts';
import { hashPassword } from '../../src/portal/password.ts';
import { type Portal, type PortalOptions, startPortal } from '../../src/portal/server.ts';
import { UsersFile } from '../../src/portal/users-file.ts';
import type { PortalVerbs } from '../../src/portal/verbs.ts';
import { Verification } from '../../src/portal/verification.ts';
import type { OpenArchive } from '../../src/query/archive.ts';
import type { Access, Action, AuditContext, Reader } from '../../src/query/reader.ts';
import { PUBLIC_KEY } from '../support/log.ts';
import { type SmallArchive, smallArchive, temporaryFolder } from './small-archive.ts';

export const PASSWORD = 'correct horse battery';
/** The cheapest that is taken. */
const HASH = hashPassword(PASSWORD, { ln: 14, r: 8, p: 5 });

export interface Recorded {
  readonly name: string;
  readonly access: Access;
}

export interface Stage {
  readonly portal: Portal;
  readonly url: string;
  readonly archive: SmallArchive;
  readonly current: CurrentArchive;
  readonly folder: string;
  readonly users: string;
  /** What was written down, in order. */
  readonly recorded: Recorded[];
  /** What stands in the process log. */
  readonly logged: () => string;
  readonly watched: { kind: string; [name: string]: unknown }[];
  readonly clock: { now: number };
  /** Another server over the same folders. */
  again(changes?: Partial<PortalOptions>): Promise<Portal>;
}

export interface StageOptions {
  readonly verbs?: Partial<PortalVerbs>;
  readonly options?: Partial<PortalOptions>;
  /** Text of the users file, from a password's hash. */
  readonly users?: (hash: string) => string;
  /** Of the access log. */
  readonly record?: (reader: Reader, access: Access) => Promise<void>;
  readonly verify?: (signal: AbortSignal) => Promise<string>;
}

export const START = Date.parse('2026-11-20T12:00:00Z');

/** Ada audits, Olga is an officer, Adam an administrator, Max may see one matter. */
function usersText(hash: string): string {
  const user = (name: string, role: string, scope = 'all'): string =>
    `  - { name: ${name}, role: ${role}, scope: ${scope}, password: "${hash}" }\n`;
  return `users:\n${user('ada@example.com', 'auditor')}${user('olga@example.com', 'officer')}${user('adam', 'admin')}${user('max', 'auditor', '{ matters: [M-1] }')}`;
}

export async function stage(given: StageOptions = {}): Promise<Stage> {
  const archive = await smallArchive();
  const folder = await temporaryFolder();
  const users = join(folder, 'users.yaml');
  await writeFile(users, (given.users ?? usersText)(await HASH));
  const pages = join(folder, 'pages');
  await mkdir(join(pages, 'assets'), { recursive: true });
  await writeFile(join(pages, 'index.html'), '<!doctype html><title>portal</title>');
  await writeFile(join(pages, 'assets/main-AAAA1111.js'), 'export {};');
  await writeFile(join(pages, '.secret'), 'not served');
  await writeFile(join(folder, 'outside.txt'), 'not served either');

  const current = await CurrentArchive.open({
    published: archive.published,
    open: archive.open,
    served: undefined,
    keep: async () => undefined,
  });
  onTestFinished(() => current.close());
  const recorded: Recorded[] = [];
  const record = given.record ?? (async () => undefined);
  const recordFor = (reader: Reader) => async (access: Access) => {
    await record(reader, access);
    recorded.push({ name: reader.name, access });
  };
  let logged = '';
  const write = (line: string): void => {
    logged += line;
  };
  const clock = { now: START };
  const watched: Stage['watched'] = [];
  const now = (): number => clock.now;
  const verification = new Verification({
    origin: 'archive.example.com/test',
    key: PUBLIC_KEY,
    run: given.verify ?? (async () => '{"checkpoint":null,"lost":0,"covered":[],"findings":[]}'),
    kept: undefined,
    keep: async () => undefined,
    now,
  });
  const options = async (): Promise<PortalOptions> => ({
    host: '127.0.0.1',
    port: 0,
    publicUrl: undefined,
    proxies: [],
    title: 'Chat archive',
    pages,
    archive: current,
    verbs: { ...VERBS, ...given.verbs },
    recording: {
      contextFor: (opened, reader, signal) => ({
        archive: opened,
        reader,
        record: recordFor(reader),
        signal,
      }),
      recordFor,
    },
    users: await UsersFile.open(users),
    oidc: undefined,
    sessions: { idle: 30 * 60_000, longest: 12 * 3_600_000 },
    exports: { folder: join(folder, 'exports'), keep: 86_400_000, perPerson: 2, atOnce: 3, space: 1e9 },
    verification,
    perMinute: 100_000,
    now,
    log: createLog({ level: 'debug', destination: { write } }),
    watch: {
      requestFinished: (event) => void watched.push({ kind: 'request', ...event }),
      signIn: (event) => void watched.push({ kind: 'sign-in', ...event }),
      exportEnded: (event) => void watched.push({ kind: 'export', ...event }),
    },
    ...given.options,
  });
  const again: Stage['again'] = async (changes = {}) => {
    const started = await startPortal({ ...(await options()), ...changes });
    onTestFinished(() => started.stop(AbortSignal.abort()));
    return started;
  };
  const portal = await again();
  return {
    portal,
    url: portal.url,
    archive,
    current,
    folder,
    users,
    recorded,
    logged: () => logged,
    watched,
    clock,
    again,
  };
}

/** Verbs that write down what they are asked, and answer with it. */
const asked = (action: Action) => async (ctx: AuditContext, input?: unknown) => {
  await ctx.record({ action, input });
  return { by: ctx.reader.name, scope: ctx.reader.scope, input } as never;
};

const VERBS: PortalVerbs = {
  search: asked('search'),
  sessions: asked('search'),
  people: asked('search'),
  conversation: asked('view'),
  message: asked('view'),
  calendar: asked('coverage'),
  kept: asked('retention'),
  accessLog: asked('access-log'),
  archivedFile: async (ctx, input) => {
    await ctx.record({ action: 'view', input });
    throw new ArchiverError('record-not-found', 'no such file');
  },
  exportSlice: async (ctx, input, { out, onProgress }) => {
    await ctx.record({ action: 'export', input });
    onProgress?.({ phase: 'rendering', done: 1, of: 1 });
    out.end('zip of nothing');
    return EXPORTED;
  },
};

export const EXPORTED = {
  sha256: 'a'.repeat(64),
  bytes: 14,
  revisions: 1,
  messages: 1,
  conversations: 1,
  files: 0,
  holes: 0,
};

/** As the verbs of a stage see it. */
export type Archive = OpenArchive;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any route
  readonly json: any;
}

/** Keeps cookies as a browser does, and sends the token that its page was given. */
export class Client {
  readonly #url: string;
  readonly cookies = new Map<string, string>();
  csrf = '';

  constructor(url: string) {
    this.#url = url;
  }

  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(this.#url + path, {
      method,
      redirect: 'manual',
      headers: {
        ...(cookie === '' ? {} : { cookie }),
        ...(method === 'GET' ? {} : { 'x-csrf-token': this.csrf }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (/max-age=0/i.test(line)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }

  post(path: string, body: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('POST', path, body, headers);
  }

  async signIn(name: string, password = PASSWORD): Promise<Answer> {
    this.csrf = (await this.get('/api/sign-in')).json.csrf;
    const answer = await this.post('/api/sign-in', { name, password });
    if (answer.status === 200) this.csrf = answer.json.csrf;
    return answer;
  }
}

export async function signedIn(url: string, name = 'olga@example.com'): Promise<Client> {
  const client = new Client(url);
  const { status, text } = await client.signIn(name);
  if (status !== 200) throw new Error(`the sign-in answered ${status}: ${text}`);
  return client;
}

/** A request whose path nobody made tidy. */
export function rawGet(
  url: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; headers: Record<string, unknown> }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ host: hostname, port, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text, headers: response.headers }),
      );
    })
      .on('error', reject)
      .end();
  });
}
