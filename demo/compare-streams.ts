/** The streams beside messages against what really happened, with DuckDB and nothing of the archiver's code. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance, type JS } from '@duckdb/node-api';
import type {
  TruthContext,
  TruthFile,
  TruthForwarded,
  TruthHoldFile,
  TruthMatter,
  TruthMembershipChange,
} from '../emulator/server.ts';

/** How one stream came out. */
export interface StreamTally {
  readonly stream: string;
  /** Things that Zoom had to show. */
  readonly expected: number;
  /** Of them in the archive: bytes by their hash, changes by moment and people, everything else by its id. */
  readonly archived: number;
  /** Of them in the archive as a record of why they cannot be had. */
  readonly unavailable: number;
  readonly missing: number;
  /** Records beyond the first of the same thing. */
  readonly doubled: number;
  /** Records of something that never was. */
  readonly invented: number;
}

/** What the emulator knows, as its control interface gives it. */
export interface StreamTruth {
  readonly changes: readonly TruthMembershipChange[];
  readonly files: readonly TruthFile[];
  readonly forwarded: readonly TruthForwarded[];
  readonly matters: readonly TruthMatter[];
  readonly holdFiles: readonly TruthHoldFile[];
  readonly context: TruthContext;
}

type Row = Readonly<Record<string, JS>>;

/** What the demo can have collected; everything older is real, but beyond it. */
export interface Reach {
  /** Milliseconds; from then on all changes of membership. */
  readonly changesSince: number;
  /** Whether a message lies within the reports. */
  readonly messages: (sessionId: string, messageId: string) => boolean;
}

/** @param archive folder of the archive */
export async function compareStreams(
  archive: string,
  truth: StreamTruth,
  reach: Reach,
): Promise<readonly StreamTally[]> {
  const instance = await DuckDBInstance.create(':memory:', { autoinstall_known_extensions: 'false' });
  const connection = await instance.connect();
  const rows = async (stream: string): Promise<readonly Row[]> => {
    if (!existsSync(join(archive, 'segments', `stream=${stream}`))) return [];
    const files = join(archive, 'segments', `stream=${stream}`, '**/*.parquet').replaceAll("'", "''");
    return (await connection.runAndReadAll(`select * from read_parquet('${files}')`)).getRowObjectsJS();
  };
  const stands = (row: Row): boolean => existsSync(join(archive, String(row.object_key)));
  try {
    const { context } = truth;
    return [
      tally(
        'channel_activities',
        await rows('channel_activities'),
        ({ channel_id, activity_at, member_status, operator_member_id, member_count }) =>
          [channel_id, Number(activity_at), member_status, operator_member_id, member_count].join(' '),
        truth.changes.filter(({ timestamp }) => timestamp >= reach.changesSince),
        ({ channelId, timestamp, status, operator, members }) =>
          [channelId, timestamp, status, operator.memberId, members.length].join(' '),
        () => 'archived',
        truth.changes.length,
      ),
      tally(
        'files',
        (await rows('files')).filter((row) => row.origin !== 'emoji'),
        (row) => String(row.file_id),
        truth.files.filter(({ sessionId, messageId }) => reach.messages(sessionId, messageId)),
        ({ fileId }) => fileId,
        (row, { sha256, condition }) => {
          if (row.sha256 === null) return condition === 'normal' ? 'wrong' : 'unavailable';
          return row.sha256 === sha256 && stands(row) ? 'archived' : 'wrong';
        },
        truth.files.length,
      ),
      tally(
        'files (emoji)',
        (await rows('files')).filter((row) => row.origin === 'emoji'),
        (row) => String(row.file_id),
        context.emoji,
        ({ fileId }) => fileId,
        (row, { sha256 }) => (row.sha256 === sha256 && stands(row) ? 'archived' : 'wrong'),
      ),
      tally(
        'forwarded',
        await rows('forwarded'),
        (row) => String(row.forward_id),
        truth.forwarded.filter(({ sessionId, messageId }) => reach.messages(sessionId, messageId)),
        ({ forwardId }) => forwardId,
        (row, { resolvable }) =>
          resolvable === (row.reason === null) ? (resolvable ? 'archived' : 'unavailable') : 'wrong',
        truth.forwarded.length,
      ),
      tally(
        'matters',
        await rows('matters'),
        (row) => String(row.matter_id),
        truth.matters,
        ({ matterId }) => matterId,
        () => 'archived',
      ),
      tally(
        'hold_files',
        (await rows('hold_files')).filter((row) => row.kind === 'stored'),
        (row) => String(row.file_key),
        truth.holdFiles,
        ({ fileKey }) => fileKey,
        (row, { sha256, size, entries }) =>
          row.sha256 === sha256 &&
          Number(row.size) === size &&
          Number(row.entry_count) === entries &&
          stands(row)
            ? 'archived'
            : 'wrong',
      ),
      tally(
        'context',
        (await rows('context')).filter((row) =>
          ['user', 'channel', 'space', 'emoji'].includes(String(row.kind)),
        ),
        (row) => `${row.kind} ${row.subject_id}`,
        [
          ...context.users.map(({ id, email }) => `user ${id ?? email}`),
          ...context.channels.filter(({ deleted }) => !deleted).map(({ id }) => `channel ${id}`),
          ...context.spaces.map(({ id }) => `space ${id}`),
          ...context.emoji.map(({ fileId }) => `emoji ${fileId}`),
        ],
        (subject) => subject,
        () => 'archived',
      ),
    ];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** True when nothing is missing, doubled or invented. */
export function areExact(tallies: readonly StreamTally[]): boolean {
  return tallies.every(({ missing, doubled, invented }) => missing + doubled + invented === 0);
}

/** @param real how many there were in all, where not all of them are expected */
function tally<T>(
  stream: string,
  rows: readonly Row[],
  keyOfRow: (row: Row) => string,
  things: readonly T[],
  keyOf: (thing: T) => string,
  judge: (row: Row, thing: T) => 'archived' | 'unavailable' | 'wrong',
  real = things.length,
): StreamTally {
  const known = new Map<string, Row>();
  for (const row of rows) known.set(keyOfRow(row), row);
  let archived = 0;
  let unavailable = 0;
  for (const thing of things) {
    const row = known.get(keyOf(thing));
    const verdict = row === undefined ? 'wrong' : judge(row, thing);
    if (verdict === 'archived') archived += 1;
    if (verdict === 'unavailable') unavailable += 1;
  }
  const names = new Set(things.map(keyOf));
  // What is older than expected is real all the same, so only what exceeds everything real is invented.
  const beyond = [...known.keys()].filter((key) => !names.has(key)).length;
  return {
    stream,
    expected: things.length,
    archived,
    unavailable,
    missing: things.length - archived - unavailable,
    doubled: rows.length - known.size,
    invented: Math.max(0, beyond - (real - things.length)),
  };
}
