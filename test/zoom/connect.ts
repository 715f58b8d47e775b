import { setMaxListeners } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../emulator/server.ts';
import { silentLog } from '../../src/log.ts';
import { type Endpoint, ZoomClient, type ZoomClientOptions } from '../../src/zoom/client.ts';

/** A fixed start makes every date in the tests a constant. */
export const NOON = Date.parse('2026-06-15T12:00:00Z');

export const CREDENTIALS = {
  accountId: 'emulated-account',
  clientId: 'emulated-client',
  clientSecret: 'emulated-secret',
};

export const SESSIONS: Endpoint = { name: 'report_chat_sessions', label: 'MEDIUM' };
export const DATES = { from: '2026-05-20', to: '2026-06-16' };

/** The signal of a process that nobody stops. */
export const { signal: RUNNING } = new AbortController();
setMaxListeners(0, RUNNING);

export interface Connection {
  readonly client: ZoomClient;
  /** The waits between tries, in milliseconds; what only keeps the pace is left out. */
  readonly waits: number[];
}

/** A client whose waits take no time but move its clocks, and those of `onWait`. */
export function connect(
  url: string,
  now: () => number,
  onWait: (ms: number) => void,
  options: Partial<ZoomClientOptions> = {},
): Connection {
  const waits: number[] = [];
  let monotonic = 0;
  const client = new ZoomClient({
    credentials: CREDENTIALS,
    apiUrl: `${url}/v2`,
    oauthUrl: url,
    plan: 'business',
    share: 1,
    rates: { MEDIUM: 10_000 },
    timeoutMs: 10_000,
    now,
    monotonic: () => monotonic,
    random: () => 0.5,
    wait: async (ms, signal) => {
      signal.throwIfAborted();
      if (ms >= 1) waits.push(ms);
      monotonic += ms;
      onWait(ms);
    },
    log: silentLog(),
    ...options,
  });
  onTestFinished(() => client.close());
  return { client, waits };
}

/** An emulated account at a standing clock, and a client connected to it. */
export async function emulate(
  emulated: Partial<EmulatorOptions> = {},
  options: Partial<ZoomClientOptions> = {},
): Promise<Connection & { readonly emulator: Emulator }> {
  const emulator = await startEmulator({
    now: NOON,
    frozen: true,
    limits: false,
    source: { kind: 'generated', seed: 7, sessions: 25, messages: 2_000 },
    ...emulated,
  });
  onTestFinished(() => emulator.close());
  const { client, waits } = connect(
    emulator.url,
    () => emulator.now(),
    (ms) => emulator.moveClock(ms),
    options,
  );
  return { emulator, client, waits };
}

export interface Scripted {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON unless it is a text. */
  readonly body?: unknown;
}

export interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

export interface ScriptedServer {
  readonly url: string;
  readonly port: number;
  /** Every request but those for tokens. */
  readonly seen: readonly Seen[];
  /** Tokens handed out. */
  readonly tokens: readonly string[];
}

/**
 * A server that hands out tokens and answers everything else from a script: in order, where the last answer holds
 * for all later requests, or as a function of the path says. For answers that no honest Zoom would give.
 */
export async function serve(
  script: readonly Scripted[] | ((path: string) => Promise<Scripted>),
  token?: Scripted,
): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const tokens: string[] = [];
  const server = createServer(async (request, response) => {
    request.resume();
    const asksToken = request.url === '/oauth/token';
    let answer: Scripted | undefined;
    if (asksToken) {
      tokens.push(`token-${tokens.length + 1}`);
      answer = token ?? { body: { access_token: tokens.at(-1), token_type: 'bearer', expires_in: 3599 } };
    } else {
      const path = request.url ?? '';
      const place = seen.push({ path, headers: request.headers });
      answer = typeof script === 'function' ? await script(path) : script[Math.min(place, script.length) - 1];
    }
    const body = answer?.body ?? {};
    response.writeHead(answer?.status ?? 200, { 'content-type': 'application/json', ...answer?.headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, seen, tokens };
}

/** A client of a scripted server, at a clock that only waits move. */
export function connectTo(url: string, options: Partial<ZoomClientOptions> = {}): Connection {
  let now = NOON;
  return connect(
    url,
    () => now,
    (ms) => {
      now += ms;
    },
    options,
  );
}
