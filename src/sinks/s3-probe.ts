/** What a bucket lets happen to objects under lock: tried on canaries, judged by what can be read afterwards. */
import { randomUUID } from 'node:crypto';
import { GetObjectLockConfigurationCommand } from '@aws-sdk/client-s3';
import { isAtLeast } from './lock.ts';
import { checksOf, type Finding, finding, type ProbeCheck, type Verdict } from './probe.ts';
import {
  type Attempt,
  type Cage,
  deleteCanary,
  flag,
  lookAt,
  putCanary,
  retain,
  sha256Of,
  sweepCanaries,
  uploadCanary,
} from './s3-canary.ts';
import type { ObjectLock } from './sink.ts';

/** The second is for a store whose clock is ahead of ours: it takes a date that has passed there for an error. */
const LOCKS_MS = [60_000, 1_200_000];
const EXTENSION_MS = 30_000;
/** A store cuts the times that it tells to seconds. */
const SECOND_MS = 1000;

const CANARY = 'canary';

/** A canary under lock, and the time of the store since it was put. */
interface Caged {
  readonly version: string;
  readonly bytes: Buffer;
  /** The lock that was asked for. */
  readonly asked: ObjectLock;
  readonly headers: 'kept' | 'broken';
  /** Milliseconds since the epoch by the clock of the store, at most a second ahead of it. */
  readonly storeNow: () => number;
}

/**
 * Puts a canary under a lock of a minute, tries to overwrite it, to shorten and weaken its lock and to delete it, and
 * looks after each attempt whether it is still there with bytes and lock; and one under a legal hold, which it tries to
 * delete and lifts again. What it leaves is deleted by a later probe.
 *
 * @throws ArchiverError `sink-unreachable`, `sink-denied`, `interrupted`. A refusal of an attempt is a finding.
 */
export async function probeBucket(
  bucket: Omit<Cage, 'probe'>,
  mode: ObjectLock['mode'],
): Promise<readonly Finding[]> {
  const cage = { ...bucket, probe: randomUUID() };
  const caged = await cageCanary(cage, mode);
  const verdicts = new Map<ProbeCheck, Verdict>();
  if ('refused' in caged) {
    const unknown = `no canary can be put here: ${caged.refused}`;
    for (const check of checksOf(mode)) verdicts.set(check, { unknown });
  } else {
    verdicts.set('lock-headers', caged.headers);
    for (const [check, verdict] of await tryOverwrites(cage, caged)) verdicts.set(check, verdict);
    for (const [check, verdict] of await tryLesserLocks(cage, caged)) verdicts.set(check, verdict);
    verdicts.set('checksum', await tryChecksum(cage, caged.asked));
    verdicts.set('signed-hash', await trySignedHash(cage, caged.asked));
    const byDefault = await defaultRetention(cage);
    verdicts.set('multipart-lock', await tryMultipart(cage, caged.asked, byDefault));
    const mayDelete = await deletesUnlocked(cage, caged.storeNow, byDefault);
    for (const [check, verdict] of await tryHold(cage, caged.storeNow, byDefault, mayDelete)) {
      verdicts.set(check, verdict);
    }
    verdicts.set('version-delete', await tryDelete(cage, caged, mayDelete));
  }
  return checksOf(mode).map((check) => finding(check, verdicts.get(check) ?? { unknown: 'not tried' }));
}

async function cageCanary(
  cage: Cage,
  mode: ObjectLock['mode'],
): Promise<Caged | { readonly refused: string }> {
  const bytes = bytesOf(cage, 'first');
  let refused = '';
  for (const ms of LOCKS_MS) {
    const asked = { mode, retainUntil: wholeSeconds(Date.now() + ms) };
    const begun = performance.now();
    const put = await putCanary(cage, CANARY, { bytes, lock: asked });
    if (!put.done) {
      refused = `${put.code}, HTTP ${put.status}`;
      continue;
    }
    const seen = await lookAt(cage, CANARY, put.answer);
    const headers = isAtLeast(seen?.lock ?? null, asked) ? 'kept' : 'broken';
    if (headers === 'broken') await retain(cage, CANARY, put.answer, asked);
    const modified = seen?.modified.getTime() ?? Date.now();
    const storeNow = (): number => modified + SECOND_MS + (performance.now() - begun);
    return { version: put.answer, bytes, asked, headers, storeNow };
  }
  return { refused };
}

