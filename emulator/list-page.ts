import type { ReportContext } from './messages-report.ts';
import { type Query, queryIdentity, readPageSize, readText } from './query.ts';

export interface ListPage<T> {
  readonly rows: readonly T[];
  readonly pageSize: number;
  /** '' on the last page. */
  readonly nextToken: string;
}

/**
 * One page of a list that is short enough to be made anew for every page; the page token holds an offset into it.
 * @param endpoint name and path parameters, to which the token is bound.
 * @param sizes the largest page and the one of those who name no size, in rows.
 */
export function takeListPage<T>(
  list: readonly T[],
  endpoint: string,
  query: Query,
  sizes: { readonly largest: number; readonly usual: number },
  context: ReportContext,
): ListPage<T> {
  const pageSize = readPageSize(query, sizes.largest, sizes.usual);
  const token = readText(query, 'next_page_token') ?? '';
  const identity = queryIdentity(endpoint, query);
  const cursor = token === '' ? 0 : context.pageTokens.open(token, identity, context.now);
  const offset = Math.max(cursor - context.overlap, 0);
  const end = offset + pageSize;
  const next = end < list.length ? context.pageTokens.issue(identity, end, context.now) : '';
  return { rows: list.slice(offset, end), pageSize, nextToken: context.repeatToken ? token : next };
}
