/** Destroys what may go: the whole way of a disposal, in reading order. */
import { hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import {
  beginDestroying,
  noteDestroyed,
  noteRefusal,
  type UnderwayDisposal,
  underwayDisposals,
} from '../ledger/destroying.ts';
import { type Candidate, type DisposalOrder, logDisposals } from '../ledger/disposals.ts';
import type { Lease } from '../ledger/lease.ts';
import type { Logger } from '../log.ts';
import { entryBytes } from '../proof/entry.ts';
import type { SignerKey } from '../proof/key.ts';
import type { ObjectLock, Sink } from '../sinks/sink.ts';
import { publish } from './publish.ts';

/** What disposing tells whoever watches. */
export interface DisposeEvents {
  destroyed(what: UnderwayDisposal): void;
  /** Stays, though it could go by the ledger or by the log. */
  refused(what: { readonly class: string; readonly key: string; readonly why: string }): void;
}

export interface DisposeOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly signer: SignerKey;
  /** For what of the log never changes. */
  readonly logLock: () => ObjectLock | null;
  /** Why something stays by what is known of it now; undefined where it may go. */
  readonly staying: (candidate: Candidate, approved: boolean) => string | undefined;
  readonly now: () => number;
  /** Finish what is logged, begin nothing more. */
  readonly drain: AbortSignal;
  readonly interrupt: AbortSignal;
  readonly log: Logger;
  readonly events: DisposeEvents;
}

/** Requests at the store at once. */
const AT_ONCE = 16;

/**
 * Disposes of what was judged to be due, a batch at a time. A crash at any point is repaired by calling this again, also
 * with nothing to dispose of: what is logged is destroyed first.
 *
 * Fails with `lease-lost`, `log-diverged`, `sink-*`, `ledger-unreachable`. What the store protects is no failure: it is
 * reported, and stays logged where the log says already that it goes.
 */
export async function dispose(
  options: DisposeOptions,
  batches: AsyncIterable<readonly Candidate[]>,
  order: DisposalOrder,
): Promise<void> {
  const { db, lease, now, drain, events } = options;
  // What a crash left, and what the store refused before.
  let { last: after, destroyed: proven } = await destroyLogged(options, 0);
  for await (const batch of inParts(batches, () => proven)) {
    if (drain.aborted) return;

    // LOOK. Durable: nothing. No entry must claim what the store will not do.
    const free = await checked(options, batch);
    if (free.length === 0) continue;

    // LOG. Durable: the entries, each with its row. A crash right after leaves more in the log than is destroyed; the
    // first line takes it up.
    const at = now();
    const entries = free.map((candidate) => ({ candidate, entry: entryOf(candidate, order, at) }));
    const logged = await logDisposals(db, lease, entries, order, at);
    for (const { key, class: className } of free) {
      if (!logged.has(key)) events.refused({ class: className, key, why: 'it has to be kept since' });
    }
    if (logged.size === 0) continue;
    const { last, destroyed } = await destroyLogged(options, after);
    after = last;
    proven ||= destroyed;
  }
}

/** One by one until it is proven that these credentials may destroy: the log must not fill with what cannot go. */
async function* inParts<T>(
  batches: AsyncIterable<readonly T[]>,
  proven: () => boolean,
): AsyncGenerator<readonly T[]> {
  for await (const batch of batches) {
    let at = 0;
    for (; at < batch.length && !proven(); at += 1) yield batch.slice(at, at + 1);
    if (at < batch.length) yield batch.slice(at);
  }
}

/** @returns the id up to which all was tried, and whether any of it is destroyed */
async function destroyLogged(
  options: DisposeOptions,
  afterId: number,
): Promise<{ readonly last: number; readonly destroyed: boolean }> {
  const { db, lease, interrupt } = options;
  let last = afterId;
  let destroyed = false;
  for (;;) {
    const underway = await underwayDisposals(db, lease.account, last);
    const newest = underway.at(-1);
    if (newest === undefined) return { last, destroyed };

    // PUBLISH. Durable: auditors see that it goes, before it goes.
    await publish(options);
    interrupt.throwIfAborted();
    await eachAtOnce(underway, async (one) => {
      if (await destroyOne(options, one)) destroyed = true;
    });
    last = newest.id;
  }
}

/** @returns whether it is destroyed */
async function destroyOne(
  { db, lease, sink, staying, now, interrupt, log, events }: DisposeOptions,
  one: UnderwayDisposal,
): Promise<boolean> {
  const refused = async (why: string): Promise<boolean> => {
    await noteRefusal(db, lease, one.id, why);
    events.refused({ class: one.class, key: one.key, why });
    return false;
  };
  interrupt.throwIfAborted();

  // SAY. Durable: that it is being destroyed, so that a hold placed from here on knows. A crash right after leaves that
  // word; the next call says it again, or takes it back.
  const { approved, ...known } = await beginDestroying(db, lease, one);
  if (known.onHold) return refused('a legal hold was placed on it');
  const why = staying(known, approved);
  if (why !== undefined) return refused(why);
  interrupt.throwIfAborted();

  // DESTROY. Durable: no version is left. A crash before leaves some; a crash right after leaves a row that is not
  // done, and a key with nothing there is destroyed once more.
  try {
    await sink.destroy(one.key, interrupt);
  } catch (error) {
    if (!hasCode(error, 'sink-locked')) throw error;
    return refused(error.message);
  }

  // DONE. Durable: the ledger does not count it any more.
  await noteDestroyed(db, lease, one.id, now());
  log.debug({ key: one.key }, 'destroyed');
  events.destroyed(one);
  return true;
}

/** Those of a batch that stand at the store as the ledger says, without a hold and with a lock that is over. */
async function checked(
  { sink, now, interrupt, events }: DisposeOptions,
  batch: readonly Candidate[],
): Promise<readonly Candidate[]> {
  const free = new Set<Candidate>();
  await eachAtOnce(batch, async (candidate) => {
    interrupt.throwIfAborted();
    const { key, version, bytes, class: className } = candidate;
    const object = await sink.head(key, version);
    const why =
      object === null || object.size !== bytes
        ? // An entry would turn a loss into a disposal.
          'it does not stand at the store as it was archived'
        : object.held
          ? 'it is under a legal hold at the store'
          : object.lock !== null && object.lock.retainUntil.getTime() > now()
            ? `it is locked until ${object.lock.retainUntil.toISOString()} at the store`
            : undefined;
    if (why === undefined) free.add(candidate);
    else events.refused({ class: className, key, why });
  });
  return batch.filter((candidate) => free.has(candidate));
}

function entryOf(candidate: Candidate, { by, approvedBy, reason }: DisposalOrder, at: number): string {
  const { key, version, sha256, bytes, class: className } = candidate;
  return entryBytes({
    type: 'disposal',
    at: new Date(at).toISOString(),
    key,
    version,
    sha256,
    bytes,
    class: className,
    by,
    approved_by: approvedBy,
    reason,
  }).toString();
}

/** Nothing is underway any more when this ends, also by a failure. */
async function eachAtOnce<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      await work(next).catch((error: unknown) => {
        waiting.length = 0;
        throw error;
      });
    }
  };
  const workers = Array.from({ length: AT_ONCE }, worker);
  await Promise.allSettled(workers);
  await Promise.all(workers);
}
