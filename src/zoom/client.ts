import { setTimeout as sleep } from 'node:timers/promises';
import { Agent } from 'undici';
import type { z } from 'zod';
import { ArchiverError, hasCode } from '../errors.ts';
import type { Logger } from '../log.ts';
import {
  checkedReply,
  parseJson,
  type RawReply,
  type Reply,
  readAnswer,
  refused,
  type StreamedReply,
  takeBody,
  trackingId,
  unreachable,
} from './answer.ts';
import { downloadAgent, type Resolve } from './download-agent.ts';
import { type ExchangeOptions, exchange } from './exchange.ts';
import { mayReceiveCredential } from './hosts.ts';
import { type Label, PLAN_RATES, type Plan, rateHeaders, retryMoment, TokenBucket } from './limits.ts';
import { isExpired, linkRefusal, refusal } from './refusal.ts';
import { DEFAULT_RETRY, decideRetry, type Failure, type RetryOptions } from './retry.ts';
import type { ShapeWatch, UnknownShape } from './shape-watch.ts';
import { type Credentials, TokenSource } from './token.ts';

/** What one request was for; the name is the metric label, the label the rate limit it falls under. */
export interface Endpoint {
  readonly name: string;
  readonly label: Label;
}

export type { Reply } from './answer.ts';

export interface RequestFacts {
  readonly endpoint: string;
  /** HTTP status, or `error` when none came. */
  readonly status: string;
  readonly seconds: number;
}

export interface ZoomClientOptions {
  readonly credentials: Credentials;
  /** `https://api.zoom.us/v2`; paths are appended. */
  readonly apiUrl: string;
  readonly oauthUrl: string;
  readonly plan: Plan;
  /** Fraction of the plan's rate limits that this process may use, above 0 and at most 1. */
  readonly share: number;
  /** Requests per second by label, instead of the plan's; for accounts with raised limits. */
  readonly rates?: Partial<Record<Label, number>>;
  readonly timeoutMs: number;
  /** The most, in milliseconds, that our clock may differ from Zoom's; left out, they are not compared. */
  readonly clockTolerance?: number;
  readonly retry?: RetryOptions;
  readonly now?: () => number;
  /** Milliseconds that never go backwards. */
  readonly monotonic?: () => number;
  readonly random?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Addresses of a name that a download leads to; the system's. */
  readonly resolve?: Resolve;
  readonly onRequest?: (facts: RequestFacts) => void;
  readonly onRateLimited?: (label: Label, type: 'qps' | 'daily') => void;
  /** Looks at each answer for what Zoom's reference does not name. */
  readonly shapes?: ShapeWatch;
  readonly log: Logger;
}

/** The longest a daily limit may park a label: it cannot be more than a day away, whatever the header says. */
const PARK_CAP_MS = 25 * 3600_000;
/** The shortest: a moment that is over by our clock must not make us ask on and on. */
const LEAST_PARK_MS = 60_000;
/** When Zoom names no moment. */
const UNKNOWN_PARK_MS = 3600_000;

/** What is to be streamed: a path below the API's URL, or a link that Zoom gave, which carries a right of its own. */
export type StreamTarget =
  | { readonly path: string; readonly query: Readonly<Record<string, string>> }
  | { readonly url: string };

/** One request: its URL, and who may answer in whose name. */
interface Ask {
  readonly endpoint: Endpoint;
  readonly url: URL;
  readonly token?: string;
  readonly dispatcher: Agent;
  readonly accept: string;
  readonly foreign: ExchangeOptions['foreign'];
}

type Settled<T> =
  | { readonly kind: 'taken'; readonly value: T }
  | { readonly kind: 'answered'; readonly raw: RawReply; readonly json: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly error: ArchiverError };

/** A client of Zoom's REST API with a shared token, one rate budget a label, retries and checked answers. */
export class ZoomClient {
  readonly #options: ZoomClientOptions;
  readonly #dispatcher: Agent;
  /** Of its own, or long downloads would take the connections that the reports need. */
  readonly #downloads: Agent;
  readonly #token: TokenSource;
  readonly #buckets = new Map<Label, TokenBucket>();
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #wait: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #retry: RetryOptions;
  readonly #origins: readonly string[];

