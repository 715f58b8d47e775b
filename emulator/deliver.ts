import type { OutgoingHttpHeaders } from 'node:http';
import type { FastifyReply } from 'fastify';
import type { Fault } from './faults.ts';
import type { Answer } from './refusal.ts';

const SIGN_IN_PAGE =
  '<!DOCTYPE html><html><head><title>Sign In | Zoom</title></head><body>Sign in</body></html>';
const SLOW_PIECES = 20;

/**
 * Sends an answer, spoilt by the fault if it is one of those that spoil answers.
 * @returns what the statistics call the outcome: the status, or `reset`.
 */
export function deliver(reply: FastifyReply, answer: Answer, fault: Fault | undefined): string {
  switch (fault?.kind) {
    case 'reset':
      resetConnection(reply, answer, fault.when ?? 'before');
      return 'reset';
    case 'slow-body':
      trickle(reply, answer, fault.ms ?? 2_000);
      return String(answer.status);
    case 'truncated-json':
      send(reply, { ...answer, body: firstHalf(answer.body) });
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

function send(reply: FastifyReply, answer: Answer): void {
  reply.code(answer.status).headers({ 'content-type': 'application/json;charset=utf-8', ...answer.headers });
  reply.send(answer.body);
}

/** Cuts between characters, so that it is the JSON that is broken and not the UTF-8. */
function firstHalf(body: Buffer): Buffer {
  let cut = Math.floor(body.length / 2);
  while (((body[cut] ?? 0) & 0xc0) === 0x80) cut -= 1;
  return body.subarray(0, cut);
}

function startRaw(reply: FastifyReply, answer: Answer): void {
  reply.hijack();
  reply.raw.writeHead(answer.status, {
    // The hijacked answer would lack what hooks have set: tracking id and date.
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'application/json;charset=utf-8',
    'content-length': answer.body.length,
    ...answer.headers,
  });
}

function resetConnection(reply: FastifyReply, answer: Answer, when: 'before' | 'mid-body'): void {
  const { socket } = reply.raw;
  if (when === 'before') {
    reply.hijack();
    socket?.resetAndDestroy();
    return;
  }
  startRaw(reply, answer);
  // A closed connection and not a reset one: a reset could overtake the half that was written.
  reply.raw.write(firstHalf(answer.body), () => socket?.destroy());
}

function trickle(reply: FastifyReply, answer: Answer, ms: number): void {
  startRaw(reply, answer);
  const { body } = answer;
  const size = Math.max(Math.ceil(body.length / SLOW_PIECES), 1);
  let sent = 0;
  const timer = setInterval(() => {
    reply.raw.write(body.subarray(sent, sent + size));
    sent += size;
    if (sent < body.length) return;
    clearInterval(timer);
    reply.raw.end();
  }, ms / SLOW_PIECES);
  reply.raw.on('close', () => clearInterval(timer));
}
