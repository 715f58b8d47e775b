/** The log as everybody reads it: from a sink's read half, with nothing but the public key. */
import { ArchiverError, hasCode } from '../errors.ts';
import { bundleKey, CHECKPOINT_KEY, type EntryBundle, type Tile, tileKey } from '../segments/layout.ts';
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
export async function openPublished(sink: SinkReader, key: NoteKey): Promise<PublishedLog> {
  const current = await sink.current(CHECKPOINT_KEY);
  if (current === null) throw new ArchiverError('archive-missing', 'the archive has no checkpoint');
  const text = current.bytes.toString();
  const { checkpoint, note } = openCheckpoint(current.bytes, key, key.name);
  const readSubtree = subtreesOf(checkpoint.size, (tile) => readTile(sink, tile));
  return { key, checkpoint, note, text, readSubtree };
}

/** An entry in its place. */
export interface PlacedEntry<Entry extends LogEntry = LogEntry> {
  readonly index: number;
  /** As they stand in the log. */
  readonly bytes: Uint8Array;
  readonly entry: Entry;
}

/**
 * Entries from `from` to before `to`, in order, a bundle at a time. Nothing here is proven; see {@link PublishedLog}.
 * Fails with `proof-invalid` for what is no entry, naming its bundle.
 */
export async function* readEntries(sink: SinkReader, from: number, to: number): AsyncGenerator<PlacedEntry> {
  for (const bundle of bundlesBetween(from, to)) {
    const key = bundleKey(bundle);
    try {
      const entries = await readBundle(sink, bundle);
      for (const [place, bytes] of entries.entries()) {
        const index = bundle.from + place;
        if (index >= from && index < to) yield { index, bytes, entry: parseEntry(bytes) };
      }
    } catch (cause) {
      if (!hasCode(cause, 'proof-invalid')) throw cause;
      throw new ArchiverError('proof-invalid', cause.phrase, { cause, detail: key });
    }
  }
}

async function readBundle(sink: SinkReader, bundle: EntryBundle): Promise<readonly Uint8Array[]> {
  const { bytes, width } = await readFullest(sink, bundle, bundleKey);
  return decodeBundle(bytes, width).slice(0, bundle.width);
}

/** The tile's bytes, as many hashes as it has. */
export async function readTile(sink: SinkReader, tile: Tile): Promise<Uint8Array> {
  return (await readFullest(sink, tile, tileKey)).bytes;
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
