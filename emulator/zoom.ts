/**
 * The endpoints of Zoom. Every request takes the same way: access token, rate limit, fault, scope, report, delivery.
 */
import formbody from '@fastify/formbody';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Account, Session } from './account.ts';
import { addAccountRoutes } from './account-routes.ts';
import type { StreamAnswer } from './byte-stream.ts';
import { linksOf } from './chat-files.ts';
import type { EmulatedClock } from './clock.ts';
import type { Content } from './content.ts';
import { addContentEndpoints } from './content-endpoints.ts';
import { deliver } from './deliver.ts';
import { ENDPOINTS, type EndpointRules, type Report, type ReportEndpoint, type Serve } from './endpoints.ts';
import type { Endpoint, Fault, Faults } from './faults.ts';
import { concurrencyRefusal, dailyLimitRefusal, type RateLimits } from './limits.ts';
import { messagesReport } from './messages-report.ts';
import type { AccessTokens, TokenFlaw, TokenRequest } from './oauth.ts';
import type { PageTokens } from './page-token.ts';
import type { Query } from './query.ts';
import { hashText, Random } from './random.ts';
import {
  type Answer,
  invalidAccessToken,
  invalidFileToken,
  invalidPageToken,
  missingScopes,
  notFound,
  Refusal,
  writeRefused,
} from './refusal.ts';
import { keptSince } from './retention.ts';
import { sessionsReport } from './sessions-report.ts';
import { accountSettings } from './settings.ts';
import type { Counters } from './stats.ts';
import type { Switches } from './switches.ts';

/** The whole emulated account, as the endpoints need it. */
export interface World {
  readonly account: Account;
  readonly accountId: string;
  readonly clock: EmulatedClock;
  readonly tokens: AccessTokens;
  readonly limits: RateLimits;
  readonly faults: Faults;
  readonly counters: Counters;
  readonly switches: Switches;
  readonly pageTokens: PageTokens;
  readonly content: Content;
  /** Where the emulator listens, known once it does. */
  url: string;
}

/** Adds Zoom's endpoints to the HTTP server. Returns the way that all their requests take, for other origins. */
export async function addZoomEndpoints(app: FastifyInstance, world: World): Promise<Serve> {
  const shuffle = new Random(1);
  let responses = 0;

  app.addHook('onRequest', async (request, reply) => {
    responses += 1;
    const id = (hashText(String(responses)) + responses * 0x100000000)
      .toString(16)
      .toUpperCase()
      .padStart(16, '0');
    reply.header('x-zm-trackingid', `v=2.0;clid=us04;rid=WEB_${id}`);
    // Zoom's date is the account's: clients that measure their clock against it must see the emulated one.
    reply.header('date', httpDate(world.clock.now()));
    if (isWrite(request)) {
      world.counters.countWrite();
      deliver(reply, writeRefused().answer, undefined);
      return reply;
    }
  });
  await app.register(formbody);

  app.post('/oauth/token', (request, reply) => {
    const fault = world.faults.take('token', false);
    const answer = answerOf(() => {
      if (fault !== undefined) throwRefusal(fault, 'token', world, request);
      const fields = { ...(request.query as TokenRequest), ...formFields(request) };
      return world.tokens.grant(request.headers.authorization, fields, world.url, world.clock.now());
    });
    world.counters.count('token', deliver(reply, answer, fault), 0);
  });

  app.get('/v2/report/chat/sessions', (request, reply) => {
    serve('sessions', request, reply, (query, context) => sessionsReport(world.account, query, context));
  });
  app.get<{ Params: { sessionId: string } }>('/v2/report/chat/sessions/:sessionId', (request, reply) => {
    serve('messages', request, reply, (query, context) => {
      const session = findSession(world.account, request.params.sessionId);
      return messagesReport(session, keptSince(world.account, session, context.now), query, context);
    });
  });
  app.get<{ Params: { accountId: string } }>('/v2/accounts/:accountId/settings', (request, reply) => {
    serve('settings', request, reply, (query) => {
      const { accountId } = request.params;
      if (accountId !== 'me' && accountId !== world.accountId)
        throw notFound(2001, 'Account does not exist.');
      return accountSettings(query, world.account.settings, world.switches);
    });
  });
  addContentEndpoints(app, world, serve);
  addAccountRoutes(app, world.account, serve);
  app.setNotFoundHandler((_request, reply) => {
    reply.code(404).send({ code: 2300, message: 'This API endpoint is not recognized.' });
  });
  return serve;

  function serve(
    endpoint: ReportEndpoint,
    request: FastifyRequest,
    reply: FastifyReply,
    report: Report,
  ): void {
    const query = request.query as Query;
    const now = world.clock.now();
    const paged = (query.next_page_token ?? '') !== '';
    let fault: Fault | undefined;
    let headers = {};
    const answer = answerOf(() => {
      if (endpoint !== 'file-download') {
        world.tokens.check(request.headers.authorization, query.access_token, now, tokenRefusal(endpoint));
        headers = world.limits.take(ENDPOINTS[endpoint].label, now);
      }
      fault = world.faults.take(endpoint, paged);
      if (fault !== undefined) throwRefusal(fault, endpoint, world, request);
      if (endpoint !== 'file-download') world.tokens.checkScopes(ENDPOINTS[endpoint].scopes);
      const nonce = `${responses.toString(36)}x${now.toString(36)}`;
      const made = report(query, {
        switches: world.switches,
        pageTokens: world.pageTokens,
        now,
        link: linksOf(world.content.files, world.url, nonce, now),
        shuffle,
        overlap: fault?.kind === 'repeated-rows' ? (fault.rows ?? 5) : 0,
        repeatToken: fault?.kind === 'repeated-page-token',
      });
      return Buffer.isBuffer(made) ? { status: 200, headers, body: made } : made;
    });
    const complete = { ...answer, headers: { ...headers, ...answer.headers } };
    const { length } = 'stream' in answer ? answer.stream : answer.body;
    world.counters.count(endpoint, deliver(reply, complete, fault), length);
  }
}

