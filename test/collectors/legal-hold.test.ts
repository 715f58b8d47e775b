import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TruthHoldFile, ZipCondition } from '../../emulator/server.ts';
import { planningCollectors } from '../../src/commands/streams.ts';
import { dropOldKeys } from '../../src/ledger/admit.ts';
import { compareHolds } from '../e2e/content.ts';
import { readObjects } from '../support/stream-rows.ts';
import { type Stage, stage, zips } from './stage.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const HOLDS = { legalHold: { enabled: true } };
const READY = { switches: { holdZipMinutes: 0 } };

/** One zip in a condition; the first pass asks Zoom to make it. */
async function oneZip(condition: ZipCondition): Promise<{ set: Stage; zip: TruthHoldFile }> {
  const set = await stage({}, HOLDS);
  const [zip] = await zips(set.emulator);
  if (zip === undefined) throw new Error('no zip');
  set.emulator.hold({ verb: 'set-zip', fileKey: zip.fileKey, condition });
  return { set, zip };
}

async function rowsOf(set: Stage, zip: TruthHoldFile) {
  return (await set.rows('hold_files')).filter(
    ({ record }) => record.file.file_key === zip.fileKey && record.matter_id === zip.matterId,
  );
}

describe('matters', () => {
  test('are recorded when they change, and when they are gone', async () => {
    const set = await stage(READY, HOLDS);
    const [first] = set.emulator.matters();
    const matterId = first?.matterId ?? '';
    await set.archiver.collect();
    const states = async () =>
      (await set.rows('matters'))
        .filter(({ record }) => record.matter_id === matterId)
        .map(({ kind, record }) => `${kind} ${record.matter_name}`)
        .sort();
    expect(await states()).toEqual([`matter ${first?.name}`]);
    await set.archiver.collect();
    expect(set.emulator.stats().requests['matters 200']).toBe(1);
    set.emulator.moveClock(HOUR);
    await set.archiver.collect();
    expect(set.emulator.stats().requests['matters 200']).toBe(2);
    set.emulator.hold({ verb: 'rename-matter', matterId, name: 'New name' });
    set.emulator.moveClock(HOUR);
    await set.archiver.collect();
    set.emulator.hold({ verb: 'close-matter', matterId });
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await states()).toEqual(['gone New name', `matter ${first?.name}`, 'matter New name'].sort());
    const asked = set.emulator.stats().requests['hold-files 404'];
    expect(asked).toBeUndefined();
    expect(set.emulator.stats().writes).toBe(0);
  });

  test('are denied by a role without the right: the stream ends with that, and the others go on', async () => {
    const set = await stage(READY, HOLDS);
    const no = { kind: 'status', status: 403, endpoint: 'matters', times: 1 } as const;
    set.emulator.inject({ ...no, message: 'No permission to access legal hold' });
    const { complete, errors, done } = await set.archiver.collect();
    expect({ complete, errors: errors.map(({ stream, error }) => `${stream} ${error.code}`) }).toEqual({
      complete: false,
      errors: ['matters zoom-permission'],
    });
    expect(done).toBeGreaterThan(0);
    expect(await set.archiver.collect()).toMatchObject({ complete: true });
  });

  test('that was made since is looked into by the pass that finds it', async () => {
    const set = await stage(READY, HOLDS);
    await set.archiver.collect();
    const [someone] = set.emulator.matters()[0]?.custodians ?? [];
    const custodians = [someone?.userId ?? ''];
    set.emulator.hold({ verb: 'add-matter', name: 'Later', custodians, startDay: '2026-01-01' });
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    expect(await compareHolds(set.emulator, set.archiver.root, new Map())).not.toEqual([]);
    await set.archiver.seal(true);
    const objects = await readObjects(set.archiver.root);
    expect(await compareHolds(set.emulator, set.archiver.root, objects)).toEqual([]);
  });
});

