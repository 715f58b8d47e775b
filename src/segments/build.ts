import { createHash } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { z } from 'zod';
import { digestOf, fileBytes } from '../digest.ts';
import { literal, openDuckDB } from '../duckdb.ts';
import { ArchiverError, isDiskFull } from '../errors.ts';
import type { SegmentContents } from '../ledger/segment-contents.ts';
import { RECORD_SEPARATOR, splitStaged } from '../ledger/staged.ts';
import type { SegmentPlan, StagedRow } from '../ledger/staging.ts';
import { RootBuilder } from '../proof/tree.ts';
import { STREAMS, type Stream, scopeTag } from '../record.ts';
import { readContents } from './contents.ts';
import {
  ARCHIVE_FORMAT,
  columns,
  compareRows,
  factText,
  leafHash,
  ROW_GROUP,
  type RowOrder,
  type SegmentMetadata,
} from './format.ts';

/** A finished segment as a local file. */
export interface BuiltSegment {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
  /** RFC 6962 root over the records, hex. */
  readonly root: string;
  readonly records: number;
  /** What its records tell of places, people and files. */
  readonly contents: SegmentContents;
}

export interface BuilderOptions {
  /** Folder for files on their way; made when missing. */
  readonly spool: string;
}

/** Builds segments with DuckDB; the same plan gives the same bytes. Builds may run side by side. */
export class SegmentBuilder {
  readonly #options: BuilderOptions;
  readonly #instance: DuckDBInstance;

  private constructor(options: BuilderOptions, instance: DuckDBInstance) {
    this.#options = options;
    this.#instance = instance;
  }

  static async create(options: BuilderOptions): Promise<SegmentBuilder> {
    await mkdir(options.spool, { recursive: true });
    // One thread and a fixed order make the bytes a function of the records.
    const instance = await openDuckDB({ threads: 1, temporary: join(options.spool, 'duckdb') });
    return new SegmentBuilder(options, instance);
  }

