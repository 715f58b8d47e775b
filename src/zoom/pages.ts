import { ArchiverError } from '../errors.ts';
import type { Reply } from './client.ts';

/** A busy month of one session stays far below this; an endless loop does not. */
const MAX_PAGES = 100_000;

/**
 * The pages of one query. The next page is asked for before the current one is handed out, so that what the
 * consumer does with a page cannot let a token lapse (they live 15 minutes). A token that comes back a second
 * time ends in `zoom-page-token`, as a lapsed one does: the unit starts again.
 */
export async function* pages<P extends { readonly next_page_token?: string | undefined }>(
  fetchPage: (pageToken: { next_page_token?: string }) => Promise<Reply<P>>,
): AsyncGenerator<Reply<P>> {
  const seen = new Set<string>();
  let current = await fetchPage({});
  for (;;) {
    const token = current.body.next_page_token;
    if (token === undefined || token === '') {
      yield current;
      return;
    }
    if (seen.has(token)) throw new ArchiverError('zoom-page-token', 'page token came back');
    if (seen.size >= MAX_PAGES) throw new ArchiverError('zoom-page-token', 'too many pages');
    seen.add(token);
    const following = fetchPage({ next_page_token: token });
    // The consumer may stop or fail before the answer comes; its error is then the one that counts.
    following.catch(() => undefined);
    yield current;
    current = await following;
  }
}
