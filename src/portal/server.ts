/** The portal's server: signing in, answers of the verbs, exports, and the pages. */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifyRateLimit from '@fastify/rate-limit';
import fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import { ArchiverError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { answerRoutes } from './answers.ts';
import type { CurrentArchive } from './current-archive.ts';
import { type ExportLimits, Exports } from './exports.ts';
import { faultOf } from './fault.ts';
import { headersOf, isPage } from './headers.ts';
import { meOf } from './me.ts';
import { type OidcOptions, OidcSignIn } from './oidc.ts';
import { servePages } from './pages.ts';
import type { Recording } from './recording.ts';
import { Refusal, refusedBy } from './refusal.ts';
import { Requests } from './requests.ts';
import { type SessionLimits, Sessions } from './sessions.ts';
import { type SignInOutcome, signInRoutes } from './sign-in.ts';
import type { UsersFile } from './users-file.ts';
import type { PortalVerbs } from './verbs.ts';
import type { Verification } from './verification.ts';

/** What the server tells those who watch it. */
export interface PortalWatch {
  /** `route` has placeholders, never a real path; empty where there was none. */
  readonly requestFinished: (request: { route: string; status: number; seconds: number }) => void;
  readonly signIn: (signIn: { method: 'oidc' | 'password'; outcome: SignInOutcome }) => void;
  readonly exportEnded: (ended: { outcome: 'done' | 'failed' | 'interrupted' }) => void;
}

export interface PortalOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Where browsers reach it, without a path; by default the address that it listens on. */
  readonly publicUrl: string | undefined;
  /** Addresses and networks of proxies whose `x-forwarded-for` is believed. */
  readonly proxies: readonly string[];
  readonly title: string;
  /** Folder of the built pages. */
  readonly pages: string;
  readonly archive: CurrentArchive;
  readonly verbs: PortalVerbs;
  readonly recording: Recording;
  readonly users: UsersFile;
  readonly oidc: OidcOptions | undefined;
  readonly sessions: SessionLimits;
  readonly exports: ExportLimits;
  readonly verification: Verification;
  /** Requests of one address a minute. */
  readonly perMinute: number;
  readonly now: () => number;
  readonly log: Logger;
  readonly watch: PortalWatch;
}

export interface Portal {
  readonly port: number;
  readonly url: string;
  readonly exports: Exports;
  /** Method and pattern of everything that is listened to. */
  readonly routes: readonly string[];
  /**
   * Takes no more requests, answers those in flight and marks exports as interrupted. Safe to call twice.
   * @param interrupt aborted when it may not wait for answers any longer
   */
  stop(interrupt?: AbortSignal): Promise<void>;
}

const MOST_BODY = 256 * 1024;
const REQUEST_MS = 30_000;
const LONGEST_PARAMETER = 200;

