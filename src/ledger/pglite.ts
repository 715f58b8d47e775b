import { linkSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { ArchiverError } from '../errors.ts';
import { type Database, PLAN_SETTINGS, type Queryable, type Row } from './database.ts';

export interface PgliteOptions {
  /** Directory of the embedded ledger; created when missing. */
  readonly directory: string;
}

const NUMERIC = 1700;
const INT8 = 20;

/**
 * Postgres in WebAssembly, in a directory, for evaluation: it never calls fsync, so a power cut may lose what
 * was committed, and it does not lock its directory, so a lock file of ours does. Fails with `ledger-in-use`.
 */
export async function openPglite(options: PgliteOptions): Promise<Database> {
  mkdirSync(options.directory, { recursive: true });
  const directory = realpathSync(options.directory);
  if (open.has(directory)) throw inUse(directory);
  const lockFile = join(directory, 'archiver.lock');
  takeLock(lockFile);
  open.add(directory);
  const unlock = (): void => {
    rmSync(lockFile, { force: true });
    open.delete(directory);
  };
  let db: PGlite;
  try {
    db = await PGlite.create({
      dataDir: join(options.directory, 'data'),
      parsers: { [INT8]: Number, [NUMERIC]: Number },
    });
    await db.exec(PLAN_SETTINGS);
  } catch (cause) {
    unlock();
    throw new ArchiverError('ledger-unreachable', 'the embedded ledger does not open', {
      cause,
      detail: `${options.directory}: ${cause instanceof Error ? cause.message : String(cause)}`,
    });
  }
  const on = (target: Pick<PGlite, 'query'>): Queryable => ({
    async query<R extends Row>(text: string, values?: readonly unknown[]): Promise<R[]> {
      return (await target.query<R>(text, values === undefined ? undefined : [...values])).rows;
    },
  });
  return {
    engine: 'pglite',
    ...on(db),
    transaction: (work) => db.transaction((tx) => work(on(tx))),
    async close() {
      await db.close();
      unlock();
    },
  };
}

/** Directories that this very process has open: its own number in a lock file does not tell. */
const open = new Set<string>();

/**
 * Takes the lock file, or takes it over from a process of this machine that is gone. The file appears with the number
 * in it (a link, not a write), so that nobody reads an empty one and takes its owner for dead.
 */
function takeLock(file: string): void {
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        linkSync(mine, file);
        return;
      } catch (error) {
        if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
      }
      const holder = Number(readFileSync(file, 'utf8'));
      if (attempt > 0 || isAlive(holder)) throw inUse(`${file}, process ${holder}`);
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function inUse(detail: string): ArchiverError {
  return new ArchiverError('ledger-in-use', 'the embedded ledger is in use', { detail });
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  // Under a container's init the pid of a dead predecessor may be our own.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
