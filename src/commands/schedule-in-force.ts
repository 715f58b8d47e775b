/** The retention schedule of the configuration, and how it comes into force. */
import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiverError } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
import { readLogHead } from '../ledger/log.ts';
import { promisedUnder, putInForce, readClasses, type StoredClass } from '../ledger/retention-classes.ts';
import type { LockFor } from '../ledger/staging.ts';
import { entryBytes } from '../proof/entry.ts';
import { canonicalJson, type Json, scopeTag, utcDay } from '../record.ts';
import { type ClassTerms, isWeaker, lockByClass, lockOfAll, strongestMode } from '../retention/lock.ts';
import { parsePeriod } from '../retention/period.ts';
import { type Schedule, termsByClass } from '../retention/schedule.ts';
import type { LockMode, Terms } from '../retention/terms.ts';
import { storeFile } from '../segments/objects.ts';
import type { ObjectLock, Sink } from '../sinks/sink.ts';
import { SCHEDULE_ENTRY } from './archived-schedule.ts';
import type { Context } from './context.ts';
import { inTurn } from './turns.ts';

/** What the archive is locked by. */
export interface Locks {
  /** Terms of every class, also of those that the schedule does not name any more. */
  readonly classes: ClassTerms;
  readonly lockFor: LockFor;
  /** For what the whole archive rests on: the log, the schedules. */
  readonly logLock: () => ObjectLock | null;
}

/** The class of schedules in the archive; no class of a schedule can be called so. They are never destroyed. */
const SCHEDULE_CLASS = '.schedule';

/** The schedule as the archive keeps it, canonical JSON: what it says of each rule, with the defaults filled in. */
export function scheduleText({ rules, default: fallback }: Schedule): string {
  const kept = rules.map(({ class: className, match, preset, keep, mode, disposition }) => ({
    class: className,
    match: match as Json,
    ...(preset === undefined ? {} : { preset }),
    keep,
    mode,
    disposition,
  }));
  return canonicalJson({ rules: kept, default: { ...fallback } });
}

/** The firmest lock that the configuration asks of the sink. */
export function lockModeOf({ config }: Pick<Context, 'config'>): LockMode {
  return strongestMode(termsByClass(config.retention.schedule));
}

/** The terms that hold now, of every class that any schedule ever named. */
export async function classesInForce(db: Database, account: string): Promise<ClassTerms> {
  const stored = await readClasses(db, account);
  return new Map(stored.map((each): [string, Terms] => [each.class, termsOf(each)]));
}

/**
 * The terms that would hold with this schedule. Fails with `retention-weaker` where it takes back what data in
 * `compliance` mode, or without a lock, was promised.
 */
export async function classesWith(
  { account, now }: Context,
  db: Database,
  schedule: Schedule,
): Promise<ClassTerms> {
  const stored = await readClasses(db, account);
  const named = termsByClass(schedule);
  const taken: string[] = [];
  for (const before of stored) {
    const [next, then] = [named.get(before.class), termsOf(before)];
    // What a governance lock promised, the lock keeps; without one nothing but the terms does.
    if (next === undefined || then.mode === 'governance' || !isWeaker(next, then)) continue;
    const promised = await promisedUnder(db, account, before.class, then.mode, now());
    if (promised === 0) continue;
    taken.push(
      `class ${before.class}: ${promised} objects were promised ${inWords(then)}, the schedule says ${inWords(next)}`,
    );
  }
  if (taken.length > 0) {
    throw new ArchiverError('retention-weaker', 'the schedule takes back what was promised', {
      detail: taken.join('; '),
    });
  }
  return new Map([...stored.map((each): [string, Terms] => [each.class, termsOf(each)]), ...named]);
}

function inWords({ keep, mode }: Terms): string {
  return `${keep} in ${mode} mode`;
}

function termsOf({ class: name, keep: text, mode, disposition }: StoredClass): Terms {
  const keep = parsePeriod(text);
  const isMode = mode === 'governance' || mode === 'compliance' || mode === 'none';
  const isKnown = disposition === 'keep' || disposition === 'review' || disposition === 'destroy';
  if (keep === undefined || !isMode || !isKnown)
    throw new ArchiverError('internal', 'the terms of a retention class are not readable', { detail: name });
  return { keep, mode, disposition };
}

/** Locks by these terms. */
export function locksOf(classes: ClassTerms, { config, now }: Pick<Context, 'config' | 'now'>): Locks {
  const { longestCompliance } = config.retention;
  return {
    classes,
    lockFor: lockByClass(classes),
    logLock: () => lockOfAll(classes, utcDay(now()), longestCompliance),
  };
}

export interface ForceOptions {
  readonly context: Context;
  readonly db: Database;
  readonly sink: Sink;
  readonly lease: Lease;
  readonly interrupt: AbortSignal;
}

/**
 * The locks by the schedule of the configuration, which comes into force where another one was: its text becomes an
 * object of the archive, its terms the ledger's, and the log gets a `config` entry. A crash in between is repaired by
 * the next call. Fails as {@link classesWith}, and with `log-diverged` before anything is written where the ledger has no
 * log, `lease-lost`, `sink-*`, `ledger-unreachable`.
 */
export function bringIntoForce(options: ForceOptions): Promise<Locks> {
  // Every job begins with it; a new schedule comes into force once.
  return inTurn(options.db, 'schedule', () => inForce(options));
}

async function inForce({ context, db, sink, lease, interrupt }: ForceOptions): Promise<Locks> {
  const { config, account, now } = context;
  const { schedule } = config.retention;
  const classes = await classesWith(context, db, schedule);
  const locks = locksOf(classes, context);
  const bytes = Buffer.from(scheduleText(schedule));
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const [newest] = await readClasses(db, account);
  if (newest?.schedule === sha256) return locks;
  if ((await readLogHead(db, account)) === undefined)
    throw new ArchiverError('log-diverged', 'the ledger has no log', { detail: `account ${account}` });

  // STORE. Durable: the text as an object with its entry. A crash right after leaves a text that is not in force.
  const path = join(config.seal.spool, `schedule-${scopeTag(account, '')}.json`);
  await mkdir(config.seal.spool, { recursive: true });
  await writeFile(path, bytes);
  try {
    await storeFile(
      { db, lease, sink, lockFor: locks.logLock, now, interrupt },
      { path, size: bytes.length, sha256, className: SCHEDULE_CLASS },
    );
  } finally {
    await rm(path, { force: true });
  }

  // COMMIT. Durable: the terms, and the entry that says since when they hold.
  const at = now();
  const named = [...termsByClass(schedule)].map(([name, terms]) => ({ class: name, ...terms }));
  const entry = entryBytes({
    type: 'config',
    at: new Date(at).toISOString(),
    sha256,
    what: SCHEDULE_ENTRY,
  });
  await putInForce(db, lease, { sha256, classes: named, entry: entry.toString() }, at);
  return locks;
}
