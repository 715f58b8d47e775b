import { request } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { downloadAgent, type Resolve } from '../../src/zoom/download-agent.ts';
import { serve } from './connect.ts';

const ZOOM = ['https://api.zoom.us', 'https://zoom.us'];

/** A name server that answers a question with each of `answers` in turn, and what it was asked. */
function names(...answers: readonly (readonly string[])[]): { resolve: Resolve; asked: string[] } {
  const asked: string[] = [];
  const resolve: Resolve = async (name) => {
    const place = Math.min(asked.push(name), answers.length) - 1;
    return (answers[place] ?? []).map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return { resolve, asked };
}

/** Status of an answer, or the error's code. */
async function ask(origins: readonly string[], url: string, resolve?: Resolve): Promise<unknown> {
  const dispatcher = downloadAgent(origins, resolve);
  onTestFinished(() => dispatcher.destroy());
  try {
    const { statusCode, body } = await request(url, { dispatcher });
    await body.dump();
    return statusCode;
  } catch (error) {
    return (error as { code?: unknown }).code ?? error;
  }
}

describe('a download', () => {
  test.each([
    'http://127.0.0.1',
    'http://127.1',
    'http://2130706433',
    'http://0x7f.1',
    'http://[::1]',
    'http://[::ffff:127.0.0.1]',
    'http://0.0.0.0',
    'http://localhost',
  ])('does not reach this machine at %s', async (host) => {
    const server = await serve([]);
    expect(await ask(ZOOM, `${host}:${server.port}/`)).toBe('zoom-address');
    expect(server.seen).toEqual([]);
  });

  test.each([
    [['127.0.0.1']],
    [['::1']],
    [['::ffff:127.0.0.1']],
    // One address among good ones is enough: which of them is taken is chance.
    [['8.8.8.8', '10.0.0.1']],
    [[]],
  ])('does not go where the name leads to %j', async (addresses) => {
    const server = await serve([]);
    const { resolve, asked } = names(addresses);
    expect(await ask(ZOOM, `http://files.example:${server.port}/`, resolve)).toBe('zoom-address');
    expect(asked).toEqual(['files.example']);
    expect(server.seen).toEqual([]);
  });

  test('reaches an origin that the operator configured, wherever it is, and no other port beside it', async () => {
    const [own, other] = [await serve([]), await serve([])];
    const origins = [own.url, 'https://zoom.us'];
    expect(await ask(origins, own.url)).toBe(200);
    expect(await ask(origins, other.url)).toBe('zoom-address');
    expect(other.seen).toEqual([]);
  });

  test('reaches this machine, and no other private address, where all of Zoom is on it', async () => {
    const server = await serve([]);
    const origins = ['http://127.0.0.1:1', 'http://localhost:2'];
    expect(await ask(origins, server.url)).toBe(200);
    expect(await ask(origins, 'http://10.0.0.1/')).toBe('zoom-address');
    expect(await ask(origins, 'http://[fd00::1]/')).toBe('zoom-address');
  });

  test('goes to the address that was checked, whatever the name leads to a moment later', async () => {
    const server = await serve([]);
    const { resolve, asked } = names(['127.0.0.1'], ['10.0.0.1']);
    expect(await ask(['http://127.0.0.1:1'], `http://files.example:${server.port}/`, resolve)).toBe(200);
    expect(asked).toEqual(['files.example']);
    expect(server.seen[0]?.headers.host).toBe(`files.example:${server.port}`);
  });

  test('a name that nobody knows is the network’s failure', async () => {
    const resolve: Resolve = () =>
      Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
    expect(await ask(ZOOM, 'http://nowhere.example/', resolve)).toBe('ENOTFOUND');
  });
});