function answerOf<Made extends Answer | StreamAnswer>(work: () => Made): Made | Answer {
  try {
    return work();
  } catch (error) {
    if (error instanceof Refusal) return error.answer;
    throw error;
  }
}

/** Throws the refusal of those faults that are one; the others change how a good answer is made or sent. */
function throwRefusal(fault: Fault, endpoint: Endpoint, world: World, request: FastifyRequest): void {
  const now = world.clock.now();
  // No fault of the token endpoint asks for its label or scopes.
  const { label, scopes }: EndpointRules =
    endpoint === 'token' ? { label: 'LIGHT', scopes: [] } : ENDPOINTS[endpoint];
  switch (fault.kind) {
    case 'status': {
      const { status = 500, code = status, message = 'Internal error.' } = fault;
      throw new Refusal(status, { code, message });
    }
    case 'token-expired':
      world.tokens.revoke(request.headers.authorization);
      throw tokenRefusal(endpoint)('expired');
    case 'expired-page-token':
      throw invalidPageToken();
    case 'second-limit':
      throw world.limits.refuseSecond(label, now);
    case 'concurrency-limit':
      throw concurrencyRefusal();
    case 'daily-limit':
      throw dailyLimitRefusal(label, 2_000, retryAfter(fault, now));
    case 'missing-scope':
      throw missingScopes(fault.scopes ?? scopes);
    case 'redirect': {
      const host = fault.to === 'foreign' ? `http://127.0.0.1:${fault.port}` : world.url;
      throw new Refusal(302, {}, { location: `${host}${request.url}` });
    }
    case 'reset':
    case 'slow-body':
    case 'truncated-json':
    case 'html':
    case 'repeated-page-token':
    case 'repeated-rows':
    case 'missing-rate-headers':
      return;
    default:
      fault satisfies never;
  }
}

function tokenRefusal(endpoint: Endpoint): (flaw: TokenFlaw) => Refusal {
  return endpoint === 'file-info' || endpoint === 'file-download' ? invalidFileToken : invalidAccessToken;
}

function retryAfter(fault: Extract<Fault, { kind: 'daily-limit' }>, now: number): string {
  const wait = fault.retryAfterMs ?? 12 * 3_600_000;
  if (fault.notation === 'seconds') return String(Math.ceil(wait / 1000));
  const until = new Date(now + wait);
  return fault.notation === 'http-date' ? until.toUTCString() : `${until.toISOString().slice(0, 19)}Z`;
}

/** By id as the router decoded it, or decoded once more: ids with slashes come doubly encoded. */
function findSession(account: Account, sessionId: string): Session {
  const session = account.sessionById.get(sessionId) ?? account.sessionById.get(decoded(sessionId));
  if (session === undefined) throw notFound(300, `The chat session does not exist: ${sessionId}.`);
  return session;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Would the request change something at Zoom? Asking for a token and the emulator's own controls do not count. */
function isWrite({ method, url }: FastifyRequest): boolean {
  if (method === 'GET' || url.startsWith('/_emulator/')) return false;
  return !(method === 'POST' && /^\/oauth\/token(\?|$)/.test(url));
}

function formFields(request: FastifyRequest): TokenRequest {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  return isForm ? (request.body as TokenRequest) : {};
}

let lastSecond = 0;
let lastDate = '';

/** Remembered for the second: this runs once per request. */
function httpDate(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastDate = new Date(now).toUTCString();
  }
  return lastDate;
}
