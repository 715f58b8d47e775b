/** The log of an archive in a folder, written at once and without a ledger. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { signCheckpoint } from '../../src/proof/checkpoint.ts';
import { entryBytes, type LogEntry, type SegmentEntry } from '../../src/proof/entry.ts';
import { encodeBundle } from '../../src/proof/entry-bundle.ts';
import { EMPTY_FRONTIER, frontierRoot, grow } from '../../src/proof/frontier.ts';
import { parseSignerKey } from '../../src/proof/key.ts';
import { bundlesBetween } from '../../src/proof/tiles.ts';
import { entryHash } from '../../src/proof/tree.ts';
import { bundleKey, CHECKPOINT_KEY, segmentKey, tileKey } from '../../src/segments/layout.ts';
import { PUBLIC_KEY, SIGNING_KEY } from './log.ts';

/** When everything was written. */
const AT = '2026-11-20T00:00:00.000Z';

/** Entry 0 of a log with the key of tests. */
export function archiveEntry(account: string): LogEntry {
  const { name: origin } = parseSignerKey(SIGNING_KEY);
  return { type: 'archive', at: AT, format: 1, account, origin, key: PUBLIC_KEY, created_at: AT };
}

export type WrittenSegment = Pick<
  SegmentEntry,
  'sha256' | 'bytes' | 'count' | 'root' | 'stream' | 'class' | 'date'
>;

/** The entry of a segment that stands in a folder. */
export function segmentEntryOf(segment: WrittenSegment): SegmentEntry {
  const { stream, class: className, date, root } = segment;
  const key = segmentKey({ stream, className, day: date, root });
  return { type: 'segment', at: AT, ...segment, key, version: segment.sha256, lock: null };
}

/** Writes bundles, tiles and checkpoint of these entries, whatever was there before. */
export async function writeLog(root: string, entries: readonly LogEntry[]): Promise<void> {
  const signer = parseSignerKey(SIGNING_KEY);
  const bytes = entries.map((entry) => entryBytes(entry));
  const put = async (key: string, content: Uint8Array | string): Promise<void> => {
    const path = join(root, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  };
  for (const bundle of bundlesBetween(0, entries.length))
    await put(bundleKey(bundle), encodeBundle(bytes.slice(bundle.from, bundle.to)));
  const { frontier, tiles } = grow(EMPTY_FRONTIER, bytes.map(entryHash));
  for (const { bytes: content, ...tile } of tiles) await put(tileKey(tile), content);
  const checkpoint = {
    origin: signer.name,
    size: entries.length,
    root: frontierRoot(frontier),
    extensions: [],
  };
  await put(CHECKPOINT_KEY, signCheckpoint(checkpoint, signer));
}
