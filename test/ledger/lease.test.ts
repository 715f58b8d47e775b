import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/ledger/database.ts';
import { acquireLease, leaseHolder, releaseLease, renewLease } from '../../src/ledger/lease.ts';
import { ACCOUNT, ENGINES, POSTGRES } from './ledgers.ts';

const MINUTE = 60_000;

async function expire(db: Database): Promise<void> {
  await db.query(`update lease set expires_at = clock_timestamp() - interval '1 second'`);
}

async function secondsLeft(db: Database): Promise<number> {
  const [row] = await db.query<{ left: number }>(
    'select extract(epoch from expires_at - clock_timestamp())::float8 as left from lease',
  );
  return row?.left ?? Number.NaN;
}

describe.each(ENGINES)('the lease on $name', (engine) => {
  test('is held by one at a time until it expires; each taking has a higher generation', async () => {
    const db = await (await engine.migrated()).open();
    expect(await leaseHolder(db, ACCOUNT)).toBeUndefined();
    const first = await acquireLease(db, ACCOUNT, 'one', MINUTE);
    expect(first).toEqual({ account: ACCOUNT, holder: 'one', generation: 1 });
    expect(await acquireLease(db, ACCOUNT, 'two', MINUTE)).toBeUndefined();
    expect(await leaseHolder(db, ACCOUNT)).toEqual({ holder: 'one', generation: 1, expired: false });
    await expire(db);
    expect(await leaseHolder(db, ACCOUNT)).toEqual({ holder: 'one', generation: 1, expired: true });
    expect(await acquireLease(db, ACCOUNT, 'two', MINUTE)).toMatchObject({ holder: 'two', generation: 2 });
    expect(await acquireLease(db, ACCOUNT, 'one', MINUTE)).toBeUndefined();
  });

  test('is taken again at once by its own holder, with a new generation', async () => {
    const db = await (await engine.migrated()).open();
    const first = await acquireLease(db, ACCOUNT, 'one', MINUTE);
    const again = await acquireLease(db, ACCOUNT, 'one', MINUTE);
    expect([first?.generation, again?.generation]).toEqual([1, 2]);
    expect(first && (await renewLease(db, first, MINUTE))).toBe(false);
  });

  test('lives on with each renewal, also after it expired, but not once another has it', async () => {
    const db = await (await engine.migrated()).open();
    const lease = await acquireLease(db, ACCOUNT, 'one', MINUTE);
    if (lease === undefined) throw new Error('not free');
    await expire(db);
    expect(await renewLease(db, lease, 10 * MINUTE)).toBe(true);
    expect(await secondsLeft(db)).toBeGreaterThan(500);
    await expire(db);
    await acquireLease(db, ACCOUNT, 'two', MINUTE);
    expect(await renewLease(db, lease, 10 * MINUTE)).toBe(false);
    expect(await secondsLeft(db)).toBeLessThan(61);
  });

  test('is free at once when it is given up, and stays so for whoever gave it up', async () => {
    const db = await (await engine.migrated()).open();
    const lease = await acquireLease(db, ACCOUNT, 'one', MINUTE);
    if (lease === undefined) throw new Error('not free');
    await releaseLease(db, lease);
    // A renewal that was on its way when the lease was given up.
    expect(await renewLease(db, lease, MINUTE)).toBe(false);
    const next = await acquireLease(db, ACCOUNT, 'two', MINUTE);
    expect(next).toMatchObject({ generation: 2 });
    await releaseLease(db, lease);
    expect(await leaseHolder(db, ACCOUNT)).toMatchObject({ holder: 'two', expired: false });
  });

  test('of one account says nothing about another', async () => {
    const db = await (await engine.migrated()).open();
    await acquireLease(db, 'account-a', 'one', MINUTE);
    expect(await acquireLease(db, 'account-b', 'two', MINUTE)).toMatchObject({ generation: 1 });
  });
});

test('of several that ask at once, one gets the lease', async () => {
  const place = await POSTGRES.migrated();
  const processes = await Promise.all(Array.from({ length: 8 }, () => place.open()));
  const first = await Promise.all(
    processes.map((db, index) => acquireLease(db, ACCOUNT, `p${index}`, MINUTE)),
  );
  expect(first.filter((lease) => lease !== undefined)).toHaveLength(1);
  await expire(processes[0] as Database);
  const second = await Promise.all(
    processes.map((db, index) => acquireLease(db, ACCOUNT, `q${index}`, MINUTE)),
  );
  expect(second.filter((lease) => lease !== undefined)).toMatchObject([{ generation: 2 }]);
});
