/** Access logs in every kind of sink, as the tests open and check them. */
import { expect, onTestFinished } from 'vitest';
import {
  type AccessLog,
  type AccessLogOptions,
  beginAccessLog,
  createAccessLog,
} from '../../src/access/log.ts';
import { type AccessVerification, verifyAccessLog } from '../../src/access/verify.ts';
import { parseNoteKey, parseSignerKey } from '../../src/proof/key.ts';
import { type Access, type Reader, WHOLE_ARCHIVE } from '../../src/query/reader.ts';
import type { Period } from '../../src/retention/period.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { DIRECTORY, type FaultySink, type SinkKind } from '../segments/sealing.ts';
import { readLog } from '../support/log.ts';
import { type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';

/** A key of tests alone: PRIVATE+KEY of a log named `archive.example.com/test/access`. */
export const ACCESS_KEY =
  'PRIVATE+KEY+archive.example.com/test/access+5c804945+AQtSwuz3jDy6HJaLSi/Vyb62prKjQ95H5nbR668sd9DP';
/** Its public half. */
export const ACCESS_PUBLIC_KEY =
  'archive.example.com/test/access+5c804945+AfDR/8mpb4oK4Xv4qTS/s7MEDpx7g0cRS/co4eFohwe9';
/** Name of the archive's own log. */
export const ARCHIVE = 'archive.example.com/test';

/** With as many tries as the program has: of two writers at once, the store refuses one for that alone. */
export const PLACES: readonly SinkKind[] = [
  DIRECTORY,
  { name: 'an S3 like AWS', open: () => openS3({}) },
  { name: 'an S3 like Ceph RGW 16', open: () => openS3(CEPH_RGW_16) },
];

async function openS3(rules: S3FakeOptions): Promise<FaultySink> {
  const fake = await startS3Fake({ ...rules, prefix: PREFIX, requireLock: true });
  const sink = s3SinkOn(fake);
  onTestFinished(async () => {
    await sink.close();
    await fake.close();
  });
  const none = (): void => undefined;
  return {
    sink,
    failNextPut: none,
    failNextLock: none,
    failNextHold: none,
    rubbish: async () => brokenRules(fake),
  };
}

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

/** What was asked by the log, in its order, as an auditor without our program reads it; the beginning left out. */
export async function questions(sink: Sink): Promise<readonly string[]> {
  const { origin, entries } = await readLog(sink, 'access', ACCESS_PUBLIC_KEY);
  expect(origin).toBe(`${ARCHIVE}/access`);
  const [first, ...deeds] = entries;
  expect(first).toMatchObject({ type: 'begin', archive: ARCHIVE, key: ACCESS_PUBLIC_KEY });
  return deeds.map(({ input }) => input.text);
}

export async function check(sink: Sink): Promise<AccessVerification> {
  return verifyAccessLog({
    sink,
    key: parseNoteKey(ACCESS_PUBLIC_KEY),
    archive: ARCHIVE,
    signal: new AbortController().signal,
  });
}

/** That everything holds, and stands below the head. */
export async function expectSound(sink: Sink): Promise<void> {
  expect(await check(sink)).toMatchObject({ findings: [], unpublished: 0 });
}

/** `from` to before `to`, as texts. */
export function numbers(from: number, to: number): readonly string[] {
  return Array.from({ length: to - from }, (_, place) => String(from + place));
}
