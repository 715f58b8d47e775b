/**
 * Compares an archive with what really happened in the emulated account. Reads the Parquet files with DuckDB and
 * uses none of the archiver's code, so that a mistake there cannot hide itself here.
 */
import { DuckDBInstance } from '@duckdb/node-api';
import type { TruthMessage, TruthVersion } from '../emulator/server.ts';

export type Kind = TruthVersion['kind'];

/** How one kind of revision came out. */
export interface Tally {
  /**
   * Revisions of the last six months that Zoom's reports cannot hide: every edit, every deletion, and the text of
   * every message that was never edited or deleted.
   */
  expected: number;
  /** Records in the archive. */
  archived: number;
  /** Expected, but not in the archive, or there with another text. */
  missing: number;
  /** Records beyond the first of the same revision. */
  doubled: number;
  /** Records of what `messages` showed of a message that was edited or deleted since. */
  earlier: number;
  /** Records of something that never happened. */
  invented: number;
}

export type Comparison = Record<Kind, Tally>;

/**
 * @param archive folder of the archive
 * @param horizon milliseconds; what happened before it is beyond Zoom's six months
 */
export async function compare(
  archive: string,
  truth: AsyncIterable<TruthMessage>,
  horizon: number,
): Promise<Comparison> {
  const records = await readRecords(archive);
  const result: Comparison = { sent: tally(), edited: tally(), deleted: tally() };
  for (const { kind, count } of records.values()) {
    result[kind].archived += count;
    result[kind].doubled += count - 1;
  }
  const check = (key: string, kind: Kind, text: string, expected: boolean): void => {
    const record = records.get(key);
    if (expected) result[kind].expected += 1;
    if (record?.text === text) {
      if (!expected && kind === 'sent') result[kind].earlier += record.count;
      records.delete(key);
    } else if (expected) result[kind].missing += 1;
  };
  for await (const message of truth) {
    const { sessionId, sentAt, versions } = message;
    const id = bareId(message.messageId);
    for (const version of versions) {
      const { kind, actionTimestamp: at, text } = version;
      if (kind !== 'sent') check(keyOf(sessionId, id, kind, at), kind, text, at >= horizon);
      // `messages` shows the newest text under the time of its edit, and no longer shows what was deleted.
      const lasting = versions.length === 1 && sentAt >= horizon;
      if (kind !== 'deleted') check(keyOf(sessionId, id, 'sent', at), 'sent', text, lasting);
    }
  }
  for (const { kind, count } of records.values()) result[kind].invented += count;
  return result;
}

/** True when nothing is missing, doubled or invented. */
export function isExact(comparison: Comparison): boolean {
  return Object.values(comparison).every(
    ({ missing, doubled, invented }) => missing + doubled + invented === 0,
  );
}

interface ArchivedRecord {
  readonly kind: Kind;
  readonly text: string;
  count: number;
}

/** Every record of the messages stream by session, message, kind and time of action, read from its JSON. */
async function readRecords(archive: string): Promise<Map<string, ArchivedRecord>> {
  const files = `${archive}/segments/stream=messages/**/*.parquet`.replaceAll("'", "''");
  const instance = await DuckDBInstance.create(':memory:', { autoinstall_known_extensions: 'false' });
  const connection = await instance.connect();
  const records = new Map<string, ArchivedRecord>();
  try {
    const result = await connection.stream(`select session_id, kind, record from read_parquet('${files}')`);
    for (let chunk = await result.fetchChunk(); chunk !== null; chunk = await result.fetchChunk()) {
      if (chunk.rowCount === 0) break;
      for (const [session, kind, record] of chunk.getRows()) {
        const row = JSON.parse(String(record)) as WireRow;
        const at = row.action_timestamp ?? row.timestamp;
        const key = keyOf(String(session), bareId(row.id), String(kind), at);
        const known = records.get(key);
        if (known === undefined) records.set(key, { kind: kind as Kind, text: row.message ?? '', count: 1 });
        else known.count += 1;
      }
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return records;
}

/** The part of Zoom's row that the comparison needs. */
interface WireRow {
  readonly id: string;
  readonly message?: string;
  readonly timestamp: number;
  readonly action_timestamp?: number;
}

function tally(): Tally {
  return { expected: 0, archived: 0, missing: 0, doubled: 0, earlier: 0, invented: 0 };
}

function keyOf(session: string, message: string, kind: string, at: number): string {
  return `${session} ${message} ${kind} ${at}`;
}

/** Zoom writes the same id with and without braces, in both cases. */
function bareId(id: string): string {
  return id.replace(/^\{(.*)\}$/, '$1').toLowerCase();
}
