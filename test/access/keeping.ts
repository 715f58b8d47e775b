/** Access logs in every kind of sink, as the tests open and check them. */
import { expect, onTestFinished } from 'vitest';
import { type AccessVerification, verifyAccessLog } from '../../src/access/verify.ts';
import { parseNoteKey } from '../../src/proof/key.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { DIRECTORY, type FaultySink, type SinkKind } from '../segments/sealing.ts';
import { readLog } from '../support/log.ts';
import { type S3FakeOptions, startS3Fake } from '../support/s3-fake.ts';
import { brokenRules, CEPH_RGW_16, PREFIX, s3SinkOn } from '../support/s3-sink.ts';
import { ACCESS_PUBLIC_KEY, ARCHIVE } from './opening.ts';

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
