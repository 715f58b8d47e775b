/**
 * The archive as it stood at one checkpoint, for verbs that answer from it: every row comes from a segment whose bytes
 * are those of its entry in the log.
 */
import { hash } from 'node:crypto';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { literal, openDuckDB } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import { ObjectChanges } from '../proof/changes.ts';
import type { LogEntry, SegmentEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import type { NoteKey } from '../proof/key.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import { openPublished, type PlacedEntry, type PublishedLog } from '../proof/published.ts';
import { replay } from '../proof/replay.ts';
import type { Stream } from '../record.ts';
import { parseSegmentKey } from '../segments/layout.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { isInSlice, type Slice } from './catalog.ts';
import { INDEX_TABLE_NAMES, INDEXED, idNumber } from './index-part.ts';
import { type OpenedIndex, openIndex } from './index-store.ts';
import { type Known, knownOf } from './known.ts';
import type { Row } from './rows.ts';
import { streamView, type ViewedSegment } from './views.ts';

export type { RecordPlace, Row } from './rows.ts';

/** Rows wanted of one stream. */
export interface Question {
  readonly stream: Stream;
  /** Segments that are looked at; `streams` of it counts for nothing here. */
  readonly slice: Slice;
  /** SQL: what to select of the columns of {@link streamView}. */
  readonly select: string;
  /** SQL: which rows; values as `$name`. */
  readonly where?: string;
  /** SQL after it: order, limit, grouping. */
  readonly tail?: string;
  readonly values?: Readonly<Record<string, DuckDBValue>>;
}

/** Rows wanted of several streams, by a SELECT over views of their names. */
export interface Selection {
  readonly streams: readonly Stream[];
  /** Segments that are looked at; `streams` of it counts for nothing here. */
  readonly slice: Slice;
  /** Only segments of these entries. */
  readonly entries?: ReadonlySet<number> | undefined;
  readonly sql: string;
  readonly values?: Readonly<Record<string, DuckDBValue>>;
}

/** With what a piece of work reads. */
export interface Within {
  readonly connection: DuckDBConnection;
  /** SELECT of a stream's rows. @param entries only in these of the segments */
  view(stream: Stream, entries?: ReadonlySet<number>): Promise<string>;
}

/** Where an index is kept, and of whom. */
export interface IndexPlace {
  readonly folder?: string;
  /** Only what was made under it is believed there. */
  readonly secret?: Uint8Array | undefined;
}

export class OpenArchive {
  readonly log: PublishedLog;
  readonly sink: SinkReader;
  readonly files: IntactFiles;
  /** Entries of holds, classes, disposals and the like, in the log's order: all but segments, objects and locks. */
  readonly deeds: readonly PlacedEntry[];
  readonly #segments: readonly PlacedEntry<SegmentEntry>[];
  readonly #duckdb: DuckDBInstance;
  readonly #indexPlace: IndexPlace;
  #known: Promise<Known> | undefined;
  #index: Promise<OpenedIndex> | undefined;
  #opened: OpenedIndex | undefined;
  /** Of an index that is not kept. */
  #temporary: string | undefined;

  private constructor(
    parts: Pick<OpenArchive, 'log' | 'sink' | 'files' | 'deeds'>,
    segments: readonly PlacedEntry<SegmentEntry>[],
    duckdb: DuckDBInstance,
    indexPlace: IndexPlace,
  ) {
    this.log = parts.log;
    this.sink = parts.sink;
    this.files = parts.files;
    this.deeds = parts.deeds;
    this.#segments = segments;
    this.#duckdb = duckdb;
    this.#indexPlace = indexPlace;
  }

  /**
   * Reads the log at its published head and no segment. Fails with `archive-missing`, `proof-invalid` and `sink-*`.
   * @param files of this sink; whoever opened them closes them
   * @param index where it is kept between runs; it is made in a temporary folder where none is named
   */
  static async open(
    sink: SinkReader,
    key: NoteKey,
    files: IntactFiles,
    index: IndexPlace = {},
  ): Promise<OpenArchive> {
    const log = await openPublished(sink, key);
    const named: PlacedEntry<SegmentEntry>[] = [];
    const deeds: PlacedEntry[] = [];
    const changes = new ObjectChanges();
    const destroyed = new Set<string>();
    for await (const placed of replay(sink, log.checkpoint, EMPTY_FRONTIER)) {
      const { index: at, bytes, entry } = placed;
      changes.note(at, entry);
      if (entry.type === 'disposal') destroyed.add(entry.sha256);
      if (entry.type === 'segment') named.push({ index: at, bytes, entry });
      else if (isDeed(entry)) deeds.push(placed);
    }
    await files.forget(destroyed);
    const segments = named.filter(({ index: at, entry }) => changes.fateOf(at, entry).disposal === undefined);
    return new OpenArchive({ log, sink, files, deeds }, segments, await openDuckDB(), index);
  }

  /** Segments of a slice that were not disposed of, in the log's order. */
  segments(slice: Slice): readonly PlacedEntry<SegmentEntry>[] {
    return this.#segments.filter(({ entry }) => isInSlice(entry, slice));
  }

  /**
   * Rows of a stream, a chunk at a time. Fails with `proof-invalid`, naming the segment, before any row where a segment
   * that is looked at is missing or has other bytes than its entry says.
   */
  async *rows({ stream, slice, select, where, tail, values = {} }: Question): AsyncGenerator<readonly Row[]> {
    const condition = where === undefined ? '' : `where ${where}`;
    const sql = `select ${select} from ${stream} ${condition} ${tail ?? ''}`;
    yield* this.select({ streams: [stream], slice, sql, values });
  }

  /** As {@link rows}, of several streams. */
  async *select({ streams, slice, entries, sql, values = {} }: Selection): AsyncGenerator<readonly Row[]> {
    const looked = streams.flatMap((stream) => this.segments({ ...slice, streams: [stream] }));
    const segments = entries === undefined ? looked : looked.filter(({ index }) => entries.has(index));
    const viewed = await this.#bring(segments);
    const connection = await this.#duckdb.connect();
    try {
      const views = [];
      for (const stream of streams) views.push(`${stream} as (${await viewOf(connection, stream, viewed)})`);
      const rows = await connection.stream(`with ${views.join(', ')} ${sql}`, { ...values });
      for await (const chunk of rows.yieldRowsJs()) yield chunk;
    } catch (error) {
      // What fails because a file changed meanwhile says so, whatever DuckDB made of it.
      await this.#unchanged(segments);
      throw error;
    } finally {
      connection.closeSync();
    }
    await this.#unchanged(segments);
  }

  /**
   * Work on a connection of its own, over segments that are compared with their entries before it and after. The index
   * is there as `idx_places` and so on, see `index-part.ts`; it only says where to look. Fails as {@link rows} does.
   * @param work given the connection, and the SELECT of each stream's rows in some of these segments
   */
  async within<T>(
    segments: readonly PlacedEntry<SegmentEntry>[],
    work: (reading: Within) => Promise<T>,
  ): Promise<T> {
    const index = await this.#indexedNow();
    const viewed = await this.#bring(segments);
    const connection = await this.#duckdb.connect();
    try {
      const view: Within['view'] = (stream, entries) =>
        viewOf(
          connection,
          stream,
          entries === undefined ? viewed : viewed.filter(({ entry }) => entries.has(entry)),
        );
      const result = await this.#whileUnchanged(segments, () => work({ connection, view }));
      await this.#unchanged(segments);
      await this.#requireIntact(index);
      return result;
    } finally {
      connection.closeSync();
    }
  }

  /** What fails because a file changed meanwhile says so, whatever DuckDB made of it. */
  async #whileUnchanged<T>(
    segments: readonly PlacedEntry<SegmentEntry>[],
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.#unchanged(segments);
      throw error;
    }
  }

  /** Segments with records of a message, reactions and files too. @param id as it is normalised: lower case, no braces */
  async segmentsOfMessage(id: string): Promise<ReadonlySet<number>> {
    const rows = await this.index(`select entry from idx_ids where id = ${idNumber('$id::varchar')}`, { id });
    return new Set(rows.map(([entry]) => Number(entry)));
  }

  /** Segments with messages of a session. @param days first and last UTC day of their own time, `yyyy-mm-dd` */
  async segmentsOfSession(
    session: string,
    days: Pick<Slice, 'from' | 'to'> = {},
  ): Promise<ReadonlySet<number>> {
    const rows = await this.index('select entry from idx_places where session = $session and revisions > 0', {
      session,
    });
    const entries = new Set(rows.map(([entry]) => Number(entry)));
    const own = this.segments({ streams: ['messages'], ...days }).filter(({ index }) => entries.has(index));
    return new Set(own.map(({ index }) => index));
  }

  /** Sessions and people over all their names. Read once. */
  known(): Promise<Known> {
    this.#known ??= this.knownWhere('true');
    return this.#known;
  }

  /** As {@link known}, of some of the facts. @param where SQL over the tables `places` and `people` of the index */
  async knownWhere(where: string, values: Readonly<Record<string, DuckDBValue>> = {}): Promise<Known> {
    const places = await this.index(
      `select session, type, name, channel, max(seen), sum(revisions), min("first"), max("last"),
         arg_max(external, seen) filter (external is not null)
       from idx_places where ${where} group by session, type, name, channel`,
      values,
    );
    const people = await this.index(
      `select session, channel, email, member, user_id, name, max(seen) from idx_people where ${where} group by all`,
      values,
    );
    return knownOf(places, people);
  }

  /** Rows of the index; where its files are others than they were, of one that is made anew. */
  async index(sql: string, values: Readonly<Record<string, DuckDBValue>> = {}): Promise<readonly Row[]> {
    const index = await this.#indexed();
    try {
      const rows = await this.#indexRows(sql, values);
      if (await index.intact()) return rows;
    } catch (error) {
      if (await index.intact()) throw error;
    }
    const anew = await this.#indexedNow();
    const rows = await this.#indexRows(sql, values);
    await this.#requireIntact(anew);
    return rows;
  }

  async #indexRows(sql: string, values: Readonly<Record<string, DuckDBValue>>): Promise<readonly Row[]> {
    const connection = await this.#duckdb.connect();
    try {
      return (await connection.runAndReadAll(sql, { ...values })).getRowsJS();
    } finally {
      connection.closeSync();
    }
  }

  /** What it does not say any more would be missing, and nobody would know. */
  async #requireIntact(index: OpenedIndex): Promise<void> {
    if (await index.intact()) return;
    this.#forget(index);
    throw new ArchiverError('proof-invalid', 'the index of the archive changed while it was read', {
      detail: 'it is made anew when something is asked again; see who else writes to the cache',
    });
  }

  #indexed(): Promise<OpenedIndex> {
    this.#index ??= this.#openIndex().then(
      (index) => {
        this.#opened = index;
        return index;
      },
      (error: unknown) => {
        this.#index = undefined;
        throw error;
      },
    );
    return this.#index;
  }

  /** Made anew where its files are others than they were. */
  async #indexedNow(): Promise<OpenedIndex> {
    const index = await this.#indexed();
    if (await index.intact()) return index;
    this.#forget(index);
    return this.#indexed();
  }

  /** Another question may have had it made anew already. */
  #forget(former: OpenedIndex): void {
    if (this.#opened !== former) return;
    this.#opened = undefined;
    this.#index = undefined;
  }

  async #openIndex(): Promise<OpenedIndex> {
    const folder = this.#usableFolder();
    const origin = hash('sha256', this.log.checkpoint.origin, 'hex').slice(0, 32);
    const connection = await this.#duckdb.connect();
    try {
      const [version] = (await connection.runAndReadAll('select version()')).getRows();
      const opened = await openIndex({
        folder: join(folder, origin),
        connection,
        form: `duckdb ${String(version?.[0])}`,
        secret: this.#indexPlace.secret ?? new Uint8Array(),
        segments: this.segments({ streams: INDEXED }),
        bring: (segments) => this.#bring(segments),
        unchanged: (segments) => this.#unchanged(segments),
      });
      for (const name of INDEX_TABLE_NAMES)
        await connection.run(`create or replace view idx_${name} as select * from ${opened.tables[name]}`);
      return opened;
    } finally {
      connection.closeSync();
    }
  }

  /** What cannot be kept is made for this time. */
  #usableFolder(): string {
    const { folder } = this.#indexPlace;
    if (folder !== undefined) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        accessSync(folder, constants.W_OK);
        return folder;
      } catch {
        // Falls to a temporary one.
      }
    }
    this.#temporary ??= mkdtempSync(join(tmpdir(), 'zoom-chat-archiver-index-'));
    return this.#temporary;
  }

  async #bring(segments: readonly PlacedEntry<SegmentEntry>[]): Promise<readonly ViewedSegment[]> {
    return inTurns(segments, async ({ index, entry }) => {
      return { key: entry.key, entry: index, path: await this.files.intact(entry) };
    });
  }

  async #unchanged(segments: readonly PlacedEntry<SegmentEntry>[]): Promise<void> {
    await inTurns(segments, ({ entry }) => this.files.unchanged(entry));
  }

  close(): void {
    this.#duckdb.closeSync();
    if (this.#temporary !== undefined) rmSync(this.#temporary, { recursive: true, force: true });
  }
}

