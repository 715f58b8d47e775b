/** The log of the archive, from entries that were committed to a signed checkpoint that everybody can check. */
import { ArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import { type Lease, requireLiving } from '../ledger/lease.ts';
import {
  beginLog,
  type LogEdge,
  notePublished,
  placedEntries,
  placeEntries,
  readLogHead,
} from '../ledger/log.ts';
import type { Logger } from '../log.ts';
import { type Checkpoint, openCheckpoint, signCheckpoint } from '../proof/checkpoint.ts';
import { entryBytes, type LogEntry } from '../proof/entry.ts';
import { encodeBundle } from '../proof/entry-bundle.ts';
import {
  EMPTY_FRONTIER,
  type Frontier,
  frontierBytes,
  frontierRoot,
  grow,
  parseFrontier,
} from '../proof/frontier.ts';
import { noteKeyOf, type SignerKey } from '../proof/key.ts';
import { bundlesBetween, TILE_WIDTH } from '../proof/tiles.ts';
import { entryHash } from '../proof/tree.ts';
import type { CurrentBytes, ObjectLock, Sink } from '../sinks/sink.ts';
import { bundleKey, CHECKPOINT_KEY, tileKey } from './layout.ts';

export interface PublishOptions {
  readonly db: Database;
  readonly lease: Lease;
  readonly sink: Sink;
  readonly signer: SignerKey;
  /** For what of the log never changes; as long as the longest of what it proves. */
  readonly logLock: () => ObjectLock | null;
  readonly interrupt: AbortSignal;
  readonly log: Logger;
}

/** Entries that one checkpoint takes in at most, so that a backlog needs little memory; a multiple of a tile's. */
export const ENTRIES_AT_A_TIME = 64 * TILE_WIDTH;
const PUTS_AT_ONCE = 8;

/** Begins the account's log with entry 0, unless it has one. */
export async function startLog(
  db: Database,
  account: string,
  entry: LogEntry & { type: 'archive' },
): Promise<void> {
  await beginLog(db, account, frontierBytes(EMPTY_FRONTIER), entryBytes(entry).toString());
}

/**
 * Publishes every entry that was committed: places, then bundles and tiles, then the checkpoint, then the locks of what
 * never changes from then on. A crash at any point is repaired by calling this again. What is done in one call follows
 * the number of new entries, not the log's length.
 *
 * Fails with `log-diverged` when ledger and published log do not agree, `lease-lost`, `sink-conflict`, other `sink-*`,
 * `ledger-unreachable`.
 * @returns the head that is published now
 */
export async function publish(options: PublishOptions): Promise<Checkpoint> {
  const { sink } = options;
  // One at a time in a process: of two, the later one would find a head that it did not expect.
  const turn = (turns.get(sink) ?? Promise.resolve()).then(() => publishNow(options));
  turns.set(
    sink,
    turn.catch(() => undefined),
  );
  return turn;
}

const turns = new WeakMap<Sink, Promise<unknown>>();

async function publishNow(options: PublishOptions): Promise<Checkpoint> {
  const { db, lease, sink, signer, log, interrupt } = options;
  const { account } = lease;

  // PLACE. Durable: the order of the log. A crash right after leaves entries with a place, which the next call publishes.
  const advance = (frontier: Uint8Array, entries: readonly string[]): Uint8Array =>
    frontierBytes(grow(parseFrontier(frontier), hashes(entries)).frontier);
  while ((await placeEntries(db, lease, ENTRIES_AT_A_TIME, advance)) === ENTRIES_AT_A_TIME)
    interrupt.throwIfAborted();

  for (;;) {
    const { noted, published, placed, standing } = await agreeWithPublished({ db, account, sink, signer });
    const from = parseFrontier(published.frontier);
    if (published.size > noted.size) {
      // LOCK what became full. Durable: it never changes again. Not before its checkpoint: what a ledger that is lost
      // now has put beyond the head has to give way. A crash right after leaves a ledger that does not know of it.
      await lockFull(options, parseFrontier(noted.frontier), published.size);

      // NOTE. Durable: the ledger may forget what is published.
      await notePublished(db, lease, published, bundleStart(published.size));
      log.debug({ size: published.size }, 'checkpoint published');
    }
    if (published.size === placed.size && standing !== null) return checkpointOf(signer, from);

    const next = await putTiles(options, from, Math.min(placed.size, from.size + ENTRIES_AT_A_TIME));

    // CHECKPOINT, by compare and swap. Durable: auditors see the new head. A crash right after leaves a ledger that does
    // not know of it; the next turn finds out by reading, as the next call does. Not every store can compare, so a
    // process that was frozen until now must not come to this.
    const text = Buffer.from(signCheckpoint(checkpointOf(signer, next), signer));
    await requireLiving(db, lease);
    interrupt.throwIfAborted();
    await sink
      .replace(CHECKPOINT_KEY, text, standing?.tag ?? null, 'text/plain; charset=utf-8')
      .catch((error) => {
        throw hasCode(error, 'sink-conflict')
          ? diverged('another writer published a checkpoint', error.detail ?? '', error)
          : error;
      });
  }
}

/** What ledger and archive agree on. */
export interface Agreement {
  readonly placed: LogEdge;
  /** What the ledger knows to be published and locked. */
  readonly noted: LogEdge;
  /** Also when the ledger did not know yet that it was published. */
  readonly published: LogEdge;
  /** The published checkpoint; null where there is none yet. */
  readonly standing: CurrentBytes | null;
}

/**
 * Checks that the ledger's log extends the published one, which must not have gone back or sideways. Start-up calls this
 * before anything is written. Fails with `log-diverged`, saying what differs, and with `sink-*`.
 */
export async function agreeWithPublished({
  db,
  account,
  sink,
  signer,
}: Pick<PublishOptions, 'db' | 'sink' | 'signer'> & { readonly account: string }): Promise<Agreement> {
  const head = await readLogHead(db, account);
  const standing = await sink.current(CHECKPOINT_KEY);
  if (head === undefined) {
    const what = standing === null ? 'neither ledger nor archive has a log' : 'the ledger has no log';
    throw diverged(what, `account ${account}`);
  }
  const { placed, published: noted } = head;
  if (standing === null) {
    if (noted.size === 0) return { placed, noted, published: noted, standing };
    throw diverged('the published checkpoint is gone', `the ledger knows one of size ${noted.size}`);
  }
  const found = readCheckpoint(standing, signer);
  if (found.size < noted.size || found.size > placed.size) {
    throw diverged(
      found.size < noted.size ? 'the published log went back' : 'the published log is ahead of the ledger',
      `published ${found.size}, ledger ${placed.size}, of which ${noted.size} were published`,
    );
  }
  const entries = await placedEntries(db, account, noted.size, found.size);
  const { frontier } = grow(parseFrontier(noted.frontier), hashes(entries));
  if (Buffer.compare(frontierRoot(frontier), found.root) !== 0) {
    throw diverged('the published log has other entries than the ledger', `both of size ${found.size}`);
  }
  return { placed, noted, published: { size: found.size, frontier: frontierBytes(frontier) }, standing };
}

function readCheckpoint(standing: CurrentBytes, signer: SignerKey): Checkpoint {
  try {
    return openCheckpoint(standing.bytes, noteKeyOf(signer), signer.name).checkpoint;
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    throw diverged('the published checkpoint is not of this key', error.message, error);
  }
}

/** A tile or bundle to be. */
interface LogPart {
  readonly key: string;
  readonly width: number;
  readonly bytes: Uint8Array;
}

/** What the log of `to` entries has and the one of `from` has not, and the edge at `to`. */
async function partsBetween(
  { db, lease }: PublishOptions,
  from: Frontier,
  to: number,
): Promise<{ readonly frontier: Frontier; readonly parts: readonly LogPart[] }> {
  const first = bundleStart(from.size);
  const entries = (await placedEntries(db, lease.account, first, to)).map((entry) => Buffer.from(entry));
  const { frontier, tiles } = grow(from, entries.slice(from.size - first).map(entryHash));
  const bundles = [...bundlesBetween(from.size, to)].map((bundle) => ({
    key: bundleKey(bundle),
    width: bundle.width,
    bytes: encodeBundle(entries.slice(bundle.from - first, bundle.to - first)),
  }));
  const parts = [
    ...bundles,
    ...tiles.map(({ bytes, ...tile }) => ({ key: tileKey(tile), width: tile.width, bytes })),
  ];
  return { frontier, parts };
}

/**
 * BUNDLES AND TILES, beyond the published head. Durable: objects that no checkpoint names yet; the same bytes come again
 * after a crash.
 */
async function putTiles(options: PublishOptions, from: Frontier, to: number): Promise<Frontier> {
  const { frontier, parts } = await partsBetween(options, from, to);
  await someAtOnce(options, parts, (part) => putPart(options.sink, part));
  return frontier;
}

const PART_TYPE = 'application/octet-stream';

/**
 * Other bytes beyond the published head come from a ledger that was lost before its checkpoint was published: they give
 * way. Locked ones do not, for locks follow the checkpoint: a head that covered them was published once.
 */
async function putPart(sink: Sink, { key, bytes }: LogPart): Promise<void> {
  await sink.replace(key, bytes, null, PART_TYPE).catch(async (error) => {
    const standing = hasCode(error, 'sink-conflict') ? await sink.current(key) : null;
    if (standing === null) throw error;
    if (standing.lock !== null)
      throw diverged('a locked part of another log stands beyond the published head', key, error);
    await sink.replace(key, bytes, standing.tag, PART_TYPE);
  });
}

async function lockFull(options: PublishOptions, from: Frontier, to: number): Promise<void> {
  const lock = options.logLock();
  if (lock === null) return;
  const { parts } = await partsBetween(options, from, to);
  // A partial one may go once the full one exists.
  const full = parts.filter(({ width }) => width === TILE_WIDTH);
  await someAtOnce(options, full, ({ key, bytes }) => options.sink.lock(key, bytes, lock));
}

async function someAtOnce<T>(
  { interrupt }: PublishOptions,
  items: readonly T[],
  write: (item: T) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < items.length; at += PUTS_AT_ONCE) {
    interrupt.throwIfAborted();
    const writes = items.slice(at, at + PUTS_AT_ONCE).map(write);
    // Nothing may be underway any more when this ends, also by a failure.
    await Promise.allSettled(writes);
    await Promise.all(writes);
  }
}

function checkpointOf(signer: SignerKey, frontier: Frontier): Checkpoint {
  return { origin: signer.name, size: frontier.size, root: frontierRoot(frontier), extensions: [] };
}

function bundleStart(size: number): number {
  return Math.floor(size / TILE_WIDTH) * TILE_WIDTH;
}

function hashes(entries: readonly string[]): readonly Uint8Array[] {
  return entries.map((entry) => entryHash(Buffer.from(entry)));
}

function diverged(phrase: string, detail: string, cause?: unknown): ArchiverError {
  return new ArchiverError('log-diverged', phrase, { detail, ...(cause === undefined ? {} : { cause }) });
}
