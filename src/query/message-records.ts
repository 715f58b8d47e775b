import type { DuckDBInstance } from '@duckdb/node-api';
import { openDuckDB } from '../duckdb.ts';
import type { MessageId, Stream } from '../record.ts';
import { type Fact, factText, leafHash } from '../segments/format.ts';

/** Streams whose records are of one message, by the column `message_id`. */
export const MESSAGE_STREAMS = ['messages', 'reactions'] as const satisfies readonly Stream[];

export interface WantedRecords {
  readonly messageId: MessageId;
  readonly session?: string;
  readonly kind?: string;
}

/** A record of the message, in its place. */
export interface FoundRecord {
  /** From 0. */
  readonly row: number;
  readonly fact: Fact;
  /** The same identity was archived before with other content. */
  readonly drift: boolean;
  /** The record's JSON. */
  readonly record: string;
  /** RFC 6962 leaf hash, lower-case hex. */
  readonly hash: string;
}

interface SegmentRows {
  /** Hashes of all rows in their order, computed from what the rows say, 32 bytes each. */
  readonly leaves: readonly Uint8Array[];
  readonly found: readonly FoundRecord[];
}

/** Looks for a message's records in segments of {@link MESSAGE_STREAMS}. Searches may run side by side. */
export class MessageSearch {
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance) {
    this.#instance = instance;
  }

  static async create(): Promise<MessageSearch> {
    return new MessageSearch(await openDuckDB());
  }

  /**
   * The records in one segment, all versions, drift included; undefined where there are none. Memory holds the hashes
   * of the segment's rows and the records found.
   */
  async find(path: string, stream: Stream, wanted: WantedRecords): Promise<SegmentRows | undefined> {
    const connection = await this.#instance.connect();
    try {
      const fits = ['message_id = $id'];
      const values: Record<string, string> = { path, id: wanted.messageId };
      for (const [column, value] of [
        ['session_id', wanted.session],
        ['kind', wanted.kind],
      ] as const) {
        if (value === undefined) continue;
        fits.push(`${column} = $${column}`);
        values[column] = value;
      }
      const condition = fits.join(' and ');
      // Most segments have none, which the column alone says.
      const some = await connection.runAndReadAll(
        `select 1 from read_parquet($path, hive_partitioning = false) where ${condition} limit 1`,
        values,
      );
      if (some.getRows().length === 0) return undefined;
      const rows = await connection.stream(
        `select account, kind, epoch_ms(observed_at)::double, session_id, record, drift, ${condition}
         from read_parquet($path, hive_partitioning = false)`,
        values,
      );
      const leaves: Uint8Array[] = [];
      const found: FoundRecord[] = [];
      for await (const chunk of rows.yieldRowsJs()) {
        for (const [account, kind, observedAt, session, text, drift, isWanted] of chunk) {
          const fact: Fact = {
            account: String(account),
            kind: String(kind),
            observed_at: Number(observedAt),
            session_id: String(session),
            stream,
          };
          const record = String(text);
          const hash = leafHash(factText(fact), record);
          if (isWanted === true)
            found.push({ row: leaves.length, fact, drift: drift === true, record, hash });
          leaves.push(Buffer.from(hash, 'hex'));
        }
      }
      return { leaves, found };
    } finally {
      connection.closeSync();
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}
