/** The store's listing: what hides an object, and what the log does not name. */
import { hash } from 'node:crypto';
import { digestOf } from '../../digest.ts';
import {
  ARCHIVE_KEY,
  objectsPrefix,
  parseBundleKey,
  parseTileKey,
  segmentsPrefix,
  tilesPrefix,
} from '../../segments/layout.ts';
import type { ListedObject, SinkReader } from '../../sinks/sink.ts';
import { isStored } from '../changes.ts';
import type { NoteKey } from '../key.ts';
import { TILE_WIDTH } from '../tiles.ts';
import type { Report } from './finding.ts';
import { checkEntries, checkHead } from './log.ts';
import type { Named } from './named.ts';

export interface Listing {
  readonly sink: SinkReader;
  readonly key: NoteKey;
  /** Keys that the log names up to `size`. */
  readonly named: Named;
  /** Versions that the log calls abandoned; by {@link versionName}. */
  readonly abandoned: ReadonlySet<string>;
  readonly size: number;
  readonly now: number;
  readonly report: Report;
}

/** A version as a member of a set. */
export function versionName({ key, version }: { readonly key: string; readonly version: string }): string {
  return `${key} ${version}`;
}

/** A crash between putting an object and naming it in the log is repaired within this time, or somebody looks into it. */
const UNDERWAY_MS = 3_600_000;

/**
 * Reports objects that the log does not name, and those that are hidden. What was put a moment ago has its entry in a head
 * to come: the log is asked once more about it, and what is younger than an hour is left to the next time.
 * @returns how many the log calls abandoned
 */
export async function checkListing(listing: Listing): Promise<number> {
  const { sink, key, named, abandoned, size, now, report } = listing;
  let left = 0;
  const unnamed: ListedObject[] = [];
  for (const prefix of [segmentsPrefix(), objectsPrefix()]) {
    for await (const object of named.without(reportingHidden(sink, prefix, report))) {
      if (abandoned.has(versionName(object))) left += 1;
      else unnamed.push(object);
    }
  }
  if (unnamed.length === 0) return left;
  const later = await namedLater(sink, key, size, report);
  for (const { key: unknown, version, storedAt } of unnamed) {
    const age = now - storedAt.getTime();
    // What claims to be of the future is no younger for that.
    if (later.has(unknown) || (age >= 0 && age < UNDERWAY_MS)) continue;
    report({ check: 'unlogged', what: 'the log does not name the object', key: unknown, version });
  }
  return left;
}

async function* reportingHidden(
  sink: SinkReader,
  prefix: string,
  report: Report,
): AsyncGenerator<ListedObject> {
  for await (const object of sink.list(prefix)) {
    if (object.hidden && !(await isSameAsCurrent(sink, object))) reportHidden(object, report);
    yield object;
  }
}

async function namedLater(
  sink: SinkReader,
  key: NoteKey,
  size: number,
  report: Report,
): Promise<ReadonlySet<string>> {
  const later = new Set<string>();
  const newer = await checkHead(sink, key, [], report);
  if (newer === undefined || newer.checkpoint.size <= size) return later;
  const sound = await checkEntries(sink, newer, size, report, ({ entry }) => {
    if (isStored(entry)) later.add(entry.key);
  });
  // What is not proven excuses nothing.
  return sound ? later : new Set();
}

/**
 * Reports where `archive.json`, or a full tile or bundle that is locked, is hidden. One without a lock was never
 * published, and may have been replaced before it was.
 */
export async function checkHiddenLog(sink: SinkReader, report: Report): Promise<void> {
  for (const prefix of [ARCHIVE_KEY, tilesPrefix()]) {
    for await (const object of sink.list(prefix)) {
      if (!object.hidden || !isLasting(object.key)) continue;
      const held = object.key === ARCHIVE_KEY ? null : await sink.head(object.key, object.version);
      if (object.key !== ARCHIVE_KEY && held?.lock == null) continue;
      if (!(await isSameAsCurrent(sink, object))) reportHidden(object, report);
    }
  }
}

function isLasting(key: string): boolean {
  return key === ARCHIVE_KEY || (parseTileKey(key) ?? parseBundleKey(key))?.width === TILE_WIDTH;
}

function reportHidden({ key, version }: ListedObject, report: Report): void {
  const what = 'a later version or a delete marker hides the object';
  report({ check: 'object', what, key, version });
}

/** Where a store lets a second put through, the same bytes may stand there twice; then nothing is hidden. */
async function isSameAsCurrent(sink: SinkReader, { key, version }: ListedObject): Promise<boolean> {
  // What is no object at all has no version.
  const current = version === '' ? null : await sink.current(key);
  if (current === null) return false;
  const first = await digestOf(await sink.read(key, version));
  return first.sha256 === hash('sha256', current.bytes);
}
