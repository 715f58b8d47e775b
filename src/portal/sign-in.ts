/** Signing in and out, by password or by a provider of OpenID Connect. */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { hasCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Reader } from '../query/reader.ts';
import { Attempts, network } from './attempts.ts';
import { faultOf } from './fault.ts';
import { type OidcSignIn, parseTransaction, TRANSACTION_MS } from './oidc.ts';
import { Refusal } from './refusal.ts';
import type { Requests } from './requests.ts';
import type { Session, Sessions } from './sessions.ts';
import type { SignedIn, UsersFile } from './users-file.ts';

export const credentials = z.strictObject({
  name: z.string().min(1).max(200),
  password: z.string().min(1).max(1000),
});

export const methods = z.object({
  methods: z.object({ oidc: z.boolean(), password: z.boolean() }),
  csrf: z.string().describe('Header `x-csrf-token` of the sign-in.'),
  title: z.string(),
});

export type SignInOutcome = 'signed-in' | 'wrong' | 'not-granted' | 'too-many' | 'unavailable';

export interface SignInOptions {
  readonly title: string;
  readonly users: UsersFile;
  readonly oidc: OidcSignIn | undefined;
  readonly sessions: Sessions;
  readonly requests: Requests;
  /** What `GET /api/me` answers. */
  readonly me: (reader: Reader, session: Session) => unknown;
  readonly now: () => number;
  readonly log: Logger;
  readonly onSignIn: (method: 'oidc' | 'password', outcome: SignInOutcome) => void;
}

const QUARTER_HOUR = 15 * 60_000;
const BY_ADDRESS = { most: 20, window: QUARTER_HOUR };
const BY_NAME = { most: 10, window: QUARTER_HOUR };
const SMALL_BODY = 4096;

/** Routes that nobody needs to be signed in for. */
export function signInRoutes(app: FastifyInstance, options: SignInOptions): void {
  const { requests, sessions, users, oidc, onSignIn } = options;
  const byAddress = new Attempts(BY_ADDRESS, options.now);
  const byName = new Attempts(BY_NAME, options.now);

  app.get('/api/sign-in', async (request, reply) => {
    requests.requireFromHere(request);
    return {
      methods: { oidc: oidc !== undefined, password: users.hasPasswords },
      csrf: requests.tokenBefore(request, reply),
      title: options.title,
    };
  });

  app.post('/api/sign-in', { bodyLimit: SMALL_BODY }, async (request, reply) => {
    requests.requireFromHere(request);
    requests.requireTokenBefore(request);
    const { name, password } = credentials.parse(request.body);
    const key = name.normalize('NFKC').toLowerCase();
    const wait = byAddress.take(network(request.ip)) ?? byName.take(key);
    if (wait !== undefined) {
      onSignIn('password', 'too-many');
      throw new Refusal('too-many', wait);
    }
    const who = await users.find(name, password);
    if (who === 'busy') {
      byAddress.giveBack(network(request.ip));
      byName.giveBack(key);
      onSignIn('password', 'unavailable');
      throw new Refusal('sign-in-unavailable', 5);
    }
    if (who === undefined) {
      onSignIn('password', 'wrong');
      throw new Refusal('sign-in-failed');
    }
    byAddress.giveBack(network(request.ip));
    byName.forget(key);
    onSignIn('password', 'signed-in');
    return begin(request, reply, who);
  });

  if (oidc !== undefined) oidcRoutes(app, oidc, byAddress);

  async function begin(request: FastifyRequest, reply: FastifyReply, who: SignedIn): Promise<unknown> {
    const reader = await users.reader(who);
    const { id, session } = sessions.begin(who);
    requests.begin(request, reply, id);
    return options.me(reader, session);
  }

  function oidcRoutes(app: FastifyInstance, provider: OidcSignIn, attempts: Attempts): void {
    app.get<{ Querystring: { return?: unknown } }>('/auth/oidc', async (request, reply) => {
      const wait = attempts.take(network(request.ip));
      if (wait !== undefined) throw new Refusal('too-many', wait);
      const { return: asked } = request.query;
      const { url, transaction } = await provider.begin(typeof asked === 'string' ? asked : '/');
      requests.keepTransaction(reply, JSON.stringify(transaction), TRANSACTION_MS / 1000);
      return reply.redirect(url, 303);
    });

    // The provider is another site, so only state and cookie say that the browser was sent there from here. What went
    // wrong, the page of sign-in tells.
    app.get('/auth/oidc/callback', async (request, reply) => {
      const text = requests.takeTransaction(request, reply);
      const transaction = text === undefined ? undefined : parseTransaction(text);
      try {
        if (transaction === undefined) throw new Refusal('sign-in-failed');
        const at = request.url.indexOf('?');
        const { name, claims } = await provider.finish(at < 0 ? '' : request.url.slice(at), transaction);
        await begin(request, reply, { method: 'oidc', name, claims });
        attempts.giveBack(network(request.ip));
        onSignIn('oidc', 'signed-in');
        return reply.redirect(transaction.returnTo, 303);
      } catch (error) {
        const outcome = outcomeOf(error);
        onSignIn('oidc', outcome);
        options.log.warn({ outcome, fault: faultOf(error) }, 'a sign-in by the provider failed');
        return reply.redirect(`/sign-in?failed=${outcome}`, 303);
      }
    });
  }
}

/** What the page of sign-in tells. */
function outcomeOf(error: unknown): Exclude<SignInOutcome, 'signed-in'> {
  if (hasCode(error, 'access-denied')) return 'not-granted';
  if (error instanceof Refusal && error.code === 'sign-in-failed') return 'wrong';
  return 'unavailable';
}
