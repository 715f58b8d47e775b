import { describe, expect, test } from 'vitest';
import type { FileCondition, TruthForwarded } from '../../emulator/server.ts';
import { leadOnce } from '../../src/commands/context.ts';
import type { Database } from '../../src/ledger/database.ts';
import { addLinks, lateLinks } from '../../src/ledger/links.ts';
import { serve } from '../zoom/connect.ts';
import { type Stage, sendFile, stage } from './stage.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FILES = { files: { enabled: true } };

/** The one row of a file. */
async function rowOf({ rows }: Pick<Stage, 'rows'>, fileId: string) {
  const own = await fileRows({ rows }, fileId);
  expect(own).toHaveLength(1);
  return own[0];
}

async function fileRows({ rows }: Pick<Stage, 'rows'>, fileId: string) {
  return (await rows('files')).filter(({ record }) => record.file_id === fileId);
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

  const refused: readonly [FileCondition, string][] = [
    ['restricted', 'restricted'],
    ['gone', 'not-found'],
    ['html', 'html-page'],
  ];
  test.each(refused)('%s is asked for again for a day, then on record as %s', async (condition, reason) => {
    const set = await stage({}, FILES);
    const file = await sendFile(set.emulator, 5000);
    set.emulator.setFile(file.fileId, condition);
    const asked: number[] = [];
    const since = set.emulator.now();
    for (; asked.length < 7; set.emulator.moveClock(HOUR / 4)) {
      const before = await attempts(set.db);
      // That Zoom refuses what it may give later is no failure of a pass.
      expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0, errors: [] });
      // Keeping the pace takes milliseconds of the clock.
      const quarters = Math.round((set.emulator.now() - since) / (HOUR / 4));
      if ((await attempts(set.db)) > before) asked.push(quarters / 4);
    }
    expect(asked).toEqual([0, 0.25, 0.75, 1.75, 3.75, 7.75, 15.75]);
    const late = (found: number, refused: number) =>
      lateLinks(set.db, 'emulated-account', ['file'], { found, refused }, 9);
    expect(await late(set.emulator.now(), since)).toEqual([]);
    expect(await late(0, set.emulator.now())).toMatchObject([
      { id: file.fileId, error: reason, attempts: 7 },
    ]);
    expect(await set.archiver.metrics()).toMatch(/links_refused\{kind="file"\} 1\n/);
    expect(await set.archiver.metrics()).toMatch(/links_failing\{kind="file"\} 0\n/);
    set.emulator.moveClock(16 * HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({
      kind: 'unavailable',
      record: { reason, object: null },
    });
    expect(await set.archiver.metrics()).toMatch(/links_refused\{kind="file"\} 0\n/);
  });

  test('refused while a right is missing is had once the right is back', async () => {
    const set = await stage({}, { ...FILES, forwarded: { enabled: true }, legalHold: { enabled: true } });
    const sessionId = set.emulator.sessions()[0]?.id ?? '';
    const file = await sendFile(set.emulator, 5000);
    for (let count = 0; count < 4; count += 1) {
      set.emulator.perform({ verb: 'send', sessionId, text: 'look', forward: true });
    }
    set.emulator.setSwitches({ holdZipMinutes: 0 });
    for (const endpoint of ['file-info', 'file-download', 'forwarded', 'hold-download'] as const) {
      set.emulator.inject({ kind: 'status', status: 403, endpoint, times: 1000 });
    }
    for (let half = 0; half < 3; half += 1) {
      await set.archiver.collect();
      expect(await set.archiver.metrics()).toMatch(/links_refused\{kind="file"\} [1-9]/);
      set.emulator.moveClock(HOUR / 2);
    }
    set.emulator.clearFaults();
    set.emulator.moveClock(HOUR);
    await set.archiver.collect();
    expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'stored' });
    for (const stream of ['files', 'forwarded', 'hold_files']) {
      const rows = await set.rows(stream);
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.filter(({ record }) => record.reason === 'restricted')).toEqual([]);
    }
  });

  test('of which Zoom is believed at once, where the operator wants it', async () => {
    const set = await stage({}, FILES, {}, { collection: { patience: '0s' } });
    const file = await sendFile(set.emulator, 5000);
    set.emulator.setFile(file.fileId, 'gone');
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, file.fileId)).toMatchObject({
      kind: 'unavailable',
      record: { reason: 'not-found' },
    });
  });

  test.each(['good', 'lapsed'])(
    'whose bytes do not match is asked for twice; first link: %s',
    async (link) => {
      const set = await stage({}, FILES);
      const { emulator, archiver } = set;
      const file = await sendFile(emulator, 5000);
      emulator.setFile(file.fileId, 'wrong-digest');
      if (link === 'lapsed') {
        emulator.inject({ kind: 'status', status: 404, endpoint: 'file-download', times: 1000 });
        await archiver.collect();
        emulator.clearFaults();
        emulator.moveClock(25 * HOUR);
      }
      expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
      expect(await rowOf(set, file.fileId)).toMatchObject({ kind: 'doubtful' });
      const stored = (await set.rows('files')).filter(({ record }) => record.object !== null).length;
      expect(emulator.stats().requests['file-download 200']).toBe(stored + 1);
    },
  );

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
    await set.archiver.collect();
    expect(await fileRows(set, file.fileId)).toEqual([]);
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
    for (let asked = 0; asked < 2; asked += 1) {
      set.emulator.moveClock(DAY);
      expect(await set.archiver.collect()).toMatchObject({ failed: 0 });
      expect(await fileRows(set, gone.fileId)).toEqual([]);
    }
    set.emulator.moveClock(DAY);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, gone.fileId)).toMatchObject({
      kind: 'unavailable',
      record: { reason: 'not-found' },
    });
  });

  test('that a message says is elsewhere is not asked for there, and on record as such', async () => {
    const set = await stage({}, FILES);
    const { archiver, db, emulator } = set;
    const elsewhere = await serve([{ body: 'secret' }]);
    const { lease, release } = await leadOnce(archiver.context, db, new AbortController().signal);
    const session = { id: 'abc', type: '1:1', name: '', channelId: '' };
    const sent = { session, messageId: 'm', sentAt: emulator.now(), fileId: '', name: 'x.pdf' };
    const detail = { ...sent, place: 0, downloadUrl: `${elsewhere.url}/x.pdf` };
    await addLinks(db, lease, [{ kind: 'file', id: 'x', detail }], emulator.now());
    await release();
    for (let asked = 0; asked < 2; asked += 1) {
      expect(await archiver.collect()).toMatchObject({ failed: 0, errors: [] });
      expect(await fileRows(set, '')).toEqual([]);
      emulator.moveClock(DAY);
    }
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await rowOf(set, '')).toMatchObject({
      kind: 'unavailable',
      record: { reason: 'unsafe-link', object: null },
    });
    expect(elsewhere.seen).toEqual([]);
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

  /** Three passes, a day apart: what is refused in all of them is on record. */
  async function believed({ archiver, emulator }: Stage): Promise<void> {
    for (let asked = 0; asked < 2; asked += 1) {
      await archiver.collect();
      expect(await archiver.metrics()).toMatch(/links_refused\{kind="forwarded"\} [1-9]/);
      emulator.moveClock(DAY);
    }
    expect(await archiver.collect()).toMatchObject({ complete: true, failed: 0 });
  }

  test('is resolved once, with its files', async () => {
    const set = await stage({}, BOTH);
    const all = await forwards(set);
    const [broken] = all;
    set.emulator.setForward(broken?.forwardId ?? '', false);
    await believed(set);
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
    await believed(set);
    const rows = await set.rows('forwarded');
    expect(rows).toHaveLength(all.length);
    expect(rows.every(({ kind, record }) => kind === 'unresolved' && record.reason === 'restricted')).toBe(
      true,
    );
  });
});

async function attempts(db: Database): Promise<number> {
  const [row] = await db.query<{ attempts: number }>(
    'select coalesce(sum(attempts), 0) as attempts from links',
  );
  return row?.attempts ?? 0;
}
