/** Who is said to set the flags of a hold, where somebody else has the lease. */
import { expect, onTestFinished, test } from 'vitest';
import { type Context, leadOnce, openLedger } from '../../src/commands/context.ts';
import { placeEntries } from '../../src/commands/hold-entries.ts';
import { carryOutNow } from '../../src/commands/hold-flags.ts';
import type { Database } from '../../src/ledger/database.ts';
import { placeHold } from '../../src/ledger/holds.ts';
import { EVERYTHING } from '../../src/retention/holds.ts';
import { workFolder } from '../e2e/campaign.ts';
import { openArchiver } from '../support/archiver.ts';
import { createSchema } from '../support/postgres.ts';

const never = new AbortController().signal;
const IO = {
  out: () => undefined,
  err: process.stderr,
  fail: () => undefined,
  drain: never,
  interrupt: never,
  ask: undefined,
  drainWithin: () => undefined,
};

async function placed(): Promise<{ readonly context: Context; readonly db: Database }> {
  const { url } = await createSchema();
  const emulator = { url: 'http://127.0.0.1:1', now: Date.now };
  const archiver = await openArchiver(emulator, await workFolder(), { ledger: { url } });
  const { context } = archiver;
  const db = await openLedger(context);
  onTestFinished(async () => {
    await db.close();
    await archiver.close();
  });
  const deed = { by: 'B. Counsel', at: context.now(), reason: 'letter' };
  const hold = {
    id: 'h1',
    matter: 'Doe',
    source: 'own',
    zoomMatter: undefined,
    scope: EVERYTHING,
    placed: deed,
  } as const;
  await placeHold(db, context.account, hold, placeEntries(hold));
  return { context, db };
}

test('a command that has the lease is not taken for the archiver', async () => {
  const { context, db } = await placed();
  const { release } = await leadOnce(context, db, never);
  onTestFinished(release);
  expect(await carryOutNow(IO, context, db, false, 0)).toMatchObject({
    told: { by: 'nobody', waiting: 1 },
    error: { code: 'incomplete' },
  });
  await db.query('update holds set refreshed_at = now()');
  expect(await carryOutNow(IO, context, db, false, 0)).toMatchObject({
    told: { by: 'archiver' },
    error: undefined,
  });
});

test('once the lease is free the command sets the flags itself', async () => {
  const { context, db } = await placed();
  const { release } = await leadOnce(context, db, never);
  const freed: Database = {
    ...db,
    async query(text, values) {
      if (text.includes('select holder, generation')) await release();
      return db.query(text, values);
    },
  };
  expect(await carryOutNow(IO, context, freed, false)).toMatchObject({
    told: { by: 'command' },
    error: undefined,
  });
});
