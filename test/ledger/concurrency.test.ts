import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import type { Database } from '../../src/ledger/database.ts';
import { renewLease } from '../../src/ledger/lease.ts';
import { registerSessions } from '../../src/ledger/registry.ts';
import { NO_CONTENTS } from '../../src/ledger/segment-contents.ts';
import { commitSegment, planSegments } from '../../src/ledger/staging.ts';
import { endUnit, startUnit } from '../../src/ledger/units.ts';
import { type Candidate, sessionId } from '../../src/record.ts';
import { message, page, stagedRecords, unitCounters } from './candidates.ts';
import { type Ledger, leaseOf, NOW, openLedger, POSTGRES, UNIT } from './ledgers.ts';
import { unitEnd } from './unit-end.ts';

/** Resolves when `count` sessions of this ledger wait for a lock, and fails when one of them ended instead. */
async function blocked(db: Database, count: number, work: readonly Promise<unknown>[]): Promise<void> {
  let ended = false;
  for (const one of work) {
    one
      .finally(() => {
        ended = true;
      })
      .catch(() => {});
  }
  for (;;) {
    const [row] = await db.query<{ waiting: number }>(
      `select count(*) as waiting from pg_stat_activity
       where wait_event_type = 'Lock' and pid in (
         select pid from pg_locks l join pg_class c on c.oid = l.relation
         where c.relnamespace = current_schema()::regnamespace)`,
    );
    if ((row?.waiting ?? 0) >= count) return;
    if (ended) throw new Error('nothing waited');
  }
}

function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

/** Holds what `statement` locked until the returned function is called, as a slow process in its transaction does. */
async function holding(
  db: Database,
  statement: string,
  values: readonly unknown[] = [],
): Promise<() => Promise<void>> {
  const release = gate();
  const held = gate();
  const done = db.transaction(async (tx) => {
    await tx.query(statement, values);
    held.open();
    await release.passed;
  });
  await held.passed;
  // A test that fails leaves nobody waiting.
  onTestFinished(() => release.open());
  return () => {
    release.open();
    return done;
  };
}

async function insertSeen(db: Database, candidate: Candidate): Promise<() => Promise<void>> {
  const { keyMonth, key, content } = candidate;
  return holding(db, 'insert into seen (month, key, content) values ($1, $2, $3)', [keyMonth, key, content]);
}

