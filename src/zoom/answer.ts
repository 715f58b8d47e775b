/** An answer of Zoom: its head, and its body as a text or as it comes. */
import type { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import type { Refused } from './refusal.ts';

export interface Reply<T> {
  readonly body: T;
  /** Our own id of the request, kept as provenance. */
  readonly requestId: string;
  /** Zoom's `x-zm-trackingid`; its support asks for it. Empty when missing. */
  readonly trackingId: string;
  /** Milliseconds since the epoch at which the answer was complete. */
  readonly observedAt: number;
  /** Seconds from the request to the last byte, and seconds spent reading and checking the JSON. */
  readonly fetchSeconds: number;
  readonly parseSeconds: number;
}

/** A body on its way. */
export interface StreamedReply {
  readonly requestId: string;
  readonly trackingId: string;
  /** Empty when missing. */
  readonly contentType: string;
  /** What `Content-Length` says, bytes; undefined when it does not. */
  readonly length: number | undefined;
  /** Once; fails with `zoom-unreachable` when it breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A body that was read whole. */
export interface RawReply {
  readonly status: number;
  readonly headers: Exchange['headers'];
  readonly text: string;
  readonly ofZoom: boolean;
  readonly requestId: string;
  /** Moments on the monotonic clock, ms. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

/**
 * The answer as Zoom's own JSON, once `schema` has accepted it; else `zoom-response`.
 * @param observedAt milliseconds since the epoch
 */
export function checkedReply<T>(
  endpoint: string,
  raw: RawReply,
  json: unknown,
  schema: z.ZodType<T>,
  observedAt: number,
): Reply<T> {
  const parsed = schema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 5)
      .map((issue) => `${issue.path.map(String).join('.') || 'body'}: ${issue.message}`);
    throw new ArchiverError('zoom-response', 'answer has an unknown form', {
      detail: `${endpoint}, tracking id ${trackingId(raw)}: ${problems.join('; ')}`,
    });
  }
  return {
    // The schema accepted it and only adds knowledge about types: the JSON itself is the evidence.
    body: json as T,
    requestId: raw.requestId,
    trackingId: trackingId(raw),
    observedAt,
    fetchSeconds: (raw.receivedAt - raw.sentAt) / 1000,
    parseSeconds: (performance.now() - raw.receivedAt) / 1000,
  };
}

/** Reads the body to its end. Network errors pass through. */
export async function readAnswer(answer: Exchange): Promise<RawReply> {
  const { body, ...rest } = answer;
  return { ...rest, text: await body.text(), receivedAt: performance.now() };
}

/** Hands the body to `take`; what it leaves unread is dropped. */
export async function takeBody<T>(
  answer: Exchange,
  endpoint: string,
  take: (reply: StreamedReply) => Promise<T>,
): Promise<T> {
  const { body, headers, requestId } = answer;
  const header = (name: string): string => {
    const value = headers[name];
    return typeof value === 'string' ? value : '';
  };
  async function* pieces(): AsyncGenerator<Uint8Array> {
    try {
      for await (const piece of body) yield piece as Uint8Array;
    } catch (cause) {
      throw unreachable(endpoint, cause);
    }
  }
  try {
    return await take({
      contentType: header('content-type'),
      length: /^\d+$/.test(header('content-length')) ? Number(header('content-length')) : undefined,
      body: pieces(),
      requestId,
      trackingId: header('x-zm-trackingid'),
    });
  } finally {
    // Whoever stops reading early must not keep the connection.
    body.on('error', () => undefined).destroy();
  }
}

/** A failure of the network as an error of ours. */
export function unreachable(endpoint: string, cause: unknown): ArchiverError {
  return new ArchiverError('zoom-unreachable', 'Zoom did not answer', {
    cause,
    detail: `${endpoint}: ${cause instanceof Error ? cause.message : String(cause)}`,
  });
}

/** What {@link Refused} needs to know of an answer. */
export function refused(endpoint: string, raw: RawReply, json: unknown): Refused {
  return { endpoint, status: raw.status, trackingId: trackingId(raw), json };
}

/** Zoom's id of the answer; empty when missing. */
export function trackingId(raw: RawReply): string {
  const id = raw.headers['x-zm-trackingid'];
  return typeof id === 'string' ? id : '';
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
