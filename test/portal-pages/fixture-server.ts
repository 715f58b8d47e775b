/** The portal's API by fixtures, and the built pages under the headers of the real server. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { ApiProblem, ExportJob, Me } from '../../portal/api/contract.ts';
import {
  ACCESS,
  CALENDAR,
  CONVERSATION,
  HITS,
  KEPT,
  MESSAGE,
  OFFICER,
  PEOPLE,
  SESSIONS,
  VERIFICATION,
} from './fixtures.ts';

const PAGES = new URL('../../dist/portal/pages/', import.meta.url).pathname;
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};

export const PASSWORD = 'correct horse battery staple';
export const ZIP = Buffer.from('PK\x05\x06'.padEnd(22, '\0'), 'latin1');

export interface Asked {
  readonly path: string;
  readonly body: unknown;
}

export class FixtureServer {
  readonly url: string;
  /** Who signs in next; his session lasts until `signOutAll`. */
  reader: Me = OFFICER;
  /** Answers that stand for those of the fixtures: by path, a value, or an error. */
  readonly instead = new Map<string, unknown>();
  /** Every question with a body, in order. */
  readonly asked: Asked[] = [];
  readonly #close: () => Promise<void>;
  #isSignedIn = false;
  #jobs: ExportJob[] = [];

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<FixtureServer> {
    let made: FixtureServer | undefined;
    const server = createServer((request, response) => {
      made?.answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    made = new FixtureServer(
      `http://127.0.0.1:${port}`,
      () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          server.closeAllConnections();
        }),
    );
    return made;
  }

  close(): Promise<void> {
    return this.#close();
  }

  /** A clean start for a test. */
  reset(reader: Me = OFFICER, isSignedIn = true): void {
    this.reader = reader;
    this.#isSignedIn = isSignedIn;
    this.#jobs = [];
    this.instead.clear();
    this.asked.length = 0;
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(request.url ?? '/', this.url);
    response.setHeader('content-security-policy', POLICY);
    response.setHeader('x-content-type-options', 'nosniff');
    if (!path.startsWith('/api/')) return this.#page(path, response);
    const body = request.method === 'POST' ? await bodyOf(request) : undefined;
    if (body !== undefined) this.asked.push({ path, body });
    const send = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    const refuse = (status: number, code: string, message: string, hint = ''): void =>
      send(status, { error: { code, message, hint } satisfies ApiProblem });

    if (path === '/api/sign-in' && request.method === 'GET')
      return send(200, {
        methods: { oidc: true, password: true },
        csrf: 'token-of-the-door',
        title: 'Chat archive of acme',
      });
    const isForeign =
      request.method !== 'GET' && !String(request.headers['x-csrf-token']).startsWith('token-of-the-');
    if (isForeign) return refuse(403, 'access-denied', 'the request does not come from the pages');
    if (path === '/api/sign-in') {
      if (!isRecord(body) || body.password !== PASSWORD)
        return refuse(
          401,
          'access-denied',
          'name or password is wrong',
          'Try again, or ask whoever runs the portal.',
        );
      this.#isSignedIn = true;
      return send(200, { ...this.reader, name: String(body.name) });
    }
    if (!this.#isSignedIn) return refuse(401, 'not-signed-in', 'nobody is signed in', 'Sign in.');
    if (path === '/api/sign-out') {
      this.#isSignedIn = false;
      return send(200, {});
    }
    if (this.instead.has(path)) {
      const value = this.instead.get(path);
      if (value instanceof Refusal) return send(value.status, { error: value.problem });
      return send(200, value);
    }
    const fixed = FIXED[path];
    if (fixed !== undefined) return send(200, fixed);
    if (path === '/api/me') return send(200, this.reader);
    if (path.startsWith('/api/exports')) return this.#exports(request, path, body, response, send);
    if (path.startsWith('/api/files/')) {
      response
        .writeHead(200, {
          'content-disposition': 'attachment; filename="file"',
          'content-type': 'application/octet-stream',
        })
        .end('%PDF');
      return;
    }
    return refuse(404, 'record-not-found', 'the archive has no such record');
  }

  #exports(
    request: IncomingMessage,
    path: string,
    body: unknown,
    response: ServerResponse,
    send: (status: number, value: unknown) => void,
  ): void {
    if (request.method === 'POST') {
      const job = jobOf(this.reader.name, body, `e-${this.#jobs.length + 1}`);
      this.#jobs.unshift(job);
      send(202, { id: job.id });
      return;
    }
    if (request.method === 'DELETE') {
      this.#jobs = this.#jobs.filter(({ id }) => !path.endsWith(id));
      send(200, {});
      return;
    }
    if (path.endsWith('/download')) {
      response
        .writeHead(200, {
          'content-disposition': 'attachment; filename="export.zip"',
          'content-type': 'application/zip',
        })
        .end(ZIP);
      return;
    }
    send(200, { exports: this.#jobs });
    // The next look finds it further on.
    this.#jobs = this.#jobs.map(furtherOn);
  }

  async #page(path: string, response: ServerResponse): Promise<void> {
    const file = /^\/assets\/[\w-]+\.(?:js|css)$/.test(path) ? path.slice(1) : 'index.html';
    const bytes = await readFile(join(PAGES, file));
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' }).end(bytes);
  }
}

/** An error in place of an answer. */
export class Refusal {
  readonly status: number;
  readonly problem: ApiProblem;

  constructor(status: number, problem: ApiProblem) {
    this.status = status;
    this.problem = problem;
  }
}

const FIXED: Readonly<Record<string, unknown>> = {
  '/api/search': HITS,
  '/api/conversation': CONVERSATION,
  '/api/message': MESSAGE,
  '/api/sessions': SESSIONS,
  '/api/people': PEOPLE,
  '/api/coverage': CALENDAR,
  '/api/retention': KEPT,
  '/api/verification': VERIFICATION,
  '/api/access-log': ACCESS,
};

function jobOf(by: string, body: unknown, id: string): ExportJob {
  const input = body as NonNullable<ExportJob['input']>;
  return {
    id,
    by,
    at: '2026-05-20T10:00:00.000Z',
    reason: input.reason,
    state: 'running',
    phase: 'reading',
    done: 0,
    of: 0,
    input,
  };
}

function furtherOn(job: ExportJob): ExportJob {
  if (job.state !== 'running') return job;
  if (job.of === 0) return { ...job, phase: 'rendering', done: 640, of: 1204 };
  return {
    ...job,
    state: 'done',
    phase: 'checking',
    done: job.of,
    summary: {
      sha256: createHash('sha256').update(ZIP).digest('hex'),
      bytes: ZIP.length,
      revisions: 1204,
      messages: 1087,
      conversations: 12,
      files: 9,
      holes: 1,
    },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? {} : JSON.parse(text);
}
