import { describe, expect, test } from 'vitest';
import {
  addLinks,
  dropOldLinks,
  dueLinks,
  endLink,
  type Link,
  lateLinks,
  linkTotals,
  retryLinks,
} from '../../src/ledger/links.ts';
import { commitObject, objectTotals, planObject } from '../../src/ledger/objects.ts';
import { DAY } from './candidates.ts';
import { ENGINES, NOW, openLedger } from './ledgers.ts';

const file = (id: string, url = 'first'): Link => ({ kind: 'file', id, detail: { url } });
const ids = (links: readonly { id: string }[]): string[] => links.map(({ id }) => id);

describe.each(ENGINES)('links on %o', (engine) => {
  test('are due until settled, longest known first, each with its latest details', async () => {
    const { db, lease } = await openLedger(engine);
    const due = () => dueLinks(db, lease.account, ['file'], NOW + 10, 100);
    await addLinks(db, lease, [file('b'), file('b', 'twice in one page')], NOW);
    await addLinks(db, lease, [file('a'), file('b', 'fresh'), { ...file('f'), kind: 'forwarded' }], NOW + 1);
    expect((await due()).map(({ id, detail }) => [id, detail.url])).toEqual([
      ['b', 'fresh'],
      ['a', 'first'],
    ]);
    await endLink(db, lease, file('b'), { outcome: 'settled' }, NOW);
    await addLinks(db, lease, [file('b', 'seen again')], NOW + 2);
    expect(ids(await due())).toEqual(['a']);
    expect(await linkTotals(db, lease.account)).toEqual([
      { kind: 'file', open: 1, settled: 1, failing: 0, refused: 0, oldest: NOW + 1 },
      { kind: 'forwarded', open: 1, settled: 0, failing: 0, refused: 0, oldest: NOW + 1 },
    ]);
  });

  test('that fail wait, are named, and can be hurried', async () => {
    const { db, lease } = await openLedger(engine);
    await addLinks(db, lease, [file('a')], NOW);
    const failed = { outcome: 'failed', error: 'zoom-unreachable', retryAt: NOW + DAY } as const;
    await endLink(db, lease, file('a'), failed, NOW);
    await endLink(db, lease, file('a'), failed, NOW);
    const due = (at: number) => dueLinks(db, lease.account, ['file'], at, 100);
    expect(await due(NOW + DAY - 1)).toEqual([]);
    expect(await due(NOW + DAY)).toMatchObject([{ id: 'a', attempts: 2, foundAt: NOW }]);
    const late = (found: number) => lateLinks(db, lease.account, ['file'], { found, refused: 0 }, 10);
    expect(await late(NOW)).toMatchObject([
      { kind: 'file', id: 'a', error: 'zoom-unreachable', attempts: 2 },
    ]);
    await addLinks(db, lease, [file('b')], NOW);
    expect(ids(await late(NOW))).toEqual(['a']);
    expect(ids(await late(NOW + 1))).toEqual(['a', 'b']);
    await endLink(db, lease, file('b'), { outcome: 'unavailable', reason: 'no-link' }, NOW);
    await retryLinks(db, lease.account);
    expect(ids(await due(NOW))).toEqual(['a', 'b']);
  });

  test('that are refused keep count of it, whatever else fails between, until they are on record', async () => {
    const { db, lease } = await openLedger(engine);
    await addLinks(db, lease, [file('a')], NOW);
    const due = () => dueLinks(db, lease.account, ['file'], NOW, 9);
    expect(await due()).toMatchObject([{ refusal: undefined }]);
    const refusal = { reason: 'restricted', times: 1, since: NOW - 5 };
    await endLink(db, lease, file('a'), { outcome: 'refused', refusal, retryAt: NOW }, NOW);
    expect(await due()).toMatchObject([{ attempts: 1, refusal }]);
    const late = (refused: number) => lateLinks(db, lease.account, ['file'], { found: 0, refused }, 9);
    expect(await late(NOW - 5)).toEqual([]);
    expect(await late(NOW - 4)).toMatchObject([{ id: 'a', error: 'restricted', attempts: 1 }]);
    const totals = async () => (await linkTotals(db, lease.account))[0];
    expect(await totals()).toMatchObject({ open: 1, failing: 0, refused: 1 });
    const failed = { outcome: 'failed', error: 'zoom-unreachable', retryAt: NOW } as const;
    await endLink(db, lease, file('a'), failed, NOW);
    expect(await due()).toMatchObject([{ attempts: 2, refusal }]);
    expect(await totals()).toMatchObject({ open: 1, failing: 1, refused: 0 });
    const more = { ...refusal, times: 2 };
    await endLink(db, lease, file('a'), { outcome: 'unavailable', reason: 'restricted', refusal: more }, NOW);
    expect(await totals()).toMatchObject({ open: 0, settled: 1, failing: 0, refused: 0 });
    await retryLinks(db, lease.account);
    expect(await due()).toMatchObject([{ refusal: more }]);
  });

  test('of zips are opened again by the list once they are out of reach, and only then', async () => {
    const { db, lease } = await openLedger(engine);
    const of = (kind: 'file' | 'hold_file', id: string): Link => ({ kind, id, detail: {} });
    const all = [of('hold_file', 'had'), of('hold_file', 'refused'), of('file', 'refused')];
    const refusal = { reason: 'not-found', times: 9, since: NOW };
    await addLinks(db, lease, all, NOW);
    for (const link of all) {
      const refused = { outcome: 'unavailable', reason: 'not-found', refusal } as const;
      await endLink(db, lease, link, link.id === 'had' ? { outcome: 'settled' } : refused, NOW);
    }
    await addLinks(db, lease, all, NOW + 1);
    expect(await dueLinks(db, lease.account, ['file', 'hold_file'], NOW, 9)).toMatchObject([
      { kind: 'hold_file', id: 'refused', attempts: 0, refusal, foundAt: NOW },
    ]);
  });

  test('go long after they were settled, open ones never', async () => {
    const { db, lease } = await openLedger(engine);
    await addLinks(db, lease, [file('old'), file('open')], NOW);
    await endLink(db, lease, file('old'), { outcome: 'settled' }, NOW);
    expect(await dropOldLinks(db, lease, NOW + 200 * DAY)).toBe(0);
    expect(await dropOldLinks(db, lease, NOW + 220 * DAY)).toBe(1);
    expect(ids(await dueLinks(db, lease.account, ['file'], NOW, 9))).toEqual(['open']);
  });

  test('may have any name and any text', async () => {
    const { db, lease } = await openLedger(engine);
    const odd = file('nul \0 and half \ud83d', 'nul \0 and half \ud83d');
    await addLinks(db, lease, [odd], NOW);
    await endLink(db, lease, odd, { outcome: 'settled' }, NOW);
    expect(await linkTotals(db, lease.account)).toMatchObject([{ open: 0, settled: 1 }]);
  });

  test('and objects are refused to a process that lost the lease', async () => {
    const { db, lease } = await openLedger(engine);
    const old = { ...lease, generation: lease.generation - 1 };
    const lost = { code: 'lease-lost' };
    await expect(addLinks(db, old, [file('a')], NOW)).rejects.toMatchObject(lost);
    await expect(endLink(db, old, file('a'), { outcome: 'settled' }, NOW)).rejects.toMatchObject(lost);
    await expect(planObject(db, old, PLAN, NOW)).rejects.toMatchObject(lost);
    await planObject(db, lease, PLAN, NOW);
    await expect(commitObject(db, old, { ...PLAN, version: 'v' }, '{}', NOW)).rejects.toMatchObject(lost);
    expect(await objectTotals(db, lease.account)).toEqual({ objects: 0, bytes: 0 });
  });
});

