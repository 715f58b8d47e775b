/** Compares the zips of a legal-hold matter with what the archive has for the same people and days. */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openDuckDB } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import type { SegmentEntry } from '../proof/entry.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import type { PublishedLog } from '../proof/published.ts';
import { loggedObjects, loggedSegments, type ObjectEntry } from '../query/catalog.ts';
import { utcDay } from '../record.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { type DriftKind, DriftTables, MOST_LISTED, type ZipDrift, type ZipScope } from './drift-tables.ts';
import { type ContentsReader, readContents, type UnreadablePart } from './hold-contents.ts';
import { type HeldZip, heldZip, type WholeZip, zipsOfMatter } from './hold-zips.ts';

export interface DriftContext {
  readonly sink: SinkReader;
  readonly log: PublishedLog;
  readonly files: IntactFiles;
  readonly signal: AbortSignal;
  /** Does the work for each item, as `sideBySide` does; `what` says what it is. */
  readonly each: <T, R>(
    what: string,
    items: readonly T[],
    work: (item: T) => Promise<R>,
  ) => Promise<readonly R[]>;
}

export interface DriftInput {
  /** Id or name. */
  readonly matter: string;
  /** User id or e-mail address. */
  readonly custodian?: string;
}

/** A zip, and what came of comparing it. */
export interface ComparedZip {
  readonly zip: HeldZip;
  /** Undefined where there is no whole zip. */
  readonly drift: ZipDrift | undefined;
  /** All of them. */
  readonly unreadableCount: number;
  /** The first {@link MOST_LISTED}. */
  readonly unreadable: readonly UnreadablePart[];
}

export interface DriftReport {
  /** At least one. */
  readonly zips: readonly ComparedZip[];
  /** How many were looked at. */
  readonly segments: number;
}

/** What the zip has and the archive has not. The other findings are for whoever reads the report. */
const SERIOUS = [
  'only-in-zip',
  'text-differs',
  'file-only-in-zip',
  'file-differs',
  'file-unavailable',
] as const satisfies readonly DriftKind[];

const DAY = 86_400_000;

/**
 * Nothing counts as looked at that is not exactly what the log names. Fails with `record-not-found` and `usage` as
 * `zipsOfMatter`, with `proof-invalid` where segment or zip is not what its entry says, and with `sink-*`.
 */
