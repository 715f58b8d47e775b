/**
 * The archive as it stood at one checkpoint, for verbs that answer from it: every row comes from a segment whose bytes
 * are those of its entry in the log.
 */
import type { DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { openDuckDB } from '../duckdb.ts';
import { ObjectChanges } from '../proof/changes.ts';
import type { LogEntry, SegmentEntry } from '../proof/entry.ts';
import { EMPTY_FRONTIER } from '../proof/frontier.ts';
import type { NoteKey } from '../proof/key.ts';
import type { IntactFiles } from '../proof/local-files.ts';
import { openPublished, type PlacedEntry, type PublishedLog } from '../proof/published.ts';
import { replay } from '../proof/replay.ts';
import type { Stream } from '../record.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { isInSlice, type Slice } from './catalog.ts';
import { personFacts, placeFacts, TELLING } from './facts.ts';
import { type Known, knownOf } from './known.ts';
import { streamView } from './views.ts';

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

/** As DuckDB gives them to JavaScript: bigint for BIGINT, Date for moments, Uint8Array for BLOB. */
export type Row = readonly unknown[];

/** Where a record stands: enough to find and to prove it. */
export interface RecordPlace {
  /** Key of its segment. */
  readonly segment: string;
  /** Place of the segment's entry in the log, from 0. */
  readonly entry: number;
  /** Place of the row in the segment, from 0. */
  readonly row: number;
}

export class OpenArchive {
  readonly log: PublishedLog;
  readonly sink: SinkReader;
  readonly files: IntactFiles;
  /** Entries of holds, classes, disposals and the like, in the log's order: all but segments, objects and locks. */
  readonly deeds: readonly PlacedEntry[];
  readonly #segments: readonly PlacedEntry<SegmentEntry>[];
  readonly #duckdb: DuckDBInstance;
  #known: Promise<Known> | undefined;

  private constructor(
    parts: Pick<OpenArchive, 'log' | 'sink' | 'files' | 'deeds'>,
    segments: readonly PlacedEntry<SegmentEntry>[],
    duckdb: DuckDBInstance,
  ) {
    this.log = parts.log;
    this.sink = parts.sink;
    this.files = parts.files;
    this.deeds = parts.deeds;
    this.#segments = segments;
    this.#duckdb = duckdb;
  }

  /**
   * Reads the log at its published head and no segment. Fails with `archive-missing`, `proof-invalid` and `sink-*`.
   * @param files of this sink; whoever opened them closes them
   */
  static async open(sink: SinkReader, key: NoteKey, files: IntactFiles): Promise<OpenArchive> {
    const log = await openPublished(sink, key);
    const named: PlacedEntry<SegmentEntry>[] = [];
    const deeds: PlacedEntry[] = [];
    const changes = new ObjectChanges();
    const destroyed = new Set<string>();
    for await (const placed of replay(sink, log.checkpoint, EMPTY_FRONTIER)) {
      const { index, bytes, entry } = placed;
      changes.note(index, entry);
      if (entry.type === 'disposal') destroyed.add(entry.sha256);
      if (entry.type === 'segment') named.push({ index, bytes, entry });
      else if (isDeed(entry)) deeds.push(placed);
    }
    await files.forget(destroyed);
    const segments = named.filter(({ index, entry }) => changes.fateOf(index, entry).disposal === undefined);
    return new OpenArchive({ log, sink, files, deeds }, segments, await openDuckDB());
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
    const views: string[] = [];
    for (const stream of streams) {
      const viewed = [];
      for (const { index, entry } of this.segments({ ...slice, streams: [stream] })) {
        if (entries !== undefined && !entries.has(index)) continue;
        viewed.push({ key: entry.key, entry: index, path: await this.files.intact(entry) });
      }
      views.push(`${stream} as (${streamView(stream, viewed)})`);
    }
    const connection = await this.#duckdb.connect();
    try {
      const rows = await connection.stream(`with ${views.join(', ')} ${sql}`, { ...values });
      for await (const chunk of rows.yieldRowsJs()) yield chunk;
    } finally {
      connection.closeSync();
    }
  }

  /** Sessions and people over all their names. Read once. */
  known(): Promise<Known> {
    this.#known ??= this.#readKnown();
    return this.#known;
  }

  async #readKnown(): Promise<Known> {
    const places: Row[] = [];
    const people: Row[] = [];
    for (const stream of TELLING) {
      const ask = async (sql: string | undefined, into: Row[]): Promise<void> => {
        if (sql === undefined) return;
        for await (const rows of this.select({ streams: [stream], slice: {}, sql })) into.push(...rows);
      };
      await ask(placeFacts(stream), places);
      await ask(personFacts(stream), people);
    }
    return knownOf(
      places.map(([, ...row]) => [...row.slice(0, 8), row[10]]),
      people.map(([, ...row]) => row),
    );
  }

  close(): void {
    this.#duckdb.closeSync();
  }
}

function isDeed({ type }: LogEntry): boolean {
  return type !== 'segment' && type !== 'object' && type !== 'lock' && type !== 'abandoned';
}
