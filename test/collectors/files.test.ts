import { describe, expect, test } from 'vitest';
import type { FileCondition, TruthForwarded } from '../../emulator/server.ts';
import { type Stage, sendFile, stage } from './stage.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FILES = { files: { enabled: true } };

/** The one row of a file. */
async function rowOf({ rows }: Stage, fileId: string) {
  const own = (await rows('files')).filter(({ record }) => record.file_id === fileId);
  expect(own).toHaveLength(1);
  return own[0];
}

describe('a file', () => {
  test('is stored by its content, with what Zoom says of it and where it was sent', async () => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 300_000);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0, errors: [] });
    const row = await rowOf(set, file.fileId);
    expect(row).toMatchObject({
      kind: 'stored',
      drift: false,
      record: {
        file_name: file.fileName,
        origin: 'message',
        session_id: file.sessionId,
        declared_size: file.fileSize,
        info: { file_id: file.fileId, digest: file.sha256, length: file.fileSize },
        object: {
          key: `objects/sha256/${file.sha256.slice(0, 2)}/${file.sha256}`,
          sha256: file.sha256,
          size: file.fileSize,
        },
      },
      columns: { session_id: file.sessionId, session_type: expect.stringMatching(/./), reason: null },
    });
    // Once.
    const before = set.emulator.stats().requests['file-download 200'];
    set.emulator.moveClock(DAY);
    await set.archiver.collect();
    expect(set.emulator.stats().requests['file-download 200']).toBe(before);
    expect(set.emulator.stats().writes).toBe(0);
  });

  const cases: readonly [FileCondition, string, string | undefined][] = [
    ['third-party', 'unavailable', 'no-link'],
    ['restricted', 'unavailable', 'restricted'],
    ['gone', 'unavailable', 'not-found'],
    ['wrong-digest', 'doubtful', 'digest-differs'],
    ['short', 'doubtful', 'digest-differs'],
  ];
  test.each(cases)('%s is %s: %s', async (condition, kind, reason) => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.setFile(file.fileId, condition);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    const row = await rowOf(set, file.fileId);
    expect(row).toMatchObject({ kind, record: { reason } });
    expect(row?.record.object === null).toBe(kind === 'unavailable');
    if (condition === 'short') {
      expect(row?.record.object.size).toBe(Math.floor(file.fileSize / 2));
      expect(set.emulator.stats().requests['file-download 200']).toBeGreaterThan(1);
    }
  });

  test('in place of which a page comes is tried again for hours, then on record as such', async () => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.setFile(file.fileId, 'html');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await set.archiver.collect()).toMatchObject({ complete: false, failed: 1, errors: [] });
      expect(await set.archiver.metrics()).toMatch(/links_failing\{kind="file"\} 1\n/);
      // Not at once.
      expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
      set.emulator.moveClock(DAY);
    }
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({
      kind: 'unavailable',
      record: { reason: 'html-page', object: null },
    });
    expect(await set.archiver.metrics()).toMatch(/links_failing\{kind="file"\} 0\n/);
  });

  test('that breaks off stays open, and is had once it does not', async () => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.setFile(file.fileId, 'truncated');
    expect(await set.archiver.collect()).toMatchObject({ complete: false, failed: 1 });
    expect((await set.rows('files')).some(({ record }) => record.file_id === file.fileId)).toBe(false);
    set.emulator.setFile(file.fileId, 'normal');
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'stored' });
  });

  test('larger than the largest is on record, and not downloaded', async () => {
    const set = await stage({}, { files: { enabled: true, largest: '1kB' } });
    const large = await sendFile(set.emulator, 1001);
    const small = await sendFile(set.emulator, 1000);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, large.fileId)).toMatchObject({
      kind: 'unavailable',
      record: { reason: 'too-large', object: null, declared_size: 1001 },
    });
    expect(await rowOf(set, small.fileId)).toMatchObject({ kind: 'stored' });
  });

  test('whose link leads nowhere is had by a fresh one', async () => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.inject({ kind: 'status', status: 404, endpoint: 'file-download' });
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'stored' });
  });

  test('whose link has lapsed is asked for anew, without trying that one', async () => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.inject({ kind: 'status', status: 500, times: 12, endpoint: 'file-download' });
    set.emulator.inject({ kind: 'status', status: 500, times: 6, endpoint: 'file-info' });
    await set.archiver.collect();
    set.emulator.clearFaults();
    set.emulator.moveClock(25 * HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'stored' });
    expect(set.emulator.stats().requests['file-download 401']).toBeUndefined();
  });

  test('that Zoom describes, and whose fresh link fails, is tried again for hours', async () => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.inject({ kind: 'status', status: 404, endpoint: 'file-download', times: 100 });
    const { failed } = await set.archiver.collect();
    expect(failed).toBeGreaterThan(0);
    set.emulator.clearFaults();
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'stored' });
  });

  test('is had without its description, where the app may not ask for it', async () => {
    const set = await stage({}, FILES);
    const [file, gone] = [await sendFile(set.emulator, 5000), await sendFile(set.emulator, 6000)];
    set.emulator.setFile(gone.fileId, 'gone');
    set.emulator.inject({ kind: 'missing-scope', endpoint: 'file-info', times: 1000 });
    const { failed, errors } = await set.archiver.collect();
    expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'stored', record: { info: null } });
    // What only a description could tell stays open.
    expect(failed).toBeGreaterThan(0);
    expect(errors).toEqual([]);
    set.emulator.clearFaults();
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, gone.fileId)).toMatchObject({
      kind: 'unavailable',
      record: { reason: 'not-found' },
    });
  });

  test('sent twice with the same bytes is stored once', async () => {
    const set = await stage({}, FILES);
    for (let copies = 0; copies < 2; copies += 1) await sendFile(set.emulator, 0, 'empty.txt');
    await set.archiver.collect();
    const rows = (await set.rows('files')).filter(({ kind }) => kind === 'stored');
    const keys = new Set(rows.map(({ record }) => record.object.key));
    expect(keys.size).toBeLessThan(rows.length);
    const metrics = await set.archiver.metrics();
    expect(metrics).toMatch(new RegExp(`_objects ${keys.size}\\n`));
    expect(metrics).toMatch(/links_open\{kind="file"\} 0\n/);
  });
});

