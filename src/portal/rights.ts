/** What each role may do, for what the portal decides itself; the verbs decide by the same table. */
import { ArchiverError } from '../errors.ts';
import { ACTIONS, type Action, mayDo, type Reader, type Role } from '../query/reader.ts';

export function actionsOf(role: Role): readonly Action[] {
  return ACTIONS.filter((action) => mayDo(role, action));
}

/** Fails with `access-denied`. */
export function requireAllowed({ role }: Reader, action: Action): void {
  if (mayDo(role, action)) return;
  throw new ArchiverError('access-denied', 'the role does not allow it', { detail: `${role}: ${action}` });
}
