import { asked, readAt } from './asked.ts';
import { filterOf, segmentsFor } from './filter.ts';
import { collectHits, pageOf, parsePosition, totalOf } from './hits.ts';
import { type Matching, matchingOf } from './matching.ts';
import type { AuditContext } from './reader.ts';
import type { Revision } from './revision.ts';
import { type Found, type Hit, type SearchInput, type SearchResult, searchInput } from './search-form.ts';
import { requireMay } from './visibility.ts';

export {
  type Found,
  type Hit,
  type SearchInput,
  type SearchQuestion,
  type SearchResult,
  searchInput,
} from './search-form.ts';

/**
 * Revisions that fit, by time sent, then session, message, time of the version and place: an order that does not change
 * as the archive grows. Fails with `usage`, `access-denied`, `access-unrecorded`, `proof-invalid` and `sink-*`.
 */
export async function search(ctx: AuditContext, input: SearchInput): Promise<SearchResult> {
  requireMay(ctx.reader, 'search');
  const question = asked(searchInput, input);
  const { archive } = ctx;
  const after = question.after === undefined ? undefined : parsePosition(question.after);
  const filter = await filterOf(ctx, question);
  await ctx.record({ action: 'search', input: question });
  const segments = await segmentsFor(archive, filter);
  return archive.within(segments, async (reading): Promise<SearchResult> => {
    const { text } = question;
    const matching = text === undefined ? undefined : await matchingOf(question, text, reading.connection);
    await collectHits(reading, filter, matching);
    const total = await totalOf(reading.connection);
    ctx.signal.throwIfAborted();
    const { revisions, next } = await pageOf(reading, { ...question, after });
    const hits: Hit[] = [];
    for (const revision of revisions) hits.push({ revision, found: await foundIn(revision, matching) });
    return {
      at: readAt(archive),
      hits,
      next,
      total,
      segments: { read: segments.length, of: archive.segments({ streams: ['messages'] }).length },
    };
  });
}

/** Where a revision has what is looked for: it may be in its text, and in names of files, and in its card. */
async function foundIn(
  { text, files, bot }: Revision,
  matching: Matching | undefined,
): Promise<readonly Found[]> {
  if (matching === undefined) return [];
  const places: Pick<Found, 'in' | 'text'>[] = [
    { in: 'text', text },
    ...files.map(({ name }) => ({ in: 'file' as const, text: name })),
    ...(bot === null ? [] : [{ in: 'bot' as const, text: bot }]),
  ];
  const ranges = await matching.ranges(places.map((place) => place.text));
  return places.flatMap((place, index) => {
    const own = ranges[index];
    return own === undefined ? [] : [{ ...place, ranges: own }];
  });
}
