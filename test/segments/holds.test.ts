/** What holds cover, and the flags at the store that follow from it: on both engines, at every sink. */
import { describe, expect, test } from 'vitest';
import { holdEntry, holdStep } from '../../src/commands/hold-entries.ts';
import type { Database } from '../../src/ledger/database.ts';
import { cancelRelease, changeHold, readHolds } from '../../src/ledger/holds.ts';
import { parseEntry } from '../../src/proof/entry.ts';
import type { HoldScope } from '../../src/record.ts';
import { objectKey } from '../../src/segments/layout.ts';
import { faulty } from '../ledger/faulty.ts';
import { ACCOUNT, leaseOf, NOW, openLedger, PGLITE, POSTGRES } from '../ledger/ledgers.ts';
import {
  type Archive,
  addParticipant,
  addSegment,
  carryOut,
  end,
  expectSettled,
  FILES,
  fillArchive,
  flaggedAt,
  hash,
  keyOfSegment,
  loggedSteps,
  PLACED,
  place,
  release,
  SEGMENTS,
  scopeOf,
} from './holding.ts';
import { DIRECTORY, type FaultySink, SINKS } from './sealing.ts';

const DAY = 86_400_000;
const EVERY_NAME = [...Object.keys(SEGMENTS), ...Object.keys(FILES)].sort();

interface Rig extends Archive {
  readonly target: FaultySink;
  lease(): ReturnType<typeof leaseOf>;
}

async function rig(engine = PGLITE, kind = DIRECTORY): Promise<Rig> {
  const { db } = await openLedger(engine);
  const target = await kind.open();
  await fillArchive({ db, sink: target.sink });
  return { db, sink: target.sink, target, lease: () => leaseOf(db) };
}

function keyOf(name: keyof typeof SEGMENTS): string {
  const segment = SEGMENTS[name];
  if (segment === undefined) throw new Error(`no segment ${name}`);
  return keyOfSegment(name, segment);
}

const ANNS = ['both', 'direct', 'file in two sessions', 'file of two', 'general'];
const DESK = ['both', 'desk', 'file in two sessions', 'members'];

describe.each([PGLITE, POSTGRES])('a hold in $name covers', (engine) => {
  test.each<[string, Partial<HoldScope>, readonly string[]]>([
    ['a custodian, by the address she had', { custodians: ['Ann@X.example'] }, ANNS],
    ['a custodian, by the address she has', { custodians: ['ann.new@x.example'] }, ANNS],
    ['a custodian, by her member id', { custodians: ['m-ann'] }, ANNS],
    ['a member who never wrote', { custodians: ['cy@x.example'] }, DESK],
    ['somebody whom nobody knows', { custodians: ['eve@x.example'] }, []],
    ['a channel, with its session', { channels: ['c2'] }, DESK],
    ['a session, with its channel', { sessions: ['s2'] }, DESK],
    ['sessions of a name', { sessions: ['general'] }, ANNS],
    ['days', { channels: ['c1'], from: '2026-01-02' }, ['both']],
    ['days of files', { channels: ['c2'], from: '2026-01-05' }, ['both', 'file in two sessions']],
    [
      'the first and the last day',
      { sessions: ['s3'], from: '2026-01-05', to: '2026-01-05' },
      ['direct', 'file of two'],
    ],
    ['no day', { sessions: ['s3'], to: '2026-01-04' }, []],
    [
      'several together',
      { custodians: ['cy@x.example'], sessions: ['s3'] },
      [...DESK, 'direct', 'file of two'].sort(),
    ],
    ['everything', {}, EVERY_NAME],
    [
      'everything of some days, also coverage',
      { from: '2026-01-05' },
      ['both', 'coverage', 'direct', 'file in two sessions', 'file of two'],
    ],
  ])('%s', async (_what, scope, expected) => {
    const { db, sink, lease } = await rig(engine);
    expect(await place(db, 'h1', scope)).toBe(true);
    const found = await carryOut({ db, sink }, await lease());
    expect(found).toEqual({ flagged: expected.length, lifted: 0, missing: 0 });
    expect(await flaggedAt(sink)).toEqual(expected);
    await expectSettled(db);
  });
});

test('a hold of a matter at Zoom covers what Zoom preserved for it', async () => {
  const { db, sink, lease } = await rig();
  await place(db, 'zoom:m1', { custodians: ['eve@x.example'] }, 'm1');
  await carryOut({ db, sink }, await lease());
  expect(await flaggedAt(sink)).toEqual(['matter']);
});

