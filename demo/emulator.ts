/** The emulator's control interface, as far as the demo uses it. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Stats, TruthMessage, TruthSession } from '../emulator/server.ts';
import type { StreamTruth } from './compare-streams.ts';

/** What the emulator says when it is ready. */
export interface EmulatorAddress {
  readonly url: string;
  readonly accountId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** Lets people write, edit, delete and react at this rate; 0 stops them. */
export async function letPeopleWrite(url: string, perSecond: number, liveOnly: boolean): Promise<void> {
  const response = await fetch(`${url}/_emulator/acting`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(liveOnly ? { perSecond, only: 'live' } : { perSecond }),
  });
  if (!response.ok) throw new Error(`the emulator refused: ${await response.text()}`);
}

export function readStats(url: string): Promise<Stats> {
  return readJson<Stats>(`${url}/_emulator/stats`);
}

export function readSessions(url: string): Promise<readonly TruthSession[]> {
  return readJson<readonly TruthSession[]>(`${url}/_emulator/sessions`);
}

/** Every message that ever existed in the account, with its history. */
export async function* readTruth(url: string): AsyncGenerator<TruthMessage> {
  yield* readLines<TruthMessage>(`${url}/_emulator/truth`);
}

/** What there is to archive beside messages. */
export async function readStreamTruth(url: string): Promise<StreamTruth> {
  const truth = `${url}/_emulator/truth`;
  return {
    changes: await all(readLines(`${truth}/membership-changes`)),
    files: await all(readLines(`${truth}/files`)),
    forwarded: await all(readLines(`${truth}/forwarded`)),
    matters: await readJson(`${truth}/matters`),
    holdFiles: await all(readLines(`${truth}/hold-files`)),
    context: await readJson(`${truth}/context`),
  };
}

async function all<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const line of lines) list.push(line);
  return list;
}

async function* readLines<T>(address: string): AsyncGenerator<T> {
  const { body } = await fetch(address);
  if (body === null) throw new Error('the emulator sent no truth');
  const input = Readable.fromWeb(body as ReadableStream<Uint8Array>);
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield JSON.parse(line) as T;
  }
}

/** Answers to report requests so far. */
export function requestsOf(stats: Stats): number {
  return Object.entries(stats.requests)
    .filter(([name]) => !name.startsWith('token '))
    .reduce((sum, [, count]) => sum + count, 0);
}

async function readJson<T>(address: string): Promise<T> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  return (await response.json()) as T;
}
