/** Run as a process, which a test kills: puts objects for ever into the root given, and names each one done. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { createDirectorySink } from '../../src/sinks/directory.ts';
import type { PutRequest } from '../../src/sinks/sink.ts';

/** The one request that belongs to a key, so that writer and test agree on the bytes. */
export function writerRequest(key: string): PutRequest {
  const seed = createHash('sha256').update(key).digest();
  const body = Buffer.concat(Array.from({ length: 2000 + (seed[0] ?? 0) * 40 }, () => seed));
  return {
    key,
    body,
    size: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    lock: { mode: 'compliance', retainUntil: new Date('2040-01-01T00:00:00Z') },
    contentType: 'application/octet-stream',
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , root = '', round = ''] = process.argv;
  const sink = createDirectorySink({ root });
  for (let n = 0; ; n += 1) {
    const key = `round-${round}/day-${n % 5}/${n}`;
    await sink.put(writerRequest(key));
    process.stdout.write(`${key}\n`);
  }
}
