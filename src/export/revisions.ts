/** The revisions of a slice out of verified segments, a conversation's day at a time. */
import { literal } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import type { Row } from '../query/archive.ts';
import type { AuditContext } from '../query/reader.ts';
import type { Revision } from '../query/revision.ts';
import { REVISION_COLUMNS, revisionOf } from '../query/revision-row.ts';
import { type MultisetDigest, multisetColumns, multisetOf } from './multiset.ts';
import { type ExportSlice, sliceRows } from './slice.ts';

/** A revision with what its hash needs beside it. */
export interface ExportedRevision extends Revision {
  readonly account: string;
}

/** What was sent in one session on one day of the slice's zone, oldest first, versions of a message together. */
export interface ConversationDay {
  /** `yyyy-mm-dd`. */
  readonly day: string;
  readonly session: string;
  readonly revisions: readonly ExportedRevision[];
}

/** Rows that are sorted at once, about; what memory holds follows from it. */
const BATCH_ROWS = 20_000;

/** A run of whole days, or a run of sessions of one. */
interface Batch {
  readonly firstDay: string;
  readonly lastDay: string;
  /** SQL: a moment's bounds, with which segments and row groups are left out. */
  readonly bounds: string;
  readonly sessions: { readonly from: string; readonly to: string } | undefined;
}

/**
 * How many revisions and messages the archive has of the slice, and their hashes: asked of the segments by itself, so
 * that an index that lacks something ends the export instead of shortening it.
 */
export async function countArchived(
  ctx: AuditContext,
  slice: ExportSlice,
): Promise<{ readonly digest: MultisetDigest; readonly messages: number; readonly conversations: number }> {
  const select = `${multisetColumns()}, count(distinct (session_id, message_id))::double,
    count(distinct session_id)::double`;
  for await (const [row] of sliceRows(ctx, { ...slice, entries: slice.counted }, select)) {
    if (row === undefined) break;
    const sums = row.slice(0, -2);
    return { digest: multisetOf(sums), messages: Number(row.at(-2)), conversations: Number(row.at(-1)) };
  }
  throw new ArchiverError('internal', 'a count has no answer');
}

/** Days in their order, sessions of a day by id; some at a time, each whole. Fails as the archive's rows do. */
export async function* conversationDays(
  ctx: AuditContext,
  slice: ExportSlice,
): AsyncGenerator<readonly ConversationDay[]> {
  for await (const batch of batches(ctx, slice)) {
    const days: ConversationDay[] = [];
    let revisions: ExportedRevision[] = [];
    let day = '';
    for await (const rows of rowsOf(ctx, slice, batch)) {
      for (const row of rows) {
        const rowDay = String(row[0]);
        const revision: ExportedRevision = { ...revisionOf(row, 2), account: String(row[1]) };
        if (revisions.at(-1)?.session.id !== revision.session.id || rowDay !== day) {
          revisions = [];
          day = rowDay;
          days.push({ day, session: revision.session.id, revisions });
        }
        revisions.push(revision);
      }
    }
    yield days;
  }
}

/** When a message was sent: of a record without a time, its own. */
const SENT = 'coalesce(sent_at, event_at)';

function dayColumn(slice: ExportSlice): string {
  return `((${SENT} at time zone ${literal(slice.clock.zone)})::date)::varchar`;
}

async function* batches(ctx: AuditContext, slice: ExportSlice): AsyncGenerator<Batch> {
  const day = dayColumn(slice);
  const select = `${day}, count(*)::double, min(sent_at)::varchar, max(sent_at)::varchar,
    count(*) filter (sent_at is null)::double`;
  const days = await collected(sliceRows(ctx, slice, select, { tail: 'group by 1 order by 1' }));
  for (let at = 0; at < days.length; ) {
    const first = dayOf(days[at]);
    const run = [first];
    for (let rows = first.rows; at + run.length < days.length; ) {
      const next = dayOf(days[at + run.length]);
      rows += next.rows;
      if (rows > BATCH_ROWS) break;
      run.push(next);
    }
    at += run.length;
    const whole: Batch = {
      firstDay: first.day,
      lastDay: run.at(-1)?.day ?? first.day,
      bounds: boundsOf(run),
      sessions: undefined,
    };
    if (first.rows <= 2 * BATCH_ROWS) {
      yield whole;
      continue;
    }
    const sessions = await collected(
      sliceRows(ctx, slice, 'session_id, count(*)::double', {
        where: `${whole.bounds} and ${day} = ${literal(first.day)}`,
        tail: 'group by 1 order by 1',
      }),
    );
    for (let index = 0; index < sessions.length; ) {
      const from = String(sessions[index]?.[0]);
      let to = from;
      for (let rows = 0; index < sessions.length; index += 1) {
        rows += Number(sessions[index]?.[1]);
        if (rows > BATCH_ROWS && to !== from) break;
        to = String(sessions[index]?.[0]);
        if (rows > BATCH_ROWS) {
          index += 1;
          break;
        }
      }
      yield { ...whole, sessions: { from, to } };
    }
  }
}

interface DayRows {
  readonly day: string;
  readonly rows: number;
  readonly from: string | null;
  readonly to: string | null;
  readonly untimed: boolean;
}

function dayOf(row: Row | undefined): DayRows {
  const [day, rows, from, to, untimed] = row ?? [];
  const text = (value: unknown): string | null => (value === null ? null : String(value));
  return {
    day: String(day),
    rows: Number(rows),
    from: text(from),
    to: text(to),
    untimed: Number(untimed) > 0,
  };
}

function boundsOf(run: readonly DayRows[]): string {
  const from = run.find((one) => one.from !== null)?.from;
  const to = run.findLast((one) => one.to !== null)?.to;
  const timed =
    from === undefined || to === undefined || from === null || to === null
      ? 'false'
      : `sent_at between ${literal(from)}::timestamptz and ${literal(to)}::timestamptz`;
  return run.some(({ untimed }) => untimed) ? `(${timed} or sent_at is null)` : `(${timed})`;
}

async function collected(rows: AsyncIterable<readonly Row[]>): Promise<readonly Row[]> {
  const all: Row[] = [];
  for await (const chunk of rows) all.push(...chunk);
  return all;
}

function rowsOf(
  ctx: AuditContext,
  slice: ExportSlice,
  { firstDay, lastDay, bounds, sessions }: Batch,
): AsyncIterable<readonly Row[]> {
  const day = dayColumn(slice);
  const within = [
    bounds,
    `${day} between ${literal(firstDay)} and ${literal(lastDay)}`,
    ...(sessions === undefined
      ? []
      : [`session_id between ${literal(sessions.from)} and ${literal(sessions.to)}`]),
  ];
  return sliceRows(ctx, slice, `${day} as _day, account, ${REVISION_COLUMNS}`, {
    where: within.join(' and '),
    tail: `order by _day, session_id, ${SENT}, message_id, action_at, observed_at, record_hash, _entry, _row`,
  });
}
