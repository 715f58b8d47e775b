import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** One condition without which this process is not ready; `run` throws when it does not hold. */
export interface ReadinessCheck {
  readonly name: string;
  /** @param signal aborted when the time for the check is over. */
  run(signal: AbortSignal): Promise<void>;
}

export interface MetricsServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly registry: Registry;
  /** Run in this order; the first that fails ends the round, since the later ones usually rest on it. */
  readonly checks: readonly ReadinessCheck[];
  /** False when the process hangs and should be restarted. Readiness is not its business. */
  readonly live?: () => boolean;
  readonly checkSeconds?: number;
  readonly log?: { warn(fields: object, message: string): void };
}

export interface MetricsServer {
  readonly port: number;
  /** Answers what is in flight, then closes; safe to call twice. */
  stop(): Promise<void>;
}

interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string;
  readonly hint?: string;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const CHECK_SECONDS = 5;
const STOP_SECONDS = 2;
const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Serves `/metrics` (Prometheus text), `/healthz` (the event loop turns and `live` agrees) and `/readyz` (the
 * checks, as JSON) to GET and HEAD. Has no authentication: `host` decides who may ask.
 *
 * @throws Error when the address cannot be listened on, with the system's error as cause.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const ready = sharedRound(options);
  const server = createServer(async (request, response) => {
    const result = await answer(request, options, ready).catch((error: unknown) => {
      options.log?.warn({ err: error, path: request.url }, 'answering a scrape failed');
      return { status: 500, type: TEXT, body: 'internal error\n' };
    });
    // A connection that were kept for a next request would hold up `stop`.
    if (!server.listening) response.setHeader('connection', 'close');
    send(request, response, result);
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  await listen(server, options);

  let stopped: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      stopped ??= close(server);
      return stopped;
    },
  };
}

async function answer(
  request: IncomingMessage,
  options: MetricsServerOptions,
  ready: () => Promise<Answer>,
): Promise<Answer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return { status: 405, type: TEXT, body: 'only GET and HEAD\n' };
  }
  switch ((request.url ?? '/').split('?')[0]) {
    case '/metrics':
      return { status: 200, type: options.registry.contentType, body: await options.registry.metrics() };
    case '/healthz':
      return options.live === undefined || options.live()
        ? { status: 200, type: TEXT, body: 'ok\n' }
        : { status: 503, type: TEXT, body: 'not alive\n' };
    case '/readyz':
      return ready();
    default:
      return { status: 404, type: TEXT, body: 'not found\n' };
  }
}

/** Probes that ask while a round is running share its outcome, so a slow ledger is not asked ever more often. */
function sharedRound(options: MetricsServerOptions): () => Promise<Answer> {
  let running: Promise<Answer> | undefined;
  return () => {
    running ??= runChecks(options).finally(() => {
      running = undefined;
    });
    return running;
  };
}

async function runChecks({
  checks,
  checkSeconds = CHECK_SECONDS,
  log,
}: MetricsServerOptions): Promise<Answer> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    try {
      await within(checkSeconds, check);
      results.push({ name: check.name, ok: true });
    } catch (error) {
      log?.warn({ err: error, check: check.name }, 'not ready');
      results.push({ name: check.name, ok: false, ...publicParts(error) });
      break;
    }
  }
  const ok = results.every((result) => result.ok);
  const body = { status: ok ? 'ready' : 'not ready', checks: results };
  return { status: ok ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(body)}\n` };
}

async function within(seconds: number, check: ReadinessCheck): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new CheckTimeout(seconds)), seconds * 1000);
  try {
    await Promise.race([
      check.run(late.signal),
      new Promise<never>((_, reject) => {
        late.signal.addEventListener('abort', () => reject(late.signal.reason));
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

class CheckTimeout extends Error {
  readonly phrase: string;
  constructor(seconds: number) {
    super(`no answer within ${seconds} s`);
    this.phrase = this.message;
  }
}

/**
 * Anybody who reaches the port reads this, so only an error that carries a `phrase` of ours is quoted, without
 * the values in its message; what an unknown error says stays in the log.
 */
function publicParts(error: unknown): { error: string; hint?: string } {
  if (!(error instanceof Error) || !('phrase' in error) || typeof error.phrase !== 'string') {
    return { error: 'unexpected error' };
  }
  const hint = 'hint' in error && typeof error.hint === 'string' ? { hint: error.hint } : {};
  return { error: error.phrase, ...hint };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listen(server: Server, { host, port, log }: MetricsServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) =>
      reject(new Error(`cannot serve metrics on ${host}:${port}: ${cause.message}`, { cause }));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      server.on('error', (error) => log?.warn({ err: error }, 'metrics server failed'));
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const late = setTimeout(() => server.closeAllConnections(), STOP_SECONDS * 1000);
    server.close(() => {
      clearTimeout(late);
      resolve();
    });
    server.closeIdleConnections();
  });
}