  constructor(options: ZoomClientOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#wait = options.wait ?? ((ms, signal) => sleep(ms, undefined, { signal }));
    this.#retry = options.retry ?? DEFAULT_RETRY;
    this.#origins = [new URL(options.apiUrl).origin, new URL(options.oauthUrl).origin];
    // The collectors say how many ask at once. A request that waited for a connection would start later than its turn.
    this.#dispatcher = new Agent({ keepAliveTimeout: 30_000, pipelining: 1 });
    this.#downloads = downloadAgent(this.#origins, options.resolve);
    this.#token = new TokenSource({
      credentials: options.credentials,
      oauthUrl: options.oauthUrl,
      dispatcher: this.#dispatcher,
      retry: this.#retry,
      timeoutMs: options.timeoutMs,
      now: this.#now,
      random: this.#random,
      wait: this.#wait,
      log: options.log,
    });
    const { plan, share } = options;
    const monotonic = options.monotonic ?? (() => performance.now());
    for (const label of Object.keys(PLAN_RATES[plan]) as Label[]) {
      const rate = options.rates?.[label] ?? PLAN_RATES[plan][label] * share;
      this.#buckets.set(label, new TokenBucket({ label, rate, monotonic, now: this.#now, wait: this.#wait }));
    }
  }

  /** The rate budgets, for metrics. */
  budgets(): readonly TokenBucket[] {
    return [...this.#buckets.values()];
  }

  /** Scopes of the current token; asks for one when there is none. */
  async scopes(signal: AbortSignal): Promise<readonly string[]> {
    return (await this.#token.get(signal)).scopes;
  }

  /**
   * GETs `path` below the API's URL and checks the answer against `schema`; the body returned is Zoom's own JSON.
   *
   * Fails with `zoom-page-token` (400/300 on a request with a page token), `zoom-scope`, `zoom-permission`,
   * `zoom-credentials`, `zoom-rate-limited` (daily limit, with `retryAt`), `zoom-not-found` (404), `zoom-request` (other
   * refusals), `clock-skew`, `zoom-response` (unknown form), `zoom-unreachable` (no answer after all retries).
   */
  async get<T>(
    endpoint: Endpoint,
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Reply<T>> {
    const ask = {
      endpoint,
      url: this.#apiUrl(path, query),
      dispatcher: this.#dispatcher,
      accept: 'application/json',
      foreign: 'refuse',
    } as const;
    const askedAt = this.#now();
    const settled = await this.#persist(endpoint, signal, this.#authorised<never>(ask, signal));
    if (settled.kind === 'taken') return settled.value;
    const { raw, json } = settled;
    this.#compareClocks(raw, askedAt);
    if (raw.status !== 200)
      throw refusal(refused(endpoint.name, raw, json), query.next_page_token !== undefined);
    this.#options.shapes?.look(endpoint.name, path, json);
    return checkedReply(endpoint.name, raw, json, schema, this.#now());
  }

  /**
   * Hands the body of a 200 to `take`, anew with each try; what `take` answers is the result. A path is asked for with
   * the credential, a link without: only where Zoom's own host then refuses it, once more with it. A redirect may lead
   * to a foreign host, which never sees the credential.
   *
   * Fails as {@link get} does for a path; for a link with `zoom-permission` (401, 403), `zoom-not-found`,
   * `zoom-request`, `zoom-unreachable` and `zoom-rate-limited`; both with `zoom-address` where a hop must not be asked;
   * and with what `take` throws, which must be an error of ours.
   */
  async stream<T>(
    endpoint: Endpoint,
    target: StreamTarget,
    take: (reply: StreamedReply) => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    const isLink = 'url' in target;
    const ask = {
      endpoint,
      url: isLink ? this.#linkUrl(target.url) : this.#apiUrl(target.path, target.query),
      dispatcher: this.#downloads,
      accept: '*/*',
      foreign: 'bare',
    } as const;
    const result = await this.#persist(
      endpoint,
      signal,
      isLink ? this.#linked(ask, signal, take) : this.#authorised(ask, signal, take),
    );
    if (result.kind === 'taken') return result.value;
    const facts = refused(endpoint.name, result.raw, result.json);
    throw isLink ? linkRefusal(facts) : refusal(facts, false);
  }

  /** Fields and words of Zoom's answers that its reference does not name, seen so far. */
  unknownShapes(): readonly UnknownShape[] {
    return this.#options.shapes?.seen() ?? [];
  }

  async close(): Promise<void> {
    await Promise.all([this.#dispatcher.destroy(), this.#downloads.destroy()]);
  }

  #apiUrl(path: string, query: Readonly<Record<string, string>>): URL {
    return new URL(`${this.#options.apiUrl}${path}?${new URLSearchParams(query).toString()}`);
  }

  /** What a message calls a link may be anything: only Zoom's own hosts are asked for files of Zoom's. */
  #linkUrl(text: string): URL {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !mayReceiveCredential(url, this.#origins)) {
      throw new ArchiverError('zoom-address', 'the link is no address to download from', {
        ...(url === undefined ? {} : { detail: url.origin }),
      });
    }
    return url;
  }

  /** Tries until there is an answer, as `retry.ts` decides. */
  async #persist<T>(
    endpoint: Endpoint,
    signal: AbortSignal,
    attempt: () => Promise<Settled<T>>,
  ): Promise<Exclude<Settled<T>, { kind: 'failed' }>> {
    for (let tries = 1; ; tries += 1) {
      const settled = await attempt();
      if (settled.kind !== 'failed') return settled;
      const { failure, error } = settled;
      const decision = decideRetry(failure, tries, this.#random(), this.#retry);
      if (!decision.retry) throw error;
      this.#options.log.warn(
        { endpoint: endpoint.name, attempt: tries, delayMs: decision.delayMs, code: error.code },
        error.message,
      );
      if (failure.kind === 'throttled') this.#bucket(endpoint.label).pause(decision.delayMs);
      await this.#wait(decision.delayMs, signal);
    }
  }

  /** Tries with the access token; one that was refused is renewed, once. */
  #authorised<T>(
    ask: Ask,
    signal: AbortSignal,
    take?: (reply: StreamedReply) => Promise<T>,
  ): () => Promise<Settled<T>> {
    let renewed = false;
    return async () => {
      for (;;) {
        const token = await this.#token.get(signal);
        const settled = await this.#try({ ...ask, token: token.value }, signal, take);
        if (settled.kind !== 'answered' || renewed || !isExpired(settled.raw.status, settled.json))
          return settled;
        renewed = true;
        this.#token.invalidate(token);
      }
    };
  }

  /**
   * Tries without the access token, and with it once Zoom asked for it. A token that is refused here is not renewed:
   * far more likely it is the link's own right that has lapsed.
   */
  #linked<T>(
    ask: Ask,
    signal: AbortSignal,
    take: (reply: StreamedReply) => Promise<T>,
  ): () => Promise<Settled<T>> {
    let asked = false;
    return async () => {
      for (;;) {
        const credential = asked ? { token: (await this.#token.get(signal)).value } : {};
        const settled = await this.#try({ ...ask, ...credential }, signal, take);
        if (settled.kind !== 'answered' || asked) return settled;
        const { status, ofZoom } = settled.raw;
        if (!ofZoom || (status !== 401 && status !== 403)) return settled;
        asked = true;
      }
    };
  }

  /** What is covered, kept and due is told by our clock: one that is wrong would call time covered that is yet to come. */
  #compareClocks({ headers }: RawReply, askedAt: number): void {
    const { clockTolerance } = this.#options;
    const theirs = typeof headers.date === 'string' ? Date.parse(headers.date) : Number.NaN;
    if (clockTolerance === undefined || Number.isNaN(theirs)) return;
    const ours = this.#now();
    // Between the request and this moment the machine may have slept.
    if (theirs >= askedAt - clockTolerance && theirs <= ours + clockTolerance) return;
    throw new ArchiverError('clock-skew', "our clock differs from Zoom's", {
      detail: `ours ${new Date(ours).toISOString()}, Zoom's ${new Date(theirs).toISOString()}`,
    });
  }

  #bucket(label: Label): TokenBucket {
    const bucket = this.#buckets.get(label);
    if (bucket === undefined)
      throw new ArchiverError('internal', 'no rate budget for the label', { detail: label });
    return bucket;
  }

  /** One try, sorted into an answer or a reason to try again; a daily limit parks the label and is thrown. */
  async #try<T>(
    ask: Ask,
    signal: AbortSignal,
    take?: (reply: StreamedReply) => Promise<T>,
  ): Promise<Settled<T>> {
    const { endpoint, url, dispatcher, accept, token, foreign } = ask;
    const bucket = this.#bucket(endpoint.label);
    await bucket.acquire(signal);
    const started = performance.now();
    let status = 'error';
    let raw: RawReply;
    try {
      const answer = await exchange(url, {
        dispatcher,
        timeoutMs: this.#options.timeoutMs,
        origins: this.#origins,
        accept,
        ...(token === undefined ? {} : { token }),
        foreign,
        signal,
      });
      if (answer.ofZoom) bucket.observe(rateHeaders(answer.headers));
      if (take !== undefined && answer.status === 200) {
        const value = await takeBody(answer, endpoint.name, take);
        status = '200';
        return { kind: 'taken', value };
      }
      raw = await readAnswer(answer);
      status = String(raw.status);
    } catch (cause) {
      signal.throwIfAborted();
      if (hasCode(cause, 'zoom-unreachable'))
        return { kind: 'failed', failure: { kind: 'network' }, error: cause };
      if (cause instanceof ArchiverError) throw cause;
      return { kind: 'failed', failure: { kind: 'network' }, error: unreachable(endpoint.name, cause) };
    } finally {
      const seconds = (performance.now() - started) / 1000;
      this.#options.onRequest?.({ endpoint: endpoint.name, status, seconds });
    }
    // A stranger's 429 says nothing about Zoom's limits.
    if (raw.status === 429 && raw.ofZoom) return this.#throttled(endpoint, raw, bucket);
    const json = parseJson(raw.text);
    const mustBeJson = take === undefined;
    if (raw.status >= 500 || raw.status === 429 || (mustBeJson && json === undefined)) {
      const withoutJson = raw.status < 500 && json === undefined ? ' without JSON' : '';
      const error = new ArchiverError('zoom-unreachable', 'Zoom could not answer', {
        detail: `${endpoint.name}, status ${raw.status}${withoutJson}, tracking id ${trackingId(raw)}`,
      });
      return { kind: 'failed', failure: { kind: 'server' }, error };
    }
    return { kind: 'answered', raw, json };
  }

  #throttled(endpoint: Endpoint, raw: RawReply, bucket: TokenBucket): Settled<never> {
    const now = this.#now();
    const until = retryMoment(raw.headers, now);
    const { daily, perSecond } = rateHeaders(raw.headers);
    const isLong = until !== undefined && until - now > this.#retry.capMs;
    // Where Zoom says that it is the second, a far moment is a clock that differs, ours or its.
    if (daily || (isLong && !perSecond)) {
      this.#options.onRateLimited?.(endpoint.label, 'daily');
      const parked = Math.min(
        Math.max(until ?? now + UNKNOWN_PARK_MS, now + LEAST_PARK_MS),
        now + PARK_CAP_MS,
      );
      bucket.park(parked);
      throw new ArchiverError('zoom-rate-limited', 'daily rate limit reached', {
        detail: `${endpoint.label} until ${new Date(parked).toISOString()}`,
        retryAt: parked,
      });
    }
    this.#options.onRateLimited?.(endpoint.label, 'qps');
    const waitMs = until === undefined ? undefined : until - now;
    const error = new ArchiverError('zoom-rate-limited', 'rate limit reached', { detail: endpoint.label });
    return { kind: 'failed', failure: { kind: 'throttled', waitMs }, error };
  }
}
