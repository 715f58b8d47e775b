/** The log as everybody reads it: from a sink's read half, with nothing but the public key. */
import { ArchiverError, hasCode } from '../errors.ts';
import { ARCHIVE_LOG, type EntryBundle, type LogKeys, type Tile } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { type Checkpoint, openCheckpoint } from './checkpoint.ts';
import { type LogEntry, parseEntry } from './entry.ts';
import { decodeBundle } from './entry-bundle.ts';
import type { NoteKey } from './key.ts';
import type { Note } from './note.ts';
import type { ReadSubtree } from './subtree.ts';
import { bundlesBetween, subtreesOf, TILE_WIDTH } from './tiles.ts';

export interface PublishedLog {
  /** Whose log it is: the key by which the checkpoint was checked. */
  readonly key: NoteKey;
  readonly checkpoint: Checkpoint;
  /** Holds the cosignatures. */
  readonly note: Note;
  /** The checkpoint as it stands in the archive. */
  readonly text: string;
  /** Subtree roots by the tiles. Nothing here is proven until what comes out is compared with the checkpoint's root. */
  readonly readSubtree: ReadSubtree;
}

/**
 * Opens the log at its published head. Fails with `archive-missing` when there is no checkpoint, `proof-invalid` when it
 * is not one of `key`, and `sink-*`.
 */
export async function openPublished(
  sink: SinkReader,
  key: NoteKey,
  keys: LogKeys = ARCHIVE_LOG,
): Promise<PublishedLog> {
  const current = await sink.current(keys.checkpoint);
  if (current === null) throw new ArchiverError('archive-missing', 'the archive has no checkpoint');
  const text = current.bytes.toString();
  const { checkpoint, note } = openCheckpoint(current.bytes, key, key.name);
  const readSubtree = subtreesOf(checkpoint.size, (tile) => readTile(sink, tile, keys));
  return { key, checkpoint, note, text, readSubtree };
}

/** An entry in its place. */
export interface PlacedEntry<Entry extends LogEntry = LogEntry> {
  readonly index: number;
  /** As they stand in the log. */
  readonly bytes: Uint8Array;
  readonly entry: Entry;
}

/** An entry as it stands in a log. */
export interface EntryBytes {
  readonly index: number;
  readonly bytes: Uint8Array;
}

/**
 * Entries from `from` to before `to`, in order, a bundle at a time. Nothing here is proven; see {@link PublishedLog}.
 * Fails with `proof-invalid` for what is no entry, naming its bundle.
 */
export async function* readEntries(sink: SinkReader, from: number, to: number): AsyncGenerator<PlacedEntry> {
  for await (const { index, bytes } of readEntryBytes(sink, from, to)) {
    try {
      yield { index, bytes, entry: parseEntry(bytes) };
    } catch (cause) {
      throw namingBundle(cause, bundleAt(index, to), ARCHIVE_LOG);
    }
  }
}

/** As {@link readEntries}, of either log, and without a look at what the entries say. */
export async function* readEntryBytes(
  sink: SinkReader,
  from: number,
  to: number,
  keys: LogKeys = ARCHIVE_LOG,
): AsyncGenerator<EntryBytes> {
  for (const bundle of bundlesBetween(from, to)) {
    let entries: readonly Uint8Array[];
    try {
      entries = await readBundle(sink, bundle, keys);
    } catch (cause) {
      throw namingBundle(cause, bundle, keys);
    }
    for (const [place, bytes] of entries.entries()) {
      const index = bundle.from + place;
      if (index >= from && index < to) yield { index, bytes };
    }
  }
}

function bundleAt(index: number, to: number): EntryBundle {
  const number = Math.floor(index / TILE_WIDTH);
  return { number, width: Math.min(TILE_WIDTH, to - number * TILE_WIDTH) };
}

function namingBundle(cause: unknown, bundle: EntryBundle, keys: LogKeys): unknown {
  if (!hasCode(cause, 'proof-invalid')) return cause;
  return new ArchiverError('proof-invalid', cause.phrase, { cause, detail: keys.bundleKey(bundle) });
}

async function readBundle(
  sink: SinkReader,
  bundle: EntryBundle,
  keys: LogKeys,
): Promise<readonly Uint8Array[]> {
  const { bytes, width } = await readFullest(sink, bundle, keys.bundleKey);
  return decodeBundle(bytes, width).slice(0, bundle.width);
}

/** The tile's bytes, as many hashes as it has. */
export async function readTile(
  sink: SinkReader,
  tile: Tile,
  keys: LogKeys = ARCHIVE_LOG,
): Promise<Uint8Array> {
  return (await readFullest(sink, tile, keys.tileKey)).bytes;
}

/**
 * What is partial may go once the full one exists. Parts of the log that no head named yet may have been replaced, so
 * what stands at the key now is read; the head says whether it is right.
 */
async function readFullest<T extends EntryBundle>(
  sink: SinkReader,
  wanted: T,
  keyOf: (part: T) => string,
): Promise<{ readonly bytes: Buffer; readonly width: number }> {
  for (const part of [wanted, { ...wanted, width: TILE_WIDTH }]) {
    const standing = await sink.current(keyOf(part));
    if (standing !== null) return { bytes: standing.bytes, width: part.width };
  }
  throw new ArchiverError('proof-invalid', 'a part of the log is missing', { detail: keyOf(wanted) });
}