/** Where something stands at its key already: a put that may only create, and one that may do anything. */
async function tryOverwrites(cage: Cage, caged: Caged): Promise<[ProbeCheck, Verdict][]> {
  const lock = caged.asked;
  const second = { bytes: bytesOf(cage, 'second'), lock, condition: 'create-only' } as const;
  const creation = await putCanary(cage, CANARY, second);
  await putCanary(cage, CANARY, { bytes: bytesOf(cage, 'third'), lock });
  // A refusal of the second put counts as well: the first one was allowed, so it is for what stands there.
  const survived = await isIntact(cage, caged);
  return [
    ['if-none-match', creationVerdict(creation)],
    ['overwrite', survived ? 'kept' : 'broken'],
  ];
}

function creationVerdict(creation: Attempt<string>): Verdict {
  if (creation.done) return 'broken';
  if (creation.status === 412 || creation.status === 409) return 'kept';
  return { unknown: `the put was refused for another reason: ${creation.code}, HTTP ${creation.status}` };
}

/** A refusal says something only where the same credentials may change a lock: the lock is made longer first. */
async function tryLesserLocks(cage: Cage, caged: Caged): Promise<[ProbeCheck, Verdict][]> {
  const { version, asked, storeNow } = caged;
  const longer = { ...asked, retainUntil: new Date(asked.retainUntil.getTime() + EXTENSION_MS) };
  const extension = await retain(cage, CANARY, version, longer);
  const held = (await lookAt(cage, CANARY, version))?.lock ?? null;
  const allowed = extension.done && isAtLeast(held, longer);
  const end = (held ?? asked).retainUntil.getTime();
  const lesser: [ProbeCheck, ObjectLock][] = [
    ['lock-shortening', { ...asked, retainUntil: wholeSeconds((storeNow() + end) / 2) }],
  ];
  if (asked.mode === 'compliance') {
    lesser.push(['lock-weakening', { mode: 'governance', retainUntil: new Date(end) }]);
  }
  const verdicts: [ProbeCheck, Verdict][] = [];
  for (const [check, lock] of lesser) {
    const before = (await lookAt(cage, CANARY, version))?.lock ?? null;
    const answer = await retain(cage, CANARY, version, lock);
    const over = storeNow() >= end;
    const after = (await lookAt(cage, CANARY, version))?.lock ?? null;
    const holds = before !== null && isAtLeast(after, before);
    verdicts.push([check, over ? TOO_SLOW : lockVerdict(holds, allowed || answer.done)]);
  }
  return verdicts;
}

function lockVerdict(holds: boolean, allowed: boolean): Verdict {
  if (!holds) return 'broken';
  if (allowed) return 'kept';
  return { unknown: 'the credentials may not change a lock, so its protection was not put to the test' };
}

const TOO_SLOW: Verdict = { unknown: 'the store was so slow that the lock of the canary was over' };

async function tryChecksum(cage: Cage, lock: ObjectLock): Promise<Verdict> {
  const bytes = bytesOf(cage, 'checksum');
  const checksum = sha256Of(bytesOf(cage, 'other'));
  return bodyVerdict(await putCanary(cage, 'checksum', { bytes, lock, checksum }));
}

async function trySignedHash(cage: Cage, lock: ObjectLock): Promise<Verdict> {
  const bytes = bytesOf(cage, 'signed');
  const signedHash = sha256Of(bytesOf(cage, 'other'));
  return bodyVerdict(await putCanary(cage, 'signed-hash', { bytes, lock, signedHash }));
}

function bodyVerdict(put: Attempt<string>): Verdict {
  if (put.done) return 'broken';
  if (put.code === 'AccessDenied') return { unknown: 'the credentials may not put this' };
  return 'kept';
}

/** An object that asks for no lock may get one all the same, of months or years. */
async function defaultRetention({ client, bucket: Bucket, retrying }: Cage): Promise<'none' | 'some'> {
  const { ObjectLockConfiguration } = await retrying(() =>
    client.send(new GetObjectLockConfigurationCommand({ Bucket })),
  );
  return ObjectLockConfiguration?.Rule?.DefaultRetention === undefined ? 'none' : 'some';
}

async function tryMultipart(cage: Cage, lock: ObjectLock, byDefault: 'none' | 'some'): Promise<Verdict> {
  if (byDefault === 'some') {
    return { unknown: 'not tried: the canary could get the default retention of the bucket' };
  }
  const upload = await uploadCanary(cage, 'multipart', bytesOf(cage, 'multipart'), lock);
  if (!upload.done) return { unknown: `the upload was refused: ${upload.code}, HTTP ${upload.status}` };
  const seen = await lookAt(cage, 'multipart');
  return isAtLeast(seen?.lock ?? null, lock) ? 'kept' : 'broken';
}