describe.each(SINKS)('at $name', (kind) => {
  test('holds are counted: a flag stays until the last one that covers the version has ended', async () => {
    const { db, sink, target, lease } = await rig(POSTGRES, kind);
    await place(db, 'h1', { channels: ['c1'] });
    await place(db, 'h2', { channels: ['c2'] });
    const leader = await lease();
    await carryOut({ db, sink }, leader);
    const all = [...new Set([...DESK, 'general'])].sort();
    expect(await flaggedAt(sink)).toEqual(all);

    // Released: nothing changes until the cool-off ends, and then for what no other hold covers.
    expect(await release(db, 'h1', NOW + DAY)).toBe(true);
    expect(await end(db, 'h1')).toBe(false);
    expect(await carryOut({ db, sink }, leader)).toEqual({ flagged: 0, lifted: 0, missing: 0 });
    expect(await flaggedAt(sink)).toEqual(all);
    expect(await end(db, 'h1', NOW + DAY)).toBe(true);
    expect(await carryOut({ db, sink }, leader)).toEqual({ flagged: 0, lifted: 1, missing: 0 });
    expect(await flaggedAt(sink)).toEqual(DESK);
    await expectSettled(db);

    // What is held cannot be destroyed; what is free is kept by its lock alone.
    const held = keyOf('desk');
    await expect(sink.destroy(held)).rejects.toMatchObject({ code: 'sink-locked' });
    expect(await release(db, 'h2', NOW)).toBe(true);
    expect(await end(db, 'h2')).toBe(true);
    await carryOut({ db, sink }, leader);
    expect(await flaggedAt(sink)).toEqual([]);
    await expectSettled(db);
    expect(await target.rubbish()).toEqual([]);
  });
});

describe('what arrives later', () => {
  const LATER = {
    'later in general': { stream: 'messages', day: '2026-02-01', holds: { s1: 1 } },
    'later elsewhere': { stream: 'messages', day: '2026-02-01', holds: { s9: 1 } },
  };

  test('is covered where it is in scope', async () => {
    const { db, sink, lease } = await rig();
    await place(db, 'h1', { custodians: ['ann@x.example'] });
    const leader = await lease();
    await carryOut({ db, sink }, leader);
    for (const [name, segment] of Object.entries(LATER)) await addSegment({ db, sink }, name, segment);
    expect(await carryOut({ db, sink }, leader)).toEqual({ flagged: 1, lifted: 0, missing: 0 });
    expect(await flaggedAt(sink, LATER)).toEqual([...ANNS, 'later in general'].sort());
    // Nothing new, nothing looked at.
    const unasked = faulty(db, 'segment_contents', 'lost', 1);
    expect(await carryOut({ db: unasked, sink }, leader)).toEqual({ flagged: 0, lifted: 0, missing: 0 });
  });

  test('shows a custodian in a place where nobody knew him: all of the place is covered', async () => {
    const { db, sink, lease } = await rig();
    await place(db, 'h1', { custodians: ['cy@x.example'] });
    const leader = await lease();
    await carryOut({ db, sink }, leader);
    expect(await flaggedAt(sink, LATER)).toEqual(DESK);
    await addSegment({ db, sink }, 'later in general', LATER['later in general']);
    await addParticipant(db, 'u-cy', 's1');
    await carryOut({ db, sink }, leader);
    expect(await flaggedAt(sink, LATER)).toEqual([...DESK, 'general', 'later in general'].sort());
  });

  test('is found once a day whatever was known before', async () => {
    const { db, sink, lease } = await rig();
    await place(db, 'h1', { custodians: ['cy@x.example'] });
    const leader = await lease();
    await carryOut({ db, sink }, leader);
    await addParticipant(db, 'u-cy', 's1');
    expect(await carryOut({ db, sink }, leader)).toMatchObject({ flagged: 0 });
    expect(await carryOut({ db, sink }, leader, { now: () => NOW + DAY })).toMatchObject({ flagged: 1 });
    expect(await flaggedAt(sink)).toEqual([...DESK, 'general'].sort());
  });

  test('an old file in a new place', async () => {
    const { db, sink, lease } = await rig();
    await place(db, 'h1', { channels: ['c2'], from: '2026-02-01' });
    const leader = await lease();
    await carryOut({ db, sink }, leader);
    expect(await flaggedAt(sink)).toEqual([]);
    const forwarded = { stream: 'messages', day: '2026-02-01', holds: { s2: 1 } };
    await addSegment({ db, sink }, 'forwarded', forwarded);
    await db.query(`insert into file_places values ($1, 'file of two', 's2', '', '2026-02-01')`, [ACCOUNT]);
    await carryOut({ db, sink }, leader);
    expect(await flaggedAt(sink, { forwarded })).toEqual(['file of two', 'forwarded']);
  });
});