describe('a forwarded message', () => {
  const BOTH = { ...FILES, forwarded: { enabled: true } };

  /** A session of its own in which everything is forwarded: first a file, then all that leads to it. */
  async function forwards(set: Stage): Promise<readonly TruthForwarded[]> {
    const sessionId = set.emulator.perform({ verb: 'create-session', name: 'Forwards' });
    const send = (forward: boolean, files: { name: string; size: number }[] = []): void =>
      void set.emulator.perform({ verb: 'send', sessionId, text: 'look', forward, files });
    send(false, [{ name: 'plan.pdf', size: 2000 }]);
    for (let count = 0; count < 4; count += 1) send(true);
    const all = [...set.emulator.forwarded()];
    expect(all.filter(({ resolvable }) => resolvable).length).toBeGreaterThan(3);
    return all;
  }

  test('is resolved once, with its files', async () => {
    const set = await stage({}, BOTH);
    const all = await forwards(set);
    const [broken] = all;
    set.emulator.setForward(broken?.forwardId ?? '', false);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    const rows = await set.rows('forwarded');
    expect(rows).toHaveLength(all.length);
    for (const forward of set.emulator.forwarded()) {
      const row = rows.find(({ record }) => record.forward_id === forward.forwardId);
      expect(row).toMatchObject(
        forward.resolvable
          ? { kind: 'resolved', record: { message: { id: forward.message?.id } } }
          : { kind: 'unresolved', record: { message: null, reason: 'not-found' } },
      );
    }
    const asked = set.emulator.stats().requests['forwarded 200'];
    set.emulator.moveClock(DAY);
    await set.archiver.collect();
    expect(set.emulator.stats().requests['forwarded 200']).toBe(asked);
  });

  test('that is denied is on record as such', async () => {
    const set = await stage({}, BOTH);
    const all = await forwards(set);
    set.emulator.inject({ kind: 'status', status: 403, endpoint: 'forwarded', times: 1000 });
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    const rows = await set.rows('forwarded');
    expect(rows).toHaveLength(all.length);
    expect(rows.every(({ kind, record }) => kind === 'unresolved' && record.reason === 'restricted')).toBe(
      true,
    );
  });
});
