import { z } from 'zod';
import { ArchiverError } from '../errors.ts';
import { openPublished } from '../proof/published.ts';
import {
  ACTIONS,
  type Action,
  type AuditContext,
  mayDo,
  type ReaderScope,
  type Role,
} from '../query/reader.ts';
import { ACCESS_LOG } from '../segments/layout.ts';
import type { DeedEntry } from './entry.ts';
import { newestFirst } from './newest.ts';

export const accessLogInput = z.strictObject({
  name: z.string().min(1).optional().describe('Only deeds of this reader.'),
  action: z.enum(ACTIONS).optional(),
  from: z.iso.date().optional().describe('Only deeds of this UTC day or later.'),
  to: z.iso.date().optional().describe('Only deeds of this UTC day or earlier.'),
  limit: z.int().min(1).max(1000).default(100),
  after: z.string().optional().describe('`next` of the page before.'),
});

export type AccessLogInput = z.input<typeof accessLogInput>;

/** A deed in the access log. */
export interface LoggedAccess {
  /** Place in the log, from 0. */
  readonly index: number;
  readonly at: string;
  readonly name: string;
  readonly role: Role;
  /** What he was allowed to see. */
  readonly scope: ReaderScope;
  readonly action: Action;
  readonly input: unknown;
}

export interface AccessPage {
  /** Newest first. */
  readonly entries: readonly LoggedAccess[];
  readonly next: string | null;
  readonly origin: string;
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

/**
 * Who asked the archive for what, newest first, each entry proven by the log's head; that this was asked is the first of
 * them. Fails with `usage`, with `access-denied` for auditors, `archive-missing` without such a log, `access-unrecorded`,
 * `proof-invalid` and `sink-*`.
 */
export async function accessLog(ctx: AuditContext, input: AccessLogInput): Promise<AccessPage> {
  const asked = parseInput(input);
  const { role } = ctx.reader;
  if (!mayDo(role, 'access-log'))
    throw new ArchiverError('access-denied', 'the role does not allow it', { detail: `${role}: access-log` });
  const { accessLog: place } = ctx;
  if (place === undefined) throw new ArchiverError('archive-missing', 'the archive has no access log');
  await ctx.record({ action: 'access-log', input: asked });
  const log = await openPublished(place.sink, place.key, ACCESS_LOG);
  const { origin, size, root } = log.checkpoint;
  const entries: LoggedAccess[] = [];
  let next: string | null = null;
  for await (const { index, entry } of newestFirst(place.sink, log, asked.before ?? size)) {
    ctx.signal.throwIfAborted();
    if (entry.type !== 'access' || !fits(entry, asked)) continue;
    const last = entries.at(-1);
    if (last !== undefined && entries.length === asked.limit) {
      next = String(last.index);
      break;
    }
    const { at, name, role, scope, action, input } = entry;
    entries.push({ index, at, name, role, scope, action, input });
  }
  return { entries, next, origin, size, root: Buffer.from(root).toString('base64') };
}

type Asked = Omit<z.output<typeof accessLogInput>, 'after'> & { readonly before?: number };

function parseInput(input: AccessLogInput): Asked {
  const parsed = accessLogInput.safeParse(input);
  if (!parsed.success)
    throw new ArchiverError('usage', 'the question is not readable', {
      detail: z.prettifyError(parsed.error),
    });
  const { after, ...asked } = parsed.data;
  if (after === undefined) return asked;
  if (/^(0|[1-9]\d{0,15})$/.test(after)) return { ...asked, before: Number(after) };
  throw new ArchiverError('usage', 'no page begins there', { detail: 'after' });
}

/** Days are compared as text: the moments are UTC. */
function fits({ at, name, action }: DeedEntry, asked: Asked): boolean {
  const day = at.slice(0, 10);
  return (
    (asked.name === undefined || asked.name === name) &&
    (asked.action === undefined || asked.action === action) &&
    (asked.from === undefined || day >= asked.from) &&
    (asked.to === undefined || day <= asked.to)
  );
}