describe('steps', () => {
  test('stand in the log once each, in order, and a ledger without a log takes none', async () => {
    const { db, lease, sink } = await rig();
    expect(await place(db, 'h1', { channels: ['c1'] })).toBe(true);
    expect(await place(db, 'h1', { channels: ['c2'] })).toBe(false);
    expect(await cancelRelease(db, ACCOUNT, 'h1', ['no entry'])).toBe(false);
    expect(await release(db, 'h1', NOW)).toBe(true);
    expect(await release(db, 'h1', NOW)).toBe(false);
    const hold = { id: 'h1', matter: 'Doe', source: 'own' } as const;
    expect(await cancelRelease(db, ACCOUNT, 'h1', [holdEntry(hold, 'cancel', PLACED)])).toBe(true);
    expect(await end(db, 'h1')).toBe(false);
    const wider = { matter: 'Doe', scope: scopeOf({ channels: ['c1', 'c2'] }) };
    const change = [holdEntry(hold, 'change', PLACED, { scope: null })];
    expect(await changeHold(db, ACCOUNT, 'h1', wider, change)).toBe(true);
    expect(await changeHold(db, ACCOUNT, 'h1', wider, ['no entry'])).toBe(false);
    expect(await release(db, 'h1', NOW)).toBe(true);
    expect(await end(db, 'h1')).toBe(true);
    expect(await end(db, 'h1')).toBe(false);
    expect(await changeHold(db, ACCOUNT, 'h1', { ...wider, matter: 'Roe' }, ['no entry'])).toBe(false);
    const steps = ['place', 'release', 'cancel', 'change', 'release', 'end'];
    expect(await loggedSteps(db)).toEqual(steps.map((step) => `h1 ${step} B. Counsel`));
    await carryOut({ db, sink }, await lease());
    await db.query('delete from log_heads');
    await expect(place(db, 'h2', {})).rejects.toMatchObject({ code: 'archive-missing' });
  });

  test('a scope longer than an entry goes on in changes, and comes back whole', async () => {
    const { db } = await rig();
    const custodians = Array.from({ length: 4000 }, (_, index) => `somebody.of.ours.${index}@x.example`);
    await place(db, 'h1', { custodians });
    const rows = await db.query<{ entry: string }>(
      `select entry from log_entries where entry like '%"hold"%' order by id`,
    );
    expect(rows.length).toBeGreaterThan(2);
    const steps = rows.map(({ entry }) => {
      const parsed = parseEntry(Buffer.from(entry));
      if (parsed.type !== 'hold') throw new Error('another entry');
      return holdStep(parsed);
    });
    const told = steps.flatMap((step) => {
      if (step.action === 'place') return step.hold.scope.custodians;
      return step.action === 'change' ? step.scope.custodians : [];
    });
    expect(told).toEqual(custodians);
    expect((await readHolds(db, ACCOUNT))[0]?.scope.custodians).toEqual(custodians);
  });
});

test('a covered version that is not at the store is said, and the others are flagged', async () => {
  const { db, sink, lease } = await rig();
  await db.query(`update segments set version = 'another' where key = $1`, [keyOf('general')]);
  await db.query('update objects set version = $2 where key = $1', [
    objectKey(hash('file of two')),
    'another',
  ]);
  await place(db, 'h1', { custodians: ['ann@x.example'] });
  const leader = await lease();
  const expected = { flagged: 3, lifted: 0, missing: 2 };
  expect(await carryOut({ db, sink }, leader)).toEqual(expected);
  expect(await carryOut({ db, sink }, leader)).toEqual({ ...expected, flagged: 0 });
  expect(await flaggedAt(sink)).toEqual(['both', 'direct', 'file in two sessions']);
});

test('while a new hold was not looked at, nothing is freed', async () => {
  const { db, sink, lease } = await rig();
  await place(db, 'h1', { channels: ['c1'] });
  const leader = await lease();
  await carryOut({ db, sink }, leader);
  await release(db, 'h1', NOW);
  await end(db, 'h1');
  // Placed by another process after this one has looked at the holds there were.
  let placed = false;
  const racing: Database = {
    ...db,
    engine: db.engine,
    async query(text, values) {
      if (text.includes('with guard') && text.includes('held = false') && !placed) {
        placed = true;
        await place(db, 'h2', { channels: ['c1'] });
      }
      return db.query(text, values);
    },
  };
  expect(await carryOut({ db: racing, sink }, leader)).toMatchObject({ lifted: 0 });
  const kept = ['both', 'file in two sessions', 'general'];
  expect(await flaggedAt(sink)).toEqual(kept);
  await carryOut({ db, sink }, leader);
  expect(await flaggedAt(sink)).toEqual(kept);
  await expectSettled(db);
});
