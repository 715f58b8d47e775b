/** The fault table of the access log: every write, lost or applied but reported failed; then somebody else goes on. */
import { expect, test } from 'vitest';
import { beginAccessLog } from '../../src/access/log.ts';
import { type FaultySink, SINKS } from '../segments/sealing.ts';
import { expectSound, questions } from './keeping.ts';
import { asking, begin, numbers, open, options, READER } from './opening.ts';

/** What is written for one entry, in order, by the prefix of the key. */
const WRITES = [
  { write: 'batch', prefix: 'access/batch/' },
  { write: 'bundle', prefix: 'access/tile/entries/' },
  { write: 'tile', prefix: 'access/tile/0/' },
  { write: 'checkpoint', prefix: 'access/checkpoint' },
] as const;
const TABLE = SINKS.flatMap((kind) =>
  WRITES.flatMap((row) => (['lost', 'applied'] as const).map((effect) => ({ kind, effect, ...row }))),
);

/** Entries that fill the first bundle but for one, so that the fault strikes full parts, too. */
const BEFORE = 254;

async function filled(target: FaultySink): Promise<void> {
  await begin(target.sink);
  const log = await open(target.sink);
  const asked = numbers(0, BEFORE).map((question) => log.record(READER, asking(question), null));
  await Promise.all(asked);
}

test.each(TABLE)('$kind.name: $write, $effect', async ({ kind, prefix, effect }) => {
  const target = await kind.open();
  const { sink } = target;
  await filled(target);
  const log = await open(sink);
  target.failNextPut(effect, prefix);
  // Two, with which the bundle is full and one more begun.
  const two = [log.record(READER, asking('one'), null), log.record(READER, asking('two'), null)];
  for (const done of await Promise.allSettled(two)) {
    // A put that is done again by the sink itself may succeed: then it is on record.
    if (done.status === 'rejected') expect(done.reason).toMatchObject({ code: 'access-unrecorded' });
  }
  // The same writer goes on, and one who knows nothing of it.
  await log.record(READER, asking('the same writer'), null);
  await (await open(sink)).record(READER, asking('another'), null);
  const asked = await questions(sink);
  const written = asked.slice(BEFORE);
  // All of the batch or nothing of it, and once.
  const both = [...written];
  if (both[0] === 'one') expect(both.splice(0, 2)).toEqual(['one', 'two']);
  expect(both).toEqual(['the same writer', 'another']);
  if (effect === 'applied' || prefix !== 'access/batch/') expect(written).toHaveLength(4);
  await expectSound(sink);
  expect(await target.rubbish()).toEqual([]);
});

test.each(TABLE.filter(({ kind }) => !kind.name.includes('Ceph')))(
  '$kind.name: begun, $write, $effect',
  async ({ kind, prefix, effect }) => {
    const target = await kind.open();
    target.failNextPut(effect, prefix);
    await begin(target.sink).catch(() => undefined);
    // It is begun again, also with other terms: the first ones count.
    const again = await beginAccessLog({ ...options(target.sink), lock: null });
    expect(again.created).toBe(prefix === 'access/batch/' && effect === 'lost');
    await (await open(target.sink)).record(READER, asking('first'), null);
    expect(await questions(target.sink)).toEqual(['first']);
  },
);
