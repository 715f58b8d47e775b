/** The log of the archive, from entries that were committed to a signed checkpoint that everybody can check. */
import { createHash } from 'node:crypto';
import { ArchiverError, hasCode } from '../errors.ts';
import type { Database } from '../ledger/database.ts';
import type { Lease } from '../ledger/lease.ts';
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
  readonly lock: () => ObjectLock | null;
  readonly interrupt: AbortSignal;
  readonly log: Logger;
}

/** Entries that one checkpoint takes in at most, so that a backlog needs little memory. */
const ENTRIES_AT_A_TIME = 64 * TILE_WIDTH;
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
 * Publishes every entry that was committed: places, then bundles and tiles, then the checkpoint. A crash at any point is
 * repaired by calling this again. What is done in one call follows the number of new entries, not the log's length.
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
  const { db, lease, log, interrupt } = options;

  // PLACE. Durable: the order of the log. A crash right after leaves entries with a place, which the next call publishes.
  const advance = (frontier: Uint8Array, entries: readonly string[]): Uint8Array =>
    frontierBytes(grow(parseFrontier(frontier), hashes(entries)).frontier);
  while ((await placeEntries(db, lease, ENTRIES_AT_A_TIME, advance)) === ENTRIES_AT_A_TIME)
    interrupt.throwIfAborted();

  for (;;) {
    const { account } = lease;
    const { published, placed, standing } = await agreeWithPublished({ ...options, account });
    const from = parseFrontier(published.frontier);
    const to = Math.min(placed.size, from.size + ENTRIES_AT_A_TIME);
    if (to === from.size && standing !== null) return checkpointOf(options.signer, from);
    const next = await putTiles(options, from, to);
    interrupt.throwIfAborted();

    // CHECKPOINT, by compare and swap. Durable: auditors see the new head. A crash right after leaves a ledger that does
    // not know of it; the next call finds out by reading.
    const checkpoint = checkpointOf(options.signer, next);
    const text = Buffer.from(signCheckpoint(checkpoint, options.signer));
    const tag = standing?.tag ?? null;
    await options.sink.replace(CHECKPOINT_KEY, text, tag, 'text/plain; charset=utf-8').catch((error) => {
      throw hasCode(error, 'sink-conflict')
        ? diverged('another writer published a checkpoint', error.detail ?? '', error)
        : error;
    });

    // NOTE. Durable: the ledger may forget what is published.
    await notePublished(
      db,
      lease,
      { size: next.size, frontier: frontierBytes(next) },
      bundleStart(next.size),
    );
    log.debug({ size: next.size }, 'checkpoint published');
    if (next.size === placed.size) return checkpoint;
  }
}

/** What ledger and archive agree on. */
export interface Agreement {
  readonly placed: LogEdge;
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
  const { placed, published } = head;
  if (standing === null) {
    if (published.size === 0) return { placed, published, standing };
    throw diverged('the published checkpoint is gone', `the ledger knows one of size ${published.size}`);
  }
  const found = readCheckpoint(standing, signer);
  if (found.size < published.size || found.size > placed.size) {
    throw diverged(
      found.size < published.size
        ? 'the published log went back'
        : 'the published log is ahead of the ledger',
      `published ${found.size}, ledger ${placed.size}, of which ${published.size} were published`,
    );
  }
  const entries = await placedEntries(db, account, published.size, found.size);
  const { frontier } = grow(parseFrontier(published.frontier), hashes(entries));
  if (Buffer.compare(frontierRoot(frontier), found.root) !== 0) {
    throw diverged('the published log has other entries than the ledger', `both of size ${found.size}`);
  }
  return { placed, published: { size: found.size, frontier: frontierBytes(frontier) }, standing };
}

function readCheckpoint(standing: CurrentBytes, signer: SignerKey): Checkpoint {
  try {
    return openCheckpoint(standing.bytes, noteKeyOf(signer), signer.name).checkpoint;
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    throw diverged('the published checkpoint is not of this key', error.message, error);
  }
}

/** BUNDLES AND TILES, create-only. Durable: objects that no checkpoint names yet; the same bytes come again after a crash. */
async function putTiles(options: PublishOptions, from: Frontier, to: number): Promise<Frontier> {
  const { db, lease } = options;
  const first = bundleStart(from.size);
  const entries = (await placedEntries(db, lease.account, first, to)).map((entry) => Buffer.from(entry));
  const { frontier, tiles } = grow(from, entries.slice(from.size - first).map(entryHash));
  const objects = [
    ...[...bundlesBetween(from.size, to)].map((bundle) => ({
      key: bundleKey(bundle),
      width: bundle.width,
      bytes: encodeBundle(entries.slice(bundle.from - first, bundle.to - first)),
    })),
    ...tiles.map((tile) => ({ key: tileKey(tile), width: tile.width, bytes: tile.bytes })),
  ];
  for (let at = 0; at < objects.length; at += PUTS_AT_ONCE) {
    options.interrupt.throwIfAborted();
    const puts = objects.slice(at, at + PUTS_AT_ONCE).map((object) => putTile(options, object));
    // Nothing may be underway any more when this ends, also by a failure.
    await Promise.allSettled(puts);
    await Promise.all(puts);
  }
  return frontier;
}

async function putTile(
  { sink, lock, interrupt }: PublishOptions,
  { key, width, bytes }: { readonly key: string; readonly width: number; readonly bytes: Uint8Array },
): Promise<void> {
  await sink.put(
    {
      key,
      body: bytes,
      size: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      // A partial tile may go once the full one exists.
      lock: width === TILE_WIDTH ? lock() : null,
      contentType: 'application/octet-stream',
    },
    interrupt,
  );
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
