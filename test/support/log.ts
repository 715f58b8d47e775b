/**
 * Reads the log of an archive as an auditor without our program would: the rules of RFC 6962 and C2SP word for word,
 * nothing of `src`.
 */
import { createPublicKey, hash, verify } from 'node:crypto';
import type { Sink } from '../../src/sinks/sink.ts';

/** A key of tests alone: PRIVATE+KEY of a log named `archive.example.com/test`. */
export const SIGNING_KEY =
  'PRIVATE+KEY+archive.example.com/test+4b3aa6d8+AU30xx4kl7I0d18vOCNbD73YavngbeiazzowUCvMA0CY';
/** Its public half. */
export const PUBLIC_KEY = 'archive.example.com/test+4b3aa6d8+AQQqPax7OOw5VPwt1M4QMefk9eF9Jl0D9cL9RSgZeU34';

export interface ReadLog {
  readonly origin: string;
  // biome-ignore lint/suspicious/noExplicitAny: entries of several types
  readonly entries: readonly any[];
}

const TILE = 256;

/** The published log, whole. Throws where checkpoint, bundles and tiles do not agree. @param key its public half */
export async function readLog(sink: Sink, folder = 'log', key = PUBLIC_KEY): Promise<ReadLog> {
  const current = await sink.current(`${folder}/checkpoint`);
  if (current === null) throw new Error('there is no checkpoint');
  const note = current.bytes.toString();
  const [origin = '', size = '', root = ''] = note.split('\n');
  checkSignature(note, key);
  const entries: Buffer[] = [];
  for (let number = 0; entries.length < Number(size); number += 1) {
    const width = Math.min(TILE, Number(size) - entries.length);
    const bundle = await bytesAt(sink, `${folder}/tile/entries/${place(number, width)}`);
    for (let at = 0; at < bundle.length; ) {
      const end = at + 2 + bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, end));
      at = end;
    }
  }
  if (entries.length !== Number(size)) throw new Error(`${entries.length} entries, checkpoint ${size}`);
  let level: readonly Buffer[] = entries.map((entry) =>
    hash('sha256', Buffer.concat([Buffer.of(0), entry]), 'buffer'),
  );
  if (rootOf(level).toString('base64') !== root) throw new Error('the root is not that of the entries');
  for (let at = 0; level.length > 0; at += 1) {
    for (let number = 0; number * TILE < level.length; number += 1) {
      const hashes = level.slice(number * TILE, (number + 1) * TILE);
      const tile = await bytesAt(sink, `${folder}/tile/${at}/${place(number, hashes.length)}`);
      if (!tile.equals(Buffer.concat(hashes))) throw new Error(`tile ${at}/${number} has other hashes`);
    }
    const full = Array.from({ length: Math.floor(level.length / TILE) }, (_, index) => index);
    level = full.map((index) => rootOf(level.slice(index * TILE, (index + 1) * TILE)));
  }
  return { origin, entries: entries.map((entry) => JSON.parse(entry.toString())) };
}

/** `x001/x234/067`, and `.p/<W>` behind it where it is not full. */
function place(number: number, width: number): string {
  const digits = String(number).padStart(Math.ceil(String(number).length / 3) * 3, '0');
  const groups = digits.match(/.../g) ?? [];
  const path = groups.map((group, index) => (index < groups.length - 1 ? `x${group}` : group)).join('/');
  return width === TILE ? path : `${path}.p/${width}`;
}

async function bytesAt(sink: Sink, key: string): Promise<Buffer> {
  const current = await sink.current(key);
  if (current === null) throw new Error(`${key} is missing`);
  return current.bytes;
}

function rootOf(hashes: readonly Buffer[]): Buffer {
  const [only] = hashes;
  if (only === undefined) return hash('sha256', '', 'buffer');
  if (hashes.length === 1) return only;
  let split = 1;
  while (split * 2 < hashes.length) split *= 2;
  const halves = [rootOf(hashes.slice(0, split)), rootOf(hashes.slice(split))];
  return hash('sha256', Buffer.concat([Buffer.of(1), ...halves]), 'buffer');
}

function checkSignature(note: string, verifier: string): void {
  const end = note.indexOf('\n\n');
  const text = note.slice(0, end + 1);
  const signature = Buffer.from(
    note
      .slice(end + 2)
      .trimEnd()
      .split(' ')
      .at(-1) ?? '',
    'base64',
  ).subarray(4);
  const key = Buffer.from(verifier.split('+')[2] ?? '', 'base64').subarray(1);
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key]);
  const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  if (!verify(null, Buffer.from(text), publicKey, signature)) throw new Error('the signature does not hold');
}
