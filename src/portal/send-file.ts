/** Bytes of a file on disk as an answer, whole or a part of it. */
import { open } from 'node:fs/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Half-open, in bytes. */
interface Part {
  readonly from: number;
  readonly to: number;
}

/**
 * Answers with a file, or with the part that the request asks for. The caller set its headers.
 * @param whenSent called once, when nothing of it is read any more
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  whenSent: () => void = () => undefined,
): Promise<FastifyReply> {
  reply.raw.once('close', whenSent);
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const part = partOf(request.headers.range, size);
    reply.header('accept-ranges', 'bytes');
    if (part === 'unsatisfiable') {
      await file.close();
      return await reply.code(416).header('content-range', `bytes */${size}`).send();
    }
    if (part !== undefined)
      reply.code(206).header('content-range', `bytes ${part.from}-${part.to - 1}/${size}`);
    const { from, to } = part ?? { from: 0, to: size };
    reply.header('content-length', to - from);
    // A stream of nothing would read to the end of the file.
    if (request.method === 'HEAD' || to === from) {
      await file.close();
      return await reply.send();
    }
    return await reply.send(file.createReadStream({ start: from, end: to - 1 }));
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

/** Of RFC 9110's ranges one at a time; of several, and of what is no range, all is sent, which the RFC allows. */
export function partOf(range: string | undefined, size: number): Part | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    const from = Math.max(0, size - Number(last));
    return from < size ? { from, to: size } : 'unsatisfiable';
  }
  const from = Number(first);
  const to = last === '' ? size : Math.min(size, Number(last) + 1);
  if (last !== '' && Number(last) < from) return undefined;
  return from < size ? { from, to } : 'unsatisfiable';
}
