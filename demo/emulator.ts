/** The emulator's control interface, as far as the demo uses it. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Stats, TruthMessage, TruthSession } from '../emulator/server.ts';

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
  const { body } = await fetch(`${url}/_emulator/truth`);
  if (body === null) throw new Error('the emulator sent no truth');
  const input = Readable.fromWeb(body as ReadableStream<Uint8Array>);
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line !== '') yield JSON.parse(line) as TruthMessage;
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
