/** Which messages an export is of: a condition over the columns of `messages`, in force for every question it asks. */
import { rm } from 'node:fs/promises';
import type { DuckDBValue } from '@duckdb/node-api';
import type { z } from 'zod';
import { literal } from '../duckdb.ts';
import { ArchiverError } from '../errors.ts';
import type { Row } from '../query/archive.ts';
import { type Filter, filterOf, filterWhere, segmentsFor } from '../query/filter.ts';
import { collectHits } from '../query/hits.ts';
import { matchingOf } from '../query/matching.ts';
import type { AuditContext } from '../query/reader.ts';
import { type SearchInput, searchInput } from '../query/search.ts';
import { type TimeRange, timeRange } from '../query/time-range.ts';
import {
  grantOf,
  heldBy,
  intersected,
  sessionsOf,
  type Visibility,
  visible,
  visibleDays,
} from '../query/visibility.ts';
import type { exportInput } from './input.ts';
import { ZoneClock } from './time.ts';

export interface ExportSlice {
  /** SQL over the columns of `messages`; values as `$name`. */
  readonly where: string;
  readonly values: Readonly<Record<string, DuckDBValue>>;
  /** Entries of the segments that can hold some of it. */
  readonly entries: ReadonlySet<number>;
  /** Entries of the segments that are counted: also those of which the index says that they have none of it. */
  readonly counted: ReadonlySet<number>;
  /** When its messages were sent. */
  readonly window: TimeRange;
  readonly clock: ZoneClock;
}

type Exported = z.output<typeof exportInput>['of'];

/**
 * Makes the condition: what is asked for, as far as the reader may see it. Fails with `usage`, `record-not-found`.
 * @param hitsFile where the places of a search's hits are kept while the slice is used
 */
export async function sliceOf(
  ctx: AuditContext,
  of: Exported,
  zone: string,
  hitsFile: string,
): Promise<ExportSlice> {
  const clock = new ZoneClock(zone);
  if (of.kind === 'search') return searched(ctx, of.query, clock, hitsFile);
  const window = of.kind === 'matter' ? { from: null, to: null } : timeRange(of.from, of.to, zone);
  const filter: Filter = {
    places: intersected(await visible(ctx), await placesOf(ctx.archive, of)),
    range: window,
    senders: undefined,
    kind: undefined,
    hasFiles: undefined,
    external: undefined,
    edited: undefined,
    deleted: undefined,
  };
  const segments = await segmentsFor(ctx.archive, filter);
  const inDays = ctx.archive.segments({ streams: ['messages'], ...visibleDays(filter.places) });
  return {
    ...filterWhere(filter),
    entries: new Set(segments.map(({ index }) => index)),
    counted: new Set(inDays.map(({ index }) => index)),
    window,
    clock,
  };
}

async function placesOf(
  archive: AuditContext['archive'],
  of: Exclude<Exported, { kind: 'search' }>,
): Promise<Visibility> {
  switch (of.kind) {
    case 'conversations':
      return inSessions(new Set(of.sessions));
    case 'custodians':
      return inSessions(sessionsOf(await archive.known(), of.custodians));
    case 'matter': {
      const holds = heldBy(archive, of.matter);
      if (holds.length === 0)
        throw new ArchiverError('record-not-found', 'the log has no hold of this matter', {
          detail: of.matter,
        });
      const known = await archive.known();
      return { all: false, grants: holds.map((hold) => grantOf(known, hold)) };
    }
    default:
      return of satisfies never;
  }
}

function inSessions(sessions: ReadonlySet<string>): Visibility {
  return { all: false, grants: sessions.size === 0 ? [] : [{ sessions, from: null, to: null }] };
}

/** Exactly the hits of the search, all of its pages: they are found once, and from then on told by their places. */
async function searched(
  ctx: AuditContext,
  input: SearchInput,
  clock: ZoneClock,
  hitsFile: string,
): Promise<ExportSlice> {
  const question = searchInput.parse(input);
  const filter = await filterOf(ctx, question);
  const window = filter.range;
  const segments = await segmentsFor(ctx.archive, filter);
  await rm(hitsFile, { force: true });
  const entries = await ctx.archive.within(segments, async (reading) => {
    const { text } = question;
    const matching = text === undefined ? undefined : await matchingOf(question, text, reading.connection);
    await collectHits(reading, filter, matching);
    await reading.connection.run(
      `copy (select distinct entry, "row" from hits) to ${literal(hitsFile)} (format parquet)`,
    );
    const found = await reading.connection.runAndReadAll('select distinct entry from hits');
    return new Set(found.getRows().map(([entry]) => Number(entry)));
  });
  const where = `(_entry::integer, _row::integer) in (select (entry, "row") from read_parquet(${literal(hitsFile)}))`;
  return { where, values: {}, entries, counted: entries, window, clock };
}

/** Rows of the slice, a chunk at a time. Fails as the archive's rows do. */
export function sliceRows(
  { archive }: AuditContext,
  { where, values, entries }: Pick<ExportSlice, 'where' | 'values' | 'entries'>,
  select: string,
  more: { readonly where?: string; readonly tail?: string } = {},
): AsyncIterable<readonly Row[]> {
  const within = more.where === undefined ? '' : ` and ${more.where}`;
  return archive.select({
    streams: ['messages'],
    slice: {},
    entries,
    sql: `select ${select} from messages where (${where})${within} ${more.tail ?? ''}`,
    values,
  });
}
