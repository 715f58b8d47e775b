/** Length and SHA-256 of bytes, wherever they come from. A leaf: sinks, sealing and verification all hash streams. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** Fewer, larger reads; a hash of 64 KiB pieces takes twice as long. */
const CHUNK_BYTES = 1 << 20;

/** What a run of bytes turned out to be. */
export interface Digest {
  /** Length in bytes. */
  readonly size: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** A part of a file. */
export interface Range {
  readonly from: number;
  /** Bytes. */
  readonly length: number;
}

/** Reads `bytes` to their end. Their errors pass through unchanged. */
export async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    size += chunk.length;
  }
  return { size, sha256: hash.digest('hex') };
}

/**
 * The bytes of a file, or of a part of it. Each piece counts until the next is asked for: all of them stand in one
 * buffer. Errors of the file system come with the bytes.
 */
export async function* fileBytes(path: string, range?: Range): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    let at = range?.from ?? 0;
    let left = range?.length ?? (await file.stat()).size;
    const buffer = Buffer.allocUnsafe(Math.min(left, CHUNK_BYTES));
    while (left > 0) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(left, buffer.length), at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
      left -= bytesRead;
    }
  } finally {
    await file.close();
  }
}
