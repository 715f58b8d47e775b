/** Checks the access log with its public key alone: head, entries, tiles, batches, and that nothing else stands there. */
import { ArchiverError, hasCode } from '../errors.ts';
import { type Checkpoint, openCheckpoint } from '../proof/checkpoint.ts';
import { EMPTY_FRONTIER, type Frontier, frontierRoot, grow } from '../proof/frontier.ts';
import { formatVerifierKey, type NoteKey } from '../proof/key.ts';
import { openPublished, type PublishedLog, readEntryBytes, readTile } from '../proof/published.ts';
import { TILE_WIDTH, tilesBetween } from '../proof/tiles.ts';
import { entryHash } from '../proof/tree.ts';
import { requireExtends } from '../proof/witness.ts';
import { ACCESS_LOG, accessPrefix, batchKey, parseBatchKey } from '../segments/layout.ts';
import type { ListedObject, SinkReader } from '../sinks/sink.ts';
import { type Batch, parseBatch, requireContinues } from './batch.ts';
import { type BeginEntry, parseAccessEntry } from './entry.ts';
import { readBatch } from './writer.ts';

/** What does not hold. */
export interface AccessFinding {
  /** `batch`, `entries` and `tile` are of these bytes; `unlogged`: no part of a log; `lock`: not locked as promised. */
  readonly check: 'checkpoint' | 'history' | 'entries' | 'tile' | 'batch' | 'hidden' | 'lock' | 'unlogged';
  readonly what: string;
  readonly key: string;
}

export interface AccessVerification {
  /** Null where the head is not one of this key. */
  readonly checkpoint: Checkpoint | null;
  /** The head as it stands there, to be saved. */
  readonly text: string;
  /** Below the head. */
  readonly entries: number;
  /** Written, but not yet below a head, which the next writer makes. */
  readonly unpublished: number;
  readonly batches: number;
  readonly findings: readonly AccessFinding[];
}

export interface VerifyAccessOptions {
  readonly sink: SinkReader;
  readonly key: NoteKey;
  /** Name of the archive's log; undefined where any will do. */
  readonly archive?: string;
  /** A head that was saved before, a signed note. */
  readonly since?: string;
  readonly signal: AbortSignal;
}

/**
 * Reads all of the access log. Fails with `archive-missing` where there is none, `proof-invalid` when `since` is no head
 * of this key, `sink-*`.
 */
export async function verifyAccessLog(options: VerifyAccessOptions): Promise<AccessVerification> {
  const { sink, key, since } = options;
  const older = since === undefined ? undefined : openCheckpoint(since, key, key.name).checkpoint;
  const findings: AccessFinding[] = [];
  const report = (finding: AccessFinding): void => void findings.push(finding);
  const { batches, lasting } = await listParts(sink, key, report);
  const log = await openHead(options, batches.size + lasting.length > 0, report);
  if (log === undefined)
    return { checkpoint: null, text: '', entries: 0, unpublished: 0, batches: batches.size, findings };
  if (older !== undefined)
    await reporting(report, 'history', ACCESS_LOG.checkpoint, () => requireExtends(log, older));
  const walked = await walk(options, log, batches, report);
  if (walked.begin?.lock != null) await requireLocks(sink, [...batches.values(), ...lasting], report);
  const { checkpoint, text } = log;
  const { unpublished } = walked;
  return { checkpoint, text, entries: checkpoint.size, unpublished, batches: batches.size, findings };
}

type Report = (finding: AccessFinding) => void;

/** Runs a check; what does not hold becomes a finding. @returns undefined then */
async function reporting<T>(
  report: Report,
  check: AccessFinding['check'],
  key: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    report({ check, what: error.message, key });
    return undefined;
  }
}

async function openHead(
  { sink, key }: VerifyAccessOptions,
  begun: boolean,
  report: Report,
): Promise<PublishedLog | undefined> {
  try {
    return await reporting(report, 'checkpoint', ACCESS_LOG.checkpoint, () =>
      openPublished(sink, key, ACCESS_LOG),
    );
  } catch (error) {
    if (!hasCode(error, 'archive-missing') || !begun) throw error;
    report({ check: 'checkpoint', what: 'the head is gone', key: ACCESS_LOG.checkpoint });
    return undefined;
  }
}

