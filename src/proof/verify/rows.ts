/** The rows of a segment as its tree has them: a leaf hash each, computed from what the row says. */
import {
  DuckDBBlobVector,
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBListValue,
} from '@duckdb/node-api';
import { literal } from '../../duckdb.ts';
import type { Stream } from '../../record.ts';
import { type Fact, factText, isInSession, ROW_GROUP } from '../../segments/format.ts';
import { HASH_BYTES, writeHash } from '../tree.ts';

/** Rows that follow one another in a segment. */
export interface RowBlock {
  /** Place of the first, from 0. */
  readonly from: number;
  /** Leaf hashes by docs/format.md, 32 bytes each. */
  readonly leaves: Buffer;
  /** What stands beside the records, 64 hex digits each; dashes for what is no hash. */
  readonly stated: string;
  /** Rows that name another account, which is not part of their leaves. */
  readonly foreign: number;
}

/**
 * All rows of a segment of about `count` of them, a row group at a time. DuckDB hands them out as a few long texts:
 * a value for each would cost more than its hash. Needs a connection with one thread, which keeps the rows in order.
 */
export async function* readRows(
  connection: DuckDBConnection,
  path: string,
  stream: Stream,
  account: string,
  count: number,
): AsyncGenerator<RowBlock> {
  const last = Math.max(0, Math.ceil(count / ROW_GROUP) - 1) * ROW_GROUP;
  for (let from = 0; from <= last; from += ROW_GROUP) {
    // What is there beyond the stated number comes with the last ones.
    const until = from < last ? `and place < ${from + ROW_GROUP}` : '';
    const result = await connection.run(`
      select encode(string_agg(record, '')), list(strlen(record)::integer),
        encode(string_agg(kind, '')), list(strlen(kind)::integer),
        encode(string_agg(session, '')), list(strlen(session)::integer),
        list(coalesce(epoch_ms(observed_at), 0)::double),
        lower(string_agg(case when octet_length(record_hash) = ${HASH_BYTES} then hex(record_hash) else repeat('-', ${2 * HASH_BYTES}) end, '')),
        count(*) filter (where account is distinct from ${literal(account)})::integer
      from (select file_row_number as place, account, observed_at, record_hash, coalesce(record, '') as record,
          coalesce(kind, '') as kind, ${isInSession(stream) ? `coalesce(session_id, '')` : `''`} as session
        from read_parquet(${literal(path)}, file_row_number = true, hive_partitioning = false))
      where place >= ${from} ${until}`);
    const chunk = await result.fetchChunk();
    if (chunk === null) return;
    const leaves = leavesOf(account, stream, {
      record: texts(chunk, 0),
      kind: texts(chunk, 2),
      session: texts(chunk, 4),
      observedAt: numbers(chunk, 6),
    });
    const stated = String(chunk.getColumnVector(7).getItem(0) ?? '');
    const foreign = Number(chunk.getColumnVector(8).getItem(0));
    yield { from, leaves, stated, foreign };
  }
}

/** Texts one after the other. */
interface Texts {
  readonly bytes: Buffer;
  readonly lengths: readonly number[];
}

interface Columns {
  readonly record: Texts;
  readonly kind: Texts;
  readonly session: Texts;
  /** Milliseconds. */
  readonly observedAt: readonly number[];
}

function leavesOf(account: string, stream: Stream, { record, kind, session, observedAt }: Columns): Buffer {
  const leaves = Buffer.allocUnsafe(observedAt.length * HASH_BYTES);
  const kindOf = walk(kind);
  const sessionOf = walk(session);
  let leaf = Buffer.allocUnsafe(1 << 16);
  let last: Fact = { account, kind: '', observed_at: Number.NaN, session_id: '', stream };
  let head = 0;
  let from = 0;
  for (const [row, observed_at] of observedAt.entries()) {
    const sameKind = kindOf.next();
    const sameSession = sessionOf.next();
    const length = record.lengths[row] ?? 0;
    // Rows of one page have the same fact, and stand together.
    if (!sameKind || !sameSession || observed_at !== last.observed_at) {
      last = { account, kind: kindOf.text(), observed_at, session_id: sessionOf.text(), stream };
      const fact = `\0${factText(last)}\n`;
      head = Buffer.byteLength(fact);
      if (head > leaf.length) leaf = Buffer.allocUnsafe(2 * head);
      leaf.write(fact);
    }
    if (head + length > leaf.length) {
      const longer = Buffer.allocUnsafe(2 * (head + length));
      leaf.copy(longer, 0, 0, head);
      leaf = longer;
    }
    record.bytes.copy(leaf, head, from, from + length);
    writeHash(leaf.subarray(0, head + length), leaves, row);
    from += length;
  }
  return leaves;
}

/** Goes through texts and says of each whether it is the one before it. */
function walk({ bytes, lengths }: Texts): { next(): boolean; text(): string } {
  let at = 0;
  let from = 0;
  let to = 0;
  return {
    next() {
      const length = lengths[at] ?? 0;
      const same = at > 0 && length === to - from && bytes.compare(bytes, from, to, to, to + length) === 0;
      at += 1;
      from = to;
      to += length;
      return same;
    },
    text: () => bytes.toString('utf8', from, to),
  };
}

/** Column `index`, and the lengths behind it. */
function texts(chunk: DuckDBDataChunk, index: number): Texts {
  const vector = chunk.getColumnVector(index);
  // Without rows there is nothing. The bytes are not copied once more, as the item's value would be.
  const bytes = (vector instanceof DuckDBBlobVector ? vector.getItemBytes(0) : null) ?? new Uint8Array();
  return {
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length),
    lengths: numbers(chunk, index + 1),
  };
}

function numbers(chunk: DuckDBDataChunk, index: number): readonly number[] {
  const value = chunk.getColumnVector(index).getItem(0);
  return value instanceof DuckDBListValue ? (value.items as readonly number[]) : [];
}