describe('zips that are not ready', () => {
  test('are looked at again sooner, then ever more rarely, and prove nothing until then', async () => {
    const set = await stage({ switches: { holdZipMinutes: 25 } }, HOLDS);
    await set.archiver.collect();
    const scopes = set.emulator.matters().flatMap(({ custodians }) => custodians).length;
    const asked = () => set.emulator.stats().requests['hold-files 200'] ?? 0;
    const waiting = (await zips(set.emulator)).filter(({ ready }) => !ready).length;
    expect(await set.archiver.metrics()).toContain(`hold_files_not_ready ${waiting}\n`);
    const per: number[] = [];
    for (let minute = 0; minute < 32; minute += 1) {
      set.emulator.moveClock(MINUTE);
      const before = asked();
      await set.archiver.collect();
      if (asked() > before) per.push(minute + 1);
    }
    expect(per).toEqual([2, 6, 14, 30]);
    expect(asked()).toBeLessThanOrEqual(5 * scopes);
    expect(await set.archiver.metrics()).toContain('hold_files_not_ready 0\n');
    const coverage = (await set.rows('coverage')).filter(({ record }) => record.unit.stream === 'hold_files');
    expect(coverage.filter(({ record }) => record.covers !== null)).toHaveLength(scopes);
    expect((await set.rows('hold_files')).length).toBe(waiting);
  });

  test('are not waited for when their matter was closed', async () => {
    const { set, zip } = await oneZip({ kind: 'never-ready' });
    await set.archiver.collect();
    set.emulator.hold({ verb: 'close-matter', matterId: zip.matterId });
    set.emulator.moveClock(2 * HOUR);
    await set.archiver.collect();
    expect(await set.archiver.metrics()).toContain('hold_files_not_ready 0\n');
  });
});

