/** The access log that tests write to, by its key. */
import {
  type AccessLog,
  type AccessLogOptions,
  beginAccessLog,
  createAccessLog,
} from '../../src/access/log.ts';
import { parseSignerKey } from '../../src/proof/key.ts';
import { type Access, type Reader, WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import type { Period } from '../../src/retention/period.ts';
import type { Sink } from '../../src/sinks/sink.ts';

/** A key of tests alone: PRIVATE+KEY of a log named `archive.example.com/test/access`. */
export const ACCESS_KEY =
  'PRIVATE+KEY+archive.example.com/test/access+5c804945+AQtSwuz3jDy6HJaLSi/Vyb62prKjQ95H5nbR668sd9DP';
/** Its public half. */
export const ACCESS_PUBLIC_KEY =
  'archive.example.com/test/access+5c804945+AfDR/8mpb4oK4Xv4qTS/s7MEDpx7g0cRS/co4eFohwe9';
/** Name of the archive's own log. */
export const ARCHIVE = 'archive.example.com/test';

export const NOW = Date.now();

export const READER: Reader = { name: 'jane@example.com', role: 'officer', scope: WHOLE_ARCHIVE };

export function options(sink: Sink): AccessLogOptions {
  return { sink, signer: parseSignerKey(ACCESS_KEY), archive: ARCHIVE, now: () => NOW };
}

export async function begin(sink: Sink): Promise<{ readonly created: boolean }> {
  return beginAccessLog({ ...options(sink), lock: { mode: 'governance', keep: '1y' as Period } });
}

export async function open(sink: Sink): Promise<AccessLog> {
  return createAccessLog(options(sink));
}

export function asking(question: string): Access {
  return { action: 'search', input: { text: question } };
}

/** `from` to before `to`, as texts. */
export function numbers(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, place) => String(from + place));
}
