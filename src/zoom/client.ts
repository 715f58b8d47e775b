import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, type Dispatcher, request } from 'undici';
import type { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { mayReceiveCredential } from './hosts.ts';
import { type Label, PLAN_RATES, type Plan, rateHeaders, retryMoment, TokenBucket } from './limits.ts';
import { DEFAULT_RETRY, decideRetry, type Failure, type RetryOptions } from './retry.ts';
import { apiError } from './schemas.ts';
import type { ShapeWatch, UnknownShape } from './shape-watch.ts';
import { type AccessToken, type Credentials, TokenSource } from './token.ts';

/** What one request was for; the name is the metric label, the label the rate limit it falls under. */
export interface Endpoint {
  readonly name: string;
  readonly label: Label;
}

export interface Reply<T> {
  readonly body: T;
  /** Our own id of the request, kept as provenance. */
  readonly requestId: string;
  /** Zoom's `x-zm-trackingid`; its support asks for it. Empty when missing. */
  readonly trackingId: string;
  /** Milliseconds since the epoch at which the answer was complete. */
  readonly observedAt: number;
  /** Seconds from the request to the last byte, and seconds spent reading and checking the JSON. */
  readonly fetchSeconds: number;
  readonly parseSeconds: number;
}

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
  readonly parallel: number;
  readonly timeoutMs: number;
  readonly retry?: RetryOptions;
  readonly now?: () => number;
  /** Milliseconds that never go backwards. */
  readonly monotonic?: () => number;
  readonly random?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly onRequest?: (facts: RequestFacts) => void;
  readonly onRateLimited?: (label: Label, type: 'qps' | 'daily') => void;
  /** Looks at every answer, also at one that is then refused for what it lacks. */
  readonly shapes?: ShapeWatch;
  readonly log: Logger;
}

const MAX_HOPS = 3;

/** The longest a daily limit may park a label: it cannot be more than a day away, whatever the header says. */
const PARK_CAP_MS = 25 * 3600_000;
/** The shortest: a moment that is over by our clock must not make us ask on and on. */
const LEAST_PARK_MS = 60_000;
/** When Zoom names no moment. */
const UNKNOWN_PARK_MS = 3600_000;

interface RawReply {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly text: string;
  readonly requestId: string;
  /** Moments on the monotonic clock, ms. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

type Settled =
  | { readonly ok: true; readonly raw: RawReply; readonly json: unknown }
  | { readonly ok: false; readonly failure: Failure; readonly error: ArchiverError };

/** A client of Zoom's REST API with a shared token, one rate budget a label, retries and checked answers. */
export class ZoomClient {
  readonly #options: ZoomClientOptions;
  readonly #dispatcher: Agent;
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
    this.#dispatcher = new Agent({ connections: options.parallel, keepAliveTimeout: 30_000, pipelining: 1 });
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

  /** Names in answers so far that the reference does not have. */
  unknownShapes(): readonly UnknownShape[] {
    return this.#options.shapes?.seen() ?? [];
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
   * refusals),
   * `zoom-response` (unknown form), `zoom-unreachable` (no answer after all retries).
   */
  async get<T>(
    endpoint: Endpoint,
    path: string,
    query: Readonly<Record<string, string>>,
    schema: z.ZodType<T>,
    signal: AbortSignal,
  ): Promise<Reply<T>> {
    const url = `${this.#options.apiUrl}${path}?${new URLSearchParams(query).toString()}`;
    let renewed = false;
    for (let attempt = 1; ; ) {
      const token = await this.#token.get(signal);
      const settled = await this.#try(endpoint, url, token, signal);
      if (settled.ok) {
        const { raw, json } = settled;
        if (raw.status === 200) {
          this.#options.shapes?.look(endpoint.name, path, json);
          return this.#checked(endpoint, raw, json, schema);
        }
        if (isExpired(raw.status, json) && !renewed) {
          renewed = true;
          this.#token.invalidate(token);
          continue;
        }
        throw refusal(endpoint, raw, json, query.next_page_token !== undefined);
      }
      const decision = decideRetry(settled.failure, attempt, this.#random(), this.#retry);
      if (!decision.retry) throw settled.error;
      this.#options.log.warn(
        { endpoint: endpoint.name, attempt, delayMs: decision.delayMs, code: settled.error.code },
        settled.error.message,
      );
      if (settled.failure.kind === 'throttled') this.#bucket(endpoint.label).pause(decision.delayMs);
      attempt += 1;
      await this.#wait(decision.delayMs, signal);
    }
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  #bucket(label: Label): TokenBucket {
    const bucket = this.#buckets.get(label);
    if (bucket === undefined)
      throw new ArchiverError('internal', 'no rate budget for the label', { detail: label });
    return bucket;
  }

