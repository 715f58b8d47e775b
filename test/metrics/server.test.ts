import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import { createMetrics, createRegistry } from '../../src/metrics/metrics.ts';
import { type MetricsServerOptions, startMetricsServer } from '../../src/metrics/server.ts';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

describe('/metrics', () => {
  test('answers with the registry in the Prometheus text format', async () => {
    const registry = createRegistry();
    createMetrics(registry, { version: '1.2.3', commit: 'abc' });
    const { get } = await start({ registry });
    const response = await get('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('zoom_chat_archiver_build_info{version="1.2.3",commit="abc"} 1');
  });

  test('says 500, and nothing of the reason, when a metric cannot be collected', async () => {
    const registry = createRegistry();
    vi.spyOn(registry, 'metrics').mockRejectedValue(new Error('password=secret'));
    const warn = vi.fn();
    const { get } = await start({ registry, log: { warn } });
    const response = await get('/metrics');
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('internal error\n');
    expect(warn).toHaveBeenCalledOnce();
  });
});

describe('/healthz', () => {
  test('is about the process alone: it answers 200 while nothing is ready', async () => {
    const { get } = await start({ checks: [failing('ledger', new Error('down'))] });
    expect((await get('/healthz')).status).toBe(200);
  });

  test('follows the predicate', async () => {
    let alive = true;
    const { get } = await start({ live: () => alive });
    expect((await get('/healthz')).status).toBe(200);
    alive = false;
    expect((await get('/healthz')).status).toBe(503);
  });
});

describe('/readyz', () => {
  test('answers 200 with every check when all hold', async () => {
    const { get } = await start({ checks: [holding('ledger'), holding('sink'), holding('lease')] });
    const response = await get('/readyz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      status: 'ready',
      checks: [
        { name: 'ledger', ok: true },
        { name: 'sink', ok: true },
        { name: 'lease', ok: true },
      ],
    });
  });

  test('stops at the first that fails and says what to do, without the values of the case', async () => {
    const lease = vi.fn(async () => {});
    const error = new ArchiverError('sink-denied', 'bucket refused the read', { detail: 'bucket-of-acme' });
    const { get } = await start({
      checks: [holding('ledger'), failing('sink', error), { name: 'lease', run: lease }],
    });
    const response = await get('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'not ready',
      checks: [
        { name: 'ledger', ok: true },
        { name: 'sink', ok: false, error: 'bucket refused the read', hint: error.hint },
      ],
    });
    expect(lease).not.toHaveBeenCalled();
  });

  test('keeps what an unknown error says to the log', async () => {
    const warn = vi.fn();
    const unknown = new Error('postgres://user:secret@host refused');
    const { get } = await start({ checks: [failing('ledger', unknown)], log: { warn } });
    expect(await (await get('/readyz')).json()).toEqual({
      status: 'not ready',
      checks: [{ name: 'ledger', ok: false, error: 'unexpected error' }],
    });
    expect(warn).toHaveBeenCalledWith({ err: unknown, check: 'ledger' }, 'not ready');
  });

  test('a check that does not answer in its time has failed, and is told so', async () => {
    let given: AbortSignal | undefined;
    const hanging = {
      name: 'ledger',
      run: (signal: AbortSignal) => {
        given = signal;
        return new Promise<void>(() => {});
      },
    };
    const { get } = await start({ checks: [hanging], checkSeconds: 0.02 });
    const response = await get('/readyz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      status: 'not ready',
      checks: [{ name: 'ledger', ok: false, error: 'no answer within 0.02 s' }],
    });
    expect(given?.aborted).toBe(true);
  });

  test('probes that come during a round share it; the next one asks again', async () => {
    const release: (() => void)[] = [];
    const run = vi.fn(() => new Promise<void>((resolve) => release.push(resolve)));
    let thirdRead = () => {};
    const read = new Promise<void>((resolve) => {
      thirdRead = resolve;
    });
    const live = () => {
      thirdRead();
      return true;
    };
    const { get, server } = await start({ checks: [{ name: 'ledger', run }], live });

    // One connection, written at once: when the third request has been read, so have the two before it.
    const socket = connect(server.port, '127.0.0.1');
    socket.end(
      ['/readyz', '/readyz', '/healthz'].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''),
    );
    await read;
    expect(run).toHaveBeenCalledTimes(1);
    release.shift()?.();
    expect((await text(socket)).match(/HTTP\/1\.1 200/g)).toHaveLength(3);

    const next = get('/readyz');
    await vi.waitFor(() => expect(run).toHaveBeenCalledTimes(2));
    release.shift()?.();
    expect((await next).status).toBe(200);
  });
});

describe('everything else', () => {
  test.each(['/', '/metrics/', '/readyz/ledger', '/%2e%2e/etc/passwd'])('%s is 404', async (path) => {
    const { get } = await start({});
    expect((await get(path)).status).toBe(404);
  });

  test.each(['POST', 'PUT', 'DELETE'])('%s is 405', async (method) => {
    const { get } = await start({});
    const response = await get('/metrics', method);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  test('HEAD has the headers of GET and no body', async () => {
    const { get } = await start({});
    const response = await get('/healthz', 'HEAD');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('3');
    expect(await response.text()).toBe('');
  });

  test('a query does not hide the path', async () => {
    const { get } = await start({});
    expect((await get('/healthz?from=kubelet')).status).toBe(200);
  });
});

describe('lifetime', () => {
  test('stop finishes the answer in flight, refuses new ones, and is safe twice', async () => {
    const release: (() => void)[] = [];
    const run = vi.fn(() => new Promise<void>((resolve) => release.push(resolve)));
    const { get, server } = await start({ checks: [{ name: 'ledger', run }] });
    const inFlight = get('/readyz');
    await vi.waitFor(() => expect(run).toHaveBeenCalled());
    const stopped = Promise.all([server.stop(), server.stop()]);
    release.shift()?.();
    expect((await inFlight).status).toBe(200);
    await stopped;
    await expect(get('/healthz')).rejects.toThrow();
  });

  test('an address in use is an error that names it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toThrow(`cannot serve metrics on 127.0.0.1:${port}`);
    other.close();
  });
});

async function start(options: Partial<MetricsServerOptions>) {
  const server = await startMetricsServer({
    host: '127.0.0.1',
    port: 0,
    registry: createRegistry(),
    checks: [],
    ...options,
  });
  stops.push(server.stop);
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${server.port}${path}`, { method });
  return { server, get };
}

function holding(name: string) {
  return { name, run: async () => {} };
}

function failing(name: string, error: Error) {
  return {
    name,
    run: async () => {
      throw error;
    },
  };
}
