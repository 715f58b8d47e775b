/** Segments as they were sealed, read back from a sink. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { literal, openDuckDB } from '../duckdb.ts';
import type { SegmentContents } from '../ledger/segment-contents.ts';
import type { SegmentEntry } from '../proof/entry.ts';
import { fetchIntact } from '../proof/local-files.ts';
import { type ArchivedRecord, instant, type Stream } from '../record.ts';
import type { SinkReader } from '../sinks/sink.ts';
import { readContents } from './contents.ts';
import { isInSession } from './format.ts';

/** Which segment is meant: what its entry says of its place and its bytes. */
type Named = Pick<SegmentEntry, 'key' | 'version' | 'sha256' | 'bytes' | 'stream' | 'date'>;

/** A segment on local disk whose bytes are those of its entry. */
export interface LocalSegment {
  readonly entry: Named;
  readonly path: string;
}

/** Which records are wanted: all, or of messages those alone that may point to a file or another message. */
type Wanted = 'all' | 'linking';

/** What the messages of a segment tell of a session. Times are milliseconds. */
interface SessionSighting {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly channelId: string;
  readonly lastMessageAt: number;
  readonly lastActivityAt: number;
  readonly firstSeenAt: number;
}

/** Reads segments with DuckDB, in memory that does not grow with them. */
export class SegmentReader {
  readonly #folder: string;
  readonly #instance: DuckDBInstance;

  private constructor(folder: string, instance: DuckDBInstance) {
    this.#folder = folder;
    this.#instance = instance;
  }

  /** @param folder for segments on their way, and for nothing else; it goes when the reader is closed */
  static async create(folder: string): Promise<SegmentReader> {
    // What a crash left.
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    return new SegmentReader(folder, await openDuckDB({ threads: 1, temporary: join(folder, 'duckdb') }));
  }

  async close(): Promise<void> {
    this.#instance.closeSync();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /**
   * Fetches a segment; the caller {@link discard}s it. Fails with `proof-invalid`, naming the key, where other bytes or
   * none stand there, with `spool-full`, and with `sink-*`.
   */
  async fetch(sink: SinkReader, entry: Named, signal: AbortSignal): Promise<LocalSegment> {
    const place = join(this.#folder, `${entry.sha256}.parquet`);
    return { entry, path: await fetchIntact(place, sink, entry, signal) };
  }

  async discard({ path }: LocalSegment): Promise<void> {
    await rm(path, { force: true });
  }

  /** Its records in order, a few thousand at a time. */
  async *records({ entry, path }: LocalSegment, wanted: Wanted): AsyncGenerator<readonly ArchivedRecord[]> {
    const { stream } = entry;
    const session = isInSession(stream)
      ? 'session_id, session_type, session_name, channel_id'
      : `'' as session_id, '' as session_type, '' as session_name, '' as channel_id`;
    const only = wanted === 'all' ? '' : `where file_count > 0 or contains(record, '"forward_id":')`;
    const sql = `select kind, drift, epoch_ms(event_at)::double, epoch_ms(observed_at)::double, ${session}, record
      from read_parquet(${literal(path)}, hive_partitioning = false) ${only}`;
    for await (const rows of this.#rows(sql)) yield rows.map((row) => recordOf(stream, row));
  }

  /** What a segment of messages tells of their sessions. */
  async *sessions({ path }: LocalSegment): AsyncGenerator<readonly SessionSighting[]> {
    const sql = `select session_id, arg_max(session_type, observed_at), arg_max(session_name, observed_at),
        arg_max(channel_id, observed_at), coalesce(epoch_ms(max(sent_at) filter (where kind = 'sent')), 0)::double,
        epoch_ms(max(action_at))::double, epoch_ms(min(observed_at))::double
      from read_parquet(${literal(path)}, hive_partitioning = false) group by session_id`;
    for await (const rows of this.#rows(sql)) {
      yield rows.map(([id, type, name, channelId, sent, active, seen]) => ({
        id: String(id),
        type: String(type),
        name: String(name),
        channelId: String(channelId),
        lastMessageAt: Number(sent),
        lastActivityAt: Number(active),
        firstSeenAt: Number(seen),
      }));
    }
  }

  /** What its records tell of places, people and files, as it was noted when it was sealed. */
  async contents({ entry: { stream, date: day }, path }: LocalSegment): Promise<SegmentContents> {
    const connection = await this.#instance.connect();
    try {
      return await readContents(connection, { stream, day, path });
    } finally {
      connection.closeSync();
    }
  }

  async *#rows(sql: string): AsyncGenerator<DuckDBValue[][]> {
    const connection: DuckDBConnection = await this.#instance.connect();
    try {
      const result = await connection.stream(sql);
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) return;
        yield chunk.getRows();
      }
    } finally {
      connection.closeSync();
    }
  }
}

function recordOf(stream: Stream, row: readonly DuckDBValue[]): ArchivedRecord {
  const [kind, drift, time, observedAt, id, type, name, channelId, record] = row;
  const session = {
    id: String(id),
    type: String(type),
    name: String(name),
    channelId: String(channelId),
  };
  return {
    stream,
    kind: String(kind),
    drift: drift === true,
    time: instant(Number(time)),
    observedAt: instant(Number(observedAt)),
    // What is not of one session, as a custom emoji, names none.
    session: session.id === '' ? undefined : session,
    record: String(record),
  };
}
