import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, inject, onTestFinished } from 'vitest';
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

/** One directory for all tests of a file: to make one takes PGlite seconds, to open it one. */
class KeptPglite {
  readonly #directory: string;
  #db: Database | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** What is open already, or opened anew; `close` of what is returned closes it. */
  async open(): Promise<Database> {
    this.#db ??= await openPglite({ directory: this.#directory });
    const db = this.#db;
    // An object of its own: what the program remembers of a database ends with the test.
    return {
      ...db,
      close: async () => {
        this.#db = undefined;
        await db.close();
      },
    };
  }

  async close(): Promise<void> {
    await this.#db?.close();
    this.#db = undefined;
  }

  /** As it is after the first migration. */
  async renew(): Promise<void> {
    const db = await this.open();
    await db.query('drop schema public cascade');
    await db.query('create schema public');
    await migrate(db);
  }
}

let kept: KeptPglite | undefined;
let keptIn = '';

afterAll(async () => {
  await kept?.close();
  if (keptIn !== '') await rm(keptIn, { recursive: true, force: true });
});

async function emptyPglite(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'ledger-'));
  await cp(inject('emptyPglite'), directory, { recursive: true });
  return directory;
}

/** A folder with an embedded ledger in which there is nothing, as `openPglite` makes it; it goes when the test has ended. */
export async function temporaryPglite(): Promise<string> {
  const directory = await emptyPglite();
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
  place: async () => inDirectory(await temporaryPglite()),
  async migrated() {
    keptIn ||= await emptyPglite();
    kept ??= new KeptPglite(keptIn);
    const ledger = kept;
    await ledger.renew();
    let isFirst = true;
    return {
      async open() {
        if (!isFirst) await ledger.close();
        isFirst = false;
        return ledger.open();
      },
    };
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