describe('a zip', () => {
  const broken: readonly [ZipCondition, readonly string[]][] = [
    [{ kind: 'empty' }, ['empty']],
    // How much of it comes before the connection ends is chance.
    [{ kind: 'truncated' }, ['cut-off', 'size-differs']],
    [{ kind: 'short' }, ['no-directory']],
    [{ kind: 'wrong-size' }, ['size-differs']],
    [{ kind: 'not-a-zip' }, ['html-page', 'no-directory']],
  ];
  test.each(broken)('$kind is tried again, then archived as found', async (condition, problems) => {
    const { set, zip } = await oneZip(condition);
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect(await set.archiver.collect()).toMatchObject({ complete: false, failed: 1, errors: [] });
      expect(await rowsOf(set, zip)).toEqual([]);
      set.emulator.moveClock(DAY);
    }
    expect(await set.archiver.collect()).toMatchObject({ failed: 0 });
    const rows = await rowsOf(set, zip);
    expect(rows).toMatchObject([{ kind: 'broken' }]);
    expect(rows[0]?.record.problems.slice(0, problems.length)).toEqual(problems);
    if (condition.kind !== 'truncated') expect(rows[0]?.record.problems).toEqual(problems);
    const { object } = rows[0]?.record ?? {};
    const bytes = await readFile(join(set.archiver.root, object.key));
    expect(bytes.length).toBe(object.size);
    expect(await set.archiver.metrics()).toContain('hold_zips_total{outcome="broken"} 1\n');
    set.emulator.moveClock(DAY);
    expect(await set.archiver.collect()).toMatchObject({ failed: 0 });
    expect(await rowsOf(set, zip)).toHaveLength(1);
  });

  test('that gets well in between is archived whole', async () => {
    const { set, zip } = await oneZip({ kind: 'short' });
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    await set.archiver.collect();
    set.emulator.hold({ verb: 'set-zip', fileKey: zip.fileKey, condition: { kind: 'normal' } });
    set.emulator.moveClock(DAY);
    // What was listed with the size of the half is broken still; the whole one is another.
    await set.archiver.collect();
    const kinds = (await rowsOf(set, zip)).map(({ kind, record }) => `${kind} ${record.object.sha256}`);
    expect(kinds).toContain(`stored ${zip.sha256}`);
  });

  test('with names that try to escape the folder is listed, and nothing is unpacked', async () => {
    const { set, zip } = await oneZip({ kind: 'escaping' });
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    const [row] = await rowsOf(set, zip);
    const names = row?.record.zip.entries.map(({ name }: { name: string }) => name);
    expect(names).toContain('../../etc/escaped');
    expect(names).toContain('cut\u0000.txt');
    expect(row).toMatchObject({ kind: 'stored', record: { zip: { unsafe_names: 6 }, problems: [] } });
  });

  test('of 100,000 entries has their list in an object of its own', async () => {
    const { set, zip } = await oneZip({ kind: 'many' });
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    const [row] = await rowsOf(set, zip);
    const { entry_count, listing, entries } = row?.record.zip ?? {};
    expect({ entry_count, entries }).toEqual({ entry_count: 100_000, entries: undefined });
    const lines = (await readFile(join(set.archiver.root, listing.key), 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(100_000);
    expect(JSON.parse(lines[99_999] ?? '')).toMatchObject({ name: 'many/099999.txt', size: 8 });
    expect(String(row?.columns.record).length).toBeLessThan(2000);
  });

  test('that Zoom does not have any more is on record, once it was asked for often enough', async () => {
    const { set, zip } = await oneZip({ kind: 'normal' });
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    set.emulator.inject({ kind: 'status', status: 404, code: 1001, endpoint: 'hold-download', times: 1000 });
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await set.archiver.collect();
      expect(await set.archiver.metrics()).toMatch(/links_refused\{kind="hold_file"\} [1-9]/);
      set.emulator.moveClock(DAY);
    }
    expect(await set.archiver.collect()).toMatchObject({ failed: 0 });
    const unavailable = { kind: 'unavailable', record: { object: null, reason: 'not-found' } };
    expect(await rowsOf(set, zip)).toMatchObject([unavailable]);

    // While Zoom lists it as ready each list asks for it once more, and the same answer is no record of its own.
    const zipsListed = (await zips(set.emulator)).length;
    const asked = () => set.emulator.stats().requests['hold-download 404'] ?? 0;
    for (const [later, times] of [
      [HOUR, 1],
      [MINUTE, 0],
      [9 * 31 * DAY, 1],
    ] as const) {
      const before = asked();
      set.emulator.moveClock(later);
      // The ledger forgets what Zoom's reports cannot show again.
      await dropOldKeys(set.db, set.emulator.now());
      expect(await set.archiver.collect()).toMatchObject({ failed: 0 });
      expect(asked() - before).toBe(times * zipsListed);
    }
    expect(await rowsOf(set, zip)).toMatchObject([unavailable]);

    set.emulator.clearFaults();
    set.emulator.moveClock(HOUR);
    expect(await set.archiver.collect()).toMatchObject({ failed: 0 });
    expect((await rowsOf(set, zip)).map(({ kind }) => kind).sort()).toEqual(['stored', 'unavailable']);
  });

  test('held in two matters is stored once', async () => {
    const set = await stage(READY, HOLDS);
    const [matter] = set.emulator.matters();
    const custodians = matter?.custodians.map(({ userId }) => userId) ?? [];
    const startDay = matter?.startDay;
    set.emulator.hold({
      verb: 'add-matter',
      name: 'Twin',
      custodians,
      ...(startDay === undefined ? {} : { startDay }),
    });
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    await set.archiver.collect();
    const rows = await set.rows('hold_files');
    const contents = new Set(rows.map(({ record }) => record.object.sha256));
    expect(contents.size).toBeLessThan(rows.length);
    // The schedule in force is an object as well.
    const stored = [...(await readObjects(set.archiver.root)).values()];
    expect(stored.filter((sha256) => contents.has(sha256))).toHaveLength(contents.size);
  });

  test('of 2 GB is streamed in constant memory', { timeout: 120_000 }, async () => {
    const { set, zip } = await oneZip({ kind: 'huge', bytes: 2_000_000_000 });
    await set.archiver.collect();
    set.emulator.moveClock(HOUR);
    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage.rss());
    }, 20);
    expect(await set.archiver.collect()).toMatchObject({ complete: true, failed: 0 });
    clearInterval(watch);
    const [row] = await rowsOf(set, zip);
    expect(row).toMatchObject({
      kind: 'stored',
      record: { problems: [], object: { size: expect.any(Number) } },
    });
    expect(row?.record.object.size).toBeGreaterThan(2_000_000_000);
    // The emulator makes the zip in this same process.
    expect(most - before).toBeLessThan(400_000_000);
  });
});

test('what is overdue is planned without lease and without asking Zoom', async () => {
  const set = await stage(READY, HOLDS);
  const { emulator, archiver, db } = set;
  const planned = async (later: number): Promise<number> => {
    const context = { ...archiver.context, now: () => emulator.now() + later };
    const holds = planningCollectors(context, db).filter(({ collector }) =>
      ['matters', 'hold_files'].includes(collector.stream),
    );
    expect(holds).toHaveLength(2);
    const plans = await Promise.all(holds.map(({ collector }) => collector.plan()));
    return plans.flat().length;
  };
  expect(await planned(0)).toBe(1);
  await archiver.collect();
  expect(await planned(0)).toBe(0);
  expect(await planned(2 * HOUR)).toBeGreaterThan(3);
});
