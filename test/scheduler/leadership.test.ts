import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { admit } from '../../src/ledger/admit.ts';
import { type Database, openPostgres } from '../../src/ledger/database.ts';
import { acquireLease, leaseHolder } from '../../src/ledger/lease.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { startUnit } from '../../src/ledger/units.ts';
import { silentLog } from '../../src/log.ts';
import { type Leadership, takeLeadership } from '../../src/scheduler/leadership.ts';
import { message, page } from '../ledger/candidates.ts';
import { UNIT } from '../ledger/ledgers.ts';
import { createSchema } from '../support/postgres.ts';

const ACCOUNT = 'account-1';
const TTL = 60_000;
const NEVER = new AbortController().signal;

/** Counts the renewals that were answered; each is held back while `silent`. */
interface Watched {
  readonly db: Database;
  silent: boolean;
  failing: boolean;
  answered: number;
}

async function ledger(): Promise<Watched> {
  const { url } = await createSchema();
  const db = await openPostgres({ url, connections: 4, log: silentLog() });
  onTestFinished(() => db.close());
  await migrate(db);
  const watched: Watched = {
    silent: false,
    failing: false,
    answered: 0,
    db: {
      ...db,
      async query(text, values) {
        const renewal = text.includes('update lease set expires_at = clock_timestamp()');
        if (renewal && watched.silent) return new Promise(() => {});
        if (renewal && watched.failing) throw new Error('no answer');
        const rows = await db.query(text, values);
        if (renewal) watched.answered += 1;
        return rows as never;
      },
    },
  };
  return watched;
}

function take({ db }: Watched, holder: string, patienceMs = 0, signal = NEVER): Promise<Leadership> {
  return takeLeadership({ db, account: ACCOUNT, holder, ttlMs: TTL, log: silentLog() }, patienceMs, signal);
}

async function secondsLeft({ db }: Watched): Promise<number> {
  const [row] = await db.query<{ left: number }>(
    'select extract(epoch from expires_at - clock_timestamp())::float8 as left from lease',
  );
  return row?.left ?? Number.NaN;
}

/** Sets the ledger's clock forward: the lease has so much less time to live. */
async function age({ db }: Watched, ms: number): Promise<void> {
  await db.query(`update lease set expires_at = expires_at - $1 * interval '1 millisecond'`, [ms]);
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets `ms` pass on this process's clock, and waits until a renewal was answered where one is due. */
async function pass(watched: Watched, ms: number): Promise<void> {
  const before = watched.answered;
  vi.advanceTimersByTime(ms);
  await vi.waitFor(() => expect(watched.answered).toBe(before + 1), { timeout: 10_000, interval: 5 });
  // The renewal's own continuation runs after the answer.
  await new Promise((resolve) => setImmediate(resolve));
}

describe('leadership', () => {
  test('is renewed at a third of its life for as long as it is held', async () => {
    const watched = await ledger();
    const { lease, lost, release } = await take(watched, 'one');
    for (let third = 0; third < 9; third += 1) {
      await age(watched, TTL / 3);
      await pass(watched, TTL / 3);
      expect(await secondsLeft(watched)).toBeGreaterThan(50);
    }
    expect(lost.aborted).toBe(false);
    expect(lease.generation).toBe(1);
    await release();
  });

  test('is refused while another renews, and taken when it is given up', async () => {
    const watched = await ledger();
    const one = await take(watched, 'one');
    await expect(take(watched, 'two')).rejects.toMatchObject({ code: 'lease-held', detail: 'one' });
    await one.release();
    const two = await take(watched, 'two');
    expect(two.lease).toMatchObject({ holder: 'two', generation: 2 });
    await two.release();
  });

  test('is lost a sixth of its life before it expires when renewals fail or get no answer', async () => {
    for (const trouble of ['failing', 'silent'] as const) {
      const watched = await ledger();
      const { lost } = await take(watched, 'one');
      watched[trouble] = true;
      vi.advanceTimersByTime((TTL * 5) / 6 - 1_000);
      expect(lost.aborted).toBe(false);
      vi.advanceTimersByTime(1_000);
      expect(lost.reason).toMatchObject({ code: 'lease-lost' });
    }
  });

  test('survives a renewal that failed when the next one gets through', async () => {
    const watched = await ledger();
    const { lost, release } = await take(watched, 'one');
    watched.failing = true;
    vi.advanceTimersByTime(TTL / 3);
    watched.failing = false;
    await pass(watched, TTL / 3);
    vi.advanceTimersByTime(TTL / 3 - 1);
    expect(lost.aborted).toBe(false);
    await release();
  });

  test('is lost when another process took it, and what the old holder writes is refused', async () => {
    const watched = await ledger();
    const { lease, lost } = await take(watched, 'frozen');
    const unit = await startUnit(watched.db, lease, UNIT, 0);
    // The process stands still; the ledger's clock does not.
    await age(watched, TTL + 1);
    const successor = await take(watched, 'successor');
    expect(successor.lease.generation).toBe(2);

    await expect(admit(watched.db, lease, unit, page([message('late')]))).rejects.toMatchObject({
      code: 'lease-lost',
    });
    expect(lost.aborted).toBe(false);
    vi.advanceTimersByTime(TTL / 3);
    await vi.waitFor(() => expect(lost.aborted).toBe(true), { timeout: 10_000, interval: 5 });
    expect(lost.reason).toMatchObject({ code: 'lease-lost', detail: 'taken over' });
    await successor.release();
  });

  test('is lost at once by a process that wakes up after its time', async () => {
    const watched = await ledger();
    const { lost } = await take(watched, 'frozen');
    watched.silent = true;
    vi.advanceTimersByTime(TTL * 10);
    expect(lost.reason).toMatchObject({ code: 'lease-lost' });
  });

  test('is given up once, also when asked twice and together, and is not renewed after', async () => {
    const watched = await ledger();
    const { lost, release } = await take(watched, 'one');
    await Promise.all([release(), release()]);
    await release();
    vi.advanceTimersByTime(TTL * 3);
    expect(lost.aborted).toBe(false);
    expect(watched.answered).toBe(0);
    expect(await leaseHolder(watched.db, ACCOUNT)).toMatchObject({ holder: 'one', expired: true });
  });

  test('that was lost and is given up takes nothing from its successor', async () => {
    const watched = await ledger();
    const one = await take(watched, 'one');
    await age(watched, TTL + 1);
    const two = await take(watched, 'two');
    await one.release();
    expect(await leaseHolder(watched.db, ACCOUNT)).toMatchObject({ holder: 'two', expired: false });
    await two.release();
  });
});

describe('a standby', () => {
  beforeEach(() => {
    vi.useRealTimers();
  });

  test('takes over as soon as it sees the lease free', async () => {
    const watched = await ledger();
    await acquireLease(watched.db, ACCOUNT, 'other', TTL);
    const options = { db: watched.db, account: ACCOUNT, holder: 'standby', ttlMs: 30, log: silentLog() };
    const waiting = takeLeadership(options, Number.POSITIVE_INFINITY, NEVER);
    await age(watched, TTL + 1);
    const { lease, release } = await waiting;
    expect(lease).toMatchObject({ holder: 'standby', generation: 2 });
    await release();
  });

  test('stops waiting when it is told to', async () => {
    const watched = await ledger();
    await acquireLease(watched.db, ACCOUNT, 'other', TTL);
    const stop = new AbortController();
    const waiting = take(watched, 'standby', Number.POSITIVE_INFINITY, stop.signal);
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
    expect(await leaseHolder(watched.db, ACCOUNT)).toMatchObject({ holder: 'other', generation: 1 });
  });
});
