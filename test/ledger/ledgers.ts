import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';
import { type Database, openPostgres } from '../../src/ledger/database.ts';
import { acquireLease, type Lease } from '../../src/ledger/lease.ts';
import { migrate } from '../../src/ledger/migrate.ts';
import { openPglite } from '../../src/ledger/pglite.ts';
import { startUnit, type UnitKey } from '../../src/ledger/units.ts';
import { silentLog } from '../../src/log.ts';
import { createSchema } from '../support/postgres.ts';

/** An engine under test: where a ledger lives, and how a process opens it. */
export interface Engine {
  readonly name: 'postgres' | 'pglite';
  /** An empty place, removed when the test has ended. */
  place(): Promise<Place>;
  /** The same, with a migrated ledger in it. */
  migrated(): Promise<Place>;
}

export interface Place {
  /** Opens the ledger as one more process does; closed when the test has ended. PGlite serves one at a time. */
  open(): Promise<Database>;
}

const postgres: Engine = {
  name: 'postgres',
  async place() {
    const { url } = await createSchema();
    return { open: async () => closing(await openPostgres({ url, connections: 4, log: silentLog() })) };
  },
  async migrated() {
    const place = await this.place();
    await migrate(await place.open());
    return place;
  },
};

let template: Promise<string> | undefined;

afterAll(async () => {
  if (template !== undefined) await rm(await template, { recursive: true, force: true });
});

/** A migrated directory, made once a file, because a new one takes PGlite seconds. */
async function pgliteTemplate(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ledger-template-'));
  const db = await openPglite({ directory });
  await migrate(db);
  await db.close();
  return directory;
}

async function temporaryFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ledger-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

function inDirectory(directory: string): Place {
  let last: Database | undefined;
  return {
    async open() {
      await last?.close();
      last = closing(await openPglite({ directory }));
      return last;
    },
  };
}

const pglite: Engine = {
  name: 'pglite',
  place: async () => inDirectory(await temporaryFolder()),
  async migrated() {
    template ??= pgliteTemplate();
    const directory = await temporaryFolder();
    await cp(await template, directory, { recursive: true });
    return inDirectory(directory);
  },
};

/** Makes `close` safe to call twice, and calls it at the end of the test. */
function closing(db: Database): Database {
  let closed: Promise<void> | undefined;
  const wrapped: Database = {
    engine: db.engine,
    query: (text, values) => db.query(text, values),
    transaction: (work) => db.transaction(work),
    close() {
      closed ??= db.close();
      return closed;
    },
  };
  onTestFinished(() => wrapped.close());
  return wrapped;
}

export const ENGINES: readonly Engine[] = [postgres, pglite];
export const POSTGRES = postgres;
export const PGLITE = pglite;

export const ACCOUNT = 'account-1';
export const NOW = Date.parse('2026-11-20T08:00:00Z');

/** A ledger with a leader and a unit begun: what admission needs. */
export interface Ledger {
  readonly place: Place;
  readonly db: Database;
  readonly lease: Lease;
  readonly unit: UnitKey;
}

export const UNIT = {
  stream: 'messages',
  scope: 'session-1',
  mode: 'sent',
  from: Date.parse('2026-11-01T00:00:00Z'),
  to: Date.parse('2026-11-20T00:00:00Z'),
} as const;

export async function openLedger(engine: Engine): Promise<Ledger> {
  const place = await engine.migrated();
  const db = await place.open();
  const lease = await leaseOf(db);
  return { place, db, lease, unit: await startUnit(db, lease, UNIT, NOW) };
}

/** Takes the lease for a new holder, whoever has it: what happens to a process that was frozen for too long. */
export async function leaseOf(db: Database, account: string = ACCOUNT): Promise<Lease> {
  await db.query(`update lease set expires_at = '-infinity' where account = $1`, [account]);
  const lease = await acquireLease(db, account, `holder-${randomUUID()}`, 60_000);
  if (lease === undefined) throw new Error('the lease was not free');
  return lease;
}
