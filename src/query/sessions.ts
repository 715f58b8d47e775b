import { z } from 'zod';
import type { OpenArchive } from './archive.ts';
import { asked, formatCursor, parseCursor } from './asked.ts';
import { fold } from './fold.ts';
import type { KnownSession } from './known.ts';
import type { AuditContext } from './reader.ts';
import { requireMay, seesSession, type Visibility, visible } from './visibility.ts';

export const sessionsInput = z.strictObject({
  text: z.string().optional().describe('A part of an id, or of a name that it ever had.'),
  limit: z.int().min(1).max(1000).default(50),
  after: z.string().optional().describe('`next` of the page before.'),
});

export type SessionsInput = z.input<typeof sessionsInput>;

export interface FoundSession {
  readonly id: string;
  readonly type: string;
  /** The last one that is known. */
  readonly name: string;
  /** All that it ever had. */
  readonly names: readonly string[];
  readonly channelId: string;
  /** When its first and last archived messages were sent; null where it has none. */
  readonly first: string | null;
  readonly last: string | null;
  readonly revisions: number;
  readonly external: boolean | null;
}

export interface Sessions {
  /** Those with the newest messages first. */
  readonly sessions: readonly FoundSession[];
  readonly next: string | null;
}

/** Milliseconds of the newest message (-1 without one), then the id. */
const place = z.tuple([z.int(), z.string()]);

/**
 * Sessions that the reader may see. Where his scope has days, times and counts are those of whole segments, which may
 * reach beyond. Fails as `search` does.
 */
export async function sessions(ctx: AuditContext, input: SessionsInput): Promise<Sessions> {
  requireMay(ctx.reader, 'search');
  const question = asked(sessionsInput, input);
  const { text, limit } = question;
  const after = question.after === undefined ? undefined : parseCursor(place, question.after);
  await ctx.record({ action: 'search', input: { sessions: question } });
  const visibility = await visible(ctx);
  const known = await ctx.archive.known();
  const wanted = text === undefined ? undefined : fold(text);
  const within = await seenIn(ctx.archive, visibility);
  const found = [...known.sessions.values()]
    .filter(({ id }) => seesSession(visibility, id) && (within === undefined || within.has(id)))
    .filter(
      ({ id, names, channelId }) =>
        wanted === undefined || [id, channelId, ...names].some((name) => fold(name).includes(wanted)),
    )
    .map((session) => ({ ...session, ...within?.get(session.id) }))
    .map((session) => ({ session, at: [session.last ?? -1, session.id] as const }))
    .sort((one, other) => compare(one.at, other.at))
    .filter(({ at }) => after === undefined || compare(at, after) > 0);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return {
    sessions: page.map(({ session }) => foundSession(session)),
    next: last === undefined || found.length === page.length ? null : formatCursor(last.at),
  };
}

/** Newest first. */
function compare([time, id]: readonly [number, string], [other, against]: readonly [number, string]): number {
  if (time !== other) return other - time;
  return id === against ? 0 : id < against ? -1 : 1;
}

type Extent = Pick<KnownSession, 'first' | 'last' | 'revisions'>;

/** What of each session lies in the days that may be seen; undefined where no day is left out. */
async function seenIn(
  archive: OpenArchive,
  { all, grants }: Visibility,
): Promise<ReadonlyMap<string, Extent> | undefined> {
  if (all || grants.every(({ from, to }) => from === null && to === null)) return undefined;
  const extents = new Map<string, Extent>();
  const rows = await archive.index(
    `select session, "first"::double, "last"::double, revisions::double, low::double, high::double
     from idx_places where revisions > 0`,
  );
  for (const [name, first, last, revisions, low, high] of rows) {
    const session = String(name);
    const inDays = grants.some(
      ({ sessions: own, from, to }) =>
        (own === null || own.has(session)) &&
        (from === null || Number(high) >= Date.parse(from)) &&
        (to === null || Number(low) < Date.parse(to) + 86_400_000),
    );
    if (!inDays) continue;
    const before = extents.get(session);
    extents.set(session, {
      first: Math.min(before?.first ?? Number(first), Number(first)),
      last: Math.max(before?.last ?? Number(last), Number(last)),
      revisions: (before?.revisions ?? 0) + Number(revisions),
    });
  }
  return extents;
}

function foundSession({
  id,
  type,
  names,
  channelId,
  first,
  last,
  revisions,
  external,
}: KnownSession): FoundSession {
  const moment = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
  const [name = ''] = names;
  return { id, type, name, names, channelId, first: moment(first), last: moment(last), revisions, external };
}
