import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Digest } from '../digest.ts';
import { ArchiverError } from '../errors.ts';
import type { Body, PutRequest } from './sink.ts';

const CHUNK_BYTES = 1 << 20;

/** A fresh stream over the body; every call starts at its first byte. */
export function bodyStream(body: Body): Readable {
  if (!(body instanceof Uint8Array)) {
    const { path, from = 0, length } = body;
    const end = length === undefined ? {} : { end: from + length - 1 };
    return createReadStream(path, { highWaterMark: CHUNK_BYTES, start: from, ...end });
  }
  return Readable.from(slices(body), { objectMode: false });
}

function* slices(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}

/** The body piece by piece; a body that cannot be read fails with `internal`, not as a fault of the sink. */
export async function* bodyChunks(body: Body): AsyncGenerator<Uint8Array> {
  try {
    yield* bodyStream(body) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new ArchiverError('internal', 'body cannot be read', { cause: error });
  }
}

/** Fails with `internal` when the body is not what the request says it is: nobody may store it as that. */
export function requireStated(request: PutRequest, actual: Digest): void {
  if (actual.size === request.size && actual.sha256 === request.sha256) return;
  throw new ArchiverError('internal', 'body is not the stated bytes', {
    detail: `${request.key}: stated ${request.size} bytes ${request.sha256}, found ${actual.size} bytes ${actual.sha256}`,
  });
}

/** The error of an aborted call. What it did already stays, and the same call again goes on from there. */
export function interrupted(key: string): ArchiverError {
  return new ArchiverError('interrupted', 'a call to the sink was interrupted', { detail: key });
}