const PLAN = {
  sha256: 'ab'.repeat(32),
  size: 7,
  className: 'default',
  key: 'objects/sha256/ab/…',
  lock: { mode: 'governance', retainUntil: new Date(NOW + DAY) },
} as const;

test.each(ENGINES)(
  'an object keeps the lock of its first plan, and its version once stored, on %o',
  async (engine) => {
    const { db, lease } = await openLedger(engine);
    expect(await planObject(db, lease, PLAN, NOW)).toEqual({ ...PLAN, version: undefined });
    const later = { ...PLAN, lock: { mode: 'compliance', retainUntil: new Date(NOW + 9 * DAY) } } as const;
    expect(await planObject(db, lease, later, NOW + 1)).toEqual({ ...PLAN, version: undefined });
    await commitObject(db, lease, { ...PLAN, version: 'v1' }, '{}', NOW);
    await commitObject(db, lease, { ...PLAN, version: 'v1' }, '{}', NOW);
    expect(await planObject(db, lease, later, NOW + 2)).toEqual({ ...PLAN, version: 'v1' });
    expect(await objectTotals(db, lease.account)).toEqual({ objects: 1, bytes: 7 });
    await expect(planObject(db, lease, { ...PLAN, size: 8 }, NOW)).rejects.toMatchObject({
      code: 'internal',
    });
  },
);
