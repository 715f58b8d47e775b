import { z } from 'zod';
import { asked, formatCursor, parseCursor } from './asked.ts';
import { fold } from './fold.ts';
import type { KnownSession } from './known.ts';
import { knownTo } from './known-to.ts';
import type { AuditContext } from './reader.ts';
import { requireMay, seesSession, visible } from './visibility.ts';

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
 * Sessions that the reader may see, with the names, times and counts that they have there; where his scope has days, those
 * with messages of these. Fails as `search` does.
 */
export async function sessions(ctx: AuditContext, input: SessionsInput): Promise<Sessions> {
  requireMay(ctx.reader, 'search');
  const question = asked(sessionsInput, input);
  const { text, limit } = question;
  const after = question.after === undefined ? undefined : parseCursor(place, question.after);
  await ctx.record({ action: 'search', input: { sessions: question } });
  const visibility = await visible(ctx);
  const known = await knownTo(ctx);
  const wanted = text === undefined ? undefined : fold(text);
  const ofDays = visibility.grants.some(({ from, to }) => from !== null || to !== null);
  const found = [...known.sessions.values()]
    .filter(({ id, revisions }) => seesSession(visibility, id) && (!ofDays || revisions > 0))
    .filter(
      ({ id, names, channelId }) =>
        wanted === undefined || [id, channelId, ...names].some((name) => fold(name).includes(wanted)),
    )
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
