/** What every request must be before anything is done for it: from a page of this portal, and of somebody signed in. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type {} from '@fastify/cookie';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from './refusal.ts';
import type { Session, Sessions } from './sessions.ts';

export interface RequestRules {
  /** Where browsers reach the portal, without a path; more than one on a machine of somebody who tries it. */
  readonly origins: () => ReadonlySet<string>;
  /** Whether they reach it by HTTPS. */
  readonly tls: boolean;
  readonly sessions: Sessions;
}

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
const RANDOM = /^[\w-]{43}$/;

export class Requests {
  readonly #rules: RequestRules;
  /** Of this process: a page of sign-in that was loaded before a restart is loaded anew. */
  readonly #key = randomBytes(32);

  constructor(rules: RequestRules) {
    this.#rules = rules;
  }

  /** Refuses what came by another name (DNS rebinding). */
  requireOwnHost({ headers }: FastifyRequest): void {
    const host = (headers.host ?? '').toLowerCase();
    if (![...this.#rules.origins()].some((origin) => new URL(origin).host === host))
      throw new Refusal('wrong-host');
  }

  /** Refuses what another site made a browser send. */
  requireFromHere({ headers }: FastifyRequest): void {
    const { origin, 'sec-fetch-site': site } = headers;
    if (origin !== undefined && !this.#rules.origins().has(origin)) throw new Refusal('not-from-here');
    if (site !== undefined && site !== 'same-origin' && site !== 'none') throw new Refusal('not-from-here');
  }

  /** The session of a request. @param active see `Sessions.find` */
  session({ cookies }: FastifyRequest, active: boolean): Session | undefined {
    return this.#rules.sessions.find(cookies[this.#name('session')], active);
  }

  /** Refuses a request that changes something and does not carry the token that only pages of the portal know. */
  requireToken({ method, headers }: FastifyRequest, token: string): void {
    if (SAFE.has(method)) return;
    const given = headers['x-csrf-token'];
    if (typeof given !== 'string' || !isEqual(given, token)) throw new Refusal('not-from-here');
  }

  /** A token for whoever is not signed in yet, bound to a cookie of his, which is set where he has none. */
  tokenBefore({ cookies }: FastifyRequest, reply: FastifyReply): string {
    const name = this.#name('sign-in');
    let value = cookies[name];
    if (value === undefined || !RANDOM.test(value)) {
      value = randomBytes(32).toString('base64url');
      reply.setCookie(name, value, this.#cookie('strict'));
    }
    return this.#tokenOf(value);
  }

  requireTokenBefore(request: FastifyRequest): void {
    const value = request.cookies[this.#name('sign-in')];
    if (value === undefined || !RANDOM.test(value)) throw new Refusal('not-from-here');
    this.requireToken(request, this.#tokenOf(value));
  }

  /** A session that was there before ends: whoever planted its cookie does not follow. */
  begin(request: FastifyRequest, reply: FastifyReply, id: string): void {
    this.end(request, reply);
    reply.clearCookie(this.#name('sign-in'), this.#cookie('strict'));
    reply.setCookie(this.#name('session'), id, this.#cookie('strict'));
  }

  end({ cookies }: FastifyRequest, reply: FastifyReply): void {
    this.#rules.sessions.end(cookies[this.#name('session')]);
    reply.clearCookie(this.#name('session'), this.#cookie('strict'));
  }

  /** What is known again when a provider sends somebody back, which is a navigation from another site. */
  keepTransaction(reply: FastifyReply, text: string, seconds: number): void {
    const value = reply.signCookie(Buffer.from(text).toString('base64url'));
    reply.setCookie(this.#name('oidc'), value, { ...this.#cookie('lax'), maxAge: seconds });
  }

  /** It serves once. Undefined where there is none that this server made. */
  takeTransaction(request: FastifyRequest, reply: FastifyReply): string | undefined {
    const name = this.#name('oidc');
    const cookie = request.cookies[name];
    reply.clearCookie(name, this.#cookie('lax'));
    if (cookie === undefined) return undefined;
    const { valid, value } = request.unsignCookie(cookie);
    return valid ? Buffer.from(value, 'base64url').toString() : undefined;
  }

  /** By the prefix browsers refuse a cookie that a neighbour on the same domain set. */
  #name(name: string): string {
    return this.#rules.tls ? `__Host-${name}` : name;
  }

  #cookie(sameSite: 'strict' | 'lax') {
    return { path: '/', httpOnly: true, secure: this.#rules.tls, sameSite };
  }

  #tokenOf(value: string): string {
    return createHmac('sha256', this.#key).update(value).digest('base64url');
  }
}

function isEqual(one: string, other: string): boolean {
  const [left, right] = [Buffer.from(one), Buffer.from(other)];
  return left.length === right.length && timingSafeEqual(left, right);
}
