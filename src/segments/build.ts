import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { ArchiverError } from '../errors.ts';
import { FIELD_SEPARATOR, RECORD_SEPARATOR } from '../ledger/staged.ts';
import type { SegmentPlan, StagedRow } from '../ledger/staging.ts';
import { RootBuilder } from '../proof/tree.ts';
import { STREAMS, type Stream } from '../record.ts';
import { ARCHIVE_FORMAT, columns, ROW_ORDER, type SegmentMetadata } from './format.ts';

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
}

export interface BuilderOptions {
  /** Folder for files on their way; made when missing. */
  readonly spool: string;
  /** Memory DuckDB may use, bytes; it spills to the spool beyond. */
  readonly memory: number;
}

/** Builds segments with DuckDB. One build at a time; the same plan gives the same bytes. */
export class SegmentBuilder {
  readonly #options: BuilderOptions;
  readonly #instance: DuckDBInstance;

  private constructor(options: BuilderOptions, instance: DuckDBInstance) {
    this.#options = options;
    this.#instance = instance;
  }

  static async create(options: BuilderOptions): Promise<SegmentBuilder> {
    await mkdir(options.spool, { recursive: true });
    const instance = await DuckDBInstance.create(':memory:', {
      // One thread and a fixed order make the bytes a function of the records.
      threads: '1',
      memory_limit: `${Math.floor(options.memory / 1_000_000)}MB`,
      temp_directory: join(options.spool, 'duckdb'),
      // The program never downloads code.
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
      TimeZone: 'UTC',
    });
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
    const input = join(this.#options.spool, `segment-${plan.id}.tsv`);
    const output = join(this.#options.spool, `segment-${plan.id}.parquet`);
    const connection = await this.#instance.connect();
    try {
      await writeInput(input, staged);
      return await writeSegment(connection, account, plan, input, output);
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

/**
 * One line per staged row: provenance, moment of observation, records. Neither JSON nor the records hold a raw tab
 * or line feed, so nothing needs quoting.
 */
async function writeInput(path: string, staged: AsyncIterable<readonly StagedRow[]>): Promise<void> {
  const file = await open(path, 'w');
  try {
    for await (const rows of staged) {
      let chunk = '';
      for (const row of rows) chunk += `${row.provenance}\t${row.observed_at}\t${row.lines}\n`;
      await file.write(chunk);
    }
  } finally {
    await file.close();
  }
}

async function writeSegment(
  connection: DuckDBConnection,
  account: string,
  plan: SegmentPlan,
  input: string,
  output: string,
): Promise<BuiltSegment> {
  const stream = knownStream(plan.stream);
  const list = columns(stream)
    .map((column) => `(${column.from})::${column.type} as "${column.name}"`)
    .join(',\n');
  await connection.run(`
    create or replace temp table rows as
    select ${list}, fields[2] as key, coalesce(provenance ->> '$.session.id', '') as session, time
    from (
      select *, fields[1] = '1' as drift, fields[3]::bigint as time, fields[4] as kind, fields[5] as record,
        ${literal(account)} as account,
        -- DuckDB refuses the escape of a lone surrogate, which Zoom may send; only the typed columns lose it.
        case when json_valid(fields[5]) then fields[5]
          else regexp_replace(fields[5], '\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\\ufffd', 'g') end as readable,
        case when json_valid(readable) then readable::json end as json
      from (
        select provenance::json as provenance, observed_at, string_split(line, chr(${code(FIELD_SEPARATOR)})) as fields
        from (
          select provenance, observed_at, unnest(string_split(lines, chr(${code(RECORD_SEPARATOR)}))) as line
          from read_csv(${literal(input)}, delim = '\\t', quote = '', escape = '', header = false,
            auto_detect = false, nullstr = '\\N', max_line_size = 268435456, buffer_size = 536870912, parallel = false,
            columns = {'provenance': 'VARCHAR', 'observed_at': 'BIGINT', 'lines': 'VARCHAR'})
        )
      )
    )
    order by ${ROW_ORDER}`);
  const { root, records } = await rootOf(connection);
  if (records !== plan.records) {
    throw new ArchiverError('internal', 'a segment does not hold the planned records', {
      detail: `plan ${plan.id}: ${plan.records} planned, ${records} built`,
    });
  }
  const metadata: SegmentMetadata = {
    format: ARCHIVE_FORMAT,
    account,
    stream: plan.stream,
    class: plan.className,
    root,
    count: records,
  };
  const pairs = Object.entries(metadata).map(([name, value]) => `${name}: ${literal(String(value))}`);
  await connection.run(`
    copy (select * exclude (key, session, time) from rows) to ${literal(output)}
    (format parquet, compression zstd, row_group_size 20480, kv_metadata {${pairs.join(', ')}})`);
  await connection.run('drop table rows');
  const { size } = await stat(output);
  return { path: output, size, sha256: await sha256(output), root, records };
}

async function rootOf(connection: DuckDBConnection): Promise<{ root: string; records: number }> {
  const builder = new RootBuilder();
  const result = await connection.stream('select record_hash from rows');
  for (
    let chunk = await result.fetchChunk();
    chunk !== null && chunk.rowCount > 0;
    chunk = await result.fetchChunk()
  ) {
    for (const value of chunk.getColumnValues(0)) {
      if (
        value === null ||
        typeof value !== 'object' ||
        !('bytes' in value) ||
        !(value.bytes instanceof Uint8Array)
      ) {
        throw new ArchiverError('internal', 'a record has no hash');
      }
      builder.add(Uint8Array.from(value.bytes));
    }
  }
  return { root: Buffer.from(builder.root()).toString('hex'), records: builder.size };
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function knownStream(name: string): Stream {
  const stream = STREAMS.find((candidate) => candidate === name);
  if (stream === undefined)
    throw new ArchiverError('internal', 'a plan names an unknown stream', { detail: name });
  return stream;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function code(separator: string): number {
  return separator.charCodeAt(0);
}

function spoolError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ArchiverError) return error;
  const full =
    ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) ||
    /No space left on device/i.test(error.message);
  if (!full) return error;
  return new ArchiverError('spool-full', 'the spool is full', { cause: error });
}
