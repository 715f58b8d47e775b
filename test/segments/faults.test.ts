/** The fault table of the write path: every external write, lost or applied but reported failed, then a restart. */
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ArchiverError } from '../../src/errors.ts';
import type { Database, Queryable } from '../../src/ledger/database.ts';
import { type Engine, leaseOf, openLedger, PGLITE, POSTGRES } from '../ledger/ledgers.ts';
import { folder } from './building.ts';
import {
  DIRECTORY,
  type Effect,
  type FaultySink,
  fillLedger,
  SINKS,
  type SinkKind,
  sealAll,
  verifyArchive,
} from './sealing.ts';

const WRITES = ['plan', 'put', 'commit'] as const;
type Write = (typeof WRITES)[number];

function lost(): ArchiverError {
  return new ArchiverError('ledger-unreachable', 'the ledger did not answer');
}

/** `db`, but its plan or commit number `nth` is not sent, or is sent and reported failed. */
function faulty(db: Database, write: Write, effect: Effect, nth: number): Database {
  let seen = 0;
  const failing = async <T>(hit: boolean, send: () => Promise<T>): Promise<T> => {
    if (hit) seen += 1;
    const now = hit && seen === nth;
    if (now && effect === 'lost') throw lost();
    const result = await send();
    if (now) throw lost();
    return result;
  };
  return {
    engine: db.engine,
    query: (text, values) =>
      failing(write === 'commit' && text.includes(`set state = 'committed'`), () => db.query(text, values)),
    transaction: <T>(work: (tx: Queryable) => Promise<T>) =>
      failing(write === 'plan', () => db.transaction(work)),
    close: () => db.close(),
  };
}

const TABLE = WRITES.flatMap((write) =>
  (['lost', 'applied'] as const).flatMap((effect) => [1, 3].map((nth) => ({ write, effect, nth }))),
).filter(({ write, nth }) => write !== 'plan' || nth === 1);

async function run(engine: Engine, kind: SinkKind, { write, effect, nth }: (typeof TABLE)[number]) {
  const ledger = await openLedger(engine);
  const admitted = await fillLedger(ledger);
  const target: FaultySink = await kind.open();
  const spool = await folder();
  const { db, lease, place } = ledger;
  let sealed = 0;
  const events = {
    planned() {},
    step() {},
    sealed() {
      sealed += 1;
      if (write === 'put' && sealed === nth - 1) target.failNextPut(effect);
    },
  };
  if (write === 'put' && nth === 1) target.failNextPut(effect);
  const first = sealAll({ db: faulty(db, write, effect, nth), lease, sink: target.sink, spool }, { events });
  await expect(first).rejects.toThrow();
  const left = await db.query(`select 1 from segments where state = 'planned'`);
  if (write !== 'plan' && !(write === 'commit' && effect === 'applied')) expect(left).not.toEqual([]);

  const restarted = await place.open();
  await sealAll({ db: restarted, lease: await leaseOf(restarted), sink: target.sink, spool });
  await verifyArchive(place, target, admitted);
  expect((await readdir(spool)).filter((name) => name !== 'duckdb')).toEqual([]);
}

describe.each(SINKS)('into $name', (kind) => {
  test.each(TABLE)('$write $nth $effect', (fault) => run(POSTGRES, kind, fault));
});

describe('from PGlite into a directory', () => {
  test.each(TABLE)('$write $nth $effect', (fault) => run(PGLITE, DIRECTORY, fault));
});
