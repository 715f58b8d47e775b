/** Pages of the lists that are not messages. */
import type { ReportContext } from './messages-report.ts';
import { type PageSizes, type Query, queryIdentity, readPageSize, readText } from './query.ts';

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  readonly pageSize: number;
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

/**
 * The page of a list that the query asks for. The page token holds an offset, so in a list that changes rows move
 * between pages, as they do in many real lists.
 * @param endpoint what the token is bound to beside the parameters: the endpoint with its path parameters.
 */
export function listPage<Row>(
  endpoint: string,
  query: Query,
  context: ReportContext,
  sizes: PageSizes,
  list: readonly Row[],
): ListPage<Row> {
  const pageSize = readPageSize(query, sizes);
  const token = readText(query, 'next_page_token') ?? '';
  const identity = queryIdentity(endpoint, query);
  const opened = token === '' ? 0 : context.pageTokens.open(token, identity, context.now);
  const offset = Math.max(opened - context.overlap, 0);
  const rows = list.slice(offset, offset + pageSize);
  if (context.switches.shufflePages) context.shuffle.shuffle(rows);
  const next = offset + pageSize;
  let nextPageToken = next < list.length ? context.pageTokens.issue(identity, next, context.now) : '';
  if (context.repeatToken && token !== '') nextPageToken = token;
  return { rows, pageSize, nextPageToken };
}
