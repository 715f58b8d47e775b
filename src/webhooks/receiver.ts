/**
 * Zoom's webhooks as hints: what they name is asked for sooner. They may be lost, repeated and out of order, so nothing
 * of them is ever archived; the reports stay the truth.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Logger } from '../log.ts';
import { readEvent } from './event.ts';
import { judgeSignature, validationAnswer } from './signature.ts';

/** `busy`: more waits than the ledger takes; Zoom tries again after minutes. */
export type WebhookRefusal = 'route' | 'size' | 'signature' | 'stale' | 'form' | 'busy';
/** `other`: nothing about a session of this account. */
export type WebhookReceipt = 'queued' | 'repeated' | 'validation' | 'other';
/** `unknown`: no known session has this name, as is always so for 1:1 sessions. */
export type WebhookHint = 'known' | 'unknown' | 'failed';

export interface WebhookOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly path: string;
  readonly secret: string;
  readonly account: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Notes that something happened in a session; false when none has this name. */
  readonly hint: (name: string) => Promise<boolean>;
  readonly onReceived: (receipt: WebhookReceipt) => void;
  readonly onRefused: (reason: WebhookRefusal) => void;
  readonly onHinted: (hint: WebhookHint) => void;
  readonly log: Logger;
}

export interface WebhookServer {
  readonly port: number;
  /** From now on, calls `listener` after each hint; undefined ends that. */
  whenHinted(listener: (() => void) | undefined): void;
  /** Ends; what waits is dropped. Safe to call twice. */
  stop(): Promise<void>;
}

/** Zoom gives up after three seconds, and a body takes none. */
const BODY_WITHIN_MS = 2_000;
const LARGEST_BODY = 256 * 1024;
const MOST_CONNECTIONS = 200;
const MOST_WAITING = 10_000;
/** Zoom repeats a webhook for 85 minutes. */
const MOST_REMEMBERED = 20_000;
const REFUSAL_STATUS: Readonly<Record<WebhookRefusal, number>> = {
  route: 404,
  size: 413,
  signature: 401,
  stale: 401,
  form: 400,
  busy: 503,
};

/**
 * Listens for webhooks at `path`. What they name waits in memory until `hint` has taken it.
 * @throws Error when the address cannot be listened on
 */
export async function startWebhooks(options: WebhookOptions): Promise<WebhookServer> {
  const hints = new HintQueue(options);
  const remembered = new Set<string>();
  const server = createServer(
    { requestTimeout: BODY_WITHIN_MS, headersTimeout: BODY_WITHIN_MS, connectionsCheckingInterval: 250 },
    (request, response) => {
      receive(request, response).catch(() => response.destroy());
    },
  );
  server.maxConnections = MOST_CONNECTIONS;

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'POST' || request.url?.split('?')[0] !== options.path) {
      return refuse(response, 'route');
    }
    const body = await readBody(request);
    if (body === undefined) return refuse(response, 'size');
    const judgement = judgeSignature(
      {
        signature: header(request, 'x-zm-signature'),
        timestamp: header(request, 'x-zm-request-timestamp'),
        body,
      },
      options.secret,
      options.now(),
    );
    if (judgement !== 'good') return refuse(response, judgement === 'stale' ? 'stale' : 'signature');
    const event = readEvent(body, options.account);
    if (event === undefined) return refuse(response, 'form');
    switch (event.kind) {
      case 'validation': {
        const answer = validationAnswer(event.plainToken, options.secret);
        if (answer === undefined) return refuse(response, 'form');
        options.onReceived('validation');
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
        return;
      }
      case 'activity': {
        const id = header(request, 'x-zm-request-id');
        if (id !== undefined && remembered.has(id)) return accept(response, 'repeated');
        if (!hints.take(event.names)) return refuse(response, 'busy');
        if (id !== undefined) remember(id);
        return accept(response, 'queued');
      }
      case 'other':
        return accept(response, 'other');
      default:
        event satisfies never;
    }
  }

  function accept(response: ServerResponse, receipt: WebhookReceipt): void {
    options.onReceived(receipt);
    response.writeHead(204).end();
  }

  function refuse(response: ServerResponse, reason: WebhookRefusal): void {
    options.onRefused(reason);
    response.writeHead(REFUSAL_STATUS[reason], { connection: 'close' }).end();
  }

  function remember(id: string): void {
    for (const oldest of remembered) {
      if (remembered.size < MOST_REMEMBERED) break;
      remembered.delete(oldest);
    }
    remembered.add(id);
  }

  await listen(server, options);
  let stopped: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    whenHinted: (listener) => hints.whenHinted(listener),
    stop: () => {
      stopped ??= Promise.all([hints.stop(), close(server)]).then(() => undefined);
      return stopped;
    },
  };
}

/** Names on their way to the ledger, each once, one at a time. */
class HintQueue {
  readonly #options: Pick<WebhookOptions, 'hint' | 'onHinted' | 'log'>;
  readonly #waiting = new Set<string>();
  #listener: (() => void) | undefined;
  #work: Promise<void> | undefined;
  #failing = false;
  #stopped = false;

  constructor(options: Pick<WebhookOptions, 'hint' | 'onHinted' | 'log'>) {
    this.#options = options;
  }

  whenHinted(listener: (() => void) | undefined): void {
    this.#listener = listener;
  }

  /** False when there is no room. */
  take(names: readonly string[]): boolean {
    if (this.#stopped || this.#waiting.size + names.length > MOST_WAITING) return false;
    for (const name of names) this.#waiting.add(name);
    this.#work ??= this.#run();
    return true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    await this.#work;
  }

  async #run(): Promise<void> {
    // What is added meanwhile is iterated too.
    for (const name of this.#waiting) {
      this.#waiting.delete(name);
      this.#options.onHinted(await this.#hint(name));
    }
    // In the same turn as the last look, so that nothing is added between the two and forgotten.
    this.#work = undefined;
  }

  async #hint(name: string): Promise<WebhookHint> {
    try {
      const known = await this.#options.hint(name);
      this.#failing = false;
      // Also when no session is known by the name: the next listing may show one.
      this.#listener?.();
      return known ? 'known' : 'unknown';
    } catch (error) {
      if (!this.#failing) this.#options.log.warn({ err: error }, 'a hint could not be noted');
      this.#failing = true;
      return 'failed';
    }
  }
}

/** The bytes as they came; undefined for too many. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let size = 0;
  // Not destroyed when it is left early: the answer goes out on the same connection.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > LARGEST_BODY) return undefined;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function listen(server: Server, { host, port, log }: WebhookOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) =>
      reject(new Error(`cannot listen for webhooks on ${host}:${port}: ${cause.message}`, { cause }));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      server.on('error', (error) => log.warn({ err: error }, 'webhook server failed'));
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