/** Whether these credentials may delete a canary that no lock holds, or no longer. */
async function deletesUnlocked(
  cage: Cage,
  storeNow: () => number,
  byDefault: 'none' | 'some',
): Promise<boolean> {
  const put = await putUnlocked(cage, 'control', storeNow, byDefault);
  if (!put.done) return false;
  await deleteCanary(cage, 'control', put.answer);
  return (await lookAt(cage, 'control', put.answer)) === null;
}

/** Puts a canary that no lock holds; where every object gets one, a lock of a second, which is over then. */
async function putUnlocked(
  cage: Cage,
  name: string,
  storeNow: () => number,
  byDefault: 'none' | 'some',
): Promise<Attempt<string>> {
  const retainUntil = wholeSeconds(storeNow() + SECOND_MS);
  const lock = byDefault === 'some' ? ({ mode: 'governance', retainUntil } as const) : null;
  const put = await putCanary(cage, name, { bytes: bytesOf(cage, name), lock });
  if (put.done && lock !== null) await cage.wait(retainUntil.getTime() - (storeNow() - SECOND_MS));
  return put;
}

/** Without a lock, so that it is the hold that has to keep the canary. The sweep deletes it once the hold is lifted. */
async function tryHold(
  cage: Cage,
  storeNow: () => number,
  byDefault: 'none' | 'some',
  mayDelete: boolean,
): Promise<[ProbeCheck, Verdict][]> {
  const put = await putUnlocked(cage, 'held', storeNow, byDefault);
  const placed = put.done ? await flag(cage, 'held', put.answer, 'ON') : put;
  if (!put.done || !placed.done || placed.answer === 'OFF') {
    return [
      ['legal-hold', flagVerdict(placed, 'ON')],
      ['held-delete', { unknown: `no canary can be held here: ${refusalOf(placed)}` }],
    ];
  }
  await deleteCanary(cage, 'held', put.answer);
  const survived = (await lookAt(cage, 'held', put.answer)) !== null;
  const lifted = survived ? await flag(cage, 'held', put.answer, 'OFF') : null;
  return [
    ['held-delete', survived ? (mayDelete ? 'kept' : NOT_TESTED) : 'broken'],
    ['legal-hold', lifted === null ? { unknown: 'the held canary was deleted' } : flagVerdict(lifted, 'OFF')],
  ];
}

function flagVerdict(set: Attempt<'ON' | 'OFF'>, asked: 'ON' | 'OFF'): Verdict {
  if (set.done) return set.answer === asked ? 'kept' : 'broken';
  if (set.code === 'AccessDenied') return { unknown: 'the credentials may not set or see a legal hold' };
  return 'broken';
}

function refusalOf(attempt: Attempt<unknown>): string {
  return attempt.done ? 'the store forgot the hold' : `${attempt.code}, HTTP ${attempt.status}`;
}

/**
 * Last, for it may end the canary. `AccessDenied` is what a lock answers, and what credentials without the right are
 * answered too: it speaks for the lock only where the same credentials deleted a canary that no lock held.
 */
async function tryDelete(cage: Cage, caged: Caged, mayDelete: boolean): Promise<Verdict> {
  const { version, asked, storeNow } = caged;
  const end = (await lookAt(cage, CANARY, version))?.lock?.retainUntil ?? asked.retainUntil;
  const answer = await deleteCanary(cage, CANARY, version);
  const over = storeNow() >= end.getTime();
  const survived = await isIntact(cage, caged);
  const swept = await sweepCanaries(cage, storeNow());
  if (!survived) return over ? TOO_SLOW : 'broken';
  if (mayDelete || swept > 0 || answer.done) return 'kept';
  return NOT_TESTED;
}

const NOT_TESTED: Verdict = {
  unknown: 'the credentials may delete nothing, so what protects from deletion was not put to the test',
};

async function isIntact(cage: Cage, { version, bytes }: Caged): Promise<boolean> {
  const seen = await lookAt(cage, CANARY, version);
  return seen?.bytes.equals(bytes) === true;
}

/** Unlike those of every other probe, so that nothing of an earlier one is taken for this one's. */
function bytesOf({ probe }: Cage, name: string): Buffer {
  return Buffer.from(`canary of probe ${probe}: ${name}\n`);
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.ceil(ms / SECOND_MS) * SECOND_MS);
}