/** As many at once as the file system serves side by side. */
const AT_ONCE = 16;

async function inTurns<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (let from = 0; from < items.length; from += AT_ONCE)
    results.push(...(await Promise.all(items.slice(from, from + AT_ONCE).map(work))));
  return results;
}

async function viewOf(
  connection: DuckDBConnection,
  stream: Stream,
  viewed: readonly ViewedSegment[],
): Promise<string> {
  const own = viewed.filter(({ key }) => parseSegmentKey(key)?.stream === stream);
  return streamView(stream, own, await columnsOf(connection, own));
}

/** Columns of a segment's file, by its path. */
const columnLists = new Map<string, string>();
const MOST_LISTS = 500_000;

/** Whether all have the same columns. Each file is opened for this once. */
async function columnsOf(
  connection: DuckDBConnection,
  segments: readonly ViewedSegment[],
): Promise<'alike' | 'any'> {
  const fresh = segments.filter(({ path }) => !columnLists.has(path));
  if (fresh.length > 0) {
    if (columnLists.size > MOST_LISTS) columnLists.clear();
    const reader = await connection.runAndReadAll(
      `select file_name, string_agg(concat_ws(' ', name, type, logical_type), ',')
       from parquet_schema([${fresh.map(({ path }) => literal(path)).join(', ')}]) group by file_name`,
    );
    const lists = new Map(reader.getRows().map(([path, list]) => [String(path), String(list)]));
    for (const { path } of fresh) columnLists.set(path, lists.get(path) ?? path);
  }
  const [first, ...others] = segments;
  const list = first === undefined ? undefined : columnLists.get(first.path);
  return others.every(({ path }) => columnLists.get(path) === list) ? 'alike' : 'any';
}

function isDeed({ type }: LogEntry): boolean {
  return type !== 'segment' && type !== 'object' && type !== 'lock' && type !== 'abandoned';
}
