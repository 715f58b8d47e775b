import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import { type ByteStream, pump, type StreamAnswer, shortened, streamOf } from './byte-stream.ts';
import type { Fault } from './faults.ts';
import type { Answer } from './refusal.ts';

/** What Zoom shows instead of an answer to those whom it takes for a browser. */
export const SIGN_IN_PAGE =
  '<!DOCTYPE html><html><head><title>Sign In | Zoom</title></head><body>Sign in</body></html>';

/**
 * Sends an answer, spoilt by the fault if it is one of those that spoil answers.
 * @returns what the statistics call the outcome: the status, or `reset`.
 */
export function deliver(
  reply: FastifyReply,
  answer: Answer | StreamAnswer,
  fault: Fault | undefined,
): string {
  switch (fault?.kind) {
    case 'reset':
      resetConnection(reply, answer, fault.when ?? 'before');
      return 'reset';
    case 'slow-body':
      void pump(reply, startRaw(reply, answer), fault.ms ?? 2_000);
      return String(answer.status);
    case 'truncated-json':
      send(reply, halfOf(answer));
      return String(answer.status);
    case 'html': {
      const headers = { ...answer.headers, 'content-type': 'text/html;charset=utf-8' };
      send(reply, { status: 200, headers, body: Buffer.from(SIGN_IN_PAGE) });
      return '200';
    }
    case 'missing-rate-headers': {
      const kept = Object.entries(answer.headers).filter(([name]) => !name.startsWith('x-ratelimit-'));
      send(reply, { ...answer, headers: Object.fromEntries(kept) });
      return String(answer.status);
    }
    default:
      send(reply, answer);
      return String(answer.status);
  }
}

function send(reply: FastifyReply, answer: Answer | StreamAnswer): void {
  if ('stream' in answer) {
    void pump(reply, startRaw(reply, answer));
    return;
  }
  reply.code(answer.status).headers({ 'content-type': 'application/json;charset=utf-8', ...answer.headers });
  reply.send(answer.body);
}

function halfOf(answer: Answer | StreamAnswer): Answer | StreamAnswer {
  if (!('stream' in answer)) return { ...answer, body: firstHalf(answer.body) };
  return { ...answer, stream: shortened(answer.stream, Math.floor(answer.stream.length / 2)) };
}

/** Cuts between characters, so that it is the JSON that is broken and not the UTF-8. */
function firstHalf(body: Buffer): Buffer {
  let cut = Math.floor(body.length / 2);
  while (((body[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return body.subarray(0, cut);
}

function startRaw(reply: FastifyReply, answer: Answer | StreamAnswer): ByteStream {
  const stream = 'stream' in answer ? answer.stream : streamOf(answer.body);
  reply.hijack();
  reply.raw.writeHead(answer.status, {
    // The hijacked answer would lack what hooks have set: tracking id and date.
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'application/json;charset=utf-8',
    'content-length': stream.length,
    ...answer.headers,
  });
  return stream;
}

function resetConnection(
  reply: FastifyReply,
  answer: Answer | StreamAnswer,
  when: 'before' | 'mid-body',
): void {
  if (when === 'before') {
    reply.hijack();
    reply.raw.socket?.resetAndDestroy();
    return;
  }
  const stream = startRaw(reply, answer);
  void pump(reply, { ...stream, cutAt: Math.floor(stream.length / 2) });
}
