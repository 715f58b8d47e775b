/** The fault table of legal holds: every external write, lost or applied but reported failed, then a restart. */
import { describe, expect, test } from 'vitest';
import { type Effect, faulty } from '../ledger/faulty.ts';
import { leaseOf, NOW, openLedger, POSTGRES } from '../ledger/ledgers.ts';
import {
  type Archive,
  carryOut,
  end,
  expectSettled,
  fillArchive,
  flaggedAt,
  loggedSteps,
  place,
  release,
} from './holding.ts';
import { DIRECTORY, SINKS, type SinkKind } from './sealing.ts';

/** What is written, in order; `where` is a part of a statement to the ledger, or of a key at the sink. */
const PLACING = [
  { write: 'place', where: 'insert into holds' },
  { write: 'cover', where: 'insert into hold_versions' },
  { write: 'refreshed', where: 'set refreshed_to = ' },
  { write: 'settle', where: 'set flagged = true from waiting' },
  { write: 'flag', where: 'segments/' },
  { write: 'flag', where: 'objects/' },
  { write: 'note', where: 'set held = true' },
];
const ENDING = [
  { write: 'release', where: `set state = 'releasing'` },
  { write: 'end', where: `set state = 'ended'` },
  { write: 'settle', where: 'delete from hold_versions v using holds' },
  { write: 'free', where: 'set held = false' },
  { write: 'lift', where: 'segments/' },
  { write: 'note', where: 'using given' },
  { write: 'done', where: 'set lifted_at' },
];
const EFFECTS = ['lost', 'applied'] as const;

/** Two holds that overlap, placed; each step is safe to take again. */
async function placeBoth({ db, sink }: Archive): Promise<void> {
  await place(db, 'h1', { channels: ['c1'] });
  await place(db, 'h2', { channels: ['c2'] });
  await carryOut({ db, sink }, await leaseOf(db));
}

/** One of them ends. */
async function endOne({ db, sink }: Archive): Promise<void> {
  await release(db, 'h1', NOW);
  await end(db, 'h1');
  await carryOut({ db, sink }, await leaseOf(db));
}

interface Fault {
  readonly phase: 'placing' | 'ending';
  readonly write: string;
  readonly where: string;
  readonly effect: Effect;
}

async function run({ phase, where, effect }: Fault, kind: SinkKind): Promise<void> {
  const { db, place: ledger } = await openLedger(POSTGRES);
  const target = await kind.open();
  const { sink } = target;
  await fillArchive({ db, sink });
  if (phase === 'ending') await placeBoth({ db, sink });
  const atSink = where.endsWith('/');
  if (atSink) target.failNextHold(effect, where);
  const broken = atSink ? db : faulty(db, where, effect, 1);
  const step = phase === 'placing' ? placeBoth : endOne;
  await expect(step({ db: broken, sink })).rejects.toThrow();

  const restarted = await ledger.open();
  await step({ db: restarted, sink });
  if (phase === 'placing') await endOne({ db: restarted, sink });
  expect(await flaggedAt(sink)).toEqual(['both', 'desk', 'file in two sessions', 'members']);
  await expectSettled(restarted);
  expect(await loggedSteps(restarted)).toEqual(
    ['h1 place', 'h2 place', 'h1 release', 'h1 end'].map((taken) => `${taken} B. Counsel`),
  );
  expect(await target.rubbish()).toEqual([]);
}

const TABLE: readonly Fault[] = [
  ...PLACING.map((row) => ({ ...row, phase: 'placing' as const })),
  ...ENDING.map((row) => ({ ...row, phase: 'ending' as const })),
].flatMap((row) => EFFECTS.map((effect) => ({ ...row, effect })));
const atTheSink = TABLE.filter(({ where }) => where.endsWith('/'));
const inTheLedger = TABLE.filter(({ where }) => !where.endsWith('/'));

describe.each(SINKS)('at $name', (kind) => {
  test.each(atTheSink)('$phase: $write $where $effect', (fault) => run(fault, kind));
});

describe('in the ledger', () => {
  test.each(inTheLedger)('$phase: $write $effect', (fault) => run(fault, DIRECTORY));
});
