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
    const input = {
      pages: join(this.#options.spool, `segment-${plan.id}.pages.tsv`),
      records: join(this.#options.spool, `segment-${plan.id}.records.tsv`),
    };
    const output = join(this.#options.spool, `segment-${plan.id}.parquet`);
    const connection = await this.#instance.connect();
    try {
      await connection.run(`set TimeZone = 'UTC'`);
      await writeInput(input, staged);
      return await writeSegment(connection, account, plan, input, output);
    } catch (error) {
      await rm(output, { force: true });
      throw spoolError(error);
    } finally {
      connection.closeSync();
      await rm(input.pages, { force: true });
      await rm(input.records, { force: true });
    }
  }

  close(): void {
    this.#instance.closeSync();
  }
}

/** A plan's staged rows as two files that DuckDB reads: where each page came from, and a line for each record. */
interface Input {
  readonly pages: string;
  readonly records: string;
}

/**
 * Tabs between fields, a line feed after each row. Neither JSON nor the other fields hold a raw tab or line feed, so
 * nothing needs quoting, and the records pass through this process without being looked at.
 */
async function writeInput(input: Input, staged: AsyncIterable<readonly StagedRow[]>): Promise<void> {
  // `writeFile` on a handle goes on where it is and stores all; `write` may store a part and not fail.
  const pages = await open(input.pages, 'w');
  const records = await open(input.records, 'w');
  try {
    for await (const rows of staged) {
      let origins = '';
      let lines = '';
      for (const row of rows) {
        origins += `${row.id}\t${row.provenance}\t${row.observed_at}\n`;
        const own = row.lines.replaceAll(RECORD_SEPARATOR, `\n${row.id}\t`).replaceAll(FIELD_SEPARATOR, '\t');
        lines += `${row.id}\t${own}\n`;
      }
      await pages.writeFile(origins);
      await records.writeFile(lines);
    }
  } finally {
    await pages.close();
    await records.close();
  }
}

/** Nothing Zoom sends comes near: a message has at most a few ten thousand characters. */
const LONGEST_RECORD = 16_000_000;

async function readTsv(path: string, columns: Readonly<Record<string, string>>): Promise<string> {
  const { size } = await stat(path);
  // DuckDB allocates the buffer whole, so a small file asks for a small one.
  const buffer = Math.min(size + 1024, 2 * LONGEST_RECORD);
  const types = Object.entries(columns).map(([name, type]) => `${literal(name)}: ${literal(type)}`);
  return `read_csv(${literal(path)}, delim = '\t', quote = '', escape = '', header = false, auto_detect = false,
    nullstr = '${NO_VALUE}', max_line_size = ${Math.min(buffer, LONGEST_RECORD)}, buffer_size = ${buffer},
    parallel = false, columns = {${types.join(', ')}})`;
}

/** A text that no field holds: JSON has no raw control characters, so nothing is read as missing. */
const NO_VALUE = '\u0001';

/**
 * One pass over the records: their typed columns, hash and order. JSON is parsed once a record, provenance once a
 * page. DuckDB refuses the escape of a lone surrogate, which Zoom may send: the typed columns then show the
 * replacement character, the record stays as it is.
 */
async function rowsQuery(account: string, plan: SegmentPlan, input: Input): Promise<string> {
  const all = columns(knownStream(plan.stream));
  const paths: string[] = [];
  const fieldOf = (path: string): string => {
    if (!paths.includes(path)) paths.push(path);
    return `fields[${paths.indexOf(path) + 1}]`;
  };
  const selected = all.map(({ name, type, source }) => {
    if ('page' in source) return `page_${name} as "${name}"`;
    if ('row' in source) return `(${source.row})::${type} as "${name}"`;
    const value = source.as.replace(/\$(\d+)/g, (_ref, index: string) =>
      fieldOf(source.field[Number(index) - 1] ?? ''),
    );
    return `(${value})::${type} as "${name}"`;
  });
  const perPage = all.flatMap(({ name, type, source }) =>
    'page' in source ? [`(${source.page})::${type} as page_${name}`] : [],
  );
  const fields =
    paths.length === 0
      ? '[]::varchar[]'
      : `json_extract_string(readable, [${paths.map(literal).join(', ')}])`;
  return `
    with pages as (
      select page, observed_at, coalesce(provenance ->> '$.session.id', '') as session, ${perPage.join(', ')}
      from (
        select page, observed_at, provenance_text::json as provenance
        from ${await readTsv(input.pages, { page: 'BIGINT', provenance_text: 'VARCHAR', observed_at: 'BIGINT' })}
      )
    ), records as (
      select r.* exclude (page, flag), pages.* exclude (page), flag = '1' as drift,
        ${literal(account)} as account, ${literal(plan.stream)} as stream,
        case when not contains(record, '\\ud') or json_valid(record) then record
          else nullif_invalid(regexp_replace(replace(record, '\\\\', '\\u005c'), '\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}', '\ufffd', 'g')) end as readable
      from ${await readTsv(input.records, {
        page: 'BIGINT',
        flag: 'VARCHAR',
        key: 'VARCHAR',
        time: 'BIGINT',
        kind: 'VARCHAR',
        record: 'VARCHAR',
      })} as r
      join pages using (page)
    )
    select ${selected.join(', ')}, key, session, time
    from (select *, ${fields} as fields from records)
    order by ${ROW_ORDER}`;
}

async function writeSegment(
  connection: DuckDBConnection,
  account: string,
  plan: SegmentPlan,
  input: Input,
  output: string,
): Promise<BuiltSegment> {
  await connection.run(
    'create or replace temp macro nullif_invalid(text) as case when json_valid(text) then text end',
  );
  await connection.run(`create or replace temp table rows as ${await rowsQuery(account, plan, input)}`);
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

function spoolError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof ArchiverError) return error;
  const full =
    ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) ||
    /No space left on device/i.test(error.message);
  if (!full) return error;
  return new ArchiverError('spool-full', 'the spool is full', { cause: error });
}
