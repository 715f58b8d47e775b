/** Carries out legal holds: the flags at the store follow what the holds cover. */
import { ArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { newestSegment, refreshHold } from '../ledger/hold-coverage.ts';
import {
  beginLifting,
  type HeldVersion,
  holdTotals,
  noteAllLifted,
  noteFlagged,
  noteLifted,
  settleVersions,
  versionsToFlag,
} from '../ledger/hold-versions.ts';
import { isLive, readHolds } from '../ledger/holds.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Logger } from '../log.ts';
import type { Sink } from '../sinks/sink.ts';

export interface HoldOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly now: () => number;
  readonly progress?: {
    expect(versions: number): void;
    /** One of them is done. */
    finish(note: string): void;
  };
  /** Finish the versions in hand, begin no others. */
  readonly drain: AbortSignal;
  readonly interrupt: AbortSignal;
  readonly log: Logger;
}

export interface HoldSummary {
  /** Versions under a flag since now, and free since now. */
  readonly flagged: number;
  readonly lifted: number;
  /** Covered versions that are not at the store. */
  readonly missing: number;
}

/** All that is covered is looked for anew so often, whatever was found before. */
const FULL_EVERY_MS = 86_400_000;
/** Requests at once; each flag takes two. */
const AT_ONCE = 16;
const BATCH = 1024;

/**
 * Looks for what every hold covers, sets the flags of what is covered, and lifts those that no hold keeps any more. A
 * crash at any point is repaired by calling this again. Not to be called twice at the same time.
 *
 * A covered version that is not at the store is logged as an error and does not keep the others waiting. Fails with
 * `lease-lost`, `sink-unreachable`, `sink-denied`, `sink-unlocked`, `ledger-unreachable`, `interrupted`.
 */
export async function carryOutHolds(options: HoldOptions): Promise<HoldSummary> {
  const { db, lease, sink, now, drain, interrupt, log } = options;
  const { account } = lease;
  const summary = { flagged: 0, lifted: 0, missing: 0 };
  try {
    // COVER. Durable: which versions each hold covers. A crash within leaves some of them, found again by the next call.
    const newest = await newestSegment(db, account);
    for (const hold of await readHolds(db, account)) {
      if (drain.aborted) return summary;
      interrupt.throwIfAborted();
      const { refreshedAt = Number.NEGATIVE_INFINITY } = hold;
      // One that ended is looked at where nobody knows which flags it left: in a ledger that was made again.
      if (!isLive(hold) && (hold.liftedAt !== undefined || hold.refreshedAt !== undefined)) continue;
      const full = now() - refreshedAt >= FULL_EVERY_MS;
      await refreshHold(db, lease, hold, { newest, full, now: now() });
    }
    await settleVersions(db, lease);

    options.progress?.expect((await holdTotals(db, account)).waiting);
    for (let after = { segment: 0, sha256: '' }; !drain.aborted; ) {
      const versions = await versionsToFlag(db, account, after, BATCH);
      const last = versions.at(-1);
      if (last === undefined) break;
      // FLAG, then NOTE. Durable: the flags at the store, then that the ledger knows of them. A crash in between leaves
      // some that it does not know; the next call sets them once more.
      await tell(
        options,
        versions,
        ({ key, version }) => sink.placeHold(key, version, interrupt),
        async (told, missing) => {
          await noteFlagged(db, lease, told);
          summary.flagged += told.length;
          summary.missing += missing.length;
          for (const { key, version } of missing)
            log.error({ key, version }, 'a version under legal hold is not at the store');
        },
      );
      after = last;
    }

    while (!drain.aborted) {
      // FREE. Durable: the versions count as not held. A crash right after leaves flags too many, and the rows of the
      // hold that ended, by which the next call finds them.
      const versions = await beginLifting(db, lease, BATCH);
      if (versions.length === 0) break;
      // LIFT, then NOTE. Durable: the flags are gone, then the rows. A crash in between lifts some once more.
      await tell(
        options,
        versions,
        ({ key, version }) => sink.liftHold(key, version, interrupt),
        async (told, missing) => {
          await noteLifted(db, lease, [...told, ...missing]);
          summary.lifted += told.length;
        },
      );
    }
    await noteAllLifted(db, lease, now());
    return summary;
  } catch (error) {
    if (!interrupt.aborted) throw error;
    if (hasCode(interrupt.reason, 'lease-lost')) throw interrupt.reason;
    throw new ArchiverError('interrupted', 'carrying out holds was interrupted', { cause: error });
  }
}

/**
 * Tells the store of each version, several at once. What was told is noted, also when this fails or is drained.
 * @param note is given what was told, and what is not at the store
 */
async function tell(
  { sink, progress, drain }: HoldOptions,
  versions: readonly HeldVersion[],
  one: (version: HeldVersion) => Promise<unknown>,
  note: (told: readonly HeldVersion[], missing: readonly HeldVersion[]) => Promise<void>,
): Promise<void> {
  const waiting = [...versions];
  const told: HeldVersion[] = [];
  const missing: HeldVersion[] = [];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !drain.aborted; next = waiting.shift()) {
      const { key, version } = next;
      try {
        await one(next);
        told.push(next);
      } catch (error) {
        const isMissing =
          hasCode(error, 'sink-unreachable') &&
          (await sink.head(key, version).catch(() => undefined)) === null;
        if (!isMissing) {
          // The others finish what they have in hand.
          waiting.length = 0;
          throw error;
        }
        missing.push(next);
      }
      progress?.finish('');
    }
  };
  const workers = Array.from({ length: AT_ONCE }, work);
  await Promise.allSettled(workers);
  await note(told, missing);
  await Promise.all(workers);
}