  #checked<T>(endpoint: Endpoint, raw: RawReply, json: unknown, schema: z.ZodType<T>): Reply<T> {
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      const problems = parsed.error.issues
        .slice(0, 5)
        .map((issue) => `${issue.path.map(String).join('.') || 'body'}: ${issue.message}`);
      throw new ArchiverError('zoom-response', 'answer has an unknown form', {
        detail: `${endpoint.name}, tracking id ${trackingId(raw)}: ${problems.join('; ')}`,
      });
    }
    return {
      // The schema accepted it and only adds knowledge about types: the JSON itself is the evidence.
      body: json as T,
      requestId: raw.requestId,
      trackingId: trackingId(raw),
      observedAt: this.#now(),
      fetchSeconds: (raw.receivedAt - raw.sentAt) / 1000,
      parseSeconds: (performance.now() - raw.receivedAt) / 1000,
    };
  }

  /** One try, sorted into an answer or a reason to try again; a daily limit parks the label and is thrown. */
  async #try(endpoint: Endpoint, url: string, token: AccessToken, signal: AbortSignal): Promise<Settled> {
    const bucket = this.#bucket(endpoint.label);
    await bucket.acquire(signal);
    const started = performance.now();
    const finished = (status: string): void =>
      this.#options.onRequest?.({
        endpoint: endpoint.name,
        status,
        seconds: (performance.now() - started) / 1000,
      });
    let raw: RawReply;
    try {
      raw = await this.#send(url, token, signal);
    } catch (cause) {
      finished('error');
      signal.throwIfAborted();
      if (cause instanceof ArchiverError) throw cause;
      const error = new ArchiverError('zoom-unreachable', 'Zoom did not answer', {
        cause,
        detail: `${endpoint.name}: ${cause instanceof Error ? cause.message : String(cause)}`,
      });
      return { ok: false, failure: { kind: 'network' }, error };
    }
    finished(String(raw.status));
    bucket.observe(rateHeaders(raw.headers));
    if (raw.status === 429) return this.#throttled(endpoint, raw, bucket);
    const json = parseJson(raw.text);
    if (raw.status >= 500 || json === undefined) {
      const what = raw.status >= 500 ? `status ${raw.status}` : `status ${raw.status} without JSON`;
      const error = new ArchiverError('zoom-unreachable', 'Zoom could not answer', {
        detail: `${endpoint.name}, ${what}, tracking id ${trackingId(raw)}`,
      });
      return { ok: false, failure: { kind: 'server' }, error };
    }
    return { ok: true, raw, json };
  }

  #throttled(endpoint: Endpoint, raw: RawReply, bucket: TokenBucket): Settled {
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
    return { ok: false, failure: { kind: 'throttled', waitMs }, error };
  }

  /** One request, redirects followed within Zoom only: a stranger's answer must never pass for Zoom's. */
  async #send(start: string, token: AccessToken, signal: AbortSignal): Promise<RawReply> {
    const requestId = randomUUID();
    const sentAt = performance.now();
    let url = new URL(start);
    for (let hop = 0; ; hop += 1) {
      const response: Dispatcher.ResponseData = await request(url, {
        dispatcher: this.#dispatcher,
        headers: {
          accept: 'application/json',
          'x-request-id': requestId,
          authorization: `Bearer ${token.value}`,
        },
        signal,
        headersTimeout: this.#options.timeoutMs,
        bodyTimeout: this.#options.timeoutMs,
      });
      const { location } = response.headers;
      if (response.statusCode >= 300 && response.statusCode < 400 && typeof location === 'string') {
        await response.body.dump();
        if (hop >= MAX_HOPS) throw new ArchiverError('zoom-request', 'too many redirects');
        url = new URL(location, url);
        if (!mayReceiveCredential(url, this.#origins)) {
          throw new ArchiverError('zoom-request', 'redirect to a foreign host', { detail: url.origin });
        }
        continue;
      }
      const text = await response.body.text();
      return {
        status: response.statusCode,
        headers: response.headers,
        text,
        requestId,
        sentAt,
        receivedAt: performance.now(),
      };
    }
  }
}

function trackingId(raw: RawReply): string {
  const id = raw.headers['x-zm-trackingid'];
  return typeof id === 'string' ? id : '';
}

function isExpired(status: number, json: unknown): boolean {
  const error = apiError.safeParse(json);
  return status === 401 || (error.success && error.data.code === 124);
}

/** Zoom's error body and status as one of our codes (fact sheet sections 0 and 7). */
function refusal(endpoint: Endpoint, raw: RawReply, json: unknown, paging: boolean): ArchiverError {
  const parsed = apiError.safeParse(json);
  const code = parsed.success ? parsed.data.code : undefined;
  const message = parsed.success ? (parsed.data.message ?? '') : '';
  const fields = (parsed.success ? (parsed.data.errors ?? []) : [])
    .map((error) => `${error.field ?? ''}: ${error.message ?? ''}`)
    .join('; ');
  const detail = `${endpoint.name}: status ${raw.status}, code ${code ?? 'none'}, ${message} ${fields} (tracking id ${trackingId(raw)})`;
  const zoomCode = code === undefined ? {} : { zoomCode: code };
  if (code === 4711 || code === 4700) {
    return new ArchiverError('zoom-scope', 'the app lacks scopes', {
      detail: /scopes:\s*\[([^\]]*)\]/.exec(message)?.[1] ?? message,
    });
  }
  if (raw.status === 401 || code === 124) {
    return new ArchiverError('zoom-credentials', 'Zoom refused a fresh access token', { detail });
  }
  if (raw.status === 403 || code === 200)
    return new ArchiverError('zoom-permission', 'Zoom denied the report', { detail, ...zoomCode });
  if (paging && raw.status === 400 && code === 300) {
    return new ArchiverError('zoom-page-token', 'page token lapsed', { detail });
  }
  if (raw.status === 404)
    return new ArchiverError('zoom-not-found', 'Zoom does not have it', { detail, ...zoomCode });
  return new ArchiverError('zoom-request', 'Zoom refused the request', { detail, ...zoomCode });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