interface Parts {
  /** By the number of entries before them. */
  readonly batches: ReadonlyMap<number, ListedObject>;
  /** Full tiles and bundles. */
  readonly lasting: readonly ListedObject[];
}

async function listParts(sink: SinkReader, noteKey: NoteKey, report: Report): Promise<Parts> {
  const batches = new Map<number, ListedObject>();
  const lasting: ListedObject[] = [];
  for await (const object of sink.list(accessPrefix())) {
    const { key, hidden } = object;
    const size = parseBatchKey(key);
    const part = ACCESS_LOG.parseTileKey(key) ?? ACCESS_LOG.parseBundleKey(key);
    if (size !== undefined) batches.set(size, object);
    else if (part?.width === TILE_WIDTH) lasting.push(object);
    else if (part === undefined && key !== ACCESS_LOG.checkpoint)
      report({ check: 'unlogged', what: 'the object is no part of an access log', key });
    const counts = size !== undefined || part?.width === TILE_WIDTH;
    if (hidden && counts && !(await isHarmless(sink, object, size, noteKey)))
      report({ check: 'hidden', what: 'a later version or a delete marker hides the object', key });
  }
  return { batches: new Map([...batches].sort(([one], [other]) => one - other)), lasting };
}

/**
 * Where a store lets a second put through, the same bytes may stand there twice, and behind a batch that of a writer who
 * came second: he found out by reading back, and wrote his entries into a later one.
 */
async function isHarmless(
  sink: SinkReader,
  { key, version }: ListedObject,
  size: number | undefined,
  noteKey: NoteKey,
): Promise<boolean> {
  const current = version === '' ? null : await sink.current(key);
  if (current === null) return false;
  if (size !== undefined) return isBatch(current.bytes, size, noteKey);
  const chunks: Buffer[] = [];
  for await (const chunk of await sink.read(key, version)) chunks.push(chunk);
  return current.bytes.equals(Buffer.concat(chunks));
}

function isBatch(bytes: Uint8Array, size: number, key: NoteKey): boolean {
  try {
    return parseBatch(bytes, key).size === size;
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    return false;
  }
}

/** The tree while it is walked from its first entry. */
interface Walk {
  readonly begin: BeginEntry | undefined;
  readonly unpublished: number;
}

/** Batch by batch: each must continue the tree, and hold the entries that the log has in its place. */
async function walk(
  { sink, key, archive, signal }: VerifyAccessOptions,
  log: PublishedLog,
  batches: Parts['batches'],
  report: Report,
): Promise<Walk> {
  const { size, root } = log.checkpoint;
  let frontier: Frontier = EMPTY_FRONTIER;
  const tiles = new Map<string, Uint8Array>();
  let begin: BeginEntry | undefined;
  const add = (index: number, entries: readonly Uint8Array[]): void => {
    for (const [place, bytes] of entries.entries()) {
      const found = checkEntry(bytes, index + place, { key, archive }, report);
      begin ??= found;
    }
    const grown = grow(frontier, entries.map(entryHash));
    frontier = grown.frontier;
    for (const tile of grown.tiles)
      if (tile.width === TILE_WIDTH) tiles.set(ACCESS_LOG.tileKey(tile), tile.bytes);
  };

  const entries = readEntryBytes(sink, 0, size, ACCESS_LOG);
  /** The next `count` entries, fewer at the end. */
  const take = async (count: number): Promise<readonly Uint8Array[]> => {
    const taken: Uint8Array[] = [];
    while (taken.length < count) {
      const next = await entries.next();
      if (next.done) break;
      taken.push(next.value.bytes);
    }
    return taken;
  };
  while (frontier.size < size) {
    signal.throwIfAborted();
    const at = frontier.size;
    const head = { size: at, root: frontierRoot(frontier) };
    const batch = await checkedBatch(sink, key, head, report);
    const count = batch?.entries.length ?? (nextBatch(batches, at) ?? size) - at;
    const rest = await reporting(report, 'entries', ACCESS_LOG.tiles, () => take(Math.min(count, size - at)));
    // Nothing can be said of what follows.
    if (rest === undefined || rest.length === 0) return { begin, unpublished: 0 };
    if (batch !== undefined && !isSameList(rest, batch.entries))
      report({ check: 'batch', what: 'the log has other entries than the batch', key: batchKey(at) });
    add(at, rest);
  }
  if (Buffer.compare(frontierRoot(frontier), root) !== 0) {
    const what = 'the entries are not those of the head';
    report({ check: 'entries', what, key: ACCESS_LOG.checkpoint });
  }
  await checkTiles(sink, size, tiles, frontier, report);

  // What a crash left beyond the head.
  while (batches.has(frontier.size)) {
    const at = frontier.size;
    const batch = await checkedBatch(sink, key, { size: at, root: frontierRoot(frontier) }, report);
    if (batch === undefined) break;
    add(at, batch.entries);
  }
  for (const at of batches.keys())
    if (at >= frontier.size) report({ check: 'batch', what: 'no log leads to the batch', key: batchKey(at) });
  return { begin, unpublished: frontier.size - size };
}

