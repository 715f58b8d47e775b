/** The published log against itself: entries, tiles and head must be one tree. */
import { hasCode } from '../../errors.ts';
import { CHECKPOINT_KEY, type Tile, tileKey, witnessKey } from '../../segments/layout.ts';
import type { SinkReader } from '../../sinks/sink.ts';
import { type Checkpoint, openCheckpoint } from '../checkpoint.ts';
import { EMPTY_FRONTIER, type Frontier, frontierRoot, grow } from '../frontier.ts';
import { formatVerifierKey, type NoteKey, type WitnessKey } from '../key.ts';
import { openPublished, type PlacedEntry, type PublishedLog, readEntries, readTile } from '../published.ts';
import type { ReadSubtree } from '../subtree.ts';
import { TILE_WIDTH } from '../tiles.ts';
import { entryHash, HASH_BYTES } from '../tree.ts';
import { openCosigned, requireExtends, type Testimony } from '../witness.ts';
import type { Report } from './finding.ts';

/**
 * The head, if it is one of this key; the findings say why not. Everything else rests on it.
 * @param witnesses all of which must have cosigned it
 */
export async function checkHead(
  sink: SinkReader,
  key: NoteKey,
  witnesses: readonly WitnessKey[],
  report: Report,
  tell: (testimony: Testimony) => void = () => undefined,
): Promise<PublishedLog | undefined> {
  let log: PublishedLog;
  try {
    log = await openPublished(sink, key);
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    const expected = `signed by ${formatVerifierKey(key)}`;
    report({ check: 'checkpoint', what: error.phrase, key: CHECKPOINT_KEY, expected, found: error.message });
    return undefined;
  }
  for (const witness of witnesses) {
    const expected = `cosigned by ${formatVerifierKey(witness)}`;
    await openCosigned(sink, log, key, witness).then(
      ({ testimony }) => tell(testimony),
      (error: unknown) => {
        if (!hasCode(error, 'proof-invalid')) throw error;
        const subject = witnessKey(witness.id);
        report({ check: 'witness', what: error.phrase, key: subject, expected, found: error.message });
      },
    );
  }
  return log;
}

/** Whether the log still begins with the head that was saved before; a finding says where not. @param saved a signed note */
export async function checkHistory(
  log: PublishedLog,
  saved: string,
  key: NoteKey,
  report: Report,
): Promise<Checkpoint | undefined> {
  const older = openCheckpoint(saved, key, key.name).checkpoint;
  try {
    await requireExtends(log, older);
    return older;
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    const expected = `begins with the saved ${older.size} entries`;
    report({ check: 'history', what: error.phrase, key: CHECKPOINT_KEY, expected, found: error.message });
    return undefined;
  }
}

const ENTRIES_AT_A_TIME = 16 * TILE_WIDTH;

/**
 * Reads the entries from index `from` on and hands them on, in order, while it grows the tree over them. At the end
 * each tile that lies in the archive must be one of that tree, and its root that of the head.
 * @returns false when the entries are not those of the head: then nothing they say counts
 */
export async function checkEntries(
  sink: SinkReader,
  { checkpoint, readSubtree }: PublishedLog,
  from: number,
  report: Report,
  take: (entry: PlacedEntry) => void,
): Promise<boolean> {
  const { size } = checkpoint;
  try {
    let frontier = from === 0 ? EMPTY_FRONTIER : await frontierAt(readSubtree, from);
    let batch: Uint8Array[] = [];
    const flush = async (): Promise<void> => {
      const grown = grow(frontier, batch);
      // Partial tiles on the way are not the head's.
      for (const tile of grown.tiles)
        if (tile.width === TILE_WIDTH) await checkTile(sink, tile, tile.bytes, report);
      frontier = grown.frontier;
      batch = [];
    };
    for await (const entry of readEntries(sink, from, size)) {
      batch.push(entryHash(entry.bytes));
      take(entry);
      if (batch.length === ENTRIES_AT_A_TIME) await flush();
    }
    await flush();
    for (const [level, bytes] of frontier.edges.entries()) {
      if (bytes.length === 0) continue;
      const number = Math.floor(size / TILE_WIDTH ** (level + 1));
      await checkTile(sink, { level, number, width: bytes.length / HASH_BYTES }, bytes, report);
    }
    if (Buffer.compare(frontierRoot(frontier), checkpoint.root) === 0) return true;
    report({
      check: 'log',
      what: 'the entries are not those of the head',
      key: CHECKPOINT_KEY,
      expected: Buffer.from(checkpoint.root).toString('hex'),
      found: Buffer.from(frontierRoot(frontier)).toString('hex'),
    });
  } catch (error) {
    if (!hasCode(error, 'proof-invalid')) throw error;
    report({ check: 'log', what: error.phrase, key: error.detail ?? CHECKPOINT_KEY });
  }
  return false;
}

async function checkTile(sink: SinkReader, tile: Tile, bytes: Uint8Array, report: Report): Promise<void> {
  const found = await readTile(sink, tile);
  // A full tile may stand for a partial one, which may go then.
  const isWhole = found.length === bytes.length || found.length === TILE_WIDTH * HASH_BYTES;
  if (isWhole && Buffer.compare(found.subarray(0, bytes.length), bytes) === 0) return;
  report({ check: 'log', what: 'the tile has other hashes than the entries', key: tileKey(tile) });
}

/** The right edge of the tree of the first `size` leaves, by the tiles of a larger one. */
async function frontierAt(readSubtree: ReadSubtree, size: number): Promise<Frontier> {
  const edges: Uint8Array[] = [];
  for (let level = 0, left = size; left > 0; level += 1, left = Math.floor(left / TILE_WIDTH)) {
    const first = Math.floor(left / TILE_WIDTH) * TILE_WIDTH;
    const hashes: Uint8Array[] = [];
    for (let index = first; index < left; index += 1) hashes.push(await readSubtree(level * 8, index));
    edges.push(Buffer.concat(hashes));
  }
  return { size, edges };
}
