/** Bodies that are too large to hold: made piece by piece while they are sent. */
import { setTimeout } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';

export interface ByteStream {
  /** What `Content-Length` says, in bytes. */
  readonly length: number;
  /** The pieces anew, together `length` bytes. */
  pieces(): Iterable<Buffer>;
  /** The connection closes after so many bytes; undefined sends all. */
  readonly cutAt?: number | undefined;
}

/** An answer whose body is made while it is sent. */
export interface StreamAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly stream: ByteStream;
}

/** A body that is held in memory already. */
export function streamOf(body: Buffer): ByteStream {
  return { length: body.length, pieces: () => [body] };
}

/** The first `length` bytes as a body of their own, complete as far as HTTP can tell. */
export function shortened(stream: ByteStream, length: number): ByteStream {
  function* pieces(): Generator<Buffer> {
    let left = length;
    for (const piece of stream.pieces()) {
      yield piece.subarray(0, left);
      left -= piece.length;
      if (left <= 0) return;
    }
  }
  return { length, pieces };
}

const PAUSES = 20;

/**
 * Writes the body to an answer whose head was written, no faster than the client reads it.
 * @param slowMs spreads the body over so many milliseconds of real time.
 */
export async function pump(reply: FastifyReply, stream: ByteStream, slowMs = 0): Promise<void> {
  const { raw } = reply;
  const portion = Math.max(slowMs === 0 ? stream.length : Math.ceil(stream.length / PAUSES), 1);
  const body = stream.cutAt === undefined ? stream : shortened(stream, stream.cutAt);
  let sent = 0;
  for (const piece of body.pieces()) {
    for (let at = 0; at < piece.length; at += portion) {
      const part = piece.subarray(at, at + portion);
      if (!raw.write(part)) await drained(reply);
      const pauses = Math.floor((sent + part.length) / portion) - Math.floor(sent / portion);
      sent += part.length;
      if (slowMs > 0 && pauses > 0) await setTimeout((slowMs / PAUSES) * pauses);
      if (raw.destroyed) return;
    }
  }
  // A closed connection and not a reset one: a reset could overtake what was written.
  if (stream.cutAt === undefined) raw.end();
  else raw.write('', () => raw.socket?.destroy());
}

function drained({ raw }: FastifyReply): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      raw.off('drain', done);
      raw.off('close', done);
      resolve();
    };
    raw.on('drain', done);
    raw.on('close', done);
  });
}
