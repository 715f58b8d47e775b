import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Json as DuckDBJson } from '@duckdb/node-api';
import { onTestFinished } from 'vitest';
import {
  FIELD_SEPARATOR,
  type Provenance,
  provenanceJson,
  RECORD_SEPARATOR,
  stagedFields,
} from '../../src/ledger/staged.ts';
import type { SegmentPlan, StagedRow } from '../../src/ledger/staging.ts';
import { type Candidate, canonicalJson } from '../../src/record.ts';
import { type BuiltSegment, SegmentBuilder } from '../../src/segments/build.ts';
import { PROVENANCE } from '../ledger/candidates.ts';
import { ACCOUNT } from '../ledger/ledgers.ts';
import { withPlainDuckDB } from '../support/plain-duckdb.ts';

export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'segments-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

export async function createBuilder(spool: string): Promise<SegmentBuilder> {
  const builder = await SegmentBuilder.create({ spool });
  onTestFinished(() => builder.close());
  return builder;
}

export function planOf(candidates: readonly Candidate[], id = 1): SegmentPlan {
  const { stream = 'messages' } = candidates[0] ?? {};
  const day = '2026-11-19';
  return { id, stream, className: 'default', day, records: candidates.length, bytes: 0, lock: null };
}

/** The candidates as one staged page. */
export function stagedRow(
  candidates: readonly Candidate[],
  provenance: Provenance = PROVENANCE,
  id = 1,
): StagedRow {
  return {
    id,
    provenance: provenanceJson(provenance),
    observed_at: provenance.observedAt,
    lines: candidates.map((one) => `0${FIELD_SEPARATOR}${stagedFields(one)}`).join(RECORD_SEPARATOR),
  };
}

export async function* batches(
  ...rows: readonly (readonly StagedRow[])[]
): AsyncGenerator<readonly StagedRow[]> {
  yield* rows;
}

export interface Built {
  readonly built: BuiltSegment;
  readonly bytes: Buffer;
}

/** One segment of the candidates, as one page, by a builder of its own. */
export async function buildSegment(
  candidates: readonly Candidate[],
  rows: readonly StagedRow[] = [stagedRow(candidates)],
): Promise<Built> {
  const builder = await createBuilder(await folder());
  const built = await builder.build(ACCOUNT, planOf(candidates), batches(rows));
  return { built, bytes: await readFile(built.path) };
}

/** What DuckDB alone, without anything of ours, reads in a Parquet file; `$1` in the statement is the file. */
export async function readParquet(path: string, sql: string): Promise<Record<string, DuckDBJson>[]> {
  return withPlainDuckDB(async (connection) => {
    const reader = await connection.runAndReadAll(sql.replaceAll('$1', `'${path.replaceAll("'", "''")}'`));
    return reader.getRowObjectsJson();
  });
}

/** One record as the archive shows it to whoever checks it. */
export interface ArchivedRecord {
  readonly account: string;
  readonly kind: string;
  /** Milliseconds. */
  readonly observedAt: number;
  readonly session: string;
  readonly record: string;
  readonly hash: string;
}

/** @param session SQL for the session of the fact; streams of the whole account have none */
export async function archivedRecords(
  path: string,
  session = 'session_id',
): Promise<readonly ArchivedRecord[]> {
  const rows = await readParquet(
    path,
    `select account, kind, epoch_ms(observed_at) as observed_at, ${session} as session, record,
       lower(hex(record_hash)) as hash
     from read_parquet($1, file_row_number = true) order by file_row_number`,
  );
  return rows.map((row) => ({
    account: String(row.account),
    kind: String(row.kind),
    observedAt: Number(row.observed_at),
    session: String(row.session),
    record: String(row.record),
    hash: String(row.hash),
  }));
}

/** The leaf as the format's documentation words it. */
export function leafHash(stream: string, row: ArchivedRecord): Buffer {
  const { account, kind, observedAt, session, record } = row;
  const fact = canonicalJson({ account, kind, observed_at: observedAt, session_id: session, stream });
  return createHash('sha256').update(Buffer.of(0)).update(`${fact}\n${record}`, 'utf8').digest();
}

/** RFC 6962 section 2.1, word for word: split at the largest power of two below the size. */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return createHash('sha256').digest();
  if (leaves.length === 1) return only;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return createHash('sha256')
    .update(Buffer.of(1))
    .update(naiveRoot(leaves.slice(0, split)))
    .update(naiveRoot(leaves.slice(split)))
    .digest();
}