  /**
   * Writes the records of `plan` to a Parquet file in the spool. The caller removes it.
   * Fails with `spool-full` when the disk is.
   */
  async build(
    account: string,
    plan: SegmentPlan,
    staged: AsyncIterable<readonly StagedRow[]>,
  ): Promise<BuiltSegment> {
    // Plans are numbered by each ledger, and archivers of several accounts may share a spool.
    const name = `segment-${scopeTag(account, '')}-${plan.id}`;
    const input = join(this.#options.spool, `${name}.tsv`);
    const output = join(this.#options.spool, `${name}.parquet`);
    const connection = await this.#instance.connect();
    try {
      const rows = await readRows(account, plan, staged);
      if (rows.length !== plan.records) {
        throw new ArchiverError('internal', 'a segment does not hold the planned records', {
          detail: `plan ${plan.id}: ${plan.records} planned, ${rows.length} found`,
        });
      }
      rows.sort(compareRows);
      const leaves = new RootBuilder();
      for (const row of rows) leaves.add(Buffer.from(row.hash, 'hex'));
      const root = Buffer.from(leaves.root()).toString('hex');
      const longest = await writeRows(input, rows);
      await writeParquet(connection, account, plan, root, { path: input, longest }, output);
      await checkParquet(connection, output, rows);
      const { stream, day } = plan;
      const contents = await readContents(connection, { stream, day, path: output });
      const digest = await digestOf(fileBytes(output));
      return { path: output, ...digest, root, records: rows.length, contents };
    } catch (error) {
      await rm(output, { force: true });
      throw spoolError(error);
    } finally {
      connection.closeSync();
      await rm(input, { force: true });
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}

/** A record with what its row needs; texts are slices of the staged row, not copies. */
interface RecordRow extends RowOrder {
  readonly drift: string;
  readonly kind: string;
  readonly record: string;
  /** The page's, shared by its records. */
  readonly provenance: string;
  readonly observedAt: number;
}

const pageOrigin = z.object({ session: z.object({ id: z.string() }).optional() });

/** All records of a plan. Its size is bounded by the plan's limits, so memory holds it. */
async function readRows(
  account: string,
  plan: SegmentPlan,
  staged: AsyncIterable<readonly StagedRow[]>,
): Promise<RecordRow[]> {
  const rows: RecordRow[] = [];
  for await (const pages of staged) {
    for (const page of pages) {
      const session = pageOrigin.parse(JSON.parse(page.provenance)).session?.id ?? '';
      const facts = new Map<string, string>();
      const factOf = (kind: string): string => {
        let fact = facts.get(kind);
        if (fact === undefined) {
          const { stream } = plan;
          fact = factText({ account, kind, observed_at: page.observed_at, session_id: session, stream });
          facts.set(kind, fact);
        }
        return fact;
      };
      for (const line of page.lines.split(RECORD_SEPARATOR)) {
        const { drift, key, time, kind, record } = splitStaged(line);
        rows.push({
          session,
          time,
          key,
          hash: leafHash(factOf(kind), record),
          drift,
          kind,
          record,
          provenance: page.provenance,
          observedAt: page.observed_at,
        });
      }
    }
  }
  return rows;
}

/** A text that no field holds: JSON has no raw control characters, so nothing is read as missing. */
const NO_VALUE = '\u0001';
const COLUMNS = {
  drift: 'VARCHAR',
  kind: 'VARCHAR',
  time: 'BIGINT',
  observed_at: 'BIGINT',
  hash: 'VARCHAR',
  provenance: 'VARCHAR',
  record: 'VARCHAR',
  readable: 'VARCHAR',
};
const LINES_PER_WRITE = 500;

/**
 * Rows in order, tabs between fields, a line feed after each. No field holds a raw tab or line feed (JSON escapes
 * them), so nothing needs quoting.
 * @returns bytes of the longest line
 */
async function writeRows(path: string, rows: readonly RecordRow[]): Promise<number> {
  const file = await open(path, 'w');
  let longest = 0;
  try {
    for (let from = 0; from < rows.length; from += LINES_PER_WRITE) {
      let chunk = '';
      for (const row of rows.slice(from, from + LINES_PER_WRITE)) {
        const { drift, kind, time, observedAt, hash, provenance, record } = row;
        chunk += `${drift}\t${kind}\t${time}\t${observedAt}\t${hash}\t${provenance}\t${record}\t${readable(record)}\n`;
        longest = Math.max(longest, provenance.length + 2 * record.length);
      }
      // `write` may store a part when the disk is nearly full, and not fail.
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  // A UTF-16 unit has at most three bytes in UTF-8; the other fields are short.
  return longest * 3 + 512;
}

/**
 * The record as DuckDB can read it, where that differs, else nothing: it refuses the escape of half a surrogate pair,
 * which Zoom may send. The typed columns then show U+FFFD; the record stays as it is.
 */
function readable(record: string): string {
  if (!record.includes('\\ud')) return '';
  const plain = JSON.stringify(JSON.parse(record), (_name, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed() : value,
  );
  return plain === record ? '' : plain;
}

/** DuckDB allocates the buffer whole, and a line must fit into it. */
const LEAST_BUFFER = 1_000_000;

/** Turns the ordered rows into Parquet, in one streaming pass. */
async function writeParquet(
  connection: DuckDBConnection,
  account: string,
  plan: SegmentPlan,
  root: string,
  input: { readonly path: string; readonly longest: number },
  output: string,
): Promise<void> {
  const all = columns(knownStream(plan.stream));
  const fields = [...new Set(all.flatMap(({ source }) => ('field' in source ? source.field : [])))];
  const origins = [...new Set(all.flatMap(({ source }) => ('origin' in source ? [source.origin] : [])))];
  const list = all.map(({ name, type, source }) => {
    if ('row' in source) return `(${source.row})::${type} as "${name}"`;
    if ('origin' in source)
      return `coalesce(origins[${origins.indexOf(source.origin) + 1}], '') as "${name}"`;
    const value = source.as.replace(
      /\$(\d+)/g,
      (_ref, index: string) => `fields[${fields.indexOf(source.field[Number(index) - 1] ?? '') + 1}]`,
    );
    return `(${value})::${type} as "${name}"`;
  });
  const metadata: SegmentMetadata = {
    format: ARCHIVE_FORMAT,
    account,
    stream: plan.stream,
    class: plan.className,
    root,
    count: plan.records,
  };
  const pairs = Object.entries(metadata).map(([name, value]) => `${name}: ${literal(String(value))}`);
  const types = Object.entries(COLUMNS).map(([name, type]) => `${name}: ${literal(type)}`);
  const buffer = Math.max(LEAST_BUFFER, input.longest);
  await connection.run(`
    copy (
      select ${list.join(', ')}
      from (
        select *, ${literal(account)} as account, json_extract_string(provenance, ${texts(origins)}) as origins,
          json_extract_string(case when readable = '' then record else readable end,
            ${texts(fields)}) as fields
        from read_csv(${literal(input.path)}, delim = '\t', quote = '', escape = '', header = false,
          auto_detect = false, nullstr = '${NO_VALUE}', max_line_size = ${buffer}, buffer_size = ${buffer},
          parallel = false, columns = {${types.join(', ')}})
      )
    ) to ${literal(output)}
    (format parquet, compression zstd, row_group_size ${ROW_GROUP}, kv_metadata {${pairs.join(', ')}})`);
}

/** Reads the file back: it must hold exactly these leaves in this order, or the root would vouch for something else. */
async function checkParquet(
  connection: DuckDBConnection,
  path: string,
  rows: readonly RecordRow[],
): Promise<void> {
  const leaves = createHash('sha256');
  for (const row of rows) leaves.update(row.hash);
  const reader = await connection.runAndReadAll(
    `select sha256(string_agg(lower(hex(record_hash)), '')) from read_parquet(${literal(path)})`,
  );
  if (reader.getRows()[0]?.[0] !== leaves.digest('hex')) {
    throw new ArchiverError('internal', 'a segment does not hold the records it was made from', {
      detail: path,
    });
  }
}

function texts(list: readonly string[]): string {
  return `[${list.map(literal).join(', ')}]::varchar[]`;
}

function knownStream(name: string): Stream {
  const stream = STREAMS.find((candidate) => candidate === name);
  if (stream === undefined)
    throw new ArchiverError('internal', 'a plan names an unknown stream', { detail: name });
  return stream;
}

function spoolError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ArchiverError) return error;
  if (!isDiskFull(error) && !/No space left on device/i.test(error.message)) return error;
  return new ArchiverError('spool-full', 'the spool is full', { cause: error });
}
