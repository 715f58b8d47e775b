import { readdirSync, readFileSync } from 'node:fs';
import { ArchiverError } from '../errors.ts';
import type { Database } from './database.ts';

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
}

/** The migrations that this build carries, in order; plain SQL files beside this module. */
export function migrations(): readonly Migration[] {
  const folder = new URL('./migrations/', import.meta.url);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => ({
      version: Number(name.slice(0, 4)),
      name,
      sql: readFileSync(new URL(name, folder), 'utf8'),
    }));
}

async function ledgerVersion(db: Database): Promise<number> {
  const [table] = await db.query<{ present: boolean }>(
    `select to_regclass('migrations') is not null as present`,
  );
  if (table?.present !== true) return 0;
  const [row] = await db.query<{ version: number }>(
    'select coalesce(max(version), 0)::int as version from migrations',
  );
  return row?.version ?? 0;
}

const BOOKKEEPING = `
create table if not exists migrations (
  version integer primary key,
  name text not null,
  applied_at timestamptz not null default now()
);
comment on table migrations is 'What was applied to this ledger; its highest version is the ledger''s.';
comment on column migrations.version is 'Number that the file name begins with.';
comment on column migrations.name is 'File name.';
comment on column migrations.applied_at is 'When, by the database''s clock.';
`;

/**
 * Brings the ledger to this build's version, each migration in its own transaction. Safe to run twice and from
 * several processes at once. Fails with `ledger-ahead` when a newer build was here.
 * @returns names of the migrations applied now
 */
export async function migrate(db: Database): Promise<readonly string[]> {
  await db.transaction(async (tx) => {
    // Two processes that create the same table at once collide in Postgres' catalog, `if not exists` or not.
    await tx.query(`select pg_advisory_xact_lock(hashtext('zoom-chat-archiver migrations'))`);
    for (const statement of statements(BOOKKEEPING)) await tx.query(statement);
  });
  const applied: string[] = [];
  for (const migration of migrations()) {
    const done = await db.transaction(async (tx) => {
      await tx.query('lock table migrations in exclusive mode');
      const known = await tx.query('select 1 from migrations where version = $1', [migration.version]);
      if (known.length > 0) return false;
      for (const statement of statements(migration.sql)) await tx.query(statement);
      await tx.query('insert into migrations (version, name) values ($1, $2)', [
        migration.version,
        migration.name,
      ]);
      return true;
    });
    if (done) applied.push(migration.name);
  }
  await checkVersion(db);
  return applied;
}

/** Fails with `ledger-behind` or `ledger-ahead` unless the ledger has exactly this build's version. */
export async function checkVersion(db: Database): Promise<void> {
  const wanted = migrations().at(-1)?.version ?? 0;
  const found = await ledgerVersion(db);
  if (found === wanted) return;
  throw new ArchiverError(
    found < wanted ? 'ledger-behind' : 'ledger-ahead',
    found < wanted ? 'the ledger was not migrated' : 'the ledger is newer than this program',
    { detail: `ledger version ${found}, program version ${wanted}` },
  );
}

/** Splits a script at the semicolons that end lines; strings in migrations never end a line with one. */
function statements(sql: string): readonly string[] {
  return sql
    .split(/;\s*\n/)
    .map((part) => part.replace(/^\s*--.*$/gm, '').trim())
    .filter((part) => part !== '');
}