function nextBatch(batches: Parts['batches'], after: number): number | undefined {
  for (const at of batches.keys()) if (at > after) return at;
  return undefined;
}

function isSameList(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return (
    some.length === others.length &&
    some.every((bytes, place) => Buffer.compare(bytes, others[place] ?? new Uint8Array()) === 0)
  );
}

async function checkedBatch(
  sink: SinkReader,
  key: NoteKey,
  head: { readonly size: number; readonly root: Uint8Array },
  report: Report,
): Promise<Batch | undefined> {
  const at = batchKey(head.size);
  return reporting(report, 'batch', at, async () => {
    const batch = await readBatch(sink, head.size, key);
    if (batch === undefined) throw new ArchiverError('proof-invalid', 'the batch is missing');
    requireContinues(head, batch);
    return batch;
  });
}

function checkEntry(
  bytes: Uint8Array,
  index: number,
  { key, archive }: { readonly key: NoteKey; readonly archive: string | undefined },
  report: Report,
): BeginEntry | undefined {
  const say = (what: string): void => report({ check: 'entries', what, key: `entry ${index}` });
  try {
    const entry = parseAccessEntry(bytes);
    if ((entry.type === 'begin') !== (index === 0)) say('the log begins with entry 0 and nowhere else');
    if (entry.type !== 'begin') return undefined;
    if (entry.key !== formatVerifierKey(key)) say('the log says that it is of another key');
    if (archive !== undefined && entry.archive !== archive) say(`the log is of the archive ${entry.archive}`);
    return entry;
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    say(error.message);
    return undefined;
  }
}

/** Every tile that the head needs. */
async function checkTiles(
  sink: SinkReader,
  size: number,
  full: ReadonlyMap<string, Uint8Array>,
  { edges }: Frontier,
  report: Report,
): Promise<void> {
  for (const tile of tilesBetween(0, size)) {
    const key = ACCESS_LOG.tileKey(tile);
    const expected = tile.width === TILE_WIDTH ? full.get(key) : edges[tile.level];
    await reporting(report, 'tile', key, async () => {
      const bytes = await readTile(sink, tile, ACCESS_LOG);
      if (expected !== undefined && Buffer.compare(bytes.subarray(0, expected.length), expected) === 0)
        return;
      throw new ArchiverError('proof-invalid', 'the tile is not that of the entries');
    });
  }
}

async function requireLocks(
  sink: SinkReader,
  objects: readonly ListedObject[],
  report: Report,
): Promise<void> {
  for (const { key, version } of objects) {
    const object = await sink.head(key, version);
    if (object === null || object.lock !== null) continue;
    if (await sink.seesLocks(key, version))
      report({ check: 'lock', what: 'the object has no lock, though the log promises one', key });
  }
}