/** Fails with `config-invalid` where the pages are not built, or the address cannot be listened on. */
export async function startPortal(options: PortalOptions): Promise<Portal> {
  const { archive, log, now, watch } = options;
  const sessions = new Sessions(options.sessions, now);
  const exports = await Exports.open({
    limits: options.exports,
    archive,
    exportSlice: options.verbs.exportSlice,
    recording: options.recording,
    now,
    log,
    onEnd: (outcome) => watch.exportEnded({ outcome }),
  });
  const interrupted = new AbortController();
  const tls = options.publicUrl?.startsWith('https:') ?? false;
  let origins: ReadonlySet<string> = new Set();
  const publicUrl = (): string => [...origins][0] ?? '';
  const requests = new Requests({ origins: () => origins, tls, sessions });
  const app = fastify({
    logger: false,
    bodyLimit: MOST_BODY,
    requestTimeout: REQUEST_MS,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    ...(options.proxies.length === 0 ? {} : { trustProxy: [...options.proxies] }),
    routerOptions: { maxParamLength: LONGEST_PARAMETER },
    frameworkErrors: (error, _request, reply) =>
      void refuse(error, reply.headers(headersOf('/api', tls)), log),
  });
  const routes: string[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) routes.push(`${each} ${url}`);
  });
  // Bodies are JSON or nothing: a form of another site could send any of the others.
  app.removeContentTypeParser('text/plain');
  app.addHook('onRequest', async (request, reply) => {
    // The router reads escapes in a path, so that `/%61pi` is `/api` too.
    const path = request.routeOptions.url ?? request.url;
    reply.headers(headersOf(path, tls));
    if (!isPage(path)) requests.requireOwnHost(request);
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? '';
    const seconds = reply.elapsedTime / 1000;
    watch.requestFinished({ route, status: reply.statusCode, seconds });
    log.debug({ method: request.method, route, status: reply.statusCode, seconds }, 'answered');
  });
  app.setErrorHandler((error, _request, reply) => refuse(error, reply, log));
  await app.register(fastifyCookie, { secret: randomBytes(32).toString('hex') });
  await app.register(fastifyRateLimit, {
    max: options.perMinute,
    timeWindow: '1 minute',
    errorResponseBuilder: (_request, { ttl }) => new Refusal('too-many', Math.ceil(ttl / 1000)),
    addHeaders: NO_LIMIT_HEADERS,
    addHeadersOnExceeding: NO_LIMIT_HEADERS,
  });
  await app.register(async (open) =>
    signInRoutes(open, {
      title: options.title,
      users: options.users,
      oidc: options.oidc === undefined ? undefined : new OidcSignIn(options.oidc, publicUrl, now),
      sessions,
      requests,
      me: (reader, session) => meOf(reader, session, archive),
      now,
      onSignIn: (method, outcome) => watch.signIn({ method, outcome }),
      log,
    }),
  );
  await app.register(async (closed) =>
    answerRoutes(closed, { ...options, requests, exports, interrupt: interrupted.signal }),
  );
  await servePages(app, options.pages);
  const port = await listen(app, options);
  origins = new Set(
    options.publicUrl === undefined
      ? ownOrigins(options.host, port)
      : [options.publicUrl.replace(/\/+$/, '')],
  );

  let stopped: Promise<void> | undefined;
  return {
    port,
    url: publicUrl(),
    exports,
    routes,
    stop(interrupt) {
      const stopWaiting = (): void => {
        interrupted.abort(new ArchiverError('interrupted', 'the portal is closing'));
        app.server.closeAllConnections();
      };
      if (interrupt?.aborted === true) stopWaiting();
      else interrupt?.addEventListener('abort', stopWaiting, { once: true });
      stopped ??= Promise.all([app.close(), exports.close()]).then(() => undefined);
      return stopped;
    },
  };
}

/** How much is left is nobody's business but his who has used it up. */
const NO_LIMIT_HEADERS = {
  'x-ratelimit-limit': false,
  'x-ratelimit-remaining': false,
  'x-ratelimit-reset': false,
};

function refuse(error: unknown, reply: FastifyReply, log: Logger): FastifyReply {
  const { status, body, retryAfter, fault } = refusedBy(error);
  if (fault) log.error({ status, fault: faultOf(error) }, 'a request failed');
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter);
  // What a route had set for its own answer is not of this one.
  reply.removeHeader('content-disposition').removeHeader('content-length').removeHeader('content-range');
  return reply.code(status).type('application/json; charset=utf-8').send(body);
}

/** Somebody who tries it types any of these. */
function ownOrigins(host: string, port: number): readonly string[] {
  const shown = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return [...new Set([shown, '127.0.0.1', 'localhost', '[::1]'])].map((name) => `http://${name}:${port}`);
}

async function listen(app: FastifyInstance, { host, port }: PortalOptions): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    throw new ArchiverError('config-invalid', 'the address of the portal cannot be listened on', {
      cause,
      detail: `${host}:${port}`,
    });
  }
  // Nothing but an address is listened on, so it is none of a pipe.
  return (app.server.address() as AddressInfo).port;
}