export async function holdDrift(context: DriftContext, input: DriftInput): Promise<DriftReport> {
  const { sink, log, files, each } = context;
  const logged = await loggedSegments(sink, log, { streams: ['hold_files', 'messages', 'files'] });
  await files.forget(logged.destroyed);
  const segments = logged.segments.map(({ entry }) => entry);
  const records = segments.filter(({ stream }) => stream === 'hold_files');
  const zips = zipsOfMatter(
    (await each('reading zip records', records, (entry) => zipRecords(context, entry))).flat(),
    input.matter,
    input.custodian,
  );
  const scratch = await mkdtemp(join(tmpdir(), 'zoom-chat-archiver-drift-'));
  try {
    const tables = await DriftTables.create(scratch);
    try {
      const unread = await readZips(context, tables, scratch, zips);
      const scopes = [...zips.entries()].flatMap(([place, zip]) => {
        const part = unread.get(place);
        return part === undefined ? [] : [scopeOf(place, zip, part.count === 0)];
      });
      await tables.zipsRead(scopes);
      const looked = scopes.length === 0 ? [] : segments.filter((entry) => matters(entry, scopes));
      await each('comparing', looked, (entry) => addSegment(context, tables, entry));
      await tables.compare();
      const compared: ComparedZip[] = [];
      for (const [place, zip] of zips.entries()) {
        const { count, parts } = unread.get(place) ?? { count: 0, parts: [] };
        const drift = zip.state === 'whole' ? await tables.driftOf(place) : undefined;
        compared.push({ zip, drift, unreadableCount: count, unreadable: parts });
      }
      return { zips: compared, segments: records.length + looked.length };
    } finally {
      tables.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * `hold-drift` where a zip has something that the archive has not, and where one could not be compared in full, because
 * then nobody knows; undefined where all that Zoom holds is archived.
 */
export function driftVerdict({ zips }: DriftReport): ArchiverError | undefined {
  const serious = zips.reduce(
    (sum, { drift }) => sum + SERIOUS.reduce((all, kind) => all + (drift?.counts[kind] ?? 0), 0),
    0,
  );
  if (serious > 0) {
    return new ArchiverError('hold-drift', 'legal-hold zips have what the archive has not', {
      detail: `${serious} messages and files`,
    });
  }
  const unsure = zips.filter(
    ({ drift, unreadableCount }) => drift === undefined || unreadableCount > 0,
  ).length;
  if (unsure === 0) return undefined;
  return new ArchiverError('hold-drift', 'legal-hold zips could not be compared in full', {
    detail: `${unsure} of ${zips.length}`,
  });
}

interface Unread {
  count: number;
  readonly parts: UnreadablePart[];
}

/** Reads the whole ones, one after the other; what of each could not be read, by its place among all. */
async function readZips(
  context: DriftContext,
  tables: DriftTables,
  scratch: string,
  zips: readonly HeldZip[],
): Promise<ReadonlyMap<number, Unread>> {
  const { sink, log, signal } = context;
  const keys = zips.flatMap((zip) => (zip.state === 'whole' ? zip.objects.map(({ key }) => key) : []));
  const objects = await loggedObjects(sink, log, new Set(keys));
  const all = new Map<number, Unread>();
  for (const [place, zip] of zips.entries()) {
    if (zip.state !== 'whole') continue;
    signal.throwIfAborted();
    const unread: Unread = { count: 0, parts: [] };
    all.set(place, unread);
    const reader: ContentsReader = {
      message: (message) => tables.addMessage(place, message),
      file: (file) => tables.addFile(place, file),
      unreadable(part) {
        unread.count += 1;
        if (unread.parts.length < MOST_LISTED) unread.parts.push(part);
      },
      signal,
    };
    await withZip(context, scratch, zip, objects, (path) => readContents(path, reader));
  }
  return all;
}

/** UTC days: the zone of Zoom's dates is not documented, so at the edges the archive may seem to have more. */
function scopeOf(place: number, { custodian, from, to, observedAt }: HeldZip, whole: boolean): ZipScope {
  const begins = Date.parse(from);
  const ends = Date.parse(to) + DAY;
  return {
    zip: place,
    custodian: custodian.email,
    from: Number.isNaN(begins) ? 0 : begins,
    to: Number.isNaN(ends) ? observedAt : ends,
    whole,
  };
}

/** A segment's day is that of what happened to a message, which is never before it was sent. */
function matters({ stream, date }: SegmentEntry, scopes: readonly ZipScope[]): boolean {
  if (stream !== 'messages') return stream === 'files';
  return date >= utcDay(Math.max(0, Math.min(...scopes.map(({ from }) => from)) - DAY));
}

async function addSegment({ files }: DriftContext, tables: DriftTables, entry: SegmentEntry): Promise<void> {
  const { stream } = entry;
  if (stream !== 'messages' && stream !== 'files') return;
  await withObject(files, entry, async (path) => await tables.addSegment(path, stream));
}

async function zipRecords({ files }: DriftContext, entry: SegmentEntry): Promise<readonly HeldZip[]> {
  return await withObject(files, entry, async (path) => {
    const instance = await openDuckDB();
    const connection = await instance.connect();
    try {
      const rows = await connection.stream(
        'select record, epoch_ms(observed_at)::double from read_parquet($path, hive_partitioning = false)',
        { path },
      );
      const zips: HeldZip[] = [];
      for await (const chunk of rows.yieldRowsJs()) {
        for (const [record, observedAt] of chunk) zips.push(heldZip(String(record), Number(observedAt)));
      }
      return zips;
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  });
}

/** The bytes of an object of the log on local disk for as long as `use` takes. */
async function withObject<R>(
  files: IntactFiles,
  entry: Pick<ObjectEntry, 'key' | 'version' | 'bytes' | 'sha256'>,
  use: (path: string) => Promise<R>,
): Promise<R> {
  try {
    return await use(await files.intact(entry));
  } finally {
    await files.release(entry);
  }
}

/** As {@link withObject}; a zip in several objects is put together in `scratch`. */
async function withZip<R>(
  { files, signal }: DriftContext,
  scratch: string,
  { objects }: WholeZip,
  logged: readonly ObjectEntry[],
  use: (path: string) => Promise<R>,
): Promise<R> {
  const entries = objects.map((object) => {
    const { key, version, sha256 } = object;
    const entry = logged.findLast(
      (one) => one.key === key && one.version === version && one.sha256 === sha256,
    );
    if (entry !== undefined) return entry;
    throw new ArchiverError('proof-invalid', 'the log does not name an object of a record', { detail: key });
  });
  const [only] = entries;
  if (only !== undefined && entries.length === 1) return await withObject(files, only, use);
  const whole = join(scratch, 'zip');
  try {
    for (const entry of entries) {
      await withObject(files, entry, (path) =>
        pipeline(createReadStream(path), createWriteStream(whole, { flags: 'a' }), { signal }),
      );
    }
    return await use(whole);
  } finally {
    await rm(whole, { force: true });
  }
}
