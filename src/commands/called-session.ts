/** A session as somebody types it: by its id, or by a name that only one session has. */
import { ArchiverError } from '../errors.ts';
import { type AuditContext, mayDo } from '../query/reader.ts';
import { type FoundSession, sessions } from '../query/sessions.ts';
import { printable } from './table.ts';

/** As many as an error can name. */
const MOST_NAMED = 10;

/**
 * The id of the session that is meant. Fails with `usage`, naming them, where it may be several, and as the verb
 * `sessions` does; a text that no session has comes back as it is.
 */
export async function sessionCalled(ctx: AuditContext, text: string): Promise<string> {
  // Who may not search gives ids.
  if (!mayDo(ctx.reader.role, 'search')) return text;
  const found = await sessions(ctx, { text, limit: 1000 });
  const exact = found.sessions.find(({ id }) => id === text);
  if (exact !== undefined) return exact.id;
  const named = found.sessions.filter(({ names }) => names.includes(text));
  const meant = named.length > 0 ? named : found.sessions;
  const [only, ...others] = meant;
  if (only === undefined) return text;
  if (others.length === 0) return only.id;
  throw new ArchiverError('usage', 'several sessions are called like this; give the id of one', {
    detail: ['', ...meant.slice(0, MOST_NAMED).map(line), ...(meant.length > MOST_NAMED ? ['  …'] : [])].join(
      '\n',
    ),
  });
}

function line({ id, type, name, last }: FoundSession): string {
  return `  ${id}  ${type} ${printable(name)}${last === null ? '' : `, last message ${last.slice(0, 10)}`}`;
}