describe('two connections that admit at the same moment', () => {
  test('lose nothing and double nothing, whatever the pages', async () => {
    const candidate = fc
      .record({ name: fc.integer({ min: 0, max: 30 }), content: fc.constantFrom('A', 'B') })
      .map(({ name, content }) => message(`m${name}`, { content }));
    const somePage = fc.array(candidate, { minLength: 1, maxLength: 40 });
    const { db, place, lease, unit } = await openLedger(POSTGRES);
    const other = await place.open();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(somePage, somePage), { maxLength: 5 }), async (rounds) => {
        await db.query('truncate seen, states, staged');
        await db.query('update units set pages = 0, rows = 0, admitted = 0, sightings = 0, drift = 0');
        for (const [one, two] of rounds) {
          await Promise.all([admit(db, lease, unit, page(one)), admit(other, lease, unit, page(two))]);
        }
        const shown = rounds.flatMap(([one, two]) => [...one, ...two]);
        const staged = await stagedRecords(db);
        const distinct = new Map(shown.map((one) => [one.key + one.content, one.record]));
        expect(staged.map(({ record }) => record).sort()).toEqual([...distinct.values()].sort());
        const firsts = new Set(shown.map(({ key }) => key));
        expect(await unitCounters(db)).toEqual({
          pages: rounds.length * 2,
          rows: shown.length,
          admitted: distinct.size,
          sightings: shown.length - distinct.size,
          drift: distinct.size - firsts.size,
        });
      }),
      { numRuns: 30 },
    );
  });

  test('do not lock each other out when their pages have other orders', async () => {
    const { db, place, lease, unit } = await openLedger(POSTGRES);
    const [one, two, between] = [message('a'), message('b'), message('c')].sort((x, y) =>
      x.key < y.key ? -1 : 1,
    ) as [Candidate, Candidate, Candidate];
    await admit(db, lease, unit, page([message('d')]));
    const finish = await insertSeen(db, two);
    const forth = admit(await place.open(), lease, unit, page([one, two, between]));
    const back = admit(await place.open(), lease, unit, page([between, two, one]));
    await blocked(db, 2, [forth, back]);
    await finish();
    const admitted = (await Promise.all([forth, back])).map((answer) => answer.admitted.length);
    expect(admitted.sort()).toEqual([0, 2]);
    expect(await stagedRecords(db)).toHaveLength(3);
  });

  test.each([
    { what: 'the same change once', contents: ['B', 'B'], expected: ['A', 'B'] },
    { what: 'different changes both', contents: ['B', 'C'], expected: ['A', 'B', 'C'] },
  ])('record $what', async ({ contents, expected }) => {
    const { db, place, lease, unit } = await openLedger(POSTGRES);
    const state = (content: string) =>
      message('m1', { content }, { rule: 'state', stream: 'reactions', kind: 'state' });
    await admit(db, lease, unit, page([state('A')]));
    const finish = await holding(db, 'select 1 from states for update');
    const work: Promise<unknown>[] = [];
    for (const content of contents) work.push(admit(await place.open(), lease, unit, page([state(content)])));
    await blocked(db, 2, work);
    await finish();
    await Promise.all(work);
    const staged = (await stagedRecords(db)).map(({ record }) => JSON.parse(record).content);
    expect(staged.sort()).toEqual(expected);
    const admitted = expected.length;
    expect(await unitCounters(db)).toMatchObject({ rows: 3, admitted, sightings: 3 - admitted });
  });

  test('a record that the other one wrote and took back is admitted', async () => {
    const { db, place, lease, unit } = await openLedger(POSTGRES);
    const candidate = message('m1');
    await admit(db, lease, unit, page([message('m0')]));
    const written = gate();
    const takenBack = gate();
    const other = db.transaction(async (tx) => {
      const { keyMonth, key, content } = candidate;
      await tx.query('insert into seen (month, key, content) values ($1, $2, $3)', [keyMonth, key, content]);
      written.open();
      await takenBack.passed;
      throw new Error('rolled back');
    });
    other.catch(() => {});
    await written.passed;
    const admission = admit(await place.open(), lease, unit, page([candidate]));
    await blocked(db, 1, [admission]);
    takenBack.open();
    await expect(other).rejects.toThrow('rolled back');
    expect((await admission).admitted).toHaveLength(1);
  });

  test('create the same month at once', async () => {
    const { place, lease, unit } = await openLedger(POSTGRES);
    const processes = await Promise.all(Array.from({ length: 4 }, () => place.open()));
    const answers = await Promise.all(
      processes.map((db, index) => admit(db, lease, unit, page([message(`m${index}`)]))),
    );
    expect(answers.map(({ admitted }) => admitted.length)).toEqual([1, 1, 1, 1]);
  });
});

const SESSION = { id: sessionId('s'), type: 'Group', name: 'n', channelId: 'c', lastMessageAt: NOW };
const HOLD_UNIT = 'select 1 from units for update';

