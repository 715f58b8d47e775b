import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { compareKeys } from '../../src/sinks/key.ts';
import { isAtLeast } from '../../src/sinks/lock.ts';
import type { PutResult } from '../../src/sinks/sink.ts';
import { bytesOf, KINDS, keysOf, lockFor, type Place, putOf } from './places.ts';

const ONE = Buffer.from('one');
const TWO = Buffer.from('two');
const KEY = 'segments/stream=messages/class=default/date=2026-01-02/ab.parquet';

/** A lock by mode and seconds: made in the test itself, because short locks made earlier may be over by then. */
type Lock = Parameters<typeof lockFor> | null;
const made = (lock: Lock) => (lock === null ? null : lockFor(...lock));

for (const kind of KINDS) {
  const title = kind.missing === null ? kind.name : `${kind.name} (${kind.missing})`;
  describe.skipIf(kind.missing !== null)(`the contract of a sink: ${title}`, () => {
    let started: Awaited<ReturnType<typeof kind.start>>;
    let place: Place;

    beforeAll(async () => {
      started = await kind.start();
    });
    afterAll(() => started.stop());
    beforeEach(async () => {
      place = await started.open();
    });
    afterEach(async () => {
      const rubbish = await place.rubbish();
      await place.close();
      expect(rubbish).toEqual([]);
    });

    test('keeps what it promises in check', async () => {
      for (const mode of ['none', 'governance', 'compliance'] as const) await place.sink.check(mode);
      expect(await keysOf(place.sink)).toEqual([]);
    });

    test('is probed without a trace in what it lists', async () => {
      await place.sink.put(putOf(KEY, ONE));
      const findings = await place.sink.probe('governance');
      const essential = findings.filter((finding) => finding.essential);
      expect(essential.map(({ check }) => check)).toEqual([
        'version-delete',
        'lock-shortening',
        'overwrite',
        'held-delete',
      ]);
      expect(new Set(essential.map(({ enforced }) => enforced))).toEqual(new Set([place.locks]));
      expect(await keysOf(place.sink)).toEqual([KEY]);
    });

    test('creates an object that head, read and list give back', async () => {
      const lock = lockFor('compliance', 5);
      const { outcome, object } = await place.sink.put(putOf(KEY, ONE, { lock }));
      expect(outcome).toBe('created');
      expect(object).toMatchObject({ key: KEY, size: 3, lock: { mode: 'compliance' } });
      expect(await place.sink.head(KEY)).toEqual(object);
      expect(await place.sink.head(KEY, object.version)).toEqual(object);
      expect(await bytesOf(await place.sink.read(KEY))).toEqual(ONE);
      expect(await bytesOf(await place.sink.read(KEY, object.version))).toEqual(ONE);
      const listed = [];
      for await (const each of place.sink.list('segments/')) listed.push(each);
      const { key, version } = object;
      expect(listed).toEqual([{ key, version, storedAt: expect.any(Date), hidden: false }]);
    });

    test('adopts identical bytes, under the version that stood there', async () => {
      const first = await place.sink.put(putOf(KEY, ONE));
      const again = await place.sink.put(putOf(KEY, ONE));
      expect(again).toEqual({ outcome: 'identical', object: first.object });
    });

    test.each([
      ['of the same size', TWO],
      ['of another size', Buffer.from('three')],
      ['of no size', Buffer.alloc(0)],
    ])('refuses other bytes %s and leaves the first alone', async (_, other) => {
      const { object } = await place.sink.put(putOf(KEY, ONE));
      await expect(place.sink.put(putOf(KEY, other))).rejects.toMatchObject({ code: 'sink-conflict' });
      expect(await bytesOf(await place.sink.read(KEY))).toEqual(ONE);
      expect(await place.sink.head(KEY)).toEqual(object);
    });

    test.each<[string, Lock]>([
      ['none', null],
      ['governance', ['governance', 5]],
      ['compliance', ['compliance', 5]],
    ])('reads back a lock no weaker than %s', async (_, asked) => {
      const lock = made(asked);
      const { object } = await place.sink.put(putOf(KEY, ONE, { lock }));
      expect(isAtLeast(object.lock, lock)).toBe(true);
      expect((await place.sink.head(KEY))?.lock).toEqual(object.lock);
      // A store that ignores the lock would pass a comparison with "at least" if it locked for ever.
      const excess = (object.lock?.retainUntil.getTime() ?? 0) - (lock?.retainUntil.getTime() ?? 0);
      expect(excess).toBeLessThanOrEqual(1000);
    });

    test.each<[string, Lock, Lock]>([
      ['none to a lock', null, ['compliance', 6]],
      ['to a later date', ['compliance', 5], ['compliance', 9]],
      ['to compliance', ['governance', 6], ['compliance', 6]],
      ['to compliance, keeping the later date', ['governance', 9], ['compliance', 6]],
    ])('raises the weaker lock of an adopted object: %s', async (_, before, after) => {
      const [weaker, asked] = [made(before), made(after)];
      await place.sink.put(putOf(KEY, ONE, { lock: weaker }));
      const { outcome, object } = await place.sink.put(putOf(KEY, ONE, { lock: asked }));
      expect(outcome).toBe('identical');
      expect(isAtLeast(object.lock, asked)).toBe(true);
      expect(object.lock?.retainUntil.getTime()).toBeGreaterThanOrEqual(weaker?.retainUntil.getTime() ?? 0);
      expect(await place.sink.head(KEY)).toEqual(object);
    });

    test.each<[string, Lock]>([
      ['none', null],
      ['an earlier date', ['compliance', 3]],
      ['governance', ['governance', 8]],
    ])('never lowers a lock: asked for %s', async (_, asked) => {
      const { object } = await place.sink.put(putOf(KEY, ONE, { lock: lockFor('compliance', 9) }));
      const again = await place.sink.put(putOf(KEY, ONE, { lock: made(asked) }));
      expect(again).toEqual({ outcome: 'identical', object });
      expect(await place.sink.head(KEY)).toEqual(object);
    });

    test.each([0, 1, (1 << 20) + 1, 20 << 20])(
      'stores %i bytes from memory and from a file',
      async (size) => {
        const folder = await mkdtemp(join(tmpdir(), 'body-'));
        const body = randomBytes(size);
        const path = join(folder, 'body');
        await writeFile(path, body);
        try {
          const fromMemory = await place.sink.put(putOf('objects/memory', body));
          const fromFile = await place.sink.put(putOf('objects/file', body, { body: { path } }));
          expect([fromMemory.object.size, fromFile.object.size]).toEqual([size, size]);
          expect((await bytesOf(await place.sink.read('objects/memory'))).equals(body)).toBe(true);
          expect((await bytesOf(await place.sink.read('objects/file'))).equals(body)).toBe(true);
          const again = await place.sink.put(putOf('objects/memory', body, { body: { path } }));
          expect(again.outcome).toBe('identical');
        } finally {
          await rm(folder, { recursive: true });
        }
      },
    );

    test.each([
      ['hash', { sha256: putOf(KEY, TWO).sha256 }],
      ['smaller size', { size: 2 }],
      ['larger size', { size: 4 }],
    ])('refuses a body that is not what is stated (%s), and shows nothing', async (_, lie) => {
      await expect(place.sink.put(putOf(KEY, ONE, lie))).rejects.toMatchObject({ code: 'internal' });
      expect(await place.sink.head(KEY)).toBeNull();
      expect(await keysOf(place.sink)).toEqual([]);
      expect((await place.sink.put(putOf(KEY, ONE))).outcome).toBe('created');
    });

    test('refuses a body that is not there as a fault of the caller', async () => {
      const request = putOf(KEY, ONE, { body: { path: '/nonexistent/body' } });
      await expect(place.sink.put(request)).rejects.toMatchObject({ code: 'internal' });
      expect(await keysOf(place.sink)).toEqual([]);
    });

    test('lists in the order of UTF-8 bytes, page after page, by prefix', async () => {
      const keys = [
        'a/c',
        'a.b',
        'a-b',
        'a/b/d',
        'a0',
        'B',
        'é',
        '\u{1d4d0}',
        '\uff5e',
        'a/b.d',
        'b/1',
        'b/10',
      ];
      await Promise.all(keys.map((key) => place.sink.put(putOf(key, Buffer.from(key)))));
      const ordered = [...keys].sort(compareKeys);
      expect(await keysOf(place.sink)).toEqual(ordered);
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'b/1', 'x']) {
        const expected = ordered.filter((key) => key.startsWith(prefix));
        expect(await keysOf(place.sink, prefix)).toEqual(expected);
      }
    });

    test.each([
      "a b+c&d=e~f'g(h)!*.x",
      'stream=a/%41%2F/{}[]"<>#?@:;,$|^`',
      'äöü/日本/\u{1f980}/e\u0301',
      'log/tile/0/x001.p/255',
      `${'x'.repeat(200)}/y`,
    ])('keeps the key %s as it is', async (key) => {
      const { object } = await place.sink.put(putOf(key, ONE, { lock: lockFor('governance', 5) }));
      expect(object.key).toBe(key);
      expect(await bytesOf(await place.sink.read(key))).toEqual(ONE);
      expect(await keysOf(place.sink)).toEqual([key]);
      expect((await place.sink.put(putOf(key, ONE))).outcome).toBe('identical');
    });

    test.each(['', '/a', 'a/', 'a//b', '../a', 'a/../b', 'a/.', '.locks/a', 'a\\b', 'a\0b', 'a\nb'])(
      'refuses the key %j',
      async (key) => {
        for (const call of [
          () => place.sink.put(putOf(key, ONE)),
          () => place.sink.head(key),
          () => place.sink.read(key),
          () => place.sink.extend(key, 'v1', lockFor('governance', 5)),
          () => place.sink.placeHold(key, 'v1'),
          () => place.sink.liftHold(key, 'v1'),
          () => place.sink.destroy(key),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: 'internal' });
        }
      },
    );

    test('tells what is not there: a key, a version', async () => {
      expect(await place.sink.head(KEY)).toBeNull();
      await expect(place.sink.read(KEY)).rejects.toMatchObject({ code: 'sink-unreachable' });
      await place.sink.put(putOf(KEY, ONE));
      const { object } = await place.sink.put(putOf('other', TWO));
      expect(await place.sink.head(KEY, object.version)).toBeNull();
      await expect(place.sink.read(KEY, object.version)).rejects.toMatchObject({ code: 'sink-unreachable' });
      expect(await place.sink.head('segments')).toBeNull();
    });

    test.each<[string, Lock, Parameters<typeof lockFor>]>([
      ['none to a lock', null, ['compliance', 6]],
      ['to a later date', ['compliance', 5], ['compliance', 9]],
      ['to a later governance date', ['governance', 5], ['governance', 9]],
      ['to compliance, keeping the later date', ['governance', 9], ['compliance', 6]],
    ])('extends the lock of a version: %s', async (_, before, after) => {
      const [weaker, asked] = [made(before), lockFor(...after)];
      const { object } = await place.sink.put(putOf(KEY, ONE, { lock: weaker }));
      const extended = await place.sink.extend(KEY, object.version, asked);
      expect(extended).toEqual({ ...object, lock: expect.anything() });
      expect(isAtLeast(extended.lock, asked) && isAtLeast(extended.lock, weaker)).toBe(true);
      expect(await place.sink.head(KEY)).toEqual(extended);
      expect(await place.sink.extend(KEY, object.version, asked)).toEqual(extended);
    });

    test.each<[string, Parameters<typeof lockFor>]>([
      ['an earlier date', ['compliance', 3]],
      ['governance', ['governance', 6]],
    ])('extends to no weaker lock: asked for %s', async (_, asked) => {
      const { object } = await place.sink.put(putOf(KEY, ONE, { lock: lockFor('compliance', 9) }));
      const lock = lockFor(...asked);
      expect(await place.sink.extend(KEY, object.version, lock)).toEqual(object);
      expect(await place.sink.head(KEY)).toEqual(object);
    });

    test('places and lifts a legal hold of one version, beside its lock', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE, { lock: lockFor('governance', 5) }));
      const other = await place.sink.put(putOf(`${KEY}.other`, ONE));
      expect(object.held).toBe(false);
      const held = { ...object, held: true };
      for (const _ of ['once', 'again']) {
        expect(await place.sink.placeHold(KEY, object.version)).toEqual(held);
        expect(await place.sink.head(KEY, object.version)).toEqual(held);
      }
      expect(await place.sink.head(`${KEY}.other`)).toEqual(other.object);
      expect(await place.sink.put(putOf(KEY, ONE))).toEqual({ outcome: 'identical', object: held });
      for (const _ of ['once', 'again']) {
        expect(await place.sink.liftHold(KEY, object.version)).toEqual(object);
        expect(await place.sink.head(KEY)).toEqual(object);
      }
    });

    test('lifts a hold that was never placed', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE));
      expect(await place.sink.liftHold(KEY, object.version)).toEqual(object);
    });

    test('extends under a hold, which stays', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE));
      await place.sink.placeHold(KEY, object.version);
      const extended = await place.sink.extend(KEY, object.version, lockFor('governance', 5));
      expect(extended).toMatchObject({ held: true, lock: { mode: 'governance' } });
    });

    test('extends and holds nothing that is not there: a key, a version', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE));
      const { object: other } = await place.sink.put(putOf('other', TWO));
      const lock = lockFor('governance', 5);
      for (const [key, version] of [
        ['segments/none', object.version],
        [KEY, other.version],
      ] as const) {
        for (const call of [
          () => place.sink.extend(key, version, lock),
          () => place.sink.placeHold(key, version),
          () => place.sink.liftHold(key, version),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: 'sink-unreachable' });
        }
      }
      expect(await place.sink.head(KEY)).toEqual(object);
    });

    test('destroys a key for good, and nothing that only begins like it; again is a success', async () => {
      await place.sink.put(putOf(KEY, ONE));
      const { object } = await place.sink.put(putOf(`${KEY}.other`, TWO));
      expect(await place.sink.destroy(KEY)).toEqual({ versions: 1, bytes: 3 });
      expect(await place.sink.head(KEY)).toBeNull();
      await expect(place.sink.read(KEY)).rejects.toMatchObject({ code: 'sink-unreachable' });
      expect(await place.sink.head(`${KEY}.other`)).toEqual(object);
      expect(await keysOf(place.sink)).toEqual([`${KEY}.other`]);
      expect(await place.sink.destroy(KEY)).toEqual({ versions: 0, bytes: 0 });
      expect(await place.sink.destroy('segments/never')).toEqual({ versions: 0, bytes: 0 });
      const { outcome, object: anew } = await place.sink.put(putOf(KEY, TWO));
      expect([outcome, anew.lock, anew.held]).toEqual(['created', null, false]);
    });

    test('destroys nothing under a lock until it is over', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE, { lock: lockFor('governance', 2) }));
      const refused = await place.sink.destroy(KEY).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'sink-locked' });
      expect(String(refused)).toContain(object.lock?.retainUntil.toISOString());
      expect(await bytesOf(await place.sink.read(KEY, object.version))).toEqual(ONE);
      const gone = await vi.waitFor(() => place.sink.destroy(KEY), { timeout: 10_000, interval: 100 });
      expect(gone).toEqual({ versions: 1, bytes: 3 });
      expect(await keysOf(place.sink)).toEqual([]);
    });

    test('destroys nothing under a hold until it is lifted', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE));
      await place.sink.placeHold(KEY, object.version);
      const refused = await place.sink.destroy(KEY).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: 'sink-locked' });
      expect(String(refused)).toContain('legal hold');
      expect(await bytesOf(await place.sink.read(KEY, object.version))).toEqual(ONE);
      await place.sink.liftHold(KEY, object.version);
      expect(await place.sink.destroy(KEY)).toEqual({ versions: 1, bytes: 3 });
    });

    test('an abort before they begin lets extend, holds and destroy change nothing', async () => {
      const { object } = await place.sink.put(putOf(KEY, ONE));
      const stop = AbortSignal.abort();
      for (const call of [
        () => place.sink.extend(KEY, object.version, lockFor('governance', 5), stop),
        () => place.sink.placeHold(KEY, object.version, stop),
        () => place.sink.liftHold(KEY, object.version, stop),
        () => place.sink.destroy(KEY, stop),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'interrupted' });
      }
      expect(await place.sink.head(KEY)).toEqual(object);
    });

    test('an aborted put stores nothing, and the same put after it does', async () => {
      const request = putOf(KEY, ONE);
      await expect(place.sink.put(request, AbortSignal.abort())).rejects.toMatchObject({
        code: 'interrupted',
      });
      expect(await place.sink.head(KEY)).toBeNull();
      expect((await place.sink.put(request)).outcome).toBe('created');
    });

    test('racing puts of the same bytes agree on one version', async () => {
      const lock = lockFor('compliance', 5);
      const racers = Array.from({ length: 8 }, () => place.sink.put(putOf(KEY, ONE, { lock })));
      const versions = new Set((await Promise.all(racers)).map(({ object }) => object.version));
      expect(versions.size).toBe(1);
      expect(versions).toContain((await place.sink.head(KEY))?.version);
      expect(await keysOf(place.sink)).toEqual([KEY]);
      await forgiveRaces();
    });

    test('of racing puts of other bytes one wins and the rest conflict', async () => {
      const bodies = Array.from({ length: 8 }, (_, at) => Buffer.from(`body ${at}`));
      const results = await Promise.allSettled(bodies.map((body) => place.sink.put(putOf(KEY, body))));
      const won = results.filter(
        (one): one is PromiseFulfilledResult<PutResult> => one.status === 'fulfilled',
      );
      const lost = results.filter((one): one is PromiseRejectedResult => one.status === 'rejected');
      expect(won.map(({ value }) => value.outcome)).toEqual(['created']);
      expect(lost.map(({ reason }) => reason.code)).toEqual(Array(7).fill('sink-conflict'));
      const winner = bodies[results.findIndex(({ status }) => status === 'fulfilled')];
      expect(await bytesOf(await place.sink.read(KEY))).toEqual(winner);
      expect((await place.sink.head(KEY))?.version).toBe(won[0]?.value.object.version);
      await forgiveRaces();
    });

    test('replaces a key only from the state that was named, and the same bytes again are a success', async () => {
      const HEAD = 'log/checkpoint';
      const type = 'text/plain; charset=utf-8';
      expect(await place.sink.current(HEAD)).toBeNull();
      await expect(place.sink.replace(HEAD, ONE, 'no such state', type)).rejects.toMatchObject({
        code: 'sink-conflict',
      });
      const first = await place.sink.replace(HEAD, ONE, null, type);
      expect(await place.sink.current(HEAD)).toEqual(first);
      expect(first.bytes).toEqual(ONE);
      expect((await place.sink.replace(HEAD, ONE, null, type)).tag).toBe(first.tag);
      await expect(place.sink.replace(HEAD, TWO, null, type)).rejects.toMatchObject({
        code: 'sink-conflict',
      });
      const second = await place.sink.replace(HEAD, TWO, first.tag, type);
      expect(second.tag).not.toBe(first.tag);
      await expect(place.sink.replace(HEAD, Buffer.from('three'), first.tag, type)).rejects.toMatchObject({
        code: 'sink-conflict',
      });
      expect((await place.sink.current(HEAD))?.bytes).toEqual(TWO);
      const objects: string[] = [];
      for await (const { key } of place.sink.list('log/')) objects.push(key);
      expect(objects).toEqual([HEAD]);
    });

    test('locks what a key was replaced with, in that state only, and never lowers the lock', async () => {
      const PART = 'log/tile/0/000';
      const [short, long] = [lockFor('governance', 60), lockFor('governance', 600)];
      await expect(place.sink.lock(PART, ONE, long)).rejects.toMatchObject({ code: 'sink-conflict' });
      const first = await place.sink.replace(PART, ONE, null, 'text/plain');
      const { tag } = await place.sink.replace(PART, TWO, first.tag, 'text/plain');
      await expect(place.sink.lock(PART, ONE, long)).rejects.toMatchObject({ code: 'sink-conflict' });
      expect((await place.sink.current(PART))?.lock).toBeNull();
      await place.sink.lock(PART, TWO, long);
      await place.sink.lock(PART, TWO, short);
      const locked = await place.sink.current(PART);
      expect(locked).toMatchObject({ bytes: TWO, tag });
      expect(isAtLeast(locked?.lock ?? null, long)).toBe(true);
    });

    // Where the store lets every writer in, further versions are its doing: the first one is what counts.
    async function forgiveRaces(): Promise<void> {
      if (place.createsOnly) return;
      const left = (await place.rubbish()).filter((line) => !line.startsWith('overwrite'));
      place = { ...place, rubbish: async () => left };
    }
  });
}
