/** Whether the published head is the newest there was: a ledger made from an older one would fork the log. */
import { ArchiverError, hasCode } from '../errors.ts';
import { openCheckpoint } from '../proof/checkpoint.ts';
import type { NoteKey, WitnessKey } from '../proof/key.ts';
import type { PublishedLog } from '../proof/published.ts';
import { TILE_WIDTH } from '../proof/tiles.ts';
import { openCosigned, requireExtends } from '../proof/witness.ts';
import { parseBundleKey, parseTileKey, tilesPrefix, witnessPrefix } from '../segments/layout.ts';
import { ENTRIES_AT_A_TIME } from '../segments/publish.ts';
import type { SinkReader } from '../sinks/sink.ts';

/** What the operator knows of heads of before. */
export interface KnownHeads {
  /** A checkpoint saved before, as a signed note. */
  readonly since?: string;
  /** Witnesses that must have cosigned a head. */
  readonly witnesses?: readonly WitnessKey[];
}

/**
 * Looks for what a longer log left in the archive, and asks those who saw heads. Fails with `log-diverged`, naming what
 * speaks against the published head; with `proof-invalid` where `since` is no checkpoint of this key; with `sink-*`.
 */
export async function requireNewest(
  sink: SinkReader,
  log: PublishedLog,
  key: NoteKey,
  { since, witnesses = [] }: KnownHeads,
): Promise<void> {
  if (since !== undefined) {
    const saved = openCheckpoint(since, key, key.name).checkpoint;
    await extending('the published log does not extend the saved checkpoint', () =>
      requireExtends(log, saved),
    );
  }
  for (const witness of witnesses)
    await extending(`the witness ${witness.name} does not vouch for the published log`, () =>
      openCosigned(sink, log, key, witness),
    );
  for await (const { key: place } of sink.list(witnessPrefix())) {
    const standing = await sink.current(place);
    const seen = standing === null ? undefined : headIn(standing.bytes, key);
    if (seen === undefined) continue;
    await extending(`a witness saw another log: ${place}`, () => requireExtends(log, seen));
  }
  await requireNothingBeyond(sink, log.checkpoint.size);
}

/** The head in a note; undefined where the log's key did not sign it, which says nothing of the log. */
function headIn(bytes: Uint8Array, key: NoteKey) {
  try {
    return openCheckpoint(Buffer.from(bytes), key, key.name).checkpoint;
  } catch (error) {
    if (hasCode(error, 'proof-invalid')) return undefined;
    throw error;
  }
}

async function extending(detail: string, check: () => Promise<unknown>): Promise<void> {
  try {
    await check();
  } catch (cause) {
    if (!hasCode(cause, 'proof-invalid')) throw cause;
    throw setBack(`${detail} (${cause.message})`, cause);
  }
}

/**
 * A crash before a checkpoint leaves tiles and bundles beyond the head, without locks and of one checkpoint's entries at
 * most. More than that was published once.
 */
async function requireNothingBeyond(sink: SinkReader, size: number): Promise<void> {
  for await (const { key } of sink.list(tilesPrefix())) {
    const tile = parseTileKey(key);
    const part = tile ?? parseBundleKey(key);
    if (part === undefined) continue;
    const leaves = TILE_WIDTH ** (tile?.level ?? 0);
    const [begin, end] = [
      part.number * TILE_WIDTH * leaves,
      (part.number * TILE_WIDTH + part.width) * leaves,
    ];
    if (begin >= size + ENTRIES_AT_A_TIME) throw setBack(`${key} stands far beyond its ${size} entries`);
    if (end <= size || part.width < TILE_WIDTH) continue;
    const standing = await sink.current(key);
    if (standing !== null && standing.lock !== null)
      throw setBack(`${key} is locked and stands beyond its ${size} entries`);
  }
}

function setBack(detail: string, cause?: unknown): ArchiverError {
  return new ArchiverError('log-diverged', 'the published checkpoint is not the newest there was', {
    detail,
    ...(cause === undefined ? {} : { cause }),
  });
}