/** Every write that only the holder of the lease may make. */
const WRITES: readonly {
  readonly name: string;
  /** Locks rows that the write will need after it has looked at the lease. */
  readonly hold: string;
  write(ledger: Ledger, db: Database): Promise<unknown>;
}[] = [
  {
    name: 'admit',
    hold: HOLD_UNIT,
    write: ({ lease, unit }, db) => admit(db, lease, unit, page([message('late')])),
  },
  { name: 'startUnit', hold: HOLD_UNIT, write: ({ lease }, db) => startUnit(db, lease, UNIT, NOW) },
  {
    name: 'startUnit of a new unit',
    hold: `insert into units select account, stream, 'x', mode, window_from, window_to, 1, 'done', null, 0, 0, 0, 0, 0, now() from units`,
    write: ({ lease }, db) => startUnit(db, lease, { ...UNIT, scope: 'x' }, NOW),
  },
  {
    name: 'endUnit',
    hold: HOLD_UNIT,
    write: ({ lease, unit }, db) => endUnit(db, lease, unit, unitEnd(unit)),
  },
  {
    name: 'registerSessions',
    hold: 'select 1 from registry for update',
    write: ({ lease }, db) => registerSessions(db, lease, [{ ...SESSION, name: 'renamed' }], NOW),
  },
  {
    name: 'planSegments',
    hold: 'select 1 from staged for update',
    write: ({ lease }, db) =>
      planSegments(db, lease, { records: 1, bytes: 1, dueBefore: NOW + 1 }, () => null, NOW, 10),
  },
  {
    name: 'commitSegment',
    hold: 'select 1 from segments for update',
    async write({ lease }, db) {
      const [row] = await db.query<{ id: number }>('select id from segments');
      const plan = { id: row?.id ?? 0, stream: 'messages', className: 'default', day: '2026-11-19' } as const;
      const sealed = {
        key: 'k',
        version: 'v',
        sha256: 's',
        size: 1,
        root: 'r',
        lock: null,
        contents: NO_CONTENTS,
      };
      await commitSegment(db, lease, { ...plan, records: 1, bytes: 1, lock: null }, sealed, '{}', NOW);
    },
  },
];

async function everything(db: Database): Promise<unknown> {
  const tables = [
    'seen',
    'states',
    'staged',
    'units',
    'coverage',
    'registry',
    'segments',
    'log_entries',
    'log_heads',
  ];
  const contents = tables.map((table) => db.query(`select * from ${table} order by 1, 2`));
  return Promise.all(contents);
}

async function prepared(): Promise<Ledger> {
  const ledger = await openLedger(POSTGRES);
  const { db, lease, unit } = ledger;
  await registerSessions(db, lease, [SESSION], NOW);
  await admit(db, lease, unit, page([message('planned')]));
  await planSegments(db, lease, { records: 1, bytes: 1, dueBefore: NOW }, () => null, NOW, 10);
  await admit(db, lease, unit, page([message('waiting')]));
  return ledger;
}

describe('a writer whose lease was taken over', () => {
  test.each(WRITES)('is refused and leaves no trace: $name', async ({ write }) => {
    const ledger = await prepared();
    await leaseOf(ledger.db);
    const before = await everything(ledger.db);
    await expect(write(ledger, ledger.db)).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await everything(ledger.db)).toEqual(before);
  });

  test.each(WRITES)('is refused too when the other is just taking it: $name', async ({ write }) => {
    const ledger = await prepared();
    const { db, place } = ledger;
    const before = await everything(db);
    const finish = await holding(db, 'update lease set generation = generation + 1');
    const writing = write(ledger, await place.open());
    await blocked(db, 1, [writing]);
    await finish();
    await expect(writing).rejects.toMatchObject({ code: 'lease-lost' });
    expect(await everything(db)).toEqual(before);
  });

  test.each(WRITES)('ends its write before another can take it: $name', async ({ hold, write }) => {
    const ledger = await prepared();
    const { db, place } = ledger;
    const finish = await holding(db, hold);
    const writing = write(ledger, await place.open());
    await blocked(db, 1, [writing]);
    const taking = leaseOf(await place.open());
    await blocked(db, 2, [writing, taking]);
    await finish();
    await writing;
    expect((await taking).generation).toBeGreaterThan(ledger.lease.generation);
  });
});

test('renewals get through while others write without a pause', async () => {
  const { db, place, lease, unit } = await openLedger(POSTGRES);
  const writers = await Promise.all(Array.from({ length: 4 }, () => place.open()));
  let renewed = 0;
  let pages = 0;
  const write = async (db: Database, writer: number): Promise<void> => {
    while (renewed < 20 && pages < 20_000) {
      pages += 1;
      await admit(db, lease, unit, page([message(`w${writer} p${pages}`)]));
    }
  };
  const renew = async (): Promise<void> => {
    for (; renewed < 20; renewed += 1) expect(await renewLease(db, lease, 60_000)).toBe(true);
  };
  await Promise.all([renew(), ...writers.map(write)]);
  expect(renewed).toBe(20);
  expect(pages).toBeLessThan(20_000);
});
