/** The fault table of the write path: every external write, lost or applied but reported failed, then a restart. */
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { faulty } from '../ledger/faulty.ts';
import { type Engine, leaseOf, openLedger, PGLITE, POSTGRES } from '../ledger/ledgers.ts';
import { folder } from './building.ts';
import {
  DIRECTORY,
  type FaultySink,
  fillLedger,
  SINKS,
  type SinkKind,
  sealAll,
  verifyArchive,
} from './sealing.ts';

/** What is written, in order; `where` is the prefix of a key at the sink, or a part of a statement to the ledger. */
const WRITES = [
  { write: 'plan', where: 'insert into segments' },
  { write: 'put', where: 'segments/' },
  { write: 'commit', where: `set state = 'committed'` },
  { write: 'place', where: 'update log_heads set size' },
  { write: 'tile', where: 'log/tile/0/' },
  { write: 'bundle', where: 'log/tile/entries/' },
  { write: 'checkpoint', where: 'log/checkpoint' },
  { write: 'note', where: 'set published_size' },
] as const;
const AT_THE_SINK: readonly string[] = ['put', 'tile', 'bundle', 'checkpoint'];

const TABLE = WRITES.flatMap(({ write, where }) =>
  (['lost', 'applied'] as const).flatMap((effect) => [1, 2, 3].map((nth) => ({ write, where, effect, nth }))),
).filter(({ write, nth }) => nth === 1 || write === 'commit' || (nth === 2 && write !== 'plan'));

async function run(engine: Engine, kind: SinkKind, { write, where, effect, nth }: (typeof TABLE)[number]) {
  const ledger = await openLedger(engine);
  const admitted = await fillLedger(ledger);
  const target: FaultySink = await kind.open();
  const spool = await folder();
  const { db, lease, place } = ledger;
  const atSink = AT_THE_SINK.includes(write);
  const events = {
    planned() {},
    step() {},
    sealed() {},
    // The first checkpoint is that of entry 0 alone; faults of a later one strike once it is out.
    published() {
      if (atSink && nth > 1) target.failNextPut(effect, where);
    },
  };
  if (atSink && nth === 1) target.failNextPut(effect, where);
  const broken = atSink ? db : faulty(db, where, effect, nth);
  const first = sealAll({ db: broken, lease, sink: target.sink, spool }, { events });
  await expect(first).rejects.toThrow();

  const restarted = await place.open();
  await sealAll({ db: restarted, lease: await leaseOf(restarted), sink: target.sink, spool });
  await verifyArchive(place, target, admitted);
  expect((await readdir(spool)).filter((name) => name !== 'duckdb')).toEqual([]);
}

const atTheSink = TABLE.filter(({ write }) => AT_THE_SINK.includes(write));
const inTheLedger = TABLE.filter(({ write }) => !AT_THE_SINK.includes(write));

describe.each(SINKS)('into $name', (kind) => {
  test.each(atTheSink)('$write $nth $effect', (fault) => run(POSTGRES, kind, fault));
});

describe.each([POSTGRES, PGLITE])('from $name', (engine) => {
  test.each(inTheLedger)('$write $nth $effect', (fault) => run(engine, DIRECTORY, fault));
});
